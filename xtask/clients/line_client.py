"""A client library behind one of the scripts in `actors`: orders and events are lines of JSON."""

import json
import os
import socket
import ssl
import subprocess
import sys
import threading

import stage
from client import Client

ACTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "actors")


class LineClient(Client):
    def __init__(self, script, program, door, name, resource, **more):
        super().__init__(program, door, name, resource)
        self.script, self.more = script, more
        self.process = None

    def login(self):
        path = os.path.join(ACTORS, self.script)
        command = ["perl", path] if path.endswith(".pl") else [sys.executable, "-B", path]
        trace = os.path.join(stage.FOLDER, f"{self.name}-{self.resource}")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(trace + ".err", "a")
        )
        threading.Thread(target=self._listen, daemon=True).start()
        tls = {"starttls": "starttls", "direct": "direct", "legacy_direct": "direct"}.get(self.door, "none")
        self._write(
            user=self.name,
            host=stage.HOST,
            password=stage.PASSWORD,
            resource=self.resource,
            port=stage.port(self.door),
            tls=tls,
            certificate=certificate() if tls != "none" else None,
            log=trace + ".log",
            **self.more,
        )
        event = self.sees("online", "to be let in", lambda event: True, or_event="offline")
        stage.check(f"{self.title} is in by the {self.door} door as", self.full, event["jid"])
        self._check_way_in(event)

    def _check_way_in(self, event):
        if self.door.startswith("legacy"):
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
        self.loses_connection()

    def drop(self):
        """Ends without a word."""
        self._write(do="drop")
        self.loses_connection()

    def is_cut_off(self):
        """The connection is gone, and the program waits for another."""
        self._write(do="cut")
        self.sees("offline", "the end of the connection", lambda event: True)
        stage.say(f"{self.title} is cut off")

    def comes_back(self):
        """A new connection goes on with the session."""
        self._write(do="back")
        event = self.sees("resumed", "its session again", lambda event: True, or_event="online")
        stage.check(f"{self.title} goes on as", self.full, event["jid"])

    def loses_connection(self):
        self.sees("offline", "the end of the connection", lambda event: True)
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()

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

    def ask_for_roster(self):
        self.roster = None
        self._write(do="roster")

    def has_sent_everything(self):
        """An answer to a question asked last proves that all before it has reached the server."""
        self._write(do="ping", jid=stage.HOST)
        self.sees("done", "an answer of the server", lambda event: True)

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


def certificate():
    """The certificate that the server shows, trusted at first sight as people do."""
    with socket.create_connection(("127.0.0.1", stage.port("direct")), 10) as plain:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(plain, server_hostname=stage.HOST) as secure:
            return ssl.DER_cert_to_PEM_cert(secure.getpeercert(True))
