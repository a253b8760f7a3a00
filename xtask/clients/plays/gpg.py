"""Two people sign and encrypt with GnuPG; what arrives verifies and decrypts, whichever Jabber each of them speaks.  T-5.2.1, T-5.2.2

    gpg.py
"""

import base64
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import stage
from raw import Typist

AMY, BOB = stage.jid("amy"), stage.jid("bob")
STATUS = "Here & \"well\" <b>,\n two lines ☕ "
WORDS = "Meet me at <five> & bring\nthe papers ☕"
STREAM = f"<?xml version='1.0'?><stream:stream to='{stage.HOST}' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"


class Keys:
    """A keyring for both, in a folder that goes away."""

    def __enter__(self):
        # A short path: the agent's socket is in it.
        self.folder = tempfile.mkdtemp(prefix="keys")
        for person in (AMY, BOB):
            self.gpg(["--quick-generate-key", person, "future-default", "default", "never"])
        return self

    def __exit__(self, *_):
        subprocess.run(["gpgconf", "--homedir", self.folder, "--kill", "gpg-agent"], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def gpg(self, words, text=b"", more=()):
        command = ["gpg", "--homedir", self.folder, "--batch", "--quiet", "--yes", "--pinentry-mode", "loopback"]
        command += ["--passphrase", "", "--trust-model", "always", *words, *more]
        done = subprocess.run(command, input=text, capture_output=True, timeout=60, check=False)
        if done.returncode:
            stage.fail(f"gpg {' '.join(words)} to succeed", done.stderr.decode(errors="replace"))
        return done.stdout

    def signature(self, person, text):
        return bare(self.gpg(["--armor", "--detach-sign", "--local-user", person], text.encode()))

    def verify(self, armour, text):
        """The signature's armour, as it arrived, is one of this text."""
        path = os.path.join(self.folder, "signature.asc")
        with open(path, "w", encoding="ascii") as file:
            file.write(whole("SIGNATURE", armour))
        self.gpg(["--verify", path, "-"], text.encode())

    def encrypted(self, person, text):
        return bare(self.gpg(["--armor", "--encrypt", "--recipient", person], text.encode()))

    def decrypted(self, armour):
        return self.gpg(["--decrypt"], whole("MESSAGE", armour).encode()).decode()


def bare(armour):
    """Armour without its first and last line and its headers, as it stands in a stanza (XEP-0027)."""
    lines = armour.decode().strip().split("\n")
    return "\n".join(lines[lines.index("") + 1 : -1])


def whole(kind, armour):
    return f"-----BEGIN PGP {kind}-----\n\n{armour}\n-----END PGP {kind}-----\n"


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def enter(name, resource, dialect):
    typist = Typist(name, "plain")
    if dialect == "J":
        typist.types(STREAM + ">")
        typist.reads_until("<stream:stream[^>]*>")
        typist.types(
            f"<iq type='set' id='a'><query xmlns='jabber:iq:auth'><username>{name}</username>"
            f"<password>{stage.PASSWORD}</password><resource>{resource}</resource></query></iq>"
        )
        typist.reads_until("id='a'/>")
    else:
        typist.types(STREAM + " version='1.0'>")
        typist.reads_until("</stream:features>")
        token = base64.b64encode(f"\0{name}\0{stage.PASSWORD}".encode()).decode()
        typist.types(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{token}</auth>")
        typist.reads_until("<success[^>]*/>")
        typist.types(STREAM + " version='1.0'>")
        typist.reads_until("</stream:features>")
        typist.types(
            f"<iq type='set' id='a'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource></bind></iq>"
        )
        typist.reads_until("</bind></iq>")
    typist.types("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>")
    typist.reads_until("<iq [^>]*id='r'.*?</iq>")
    return typist


def payload(typist, start, namespace):
    """The element of a namespace in the next stanza that begins so, and the text of status or body."""
    text = typist.reads_until(start + ".*?</(presence|message)>")
    text = text[re.search(start, text).start() :]
    stanza = ElementTree.fromstring(f"<r xmlns='jabber:client'>{text}</r>")[0]
    said = next((child for child in stanza if child.tag in ("{jabber:client}status", "{jabber:client}body")), None)
    armour = next(child for child in stanza if child.tag == f"{{{namespace}}}x")
    return armour.text, said.text


def befriend():
    amy, bob = enter("amy", "s", "J"), enter("bob", "s", "J")
    amy.types("<presence/>")
    bob.types("<presence/>")
    amy.types(f"<presence type='subscribe' to='{BOB}'/>")
    bob.reads_until("type='subscribe'")
    bob.types(f"<presence type='subscribed' to='{AMY}'/><presence type='subscribe' to='{AMY}'/>")
    amy.reads_until("type='subscribed'")
    amy.reads_until("type='subscribe'")
    amy.types(f"<presence type='subscribed' to='{BOB}'/>")
    bob.reads_until("type='subscribed'")
    for typist in (amy, bob):
        typist.types("</stream:stream>")
        typist.reads_until("</stream:stream>")


def talk(keys, ours, theirs):
    stage.say(f"— {ours} signs and writes to {theirs}")
    bob = enter("bob", "pc" + theirs, theirs)
    bob.types("<presence/>")
    amy = enter("amy", "t" + ours, ours)
    signature, secret = keys.signature(AMY, STATUS), keys.encrypted(BOB, WORDS)
    presence = f"<presence><status>{escaped(STATUS)}</status><x xmlns='jabber:x:signed'>{signature}</x></presence>"
    amy.types(presence)
    armour, status = payload(bob, f"<presence from='{AMY}/t{ours}'", "jabber:x:signed")
    keys.verify(armour, status)
    message = (
        f"<message to='{{to}}' type='chat'><body>[This message is encrypted.]</body>"
        f"<x xmlns='jabber:x:encrypted'>{secret}</x></message>"
    )
    amy.types(message.format(to=f"{BOB}/pc{theirs}"))
    armour, _ = payload(bob, "<message [^>]*type='chat'", "jabber:x:encrypted")
    stage.check("  the message", WORDS, keys.decrypted(armour))
    # The status is verified once more by somebody who comes later and is told by a probe.
    late = enter("bob", "late" + theirs, theirs)
    late.types("<presence><priority>-1</priority></presence>")
    armour, status = payload(late, f"<presence from='{AMY}/t{ours}'", "jabber:x:signed")
    keys.verify(armour, status)
    for typist in (bob, late):
        typist.types("</stream:stream>")
        typist.reads_until("</stream:stream>")
    # The server says when it is safe.
    told = "<x xmlns='jabber:x:event'><offline/></x></message>"
    amy.types(message.format(to=BOB).replace("</message>", told))
    amy.reads_until("<offline/><id/></x></message>")
    stage.kill_the_server()
    bob = enter("bob", "again", theirs)
    bob.types("<presence/>")
    armour, _ = payload(bob, "<message [^>]*type='chat'", "jabber:x:encrypted")
    stage.check("  the message that waited", WORDS, keys.decrypted(armour))
    bob.types("</stream:stream>")
    bob.reads_until("</stream:stream>")


def story():
    befriend()
    with Keys() as keys:
        for ours in "JX":
            for theirs in "JX":
                talk(keys, ours, theirs)


stage.play(story)
