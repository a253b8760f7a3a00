"""A program on a terminal of its own: typed to and read from as a person would, without a real screen."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import threading
import time

import pyte

import stage

COLUMNS, LINES = 180, 100


class Terminal:
    """The program runs in a session of its own and is hung up on when this process ends."""

    def __init__(self, command, environment):
        self.screen = pyte.HistoryScreen(COLUMNS, LINES, history=2000)
        self.stream = pyte.ByteStream(self.screen)
        self.lock = threading.Lock()
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, {**os.environ, **environment, "TERM": "linux"})
        fcntl.ioctl(self.file, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        threading.Thread(target=self._watch, daemon=True).start()

    def type(self, line):
        """Types a line and the return key."""
        os.write(self.file, line.encode())
        time.sleep(0.1)
        os.write(self.file, b"\r")
        time.sleep(0.1)

    def text(self):
        """All that is on the screen, as lines without their blank ends."""
        with self.lock:
            return "\n".join(line.rstrip() for line in self.screen.display)

    def shows(self, words, what=None, within=stage.PATIENCE):
        """Waits until some words can be read."""
        self.waits(lambda: words in self.text(), what or f"`{words}` on the screen", within)

    def waits(self, fact, what, within=stage.PATIENCE):
        end = time.monotonic() + within
        while not fact():
            if time.monotonic() > end:
                stage.fail(what, "this screen:\n" + "\n".join(line for line in self.text().split("\n") if line))
            time.sleep(0.05)

    def has_ended(self):
        return os.waitpid(self.pid, os.WNOHANG)[0] != 0

    def end(self, within=5.0):
        """Waits for its end, then insists."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            if self.has_ended():
                return
            time.sleep(0.05)
        self.kill()

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def _watch(self):
        while True:
            try:
                select.select([self.file], [], [])
                read = os.read(self.file, 65536)
            except OSError:
                return
            if not read:
                return
            with self.lock:
                self.stream.feed(read)
