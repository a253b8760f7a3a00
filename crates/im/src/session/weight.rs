//! What an inactive client should hear of at once, and what can wait (XEP-0352 §3.2): the only place that knows.
//!
//! Whatever is not known to be unimportant is important.
use xml::Node;
use xmpp::{Kind, MessageType, PresenceType, Stanza, ns};

/// How much a stanza matters to somebody who is not looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// At once.
    Important,
    /// With the next important one.
    Later,
    /// The same, and a later one of the same sender takes its place.
    Latest,
    /// Not at all.
    Nothing,
}

pub(super) fn weigh(stanza: &Stanza) -> Weight {
    match stanza.kind() {
        Kind::Iq => Weight::Important,
        Kind::Presence => match stanza.presence_type() {
            PresenceType::Available | PresenceType::Unavailable => Weight::Latest,
            _ => Weight::Important,
        },
        Kind::Message => message(stanza, 0),
    }
}

/// A message is as important as the most important thing in it.
fn message(stanza: &Stanza, depth: usize) -> Weight {
    match stanza.message_type() {
        MessageType::Error => Weight::Important,
        MessageType::Headline if stanza.child(ns::CLIENT, "body").is_none() => Weight::Later,
        _ => children(stanza.children(), depth),
    }
}

fn children<'a>(children: impl Iterator<Item = Node<'a>>, depth: usize) -> Weight {
    let mut children = children.peekable();
    if children.peek().is_none() {
        return Weight::Important;
    }
    children.map(|child| self::child(child, depth)).fold(Weight::Nothing, |most, next| match (most, next) {
        (Weight::Important, _) | (_, Weight::Important) => Weight::Important,
        (Weight::Nothing, Weight::Nothing) => Weight::Nothing,
        _ => Weight::Later,
    })
}

fn child(child: Node<'_>, depth: usize) -> Weight {
    match child.ns() {
        // Who is typing matters only while it lasts.
        ns::CHAT_STATES => Weight::Nothing,
        // These say something about the rest, and nothing by themselves.
        ns::HINTS | ns::STANZA_ID | ns::DELAY | ns::DELAY_LEGACY => Weight::Nothing,
        ns::CLIENT if child.name() == "thread" => Weight::Nothing,
        ns::RECEIPTS | ns::CHAT_MARKERS | ns::EVENT | ns::PUBSUB_EVENT => Weight::Later,
        ns::CARBONS if depth == 0 => {
            let forwarded = child.child(ns::FORWARD, "forwarded");
            forwarded
                .and_then(|it| it.child(ns::CLIENT, "message"))
                .map_or(Weight::Important, |inner| children(inner.children(), depth + 1))
        }
        _ => Weight::Important,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_wait_and_what_cannot() {
        const STATE: &str = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
        const RECEIPT: &str = "<received xmlns='urn:xmpp:receipts' id='1'/>";
        let carbon = |inner: &str| {
            format!(
                "<message><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>\
                 <message xmlns='jabber:client'>{inner}</message></forwarded></received></message>"
            )
        };
        let rows = [
            ("<message type='chat'><body>hi</body></message>".to_owned(), Weight::Important),
            (format!("<message type='chat'><body>hi</body>{STATE}</message>"), Weight::Important),
            ("<message type='groupchat'><body>hi</body></message>".into(), Weight::Important),
            ("<message type='groupchat'><subject>play</subject></message>".into(), Weight::Important),
            ("<message><encrypted xmlns='urn:xmpp:omemo:2'/></message>".into(), Weight::Important),
            ("<message><x xmlns='jabber:x:conference' jid='r@h'/></message>".into(), Weight::Important),
            ("<message><propose xmlns='urn:xmpp:jingle-message:0' id='1'/></message>".into(), Weight::Important),
            ("<message type='headline'><body>news</body></message>".into(), Weight::Important),
            ("<message type='error'><error type='cancel'/></message>".into(), Weight::Important),
            ("<message><something xmlns='unknown'/></message>".into(), Weight::Important),
            ("<message id='1'/>".into(), Weight::Important),
            (carbon(""), Weight::Important),
            ("<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>".into(), Weight::Important),
            ("<iq type='result' id='1'/>".into(), Weight::Important),
            ("<presence type='subscribe'/>".into(), Weight::Important),
            ("<presence type='unsubscribed'/>".into(), Weight::Important),
            ("<presence type='error'/>".into(), Weight::Important),
            ("<presence/>".into(), Weight::Latest),
            ("<presence type='unavailable'/>".into(), Weight::Latest),
            (format!("<message type='chat'>{RECEIPT}</message>"), Weight::Later),
            (format!("<message>{RECEIPT}{STATE}</message>"), Weight::Later),
            ("<message><displayed xmlns='urn:xmpp:chat-markers:0' id='1'/></message>".into(), Weight::Later),
            (
                "<message type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'/></message>".into(),
                Weight::Later,
            ),
            ("<message><event xmlns='http://jabber.org/protocol/pubsub#event'/></message>".into(), Weight::Later),
            (format!("<message type='chat'>{STATE}</message>"), Weight::Nothing),
            (format!("<message type='chat'><thread>1</thread>{STATE}</message>"), Weight::Nothing),
            (format!("<message type='chat'>{STATE}<no-store xmlns='urn:xmpp:hints'/></message>"), Weight::Nothing),
            ("<message><x xmlns='jabber:x:event'><displayed/><id>1</id></x></message>".into(), Weight::Later),
            (carbon("<body>hi</body>"), Weight::Important),
            (carbon(STATE), Weight::Nothing),
            (carbon(RECEIPT), Weight::Later),
        ];
        for (text, expected) in rows {
            let element = xml::Element::parse(text.as_bytes(), &xml::Limits::default()).unwrap();
            assert_eq!(weigh(&Stanza::read(element).unwrap()), expected, "{text}");
        }
    }
}
