"""The draft's 7.1: a client that a person types by hand, byte for byte.

    transcript.py plain|legacy      the door
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import stage
from raw import Typist

DOOR = sys.argv[1]
OPEN = "<stream:stream to='example.org' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
OPENED = (
    "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' id='{id}' "
    "xmlns='jabber:client' from='example.org'>"
)
AUTH = (
    "<iq type='set' id='1'><query xmlns='jabber:iq:auth'><username>{name}</username><password>pw</password>"
    "<resource>{resource}</resource></query></iq>"
)


def log_in(name, resource):
    typist = Typist(name, DOOR)
    typist.types(OPEN)
    typist.reads(OPENED)
    # No features, no word more, until the client speaks.
    typist.reads_nothing()
    typist.types(AUTH.format(name=name, resource=resource))
    typist.reads("<iq type='result' id='1'/>")
    return typist


def story():
    bob = log_in("bob", "pc")
    bob.types("<presence/>")
    bob.reads_nothing()

    amy = log_in("amy", "t")
    if amy.stream_id == bob.stream_id:
        stage.fail("two streams with two ids", amy.stream_id)
    amy.types("<presence/>")
    amy.reads_nothing()
    amy.types("<message to='bob@example.org'><body>hello</body></message>")
    bob.reads("<message from='amy@example.org/t' to='bob@example.org'><body>hello</body></message>")
    bob.types("<message to='amy@example.org/t' type='chat'><body>hi</body></message>")
    amy.reads("<message from='bob@example.org/pc' to='amy@example.org/t' type='chat'><body>hi</body></message>")
    amy.types("</stream:stream>")
    amy.reads("</stream:stream>")
    amy.reads_the_end()

    stage.say("— a message that waited")
    bob.types("<message to='amy@example.org' type='chat'><body>later</body></message>")
    bob.reads_nothing()
    amy = log_in("amy", "t")
    amy.types("<presence/>")
    late = amy.reads_until("</message>")
    start = "<message from='bob@example.org/pc' to='amy@example.org' type='chat'><body>later</body>"
    if not late.startswith(start) or "<x xmlns='jabber:x:delay'" not in late or "urn:xmpp:delay" in late:
        stage.fail(start + "<x xmlns='jabber:x:delay' …/></message>", late)
    bob.types("</stream:stream>")
    bob.reads("</stream:stream>")
    bob.reads_the_end()
    amy.reads_nothing()
    # The other way to leave: just go.
    amy.socket.close()


stage.play(story)
