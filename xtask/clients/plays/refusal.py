"""Where TLS is required, nobody gets in by a password in the clear, whichever protocol is spoken."""

import base64
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import stage
from raw import Typist

HEADER = "<stream:stream to='example.org' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
PLAIN = base64.b64encode(b"\0amy\0pw").decode()
SET = (
    "<iq type='set' id='a2'><query xmlns='jabber:iq:auth'><username>amy</username><password>pw</password>"
    "<resource>t</resource></query></iq>"
)


def story():
    stage.say("— a client of today is offered TLS and nothing else")
    today = Typist("today", "starttls")
    today.types(f"{HEADER} version='1.0'>")
    features = today.reads_until("</stream:features>")
    stage.check("TLS is offered", True, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>" in features)
    stage.check("and required", True, "<required/>" in features)
    stage.check("no mechanism is", False, "<mechanism>" in features)
    today.types(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{PLAIN}</auth>")
    answer = today.reads_until("(</failure>|</stream:stream>)")
    stage.check("the password is refused", True, "<success" not in answer)

    stage.say("— a client of 2000 is told so in its own words")
    old = Typist("old", "starttls")
    old.types(f"{HEADER}>")
    old.reads_until("<stream:stream [^>]*>")
    old.types(SET)
    answer = old.reads_until("(</iq>|</stream:stream>)")
    stage.check("it is not let in", False, "type='result'" in answer)
    stage.check("the password does not come back", False, ">pw<" in answer)
    stage.check("in the words of 2000", False, "urn:ietf:params:xml:ns:xmpp-stanzas" in answer)

    stage.say("— a wrong password is refused by TLS too, and the stream lives on")
    wrong = Typist("wrong", "direct")
    wrong.starts_tls()
    wrong.types(f"{HEADER}>")
    wrong.reads_until("<stream:stream [^>]*>")
    wrong.types(SET.replace(">pw<", ">no<"))
    answer = wrong.reads_until("</iq>")
    stage.check("401", True, "<error code='401'>Unauthorized</error>" in answer)
    wrong.types(SET)
    wrong.reads("<iq type='result' id='a2'/>")

    stage.say("— what was sent before TLS began is thrown away")
    early = Typist("early", "starttls")
    early.types(f"{HEADER} version='1.0'>")
    early.reads_until("</stream:features>")
    early.types("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><presence/>" + SET)
    early.reads_until("<proceed[^>]*>")
    early.inbox = b""
    try:
        early.starts_tls()
    except OSError as refused:
        stage.say(f"the handshake fails: {refused}")
    else:
        early.types(f"{HEADER} version='1.0'>")
        again = early.reads_until("</stream:features>")
        stage.check("nobody is logged in", True, "<mechanism>" in again and "type='result'" not in again)


stage.play(story)
