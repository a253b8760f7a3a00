"""A phone loses its connection and comes back: nobody notices, and nothing is lost or said twice (XEP-0198)."""

import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import stage
from clients import enter

AMY, BOB = stage.jid("amy"), stage.jid("bob")


def story():
    amy = enter("slixmpp-sm:starttls", "amy", "phone")
    amy.sees_roster({})
    amy.here()
    bob = enter("slixmpp:direct", "bob", "desk")
    bob.sees_roster({})
    bob.here()
    bob.subscribe(AMY)
    amy.sees_request(BOB)
    amy.approve(BOB)
    bob.sees_presence(amy.full)

    for time_of_loss in ("first", "second"):
        stage.say(f"— the connection is lost for the {time_of_loss} time")
        bob.message(amy.full, f"before the {time_of_loss}")
        amy.sees_message(bob.full, f"before the {time_of_loss}")
        amy.is_cut_off()
        sent_at = time.time()
        bob.message(AMY, "to anybody there")
        bob.message(amy.full, "to the phone")
        bob.has_sent_everything()
        amy.comes_back()
        amy.sees_late_message(bob.full, "to anybody there", sent_at)
        amy.sees_late_message(bob.full, "to the phone", sent_at)
        amy.message(bob.full, f"back for the {time_of_loss} time")
        bob.sees_message(amy.full, f"back for the {time_of_loss} time")
        amy.sees_no_message()

    stage.say("— who looked on has seen nothing of it")
    gone = [event for event in bob.waiting if event["event"] == "presence" and event["type"] == "unavailable"]
    stage.check("  no word of an end", [], gone)

    stage.say("— a goodbye is one")
    amy.logout()
    bob.sees_presence(amy.full, "unavailable")
    bob.message(AMY, "after the goodbye")
    bob.has_sent_everything()
    again = enter("slixmpp:starttls", "amy", "phone")
    again.here()
    again.sees_late_message(bob.full, "after the goodbye", time.time() - 5)
    again.sees_no_message()
    again.logout()
    bob.logout()


stage.play(story)
