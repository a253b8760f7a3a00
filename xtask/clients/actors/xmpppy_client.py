"""A client of the old kind: xmpppy, one session, led by lines of JSON.

Where the server's header has no version it logs in with jabber:iq:auth, as the protocol of 2000 has it.
"""

import json
import os
import select
import sys
import threading

import xmpp


def main():
    order = json.loads(sys.stdin.readline())
    sys.stdout, out = open(order["log"], "w"), sys.stdout  # the library prints its trace
    tell = Teller(out)
    client = xmpp.Client(order["host"], debug=["always"])
    client.UnregisterDisconnectHandler(client.DisconnectHandler)
    if not client.connect(server=("127.0.0.1", order["port"]), secure=0, use_srv=False):
        return tell("offline", why="no connection")
    how = client.auth(order["user"], order["password"], order["resource"])
    if not how:
        return tell("offline", why="not let in")
    version = client.Dispatcher.Stream._document_attrs.get("version")
    watch(client, tell)
    tell("online", jid=f"{order['user']}@{order['host']}/{order['resource']}", how=how, version=version, tls=None)
    try:
        turn(client, tell)
    except IOError as error:
        tell("offline", why=str(error))


class Teller:
    def __init__(self, out):
        self.out = out
        self.lock = threading.Lock()

    def __call__(self, event, **facts):
        with self.lock:
            self.out.write(json.dumps({"event": event, **facts}) + "\n")
            self.out.flush()


def watch(client, tell):
    def message(_, stanza):
        def stamp(name, namespace):
            tag = stanza.getTag(name, namespace=namespace)
            return dict(tag.getAttrs()) if tag else None

        tell(
            "message",
            **{"from": str(stanza.getFrom())},
            type=stanza.getType(),
            body=stanza.getBody(),
            delay=stamp("delay", "urn:xmpp:delay"),
            old_delay=stamp("x", "jabber:x:delay"),
            error=stanza.getErrorCode() if stanza.getType() == "error" else None,
        )

    def presence(_, stanza):
        tell(
            "presence",
            **{"from": str(stanza.getFrom())},
            type=stanza.getType() or "available",
            show=stanza.getShow(),
            status=stanza.getStatus() or "",
        )

    def roster(_, stanza):
        found = {}
        for item in stanza.getTag("query").getTags("item"):
            found[item.getAttr("jid")] = {
                "name": item.getAttr("name"),
                "subscription": item.getAttr("subscription"),
                "ask": item.getAttr("ask"),
                "groups": sorted(group.getData() for group in item.getTags("group")),
            }
        tell("push" if stanza.getType() == "set" else "roster", items=found)
        raise xmpp.NodeProcessed

    client.RegisterHandler("message", message)
    client.RegisterHandler("presence", presence)
    client.RegisterHandler("iq", roster, "result", xmpp.NS_ROSTER)
    client.RegisterHandler("iq", roster, "set", xmpp.NS_ROSTER)


def turn(client, tell):
    """Serves the stream and the orders until one of them ends."""
    pending = b""
    while True:
        ready, _, _ = select.select([client.Connection._sock, sys.stdin.fileno()], [], [], 1)
        if client.Connection._sock in ready and client.Process(0.1) in (0, None):
            return tell("offline", why="the stream ended")
        if sys.stdin.fileno() in ready:
            read = os.read(sys.stdin.fileno(), 65536)
            pending += read
            *lines, pending = pending.split(b"\n")
            for line in lines:
                if not obey(client, tell, json.loads(line)):
                    return None
            if not read:
                return None


def obey(client, tell, order):
    what = order["do"]
    if what == "roster":
        client.send(xmpp.Iq("get", xmpp.NS_ROSTER))
    elif what == "presence":
        client.send(xmpp.Presence(show=order.get("show"), status=order.get("status")))
    elif what == "add":
        item = xmpp.Node("item", {"jid": order["jid"], "name": order["name"]})
        for group in order["groups"]:
            item.addChild(node=xmpp.Node("group", payload=[group]))
        iq = xmpp.Iq("set", xmpp.NS_ROSTER, payload=[item])
        client.SendAndCallForResponse(iq, lambda *_: tell("done"))
    elif what in ("subscribe", "subscribed", "unsubscribe", "unsubscribed"):
        client.send(xmpp.Presence(to=order["jid"], typ=what))
    elif what == "message":
        client.send(xmpp.Message(to=order["to"], body=order["body"], typ="chat"))
    elif what == "ping":
        iq = xmpp.Iq("get", "jabber:iq:version", to=order["jid"])
        client.SendAndCallForResponse(iq, lambda *_: tell("done"))
    elif what == "logout":
        client.send("</stream:stream>")
        while client.Process(1):
            pass
        tell("offline", why="logged out")
        return False
    elif what == "drop":
        client.Connection._sock.close()
        tell("offline", why="dropped")
        return False
    return True


main()
