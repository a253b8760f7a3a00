"""libpurple, led over IRC by bitlbee: it falls back to jabber:iq:auth where the server's header has no version, and sends a digest."""

import os
import re
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import stage
from clients import enter

AMY, BOB = stage.jid("amy"), stage.jid("bob")
# One line of IRC has no quotes of its own; what it is about is XML and UTF-8.
HARD = "<b>&amp;</b> 'n' €uro ☕"


class Bitlbee:
    """amy, on IRC."""

    def __init__(self):
        self.folder = os.path.join(stage.FOLDER, "bitlbee")
        os.makedirs(self.folder)
        conf = os.path.join(self.folder, "bitlbee.conf")
        with open(conf, "w", encoding="utf-8") as file:
            file.write(f"[settings]\nRunMode = Inetd\nAuthMode = Open\nConfigDir = {self.folder}\n")
        self.trace = os.path.join(self.folder, "trace.log")
        # As inetd starts it, its input is a connection to which it answers.
        self.socket, theirs = socket.socketpair()
        trace = open(self.trace, "w")
        self.process = subprocess.Popen(
            ["bitlbee", "-I", "-c", conf, "-d", self.folder],
            stdin=theirs,
            stdout=trace,
            stderr=trace,
            env=os.environ | {"BITLBEE_DEBUG": "1", "HOME": self.folder, "LC_ALL": "C.UTF-8"},
        )
        theirs.close()
        self.heard = ""
        threading.Thread(target=self._listen, daemon=True).start()
        self._write("NICK amy")
        self._write("USER amy 0 * :amy")
        self.hears("JOIN :?&bitlbee")

    def says(self, words):
        """To bitlbee's own channel, where its commands are given."""
        self._write(f"PRIVMSG &bitlbee :{words}")

    def hears(self, pattern):
        """Waits for a line that fits; what was heard up to it is forgotten."""
        found = []

        def look():
            match = re.search(pattern, self.heard)
            if match:
                self.heard = self.heard[match.end() :]
                found.append(match)
            return bool(match)

        try:
            stage.wait_until(f"bitlbee: {pattern}", look)
        except stage.Wrong as wrong:
            stage.fail(wrong, self.heard)
        return found[0]

    def has_traced(self, pattern):
        with open(self.trace, encoding="utf-8", errors="replace") as file:
            return re.search(pattern, file.read(), re.DOTALL) is not None

    def _write(self, line):
        self.socket.sendall(line.encode() + b"\r\n")

    def _listen(self):
        for line in self.socket.makefile("rb"):
            self.heard += line.decode(errors="replace")


def story():
    amy = Bitlbee()
    password = stage.PASSWORD.replace('"', '\\"')
    amy.says(f'account add jabber {AMY}/bee "{password}"')
    amy.hears("Account successfully added")
    for name, value in (
        ("connect_server", "127.0.0.1"),
        ("port", stage.port("legacy")),
        ("connection_security", "opportunistic_tls"),
    ):
        amy.says(f"account jabber set {name} {value}")
        amy.hears(f"{name} = .*{value}")
    amy.says("account jabber on")
    amy.hears("Logged in")
    header = r"Recv \(\d+\): <\?xml[^>]*><stream:stream (?:(?! version=)[^>])*>"
    stage.check("it was shown a header without a version", True, amy.has_traced(header))
    login = r"Sending [^\n]*jabber:iq:auth[^\n]*"
    stage.check("it sent a digest", True, amy.has_traced(login + "<digest>[0-9a-f]{40}</digest>"))
    stage.check("and no password", False, amy.has_traced(login + "<password>"))

    stage.say("— they subscribe to each other")
    bob = enter("slixmpp:starttls", "bob")
    bob.sees_roster({})
    bob.here()
    amy.says(f"add jabber {BOB}")
    bob.sees_request(AMY)
    bob.approve(AMY)
    bob.sees_subscription(AMY, "from")
    bob.subscribe(AMY)
    amy.hears("wants to add you to his/her buddy list|wants to add you")
    amy.says("yes")
    bob.sees_approval(AMY)
    bob.sees_subscription(AMY, "both")
    bob.sees_presence(f"{AMY}/bee")
    bob.sees_roster({AMY: (None, "both", [])})

    stage.say("— they talk")
    for words in ("hello", HARD):
        amy.says(f"bob: {words}")
        event = bob.sees("message", f"message: {words}", lambda event: event["body"])
        stage.check("bob gets a message", (f"{AMY}/bee", words), (event["from"], event["body"]))
        bob.message(f"{AMY}/bee", words + " yourself")
        amy.hears(r":bob!\S+ PRIVMSG \S+ :(amy: )?" + re.escape(words + " yourself"))

    stage.say("— presence comes and goes")
    bob.here("away", "lunch")
    amy.hears("MODE &bitlbee -v bob")
    bob.logout()
    amy.hears(r":bob!\S+ QUIT")
    bob = enter("slixmpp:starttls", "bob")
    bob.here()
    amy.hears(r":bob!\S+ JOIN")
    bob.sees_presence(f"{AMY}/bee")
    amy.says("account jabber off")
    bob.sees_presence(f"{AMY}/bee", "unavailable")
    sent_at = time.time()
    bob.message(AMY, "for later")
    bob.has_sent_everything()
    amy.says("account jabber on")
    amy.hears("for later")
    stage.say(f"  {time.time() - sent_at:.1f} s later")
    bob.logout()
    amy.socket.shutdown(socket.SHUT_RDWR)
    amy.process.wait(5)


stage.play(story)
