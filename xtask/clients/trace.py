"""Events out of the trace that a terminal program writes of what its server sends."""

import re
import xml.etree.ElementTree as ElementTree

CLIENT = "{jabber:client}"
ROSTER = "{jabber:iq:roster}"


def whole_elements(text):
    """profanity: one element a line."""
    for line in re.findall(r"xmpp: DBG: RECV: (<(?:message|presence|iq)\b.*)", text):
        # The library that profanity uses drops the namespace of what it shows.
        yield ElementTree.fromstring(f"<root xmlns='jabber:client'>{line}</root>")[0]


def received_bytes(text):
    """mcabber: what came, as it came, in quotes between two lines of dashes."""
    rule = r"\n\[[^]]*\] LM-NET: -+\n"
    pattern = rf"LM-NET: RECV \[\d+\]:{rule}\[[^]]*\] LM-NET: '(.*?)'{rule}"
    parser = ElementTree.XMLPullParser(["start", "end"])
    depth = 0
    for chunk in re.findall(pattern, text, re.DOTALL):
        parser.feed(chunk)
        for kind, element in parser.read_events():
            depth += 1 if kind == "start" else -1
            if kind == "end" and depth == 1:
                yield element


def event_of(element):
    """The event that a stanza is to its reader, or None."""
    name = element.tag.removeprefix(CLIENT)
    if name == "message":
        delay, old = element.find("{urn:xmpp:delay}delay"), element.find("{jabber:x:delay}x")
        return {
            "event": "message",
            "from": element.get("from"),
            "type": element.get("type", "normal"),
            "body": element.findtext(CLIENT + "body"),
            "delay": None if delay is None else dict(delay.attrib),
            "old_delay": None if old is None else dict(old.attrib),
        }
    if name == "presence":
        return {
            "event": "presence",
            "from": element.get("from"),
            "type": element.get("type", "available"),
            "show": element.findtext(CLIENT + "show"),
            "status": element.findtext(CLIENT + "status") or "",
        }
    query = element.find(ROSTER + "query")
    if query is not None and element.get("type") in ("set", "result"):
        return {"event": "push" if element.get("type") == "set" else "roster", "items": items(query)}
    return {"event": "answer", "id": element.get("id"), "type": element.get("type")}


def items(query):
    return {
        item.get("jid"): {
            "name": item.get("name"),
            "subscription": item.get("subscription"),
            "ask": item.get("ask"),
            "groups": sorted(group.text for group in item.iter(ROSTER + "group")),
        }
        for item in query.iter(ROSTER + "item")
    }
