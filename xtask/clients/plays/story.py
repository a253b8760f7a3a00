"""Two people become contacts, see each other come and go, talk, are away, and outlive a power cut of the server.

    story.py CLIENT:DOOR CLIENT:DOOR        amy's and bob's
"""

import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import stage
from clients import enter

AMY, BOB = stage.jid("amy"), stage.jid("bob")
HARD = "<b>&amp;</b> \"quotes\" 'n' €uro ☕ 𝄞"
if "netxmpp" in " ".join(sys.argv):
    # Net::XMPP resolves entities twice: `&amp;amp;` on the wire is `&` to its user.
    HARD = HARD.replace("&amp;", "&")


def story():
    amys, bobs = sys.argv[1], sys.argv[2]
    amy, bob = enter(amys, "amy"), enter(bobs, "bob")
    amy.sees_roster({})
    bob.sees_roster({})
    amy.here()
    bob.here()

    stage.say("— they subscribe to each other")
    amy.add(BOB, "Bob & Co", ["Friends", "Work"])
    amy.subscribe(BOB)
    bob.sees_request(AMY)
    bob.approve(AMY)
    amy.sees_approval(BOB)
    amy.sees_subscription(BOB, "to")
    bob.sees_subscription(AMY, "from")
    amy.sees_presence(bob.full)
    bob.subscribe(AMY)
    amy.sees_request(BOB)
    amy.approve(BOB)
    bob.sees_approval(AMY)
    amy.sees_subscription(BOB, "both")
    bob.sees_subscription(AMY, "both")
    bob.sees_presence(amy.full)
    amy.sees_roster({BOB: ("Bob & Co", "both", ["Friends", "Work"])})
    bob.sees_roster({AMY: (None, "both", [])})

    stage.say("— presence comes and goes")
    bob.here("away", "lunch")
    amy.sees_presence(bob.full, show="away")
    amy.here("dnd", "thinking")
    bob.sees_presence(amy.full, show="dnd")
    bob.logout()
    amy.sees_presence(bob.full, "unavailable")
    bob = back(bobs, "bob", amy, "dnd")
    if amy.session_waits:
        # A connection that is merely lost is seen by nobody yet (XEP-0198 §5).
        amy.logout()
    else:
        amy.drop()
    bob.sees_presence(amy.full, "unavailable")
    amy = back(amys, "amy", bob)

    stage.say("— they talk")
    for words in ("hello", HARD):
        amy.message(bob.full, words)
        bob.sees_message(amy.full, words)
        bob.message(AMY, words + " yourself")
        amy.sees_message(bob.full, words + " yourself")

    stage.say("— messages wait for who is away")
    amy, bob = wait_for(amys, "amy", amy, bob)
    bob, amy = wait_for(bobs, "bob", bob, amy)

    stage.say("— the server's power is cut")
    amy.logout()
    bob.sees_presence(amy.full, "unavailable")
    sent_at = time.time()
    bob.message(AMY, "before the dark")
    bob.has_sent_everything()
    # Nobody acknowledges a message to a client without stream management; the disk has it well within a second.
    time.sleep(1)
    stage.kill_the_server()
    bob.loses_connection()
    bob = enter(bobs, "bob")
    bob.sees_roster({AMY: (None, "both", [])})
    bob.here()
    amy = back(amys, "amy", bob)
    amy.sees_late_message(bob.full, "before the dark", sent_at)
    amy.sees_roster({BOB: ("Bob & Co", "both", ["Friends", "Work"])})
    amy.message(bob.full, "still there?")
    bob.sees_message(amy.full, "still there?")
    amy.sees_no_message()
    bob.sees_no_message()
    amy.logout()
    bob.sees_presence(amy.full, "unavailable")
    bob.logout()


def back(cast, name, other, others_show=None):
    """Logs in again; both see each other."""
    client = enter(cast, name)
    client.here()
    client.sees_presence(other.full, show=others_show)
    other.sees_presence(client.full)
    return client


def wait_for(cast, name, away, other):
    """`away` leaves, `other` writes twice, and both letters are there in order when `away` is back."""
    away.logout()
    other.sees_presence(away.full, "unavailable")
    sent_at = time.time()
    for words in ("first " + HARD, "second"):
        other.message(away.bare, words)
    other.has_sent_everything()
    time.sleep(1.2)
    away = enter(cast, name)
    away.here()
    for words in ("first " + HARD, "second"):
        away.sees_late_message(other.full, words, sent_at)
    away.sees_presence(other.full)
    other.sees_presence(away.full)
    away.sees_no_message()
    return away, other


stage.play(story)
