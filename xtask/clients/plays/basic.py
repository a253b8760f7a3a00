"""The draft's 7.2: what every real client of 2000 to 2003 did, in its order, most of it without waiting.

    basic.py plain|legacy      the door
"""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import stage
from raw import Typist

DOOR = sys.argv[1]
OPEN = (
    "<?xml version='1.0'?><stream:stream to='example.org' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>"
)
OPENED = (
    "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' id='{id}' "
    "xmlns='jabber:client' from='example.org'>"
)


def log_in(name, resource):
    typist = Typist(name, DOOR)
    typist.types(OPEN)
    typist.reads(OPENED)
    typist.types(f"<iq type='get' id='a1'><query xmlns='jabber:iq:auth'><username>{name}</username></query></iq>")
    fields = typist.reads_until("</iq>")
    for field in (f"<username>{name}</username>", "<password/>", "<resource/>", "type='result'", "id='a1'"):
        stage.check(f"  the form has {field}", True, field in fields)
    typist.types(
        f"<iq type='set' id='a2'><query xmlns='jabber:iq:auth'><username>{name}</username><password>pw</password>"
        f"<resource>{resource}</resource></query></iq>"
    )
    typist.reads("<iq type='result' id='a2'/>")
    return typist


def story():
    amy = log_in("amy", "desk")
    # Roster, agents, private XML, vCard and presence in one write: each question has its answer.
    amy.types(
        "<iq type='get' id='q1'><query xmlns='jabber:iq:roster'/></iq>"
        "<iq type='get' id='q2' to='example.org'><query xmlns='jabber:iq:agents'/></iq>"
        "<iq type='get' id='q3'><query xmlns='jabber:iq:private'><prefs xmlns='example:prefs'/></query></iq>"
        "<iq type='get' id='q4'><vCard xmlns='vcard-temp' version='2.0'/></iq>"
        "<presence><status>Online</status><priority>0</priority></presence>"
        "<iq type='get' id='q5' to='example.org'><query xmlns='jabber:iq:version'/></iq>"
    )
    answers = amy.reads_until("(<iq [^>]*id='q.*?</iq>){5}")
    answered = sorted(re.findall(r"<iq [^>]*\bid='(q\d)'", answers))
    stage.check("each question is answered", ["q1", "q2", "q3", "q4", "q5"], answered)
    roster = re.search(r"<iq [^>]*id='q1'.*?(?=<iq )", answers, re.DOTALL).group(0)
    stage.check("the empty roster", True, "<query xmlns='jabber:iq:roster'/>" in roster and "result" in roster)
    stage.check("errors are in the words of 2000", None, re.search("urn:ietf:params:xml:ns:xmpp-stanzas", answers))

    bob = log_in("bob", "pc")
    bob.types("<iq type='get' id='q1'><query xmlns='jabber:iq:roster'/></iq><presence/>")
    bob.reads_until("id='q1'.*?jabber:iq:roster'/></iq>")
    bob.types("<iq type='set' id='s1'><query xmlns='jabber:iq:roster'><item jid='amy@example.org' name='Amy'/></query></iq>")
    bob.reads_until("<item jid='amy@example.org'.*?</iq>.*?id='s1'")
    bob.inbox = b""
    bob.types("<presence type='subscribe' to='amy@example.org'><status>It is Bob</status></presence>")
    request = amy.reads_until("<presence .*?</presence>")
    for part in (" from='bob@example.org'", " type='subscribe'", "><status>It is Bob</status></presence>"):
        stage.check(f"  the request has {part}", True, part in request)
    amy.types("<presence type='subscribed' to='bob@example.org'/>")
    bob.reads_until("type='subscribed'")
    bob.reads_until("from='amy@example.org/desk'.*?<status>Online</status>.*?</presence>")
    amy.types("<presence type='unavailable'/></stream:stream>")
    amy.reads_until("</stream:stream>")
    amy.reads_the_end()
    gone = bob.reads_until("<presence [^>]*type='unavailable'[^>]*>")
    stage.check("bob sees amy go", True, "amy@example.org/desk" in gone)

    stage.say("— what does not fit is answered with the numbers of 2000")
    bob.types("<message to='nobody@example.org' id='m1'><body>hi</body></message>")
    bounced = bob.reads_until("</message>")
    for part in ("type='error'", "id='m1'", "<body>hi</body>", "from='nobody@example.org'"):
        stage.check(f"  the bounce has {part}", True, part in bounced)
    stage.check("  and a code", True, bool(re.search(r"<error code='(404|503)'>[A-Z][A-Za-z ]+</error>", bounced)))
    bob.types("<iq type='get' id='x1' to='example.org'><query xmlns='example:unknown'/></iq>")
    refused = bob.reads_until("</iq>")
    stage.check("  unknown", True, bool(re.search(r"<error code='50[13]'>[A-Z][A-Za-z ]+</error>", refused)))
    bob.types("</stream:stream>")
    bob.reads_until("</stream:stream>")
    bob.reads_the_end()


stage.play(story)
