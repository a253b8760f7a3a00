"""The clients that a play can have, all led by the same few words.

`enter("slixmpp:starttls", "amy")` is amy, sitting down at a slixmpp by the STARTTLS door; what she sees is asked for by
`sees_…`, which waits a while and then ends the play.
"""

import json
import os
import queue
import ssl
import subprocess
import sys
import threading
import time
import socket
from datetime import datetime, timezone

import stage

HERE = os.path.dirname(os.path.abspath(__file__))


def enter(cast, name, resource=None):
    """Starts a client program and logs in; returns when it is in."""
    program, door = cast.split(":")
    client = MAKERS[program](program, door, name, resource or program)
    client.login()
    return client


class LineClient:
    """A client library behind one of the scripts in `actors`: orders and events are lines of JSON."""

    def __init__(self, script, program, door, name, resource, **more):
        self.title = f"{name} ({program})"
        self.script, self.door, self.name, self.resource, self.more = script, door, name, resource, more
        self.bare = stage.jid(name)
        self.full = f"{self.bare}/{resource}"
        self.events = queue.Queue()
        self.seen = []
        self.process = None

    def login(self):
        path = os.path.join(HERE, "actors", self.script)
        command = ["perl", path] if path.endswith(".pl") else [sys.executable, "-B", path]
        log = open(os.path.join(stage.FOLDER, f"{self.name}-{self.resource}.err"), "w")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        threading.Thread(target=self._listen, daemon=True).start()
        tls = {"starttls": "starttls", "direct": "direct"}.get(self.door, "none")
        self._write(
            user=self.name,
            host=stage.HOST,
            password=stage.PASSWORD,
            resource=self.resource,
            port=stage.port(self.door),
            tls=tls,
            certificate=certificate() if tls != "none" else None,
            log=os.path.join(stage.FOLDER, f"{self.name}-{self.resource}.log"),
            **self.more,
        )
        event = self.sees("online", "to be let in", lambda event: True, or_event="offline")
        stage.check(f"{self.title} is in by the {self.door} door as", self.full, event["jid"])
        self.check_way_in(event)

    def check_way_in(self, event):
        if self.door == "legacy":
            stage.check("  no version in the server's header", None, event["version"])
            stage.check("  by", "old_auth", event["how"])
        elif self.door in ("starttls", "direct"):
            way = f"{event['tls']}, {event['how']}"
            if not event["tls"] or not event["how"].startswith("SCRAM-SHA-"):
                stage.fail("TLS and SCRAM", way)
            stage.say(f"  by {way}")

    def logout(self):
        """Says goodbye and ends."""
        self._write(do="logout")
        self.sees("offline", "the end of the stream", lambda event: True)
        self._end()

    def drop(self):
        """Ends without a word."""
        self._write(do="drop")
        self.sees("offline", "its own end", lambda event: True)
        self._end()

    def loses_connection(self):
        self.sees("offline", "the end of the connection", lambda event: True)
        self._end()

    def here(self, show=None, status=None):
        """Tells presence."""
        self._write(do="presence", show=show, status=status)

    def add(self, jid, name, groups):
        """Puts somebody on the roster, with a name and groups."""
        self._write(do="add", jid=jid, name=name, groups=groups)
        self.sees("done", "the roster to be kept", lambda event: True)

    def subscribe(self, jid):
        self._write(do="subscribe", jid=jid)

    def approve(self, jid):
        self._write(do="subscribed", jid=jid)

    def message(self, jid, body):
        self._write(do="message", to=jid, body=body)

    def has_sent_everything(self):
        """An answer to a question asked last proves that all before it has reached the server."""
        self._write(do="ping", jid=stage.HOST)
        self.sees("done", "an answer of the server", lambda event: True)

    def sees_request(self, jid):
        self._sees_presence(jid, "subscribe", None)

    def sees_approval(self, jid):
        self._sees_presence(jid, "subscribed", None)

    def sees_presence(self, full, kind="available", show=None):
        self._sees_presence(full, kind, show)

    def _sees_presence(self, sender, kind, show):
        self.sees(
            "presence",
            f"presence from {sender}: {show or kind}",
            lambda event: (event["from"], event["type"], event["show"]) == (sender, kind, show),
        )

    def sees_message(self, sender, body):
        """A message that comes at once bears no stamp."""
        event = self._message(sender, body)
        stage.check("  without a delay stamp", (None, None), (event["delay"], event["old_delay"]))

    def sees_late_message(self, sender, body, sent_at):
        """A message from the time of absence says when it was sent, in the form that the client's protocol has."""
        event = self._message(sender, body)
        if self.door == "legacy" and stage.SERVER == "yatter":
            stage.check("  without a stamp that 2000 does not know", None, event["delay"])
            check_stamp(event["old_delay"], "%Y%m%dT%H:%M:%S", sent_at)
        else:
            check_stamp(event["delay"], "%Y-%m-%dT%H:%M:%S", sent_at)
            if event["old_delay"]:
                check_stamp(event["old_delay"], "%Y%m%dT%H:%M:%S", sent_at)

    def _message(self, sender, body):
        # Messages have an order: the next one is this one, or something is wrong.
        event = self.sees("message", f"message from {sender}: {body}", lambda event: True)
        got = (event["from"], event["type"], event["body"])
        stage.check(f"{self.title} gets a message", (sender, "chat", body), got)
        return event

    def sees_no_message(self):
        """Nothing else is waiting."""
        self.has_sent_everything()
        waiting = [event for event in self.seen if event["event"] == "message"]
        stage.check(f"{self.title} has no other message waiting", [], waiting)

    def sees_roster(self, expected):
        """The whole roster: JID → (name, subscription, groups)."""
        self._write(do="roster")
        event = self.sees("roster", "the roster", lambda event: True)
        got = {jid: (item["name"], item["subscription"], item["groups"]) for jid, item in event["items"].items()}
        stage.check(f"{self.title} has the roster", expected, got)

    def sees_subscription(self, jid, subscription):
        """A push tells that a contact's subscription is now this."""
        self.sees(
            "push",
            f"a roster push: {jid} is now {subscription}",
            lambda event: event["items"].get(jid, {}).get("subscription") == subscription,
        )

    def sees(self, kind, words, is_it, or_event=None):
        """Waits for the first event of a kind that fits; others stay for later questions."""
        end = time.monotonic() + stage.PATIENCE
        while True:
            for event in self.seen:
                if event["event"] in (kind, or_event) and (event["event"] == or_event or is_it(event)):
                    self.seen.remove(event)
                    if event["event"] == or_event:
                        stage.fail(f"{self.title}: {words}", event)
                    if kind in ("presence", "push"):
                        stage.say(f"{self.title} sees {words}")
                    return event
            try:
                event = self.events.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                stage.fail(f"{self.title} sees {words}", self.seen or "nothing")
            if event["event"] in ("gone", "error", "refused"):
                stage.fail(f"{self.title} sees {words}", event)
            self.seen.append(event)

    def _write(self, **order):
        try:
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            stage.fail(f"{self.title} to be there for {order}", "it has ended")

    def _listen(self):
        for line in self.process.stdout:
            self.events.put(json.loads(line))
        self.events.put({"event": "gone"})

    def _end(self):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()


def check_stamp(stamp, form, sent_at):
    """A stamp from the server, at the second when the message was sent."""
    if not stamp:
        stage.fail("a delay stamp", stamp)
    text = stamp["stamp"].split(".")[0].rstrip("Z")
    when = datetime.strptime(text, form).replace(tzinfo=timezone.utc).timestamp()
    if not sent_at - 2 <= when <= time.time() + 2:
        stage.fail(f"a stamp near {sent_at:.0f}", stamp)
    stage.say(f"  sent at {stamp['stamp']}, says {stamp.get('from')}")


def certificate():
    """The certificate that the server shows, trusted at first sight as people do."""
    with socket.create_connection(("127.0.0.1", stage.port("direct")), 10) as plain:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(plain, server_hostname=stage.HOST) as secure:
            return ssl.DER_cert_to_PEM_cert(secure.getpeercert(True))


def _line_client(script, **more):
    return lambda *about: LineClient(script, *about, **more)


MAKERS = {
    "slixmpp": _line_client("slix.py"),
    "slixmpp12": _line_client("slix.py", tls_max="1.2"),
    "xmpppy": _line_client("xmpppy_client.py"),
    "netxmpp": _line_client("netxmpp.pl"),
}
