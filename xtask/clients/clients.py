"""The clients that a play can have, by name.

`enter("slixmpp:starttls", "amy")` is amy, sitting down at a slixmpp and coming in by the STARTTLS door.
"""

from line_client import LineClient
from native_client import NativeClient
from terminal_clients import Mcabber, Profanity

MAKERS = {
    "slixmpp": lambda *about: LineClient("slix.py", *about),
    "slixmpp-sm": lambda *about: LineClient("slix.py", *about, resumes=True),
    "slixmpp12": lambda *about: LineClient("slix.py", *about, tls_max="1.2"),
    "xmpppy": lambda *about: LineClient("xmpppy_client.py", *about),
    "netxmpp": lambda *about: LineClient("netxmpp.pl", *about),
    "gloox": lambda *about: NativeClient("gloox.cpp", "gloox", False, *about),
    "iksemel": lambda *about: NativeClient("iksemel.c", "iksemel", True, *about),
    "profanity": Profanity,
    "mcabber": Mcabber,
}


def enter(cast, name, resource=None):
    """Starts a program and logs in; returns when it is in."""
    program, door = cast.split(":")
    client = MAKERS[program](program, door, name, resource or program)
    client.login()
    return client
