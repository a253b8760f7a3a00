"""sendxmpp, which comes, says one thing without a word of presence, and goes; by a new hash of its chain each time."""

import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import stage
from clients import enter
from raw import Typist

BOB = stage.jid("bob")
HARD = "<b>&amp;</b> \"quotes\" 'n' €uro"


def story():
    bob = enter("slixmpp:starttls", "bob")
    bob.sees_roster({})
    bob.here()
    for words in ("hello", "hello again", HARD):
        send(words)
        event = bob.sees("message", f"message: {words}", lambda event: event["body"])
        got = (event["from"].split("/")[0], event["body"].rstrip("\n"), event["delay"])
        stage.check("bob gets a message", (stage.jid("amy"), words, None), got)
    bob.logout()

    stage.say("— and to somebody who is away")
    sent_at = time.time()
    send("later")
    bob = enter("slixmpp:starttls", "bob")
    bob.here()
    event = bob.sees("message", "the message that waited", lambda event: event["body"])
    stage.check("bob gets it", "later", event["body"].rstrip("\n"))
    stage.check("  stamped", True, bool(event["delay"]) and sent_at - 2 <= time.time())
    bob.logout()

    stage.say("— by four hashes of its chain")
    asker = Typist("asker", "legacy")
    asker.types(f"<stream:stream to='{stage.HOST}' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>")
    asker.types("<iq type='get' id='g'><query xmlns='jabber:iq:auth'><username>amy</username></query></iq>")
    stage.check("495 are left", True, "<sequence>495</sequence>" in asker.reads_until("</iq>"))


def send(words):
    command = ["sendxmpp", "-j", f"127.0.0.1:{stage.port('legacy')}", "-o", stage.HOST, "-u", "amy", "-r", "post"]
    command += ["-p", stage.PASSWORD, BOB]
    home = {"HOME": stage.FOLDER, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, input=words.encode(), env=os.environ | home, timeout=stage.PATIENCE, capture_output=True
    )
    stage.check("sendxmpp ends", (0, b""), (done.returncode, done.stderr))


stage.play(story)
