"""What every play shares: where the server is, what was expected and what came, and the word with the server's keeper.

A play is a script that says each step on standard output and ends with an error at the first thing that is not as
expected. Everything that waits has a limit.
"""

import os
import signal
import sys
import time

HOST = os.environ["PLAY_HOST"]
PASSWORD = os.environ["PLAY_PASSWORD"]
FOLDER = os.environ["PLAY_FOLDER"]
SERVER = os.environ["PLAY_SERVER"]
PATIENCE = 15.0

# If the keeper is gone, nobody else ends us.
signal.alarm(int(os.environ["PLAY_LIMIT"]) + 10)


class Wrong(Exception):
    """Something did not come as expected."""


def port(door):
    """The port of a door: starttls, direct, plain, legacy or legacy_direct."""
    return int(os.environ["PLAY_PORT_" + door.upper()])


def jid(name):
    """The bare JID of one of the two accounts, amy and bob."""
    return f"{name}@{HOST}"


def say(words):
    print(words, flush=True)


def fail(expected, got):
    raise Wrong(f"expected  {expected}\n  got       {got}")


def check(what, expected, got):
    """One fact: said when it holds, the end of the play when not."""
    if expected != got:
        raise Wrong(f"{what}\n  expected  {expected!r}\n  got       {got!r}")
    say(f"{what}: {got!r}" if len(repr(got)) < 90 else what)


def wait_until(what, fact, within=PATIENCE):
    """Waits until `fact()` is true."""
    end = time.monotonic() + within
    while not fact():
        if time.monotonic() > end:
            raise Wrong(f"waited {within:.0f} s in vain for: {what}")
        time.sleep(0.05)


def kill_the_server():
    """`kill -9`, and a new start on the same data."""
    _order("@kill")


def restart_the_server():
    """A polite stop, and a new start on the same data."""
    _order("@restart")


def _order(word):
    say(word)
    answer = sys.stdin.readline().strip()
    if answer != "ready":
        fail("the server, ready again", answer)


def play(story):
    """Runs a story; its steps are the output, its end is the exit status."""
    try:
        story()
    except Wrong as wrong:
        say(f"WRONG: {wrong}")
        sys.exit(1)
