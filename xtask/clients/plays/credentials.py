"""Which proof of the password a program of 2000's kind chooses where all are offered: told by its own trace.

    credentials.py CLIENT:DOOR=PROOF…      password, digest or hash
"""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import stage
from clients import enter


def story():
    for word in sys.argv[1:]:
        cast, _, proof = word.partition("=")
        # The second login is by the next hash of the chain.
        for time in ("first", "second"):
            client = enter(cast, "amy", f"{cast.split(':')[0]}-{time}")
            client.here()
            client.logout()
            stage.check(f"  by its {time} login's", proof, chosen(client))


def chosen(client):
    """The one credential that was sent with something in it."""
    trace = os.path.join(stage.FOLDER, f"{client.name}-{client.resource}")
    traces = [client.trace] if hasattr(client, "trace") else [trace + ".log", trace + ".err"]
    said = "".join(open(path, encoding="utf-8", errors="replace").read() for path in traces)
    logins = re.findall(r"<iq\b[^>]*type=.set[^>]*>\s*<query xmlns=.jabber:iq:auth.*?</iq>", said, re.DOTALL)
    proofs = {name for iq in logins for name in re.findall(r"<(password|digest|hash)\b[^>/]*>[^<]+<", iq)}
    return " ".join(sorted(proofs))


stage.play(story)
