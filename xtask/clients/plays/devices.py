"""One person, two devices of two ages: a client of today and one of 2000 share an account, a roster and their messages."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import stage
from clients import enter

AMY, BOB = stage.jid("amy"), stage.jid("bob")


def story():
    desk = enter("slixmpp:starttls", "amy", "desk")
    desk.sees_roster({})
    desk.here()
    old = enter("xmpppy:legacy", "amy", "old")
    old.sees_roster({})
    old.here()
    bob = enter("netxmpp:legacy", "bob", "pc")
    bob.sees_roster({})
    bob.here()

    stage.say("— each device sees the other")
    desk.sees_presence(old.full)
    old.sees_presence(desk.full)

    stage.say("— what one changes, the other is told")
    old.add(BOB, "Bob", ["Friends"])
    desk.sees_subscription(BOB, "none")
    old.subscribe(BOB)
    bob.sees_request(AMY)
    bob.approve(AMY)
    desk.sees_subscription(BOB, "to")
    old.sees_subscription(BOB, "to")
    for device in (desk, old):
        device.sees_presence(bob.full)
        device.sees_roster({BOB: ("Bob", "to", ["Friends"])})

    stage.say("— a message to a device reaches that one only")
    bob.message(desk.full, "to the desk")
    desk.sees_message(bob.full, "to the desk")
    bob.message(old.full, "to the old one")
    old.sees_message(bob.full, "to the old one")
    desk.sees_no_message()
    old.sees_no_message()

    stage.say("— one leaves, the other stays")
    old.logout()
    desk.sees_presence(old.full, "unavailable")
    bob.message(AMY, "who is left?")
    desk.sees_message(bob.full, "who is left?")
    bob.here("away", "tea")
    desk.sees_presence(bob.full, show="away")
    desk.logout()
    bob.logout()


stage.play(story)
