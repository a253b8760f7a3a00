"""What every client of a play can be asked: what it saw. How it is led is its own affair.

A client turns what its server sends into events, in their order: online, offline, message, presence, roster, push.
"""

import queue
import time
from datetime import datetime, timezone

import stage

SUBSCRIPTION_TALK = ("subscribe", "subscribed", "unsubscribe", "unsubscribed")


class Client:
    """One person at one program. `sees_…` waits for a while, then ends the play."""

    # Whether its session outlives a lost connection.
    session_waits = False

    def __init__(self, program, door, name, resource):
        self.title = f"{name} ({program})"
        self.door, self.name, self.resource = door, name, resource
        self.bare = stage.jid(name)
        self.full = f"{self.bare}/{resource}"
        self.events = queue.Queue()
        self.waiting = []
        self.presences = {}
        self.roster = None

    def sees_request(self, jid):
        """Somebody asks to subscribe."""
        self._sees_talk(jid, "subscribe")

    def sees_approval(self, jid):
        """Somebody lets this person subscribe."""
        self._sees_talk(jid, "subscribed")

    def _sees_talk(self, jid, kind):
        self.sees("presence", f"{kind} from {jid}", lambda event: (event["from"], event["type"]) == (jid, kind))
        stage.say(f"{self.title} sees {kind} from {jid}")

    def sees_presence(self, full, kind="available", show=None):
        """The last word of a device is this; how often it was said is the server's affair."""
        self._until(f"presence of {full}: {show or kind}", lambda: self.presences.get(full) == (kind, show))
        stage.say(f"{self.title} sees {full} {show or kind}")

    def sees_subscription(self, jid, subscription):
        """A push tells that a contact's subscription is now this."""
        self.sees(
            "push",
            f"a roster push: {jid} is now {subscription}",
            lambda event: event["items"].get(jid, {}).get("subscription") == subscription,
        )
        stage.say(f"{self.title} sees that the subscription to {jid} is now {subscription}")

    def sees_roster(self, expected):
        """The whole roster: JID → (name, subscription, groups)."""
        self.ask_for_roster()
        self._until("a roster", lambda: self.roster is not None)
        got = {jid: (item["name"], item["subscription"], item["groups"]) for jid, item in self.roster.items()}
        stage.check(f"{self.title} has the roster", expected, got)

    def sees_message(self, sender, body):
        """The next message is this one; coming at once, it bears no stamp."""
        event = self._message(sender, body)
        stage.check("  without a delay stamp", (None, None), (event["delay"], event["old_delay"]))

    def sees_late_message(self, sender, body, sent_at):
        """A message from the time of absence says when it was sent, in the form that the client's protocol has."""
        event = self._message(sender, body)
        if self.door.startswith("legacy") and stage.SERVER == "yatter":
            stage.check("  without a stamp that 2000 does not know", None, event["delay"])
            check_stamp(event["old_delay"], "%Y%m%dT%H:%M:%S", sent_at)
        else:
            check_stamp(event["delay"], "%Y-%m-%dT%H:%M:%S", sent_at)
            if event["old_delay"]:
                check_stamp(event["old_delay"], "%Y%m%dT%H:%M:%S", sent_at)

    def _message(self, sender, body):
        event = self.sees("message", f"message from {sender}: {body}", lambda event: event["body"])
        got = (event["from"], event["type"], event["body"])
        stage.check(f"{self.title} gets a message", (sender, "chat", body), got)
        return event

    def sees_no_message(self):
        """Nothing else is waiting."""
        self.has_sent_everything()
        waiting = [event for event in self.waiting if event["event"] == "message" and event["body"]]
        stage.check(f"{self.title} has no other message waiting", [], waiting)

    def sees(self, kind, words, is_it, or_event=None):
        """Waits for the first event of a kind that fits and takes it; others stay for later questions."""
        found = []

        def look():
            for event in self.waiting:
                if event["event"] == or_event:
                    stage.fail(f"{self.title}: {words}", event)
                if event["event"] == kind and is_it(event):
                    self.waiting.remove(event)
                    found.append(event)
                    return True
            return False

        self._until(words, look)
        return found[0]

    def _until(self, words, fact):
        end = time.monotonic() + stage.PATIENCE
        while not fact():
            try:
                event = self.events.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                about = {"waiting": self.waiting, "presences": self.presences, "roster": self.roster}
                stage.fail(f"{self.title} sees {words}", about)
            if event["event"] in ("gone", "error"):
                stage.fail(f"{self.title} sees {words}", event)
            self._learn(event)
            self.waiting.append(event)

    def _learn(self, event):
        kind = event["event"]
        if kind == "presence" and event["type"] not in SUBSCRIPTION_TALK:
            self.presences[event["from"]] = (event["type"], event["show"])
        elif kind == "roster":
            self.roster = event["items"]
        elif kind == "push" and self.roster is not None:
            self.roster.update(event["items"])
            gone = [jid for jid, item in self.roster.items() if item["subscription"] == "remove"]
            for jid in gone:
                del self.roster[jid]


def check_stamp(stamp, form, sent_at):
    """A stamp from the server, at the second when the message was sent."""
    if not stamp:
        stage.fail("a delay stamp", stamp)
    text = stamp["stamp"].split(".")[0].rstrip("Z")
    when = datetime.strptime(text, form).replace(tzinfo=timezone.utc).timestamp()
    if not sent_at - 2 <= when <= time.time() + 2:
        stage.fail(f"a stamp near {sent_at:.0f}", stamp)
    stage.say(f"  sent at {stamp['stamp']}, says {stamp.get('from')}")
