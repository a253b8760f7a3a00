"""A library of C or C++ behind a program of a few lines, compiled on the spot: stanzas go in and come out as lines of XML."""

import os
import subprocess
import threading
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import escape, quoteattr

import stage
from line_client import ACTORS, LineClient
from trace import event_of

COMPILERS = {".cpp": ["g++", "-std=c++17", "-Wno-deprecated-declarations"], ".c": ["gcc"]}


class NativeClient(LineClient):
    def __init__(self, script, library, answers_pushes, *about):
        super().__init__(script, *about)
        self.library, self.answers_pushes = library, answers_pushes
        self.asked = 0

    def login(self):
        program = build(self.script, self.library)
        words = [stage.HOST, str(stage.port(self.door)), self.name, stage.PASSWORD, self.resource]
        self.process = subprocess.Popen([program, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        threading.Thread(target=self._listen, daemon=True).start()
        event = self.sees("online", "to be let in", lambda event: True, or_event="offline")
        stage.check(f"{self.title} is in by the {self.door} door as", self.full, event["jid"])

    def drop(self):
        """Ends without a word."""
        self.process.kill()
        self.process.wait()

    def _write(self, **order):
        what = order["do"]
        if what == "logout":
            self._type("logout")
        elif what == "presence":
            inside = "".join(f"<{key}>{escape(order[key])}</{key}>" for key in ("show", "status") if order[key])
            self._type(f"<presence>{inside}</presence>")
        elif what in ("subscribe", "subscribed"):
            self._type(f"<presence type='{what}' to={quoteattr(order['jid'])}/>")
        elif what == "message":
            body = escape(order["body"])
            self._type(f"<message type='chat' to={quoteattr(order['to'])}><body>{body}</body></message>")
        elif what == "add":
            groups = "".join(f"<group>{escape(group)}</group>" for group in order["groups"])
            item = f"<item jid={quoteattr(order['jid'])} name={quoteattr(order['name'])}>{groups}</item>"
            self._ask("set", f"<query xmlns='jabber:iq:roster'>{item}</query>")
        elif what == "roster":
            self._ask("get", "<query xmlns='jabber:iq:roster'/>")
        elif what == "ping":
            self._ask("get", "<query xmlns='jabber:iq:version'/>", f" to={quoteattr(order['jid'])}")
        else:
            stage.fail("something that such a client can do", order)

    def _ask(self, kind, query, more=""):
        self.asked += 1
        self._type(f"<iq type='{kind}' id='play{self.asked}'{more}>{query}</iq>")

    def _type(self, line):
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            stage.fail(f"{self.title} to be there for {line}", "it has ended")

    def _listen(self):
        for line in self.process.stdout:
            kind, _, text = line.decode().rstrip("\n").partition(" ")
            if kind == "online":
                self.events.put({"event": "online", "jid": text})
            elif kind == "offline":
                self.events.put({"event": "offline", "why": text})
            else:
                self._hear(ElementTree.fromstring(f"<root xmlns='jabber:client'>{text}</root>")[0])
        self.events.put({"event": "gone"})

    def _hear(self, element):
        event = event_of(element)
        if event["event"] == "push" and self.answers_pushes:
            self._type(f"<iq type='result' id={quoteattr(element.get('id'))}/>")
        if event["event"] == "answer" and (event["id"] or "").startswith("play"):
            event = {"event": "done"}
        self.events.put(event)


def build(script, library):
    """Compiles the program once for each play."""
    source = os.path.join(ACTORS, script)
    program = os.path.join(stage.FOLDER, os.path.splitext(script)[0])
    if not os.path.exists(program):
        compiler = COMPILERS[os.path.splitext(script)[1]]
        subprocess.run([*compiler, "-O1", "-o", program, source, f"-l{library}"], check=True, timeout=60)
    return program
