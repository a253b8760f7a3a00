"""Programs that people use on a terminal: profanity and mcabber, typed to, looked at, and traced.

What came is taken from the program's own trace, word for word; that a person can see it, from the screen.
"""

import os
import shutil
import threading
import time

import stage
from client import Client
from terminal import COLUMNS, Terminal
from trace import event_of, received_bytes, whole_elements


# How profanity's panel, the right quarter of its screen, calls what is said in <show/>.
PROFANITY_HEADINGS = {
    None: "Online",
    "chat": "Available for chat",
    "away": "Away",
    "xa": "Extended Away",
    "dnd": "Do not disturb",
}
PROFANITY_PANEL = COLUMNS * 3 // 4


class TerminalClient(Client):
    def __init__(self, program, door, name, resource):
        super().__init__(program, door, name, resource)
        self.folder = os.path.join(stage.FOLDER, f"{name}-{program}")
        self.trace = os.path.join(self.folder, "trace.log")
        self.terminal = None
        self.is_here = False

    def login(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder, mode=0o700)
        self.write("password", stage.PASSWORD)
        self.terminal = Terminal(self.set_up(), {"HOME": self.folder, "LC_ALL": "C.UTF-8"} | self.environment())
        threading.Thread(target=self._read_trace, daemon=True).start()
        self.terminal.shows(self.let_in_words())
        stage.say(f"{self.title} is in by the {self.door} door: {self.let_in_words()}")
        self.check_way_in(self.trace_text())

    def environment(self):
        return {}

    def here(self, show=None, status=None):
        """Tells presence. Such a program says that it is there by itself when it is let in."""
        if self.is_here or show:
            self.terminal.type(self.status_command(show, status))
        self.is_here = True

    def sees_presence(self, full, kind="available", show=None):
        super().sees_presence(full, kind, show)
        self.look_at_presence(full, kind, show)

    def _message(self, sender, body):
        event = super()._message(sender, body)
        self.look_at_message(sender, body)
        return event

    def ask_for_roster(self):
        """It asked when it was let in, and follows the pushes."""

    def logout(self):
        self.terminal.type("/quit")
        self.terminal.end()

    def drop(self):
        self.terminal.kill()

    def has_sent_everything(self):
        """A person at a terminal waits a moment."""
        time.sleep(1)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)
        return path

    def trace_text(self):
        try:
            with open(self.trace, encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def _read_trace(self):
        known = 0
        while True:
            text = self.trace_text()
            # The last line may be half written.
            elements = list(self.elements(text[: text.rfind("\n") + 1]))
            for element in elements[known:]:
                self.events.put(event_of(element))
            known = len(elements)
            time.sleep(0.05)


class Profanity(TerminalClient):
    elements = staticmethod(whole_elements)
    session_waits = True

    def environment(self):
        return {"XDG_CONFIG_HOME": self.folder + "/config", "XDG_DATA_HOME": self.folder + "/data"}

    def set_up(self):
        # "trust": TLS is a must, the certificate of the server's own making is taken as it is.
        policy = {"starttls": "trust", "direct": "legacy", "plain": "disable", "legacy": "disable"}[self.door]
        self.write(
            "data/profanity/accounts",
            f"[{self.name}]\nenabled=true\njid={self.bare}\nresource={self.resource}\n"
            f"server=127.0.0.1\nport={stage.port(self.door)}\ntls.policy={policy}\n"
            f"eval_password=cat {self.folder}/password\npresence.last=online\npresence.login=online\n",
        )
        self.write("config/profanity/profrc", "[ui]\nsplash=false\n[connection]\nreconnect=0\n")
        return ["profanity", "-a", self.name, "-l", "DEBUG", "-f", self.trace]

    def let_in_words(self):
        return f"{self.full} logged in successfully"

    def check_way_in(self, trace):
        if self.door == "starttls" and 'mechanism="SCRAM-SHA-' not in trace:
            stage.fail("profanity uses SCRAM", "the trace has no such mechanism")
        self.terminal.shows("[TLS]" if self.door in ("starttls", "direct") else "[online]")

    def status_command(self, show, status):
        return f'/status set {show or "online"} "{status or ""}"'

    def add(self, jid, name, groups):
        self.terminal.type("/win 1")
        self.terminal.type(f'/roster add {jid} "{name}"')
        self.sees("push", f"a push with {name}", lambda event: event["items"].get(jid, {}).get("name") == name)
        for group in groups:
            self.terminal.type(f'/roster group add {group} "{name}"')
            self.sees("push", f"a push with {group}", lambda event: group in event["items"][jid]["groups"])

    def subscribe(self, jid):
        self.terminal.type(f"/sub request {jid}")
        self.terminal.shows(f"Sent subscription request to {jid}")

    def approve(self, jid):
        self.terminal.shows(f"Received authorization request from {jid}")
        self.terminal.type(f"/sub allow {jid}")
        self.terminal.shows(f"Accepted subscription for {jid}")

    def message(self, jid, body):
        self.terminal.type(f"/msg {jid.split('/')[0]}")
        self.terminal.type(body)
        self.terminal.type("/win 1")

    def look_at_presence(self, full, kind, show):
        jid = full.split("/")[0]
        self._until("a roster", lambda: self.roster is not None)
        name = self.roster[jid]["name"] or jid
        heading = "Offline" if kind == "unavailable" else PROFANITY_HEADINGS[show]
        self.terminal.waits(lambda: heading == self._heading_above(name), f"{name} in the panel under {heading}")

    def _heading_above(self, name):
        """Where the panel at the right lists somebody."""
        heading = None
        for line in self.terminal.text().split("\n"):
            cell = line[PROFANITY_PANEL:].strip()
            if " (" in cell and cell.split(" (")[0] in ("Rooms", "Offline", *PROFANITY_HEADINGS.values()):
                heading = cell.split(" (")[0]
            elif cell == name or cell.startswith(name + " ("):
                return heading
        return None

    def look_at_message(self, sender, body):
        jid, resource = sender.split("/")
        self.terminal.type(f"/msg {jid}")
        self.terminal.shows(f"/{resource}: {body}")
        self.terminal.type("/win 1")

    def sees_roster(self, expected):
        super().sees_roster(expected)
        self.terminal.type("/roster")
        for jid, (name, subscription, groups) in expected.items():
            shown = f"{jid} ({name})" if name else jid
            self.terminal.shows(f"{shown} - {subscription}" + (" - " if groups else ""))
            line = [line for line in self.terminal.text().split("\n") if f"{shown} - {subscription}" in line][-1]
            for group in groups:
                stage.check(f"  profanity shows the group {group}", True, group in line)

    def loses_connection(self):
        self.terminal.shows("Lost connection")
        self.terminal.kill()


class Mcabber(TerminalClient):
    elements = staticmethod(received_bytes)

    def set_up(self):
        settings = {
            "jid": self.bare,
            "password_eval": f'"cat {self.folder}/password"',
            "server": "127.0.0.1",
            "port": stage.port(self.door),
            "resource": self.resource,
            "disable_random_resource": 1,
            "tls": 0,
            "otr": 0,
            "pgp": 0,
            "autoaway": 0,
            "disable_chatstates": 1,
            "log_win_height": 20,
            "log_display_presence": 1,
            "tracelog_level": 3,
            "tracelog_file": self.trace,
            "statefile": self.folder + "/state",
        }
        lines = "".join(f"set {name} = {value}\n" for name, value in settings.items())
        return ["mcabber", "-f", self.write("mcabberrc", lines)]

    def let_in_words(self):
        return "Your status has been set"

    def check_way_in(self, trace):
        if self.door == "legacy":
            stage.check("  it saw", True, "Old Jabber stream received" in trace)
            stage.check("  it asked for", True, 'xmlns="jabber:iq:auth"' in trace)

    def status_command(self, show, status):
        return f"/status {show or 'avail'} {status or ''}"

    def subscribe(self, jid):
        self.terminal.type(f"/authorization request {jid}")

    def approve(self, jid):
        self.terminal.type(f"/authorization allow {jid}")

    def message(self, jid, body):
        self.terminal.type(f"/say_to {jid} {body}")

    def look_at_presence(self, full, kind, show):
        sign = "_" if kind == "unavailable" else {"away": "a", "dnd": "d", None: "o"}[show]
        self.terminal.shows(f">{sign}] <{full}>")

    def look_at_message(self, sender, body):
        self.terminal.type(f"/roster search {sender.split('@')[0]}")
        self.terminal.type("")
        self.terminal.shows(body)
        self.terminal.type("/roster top")

    def loses_connection(self):
        self.terminal.shows("Disconnected")
        self.terminal.kill()
