"""A client of today: slixmpp, one session, led by lines of JSON."""

import asyncio
import json
import logging
import ssl
import sys

import slixmpp


class Client(slixmpp.ClientXMPP):
    def __init__(self, order):
        super().__init__(f"{order['user']}@{order['host']}/{order['resource']}", order["password"])
        self.order = order
        self.is_cut = False
        self.enable_direct_tls = order["tls"] == "direct"
        self.enable_starttls = order["tls"] == "starttls"
        self.enable_plaintext = order["tls"] == "none"
        self.auto_authorize = None
        self.auto_subscribe = False
        for plugin in ("xep_0030", "xep_0199", "xep_0203"):
            self.register_plugin(plugin)
        if order.get("resumes"):
            self.register_plugin("xep_0198")
            self.add_event_handler("session_resumed", self.on_session_resumed)
        # The server's certificate is its own: the one that it showed when the play began is the one we trust.
        self.ssl_context.check_hostname = False
        self.ssl_context.load_verify_locations(cadata=order["certificate"])
        self.ssl_context.verify_mode = ssl.CERT_REQUIRED
        if order.get("tls_max") == "1.2":
            self.ssl_context.maximum_version = ssl.TLSVersion.TLSv1_2
        for event in ("session_start", "message", "disconnected", "failed_all_auth", "roster_update"):
            self.add_event_handler(event, getattr(self, "on_" + event))
        self.add_event_handler("failed_auth", lambda failure: tell("refused", why=failure["condition"]))
        self.register_handler(
            slixmpp.xmlstream.handler.Callback(
                "presence", slixmpp.xmlstream.matcher.MatchXPath("{jabber:client}presence"), self.on_any_presence
            )
        )

    def on_session_start(self, _):
        mechanism = self["feature_mechanisms"].mech
        tls = self.socket.version() if hasattr(self.socket, "version") else None
        tell("online", jid=str(self.boundjid), how=mechanism.name if mechanism else None, tls=tls)

    def on_session_resumed(self, _):
        tell("resumed", jid=str(self.boundjid))

    def on_failed_all_auth(self, _):
        tell("offline", why="no mechanism worked")

    def on_disconnected(self, why):
        tell("offline", why=str(why))
        if not self.is_cut:
            asyncio.get_event_loop().stop()

    def on_message(self, message):
        delay = message.xml.find("{urn:xmpp:delay}delay")
        old = message.xml.find("{jabber:x:delay}x")
        tell(
            "message",
            **{"from": str(message["from"])},
            type=message["type"],
            body=message["body"],
            delay=None if delay is None else dict(delay.attrib),
            old_delay=None if old is None else dict(old.attrib),
        )

    def on_any_presence(self, presence):
        kind = presence.xml.get("type", "available")
        show = presence.xml.findtext("{jabber:client}show")
        tell("presence", **{"from": str(presence["from"])}, type=kind, show=show, status=presence["status"])

    def on_roster_update(self, iq):
        if iq["type"] == "set":
            tell("push", items=items(iq))

    async def obey(self, order):
        what = order["do"]
        if what == "roster":
            # Not the client's own get_roster(): that one tells the version that it has, and is sent nothing new.
            iq = self.make_iq_get(queryxmlns="jabber:iq:roster")
            tell("roster", items=items(await iq.send()))
        elif what == "presence":
            self.send_presence(pshow=order.get("show"), pstatus=order.get("status"))
        elif what == "add":
            iq = self.make_iq_set()
            iq["roster"]["items"] = {order["jid"]: {"name": order["name"], "groups": order["groups"]}}
            await iq.send()
            tell("done")
        elif what in ("subscribe", "subscribed", "unsubscribe", "unsubscribed"):
            self.send_presence(pto=order["jid"], ptype=what)
        elif what == "message":
            self.send_message(mto=order["to"], mbody=order["body"], mtype="chat")
        elif what == "ping":
            await self["xep_0199"].send_ping(jid=order["jid"], timeout=10)
            tell("done")
        elif what == "logout":
            self.disconnect()
        elif what == "drop":
            self.abort()
        elif what == "cut":
            self.is_cut = True
            self.transport.abort()
        elif what == "back":
            self.is_cut = False
            self.connect("127.0.0.1", self.order["port"])


def items(iq):
    found = {}
    for item in iq.xml.iter("{jabber:iq:roster}item"):
        found[item.get("jid")] = {
            "name": item.get("name"),
            "subscription": item.get("subscription"),
            "ask": item.get("ask"),
            "groups": sorted(group.text for group in item.iter("{jabber:iq:roster}group")),
        }
    return found


def tell(event, **facts):
    print(json.dumps({"event": event, **facts}), flush=True)


async def main():
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    order = json.loads(await reader.readline())
    logging.basicConfig(level=logging.DEBUG, filename=order["log"], filemode="w")
    client = Client(order)
    client.connect("127.0.0.1", order["port"])
    while line := await reader.readline():
        try:
            await client.obey(json.loads(line))
        except (slixmpp.exceptions.IqError, slixmpp.exceptions.IqTimeout) as error:
            tell("error", what=str(error))


try:
    asyncio.run(main())
except RuntimeError as end:  # the loop was stopped: the session is over
    logging.debug("ended: %s", end)
