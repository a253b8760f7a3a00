"""Whatever one person asks of another and of the server, no byte of it tells where the other one is.  T-5.3.1, T-5.3.2

    address.py
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import stage
from raw import Typist

AMY, BOB = stage.jid("amy"), stage.jid("bob")
STREAM = f"<stream:stream to='{stage.HOST}' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
QUESTIONS = [
    "jabber:iq:last",
    "jabber:iq:version",
    "jabber:iq:time",
    "jabber:iq:browse",
    "jabber:iq:agents",
    "jabber:iq:register",
    "http://jabber.org/protocol/disco#info",
    "http://jabber.org/protocol/disco#items",
    "example:unknown",
]


class Listener(Typist):
    """Somebody who keeps every byte that he got."""

    def __init__(self, name, door):
        self.all = b""
        super().__init__(name, door)

    def _fill(self, end):
        before = len(self.inbox)
        more = super()._fill(end)
        self.all += self.inbox[before:]
        return more


def enter(name, resource):
    typist = Listener(name, "plain")
    typist.types(STREAM)
    typist.reads_until("<stream:stream[^>]*>")
    typist.types(
        f"<iq type='set' id='a'><query xmlns='jabber:iq:auth'><username>{name}</username>"
        f"<password>{stage.PASSWORD}</password><resource>{resource}</resource></query></iq>"
        "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq><presence/>"
    )
    typist.reads_until("<iq [^>]*id='r'.*?</iq>")
    return typist


def ask_everything(bob):
    count = 0
    for to in (f"to='{stage.HOST}'", f"to='{AMY}'", f"to='{AMY}/t'", f"to='{AMY}/nowhere'", ""):
        for namespace in QUESTIONS:
            count += 1
            if to == f"to='{AMY}/t'" and namespace == "jabber:iq:register":
                continue
            bob.types(f"<iq type='get' id='q{count}' {to}><query xmlns='{namespace}'/></iq>")
            if to != f"to='{AMY}/t'":
                bob.reads_until(f"<iq [^>]*id='q{count}'")


def story():
    amy, bob = enter("amy", "t"), enter("bob", "pc")
    address, port = amy.socket.getsockname()
    stage.say("— a stranger asks")
    ask_everything(bob)
    stage.say("— a friend asks")
    bob.types(f"<presence type='subscribe' to='{AMY}'/>")
    amy.reads_until("type='subscribe'")
    amy.types(f"<presence type='subscribed' to='{BOB}'/><presence><status>here</status></presence>")
    bob.reads_until("<status>here</status>")
    ask_everything(bob)
    bob.types(f"<message to='{AMY}/t'><body>x</body></message>")
    amy.reads_until("<body>x</body>")
    amy.types(f"<message to='{BOB}'><body>y</body></message>")
    bob.reads_until("<body>y</body>")
    stage.say("— amy's connection is lost")
    amy.socket.close()
    bob.reads_until("type='unavailable'")
    bob.types(f"<iq type='get' id='last' to='{AMY}'><query xmlns='jabber:iq:last'/></iq>")
    bob.reads_until("<iq [^>]*id='last'")
    bob.types("</stream:stream>")
    bob.reads_until("</stream:stream>")
    stage.check("bytes that bob got", True, len(bob.all) > 5000)
    for secret in (address.encode(), b"localhost", f":{port}".encode()):
        stage.check(f"{secret!r} among them", False, secret in bob.all)


stage.play(story)
