"""A person who types XML by hand: bytes out, and every byte that comes back compared."""

import re
import socket
import ssl
import time

import stage

# A stream's id is anybody's guess; everything else is said in advance.
ANY_ID = "{id}"


class Typist:
    """A plain socket to one of the doors."""

    def __init__(self, name, door):
        self.name = name
        self.socket = socket.create_connection(("127.0.0.1", stage.port(door)), stage.PATIENCE)
        self.inbox = b""
        self.stream_id = None

    def types(self, text):
        """Sends exactly these bytes."""
        stage.say(f"{self.name} > {text}")
        self.socket.sendall(text.encode())

    def reads(self, expected, within=stage.PATIENCE):
        """The next bytes are exactly these; `{id}` stands for a stream's id."""
        before, hole, after = expected.partition(ANY_ID)
        pattern = re.escape(before.encode()) + (rb"([^'<>&\"]{8,})" if hole else b"()") + re.escape(after.encode())
        end = time.monotonic() + within
        while not (match := re.match(pattern, self.inbox)):
            if len(self.inbox) >= len(expected) + 200 or not self._fill(end):
                stage.fail(expected, self.inbox.decode(errors="replace") or "nothing")
        self.inbox = self.inbox[match.end() :]
        self.stream_id = match.group(1).decode() or self.stream_id
        stage.say(f"{self.name} < {match.group(0).decode()}")

    def reads_until(self, pattern, within=stage.PATIENCE):
        """All bytes up to and with a pattern, for what is not worth its exact bytes."""
        end = time.monotonic() + within
        while not (match := re.search(pattern.encode(), self.inbox, re.DOTALL)):
            if not self._fill(end):
                stage.fail(f"something like {pattern}", self.inbox.decode(errors="replace") or "nothing")
        read, self.inbox = self.inbox[: match.end()], self.inbox[match.end() :]
        stage.say(f"{self.name} < {read.decode()}")
        return read.decode()

    def reads_nothing(self, seconds=0.5):
        """Not a byte comes for a while."""
        self._fill(time.monotonic() + seconds)
        if self.inbox:
            stage.fail(f"{self.name} reads nothing", self.inbox.decode(errors="replace"))
        stage.say(f"{self.name} <")

    def reads_the_end(self):
        """The server closes, and says nothing more."""
        end = time.monotonic() + stage.PATIENCE
        while self._fill(end):
            pass
        if self.inbox or time.monotonic() > end:
            stage.fail(f"the end of {self.name}'s connection", self.inbox.decode(errors="replace") or "nothing")
        stage.say(f"{self.name} < (closed)")
        self.socket.close()

    def starts_tls(self, maximum=None):
        """From here on by TLS, whoever it is."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if maximum:
            context.maximum_version = maximum
        self.socket = context.wrap_socket(self.socket, server_hostname=stage.HOST)

    def _fill(self, end):
        self.socket.settimeout(max(0.01, end - time.monotonic()))
        try:
            read = self.socket.recv(65536)
        except (TimeoutError, ConnectionResetError):
            return False
        self.inbox += read
        return bool(read)
