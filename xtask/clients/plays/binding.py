"""SCRAM with channel binding, by another's SCRAM (scramp) and another's TLS (pyOpenSSL, Python's ssl)."""

import base64
import hashlib
import os
import re
import select
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import scramp
import scramp.core
import stage
from OpenSSL import SSL, crypto

# scramp leaves tls-exporter out because Python's ssl cannot export; pyOpenSSL can.
scramp.core.CbName.SUPPORTED_TYPES |= {"tls-exporter"}
scramp.core.CbName.UNSUPPORTED_TYPES = frozenset()

OPEN = (
    "<?xml version='1.0'?><stream:stream to='example.org' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
)
REFUSALS = ("not-authorized", "malformed-request")
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"


class Door:
    """A stream by TLS of our choice; `binding` names the channel to SCRAM."""

    def __init__(self, version, binding):
        plain = socket.create_connection(("127.0.0.1", stage.port("direct")), stage.PATIENCE)
        # pyOpenSSL on a socket with a time limit would not wait for the handshake by itself.
        plain.settimeout(None)
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(version)
        context.set_max_proto_version(version)
        self.plain, self.tls = plain, SSL.Connection(context, plain)
        self.tls.set_tlsext_host_name(stage.HOST.encode())
        self.tls.set_connect_state()
        self.tls.do_handshake()
        self.binding = (binding, self._bytes(binding)) if binding else None
        self.inbox = ""

    def _bytes(self, binding):
        if binding == "tls-exporter":
            return self.tls.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")
        if binding == "tls-unique":
            return self.tls.get_finished()
        certificate = crypto.dump_certificate(crypto.FILETYPE_ASN1, self.tls.get_peer_certificate())
        return hashlib.sha256(certificate).digest()

    def ask(self, text, until):
        self.tls.sendall(text.encode())
        while not (match := re.search(until, self.inbox, re.DOTALL)):
            if not self.tls.pending() and not select.select([self.plain], [], [], stage.PATIENCE)[0]:
                stage.fail(until, self.inbox or "nothing")
            self.inbox += self.tls.recv(65536).decode()
        answer, self.inbox = self.inbox[: match.end()], self.inbox[match.end() :]
        return answer

    def close(self):
        self.tls.sendall(b"</stream:stream>")
        self.plain.close()


def log_in(door, mechanism, binding, password=stage.PASSWORD):
    """The server's verdict: "success" or the name of the failure."""
    client = scramp.ScramClient([mechanism], "amy", password, channel_binding=binding)
    first = base64.b64encode(client.get_client_first().encode()).decode()
    answer = door.ask(f"<auth xmlns='{SASL}' mechanism='{mechanism}'>{first}</auth>", "</challenge>|</failure>")
    if "</failure>" in answer:
        return re.search(r"<failure[^>]*><([\w-]+)", answer).group(1)
    client.set_server_first(base64.b64decode(re.search("<challenge[^>]*>(.*?)<", answer).group(1)).decode())
    final = base64.b64encode(client.get_client_final().encode()).decode()
    answer = door.ask(f"<response xmlns='{SASL}'>{final}</response>", "</success>|</failure>")
    if "</failure>" in answer:
        return re.search(r"<failure[^>]*><([\w-]+)", answer).group(1)
    # The server proves that it knows the password as well.
    client.set_server_final(base64.b64decode(re.search("<success[^>]*>(.*?)<", answer).group(1)).decode())
    return "success"


def story():
    if stage.SERVER == "yatter":
        versions, bindings = (SSL.TLS1_3_VERSION, SSL.TLS1_2_VERSION), ("tls-exporter", "tls-server-end-point")
    else:
        # What Debian's Prosody can do.
        versions, bindings = (SSL.TLS1_2_VERSION,), ("tls-unique",)
    for version in versions:
        by_tls(version, bindings)

    stage.say("— without binding, as most clients do it")
    door = Door(SSL.TLS1_3_VERSION, None)
    door.ask(OPEN, "</stream:features>")
    stage.check("a wrong password", "not-authorized", log_in(door, "SCRAM-SHA-1", None, "no"))
    stage.check("the right one", "success", log_in(door, "SCRAM-SHA-1", None))
    door.close()


def by_tls(version, bindings):
    door = Door(version, None)
    features = door.ask(OPEN, "</stream:features>")
    offered = re.findall("<mechanism>(.*?)</mechanism>", features)
    stage.say(f"— by {door.tls.get_protocol_version_name()} are offered: {', '.join(offered)}")
    named = re.findall("channel-binding type=.([a-z-]+)", features)
    stage.say(f"bindings: {', '.join(named) or 'not said'}")
    door.close()
    hashes = [name for name in ("SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS") if name in offered]
    if stage.SERVER == "yatter" and version == SSL.TLS1_3_VERSION:
        stage.check("both hashes with binding", ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"], hashes)
        stage.check("both bindings are named", set(bindings), set(named))
    elif stage.SERVER == "yatter":
        bindings = [binding for binding in bindings if binding in named]
    for mechanism in hashes:
        for binding in bindings:
            door = Door(version, binding)
            door.ask(OPEN, "</stream:features>")
            stage.check(f"{mechanism} with {binding}", "success", log_in(door, mechanism, door.binding))
            features = door.ask(OPEN, "</stream:features>")
            stage.check("  then a resource can be bound", True, "urn:ietf:params:xml:ns:xmpp-bind" in features)
            door.close()
            door = Door(version, binding)
            door.ask(OPEN, "</stream:features>")
            verdict = log_in(door, mechanism, (binding, bytes(32)))
            stage.check(f"{mechanism} with the {binding} of another channel", True, verdict in REFUSALS)
            # Debian's Prosody stumbles over a second attempt after such a failure.
            if stage.SERVER == "yatter":
                again = log_in(door, mechanism, door.binding)
                stage.check("  the stream lives on, and the right bytes are let in", "success", again)
            door.close()


stage.play(story)
