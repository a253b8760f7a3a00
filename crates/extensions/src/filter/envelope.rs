//! What a filter writes on messages that it sends on: by whom, from whom and to whom they went (jabber:x:envelope), which ends loops.
use xml::{Builder, Node};
use xmpp::{Jid, Stanza, ns};

/// How many accounts may send one message on: who is further down the line sees the same as in a loop.
const HANDS: usize = 16;

fn envelope(stanza: &Stanza) -> Option<Node<'_>> {
    if !stanza.names_namespace(ns::ENVELOPE) {
        return None;
    }
    stanza.child(ns::ENVELOPE, "x")
}

/// Whether `account` has sent this on before, or so many have that it must be a loop.
pub(super) fn goes_round(stanza: &Stanza, account: &Jid) -> bool {
    let Some(envelope) = envelope(stanza) else { return false };
    let hands: Vec<Jid> = hands(envelope).filter_map(|jid| Jid::parse(&jid).ok()).collect();
    hands.len() >= HANDS || hands.iter().any(|jid| jid.same_bare(account))
}

/// Whether a filter has sent this, be it this account's or another's.
pub(super) fn is_from_a_filter(stanza: &Stanza) -> bool {
    envelope(stanza).is_some_and(|envelope| hands(envelope).next().is_some())
}

fn hands(envelope: Node<'_>) -> impl Iterator<Item = String> {
    let children = envelope.children().filter(|child| child.is(ns::ENVELOPE, "forwardedby"));
    children.filter_map(|child| child.attr("jid").map(std::borrow::Cow::into_owned))
}

/// Writes a new envelope: `account` hands on what `from` sent, and `others` get it. Those who handed it on before stay.
pub(super) fn write(stanza: &mut Stanza, account: &Jid, from: &Jid, kind: &str, others: &[Jid]) {
    let before: Vec<String> = envelope(stanza).map(|envelope| hands(envelope).collect()).unwrap_or_default();
    let first = envelope(stanza).and_then(|envelope| {
        let from = envelope.children().find(|child| child.is(ns::ENVELOPE, "from"))?;
        from.attr("jid").map(std::borrow::Cow::into_owned)
    });
    let address = |envelope: Builder, name: &str, jid: &str| envelope.open(ns::ENVELOPE, name).attr("jid", jid).close();
    let mut new = Builder::new(ns::ENVELOPE, "x");
    for hand in &before {
        new = address(new, "forwardedby", hand);
    }
    new = address(new, "forwardedby", account.as_str());
    new = address(new, "from", first.as_deref().unwrap_or(from.as_str()));
    for other in others {
        new = address(new, kind, other.as_str());
    }
    stanza.remove(|child| child.is(ns::ENVELOPE, "x"));
    stanza.append(new.finish());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jid(text: &str) -> Jid {
        Jid::parse(text).unwrap()
    }

    fn message(children: &str) -> Stanza {
        let text = format!("<message from='a@h/r' to='b@h'><body>hi</body>{children}</message>");
        Stanza::read(xml::Element::parse(text.as_bytes(), &xml::Limits::default()).unwrap()).unwrap()
    }

    #[test]
    fn whoever_handed_it_on_is_remembered() {
        let mut stanza = message("");
        assert!(!goes_round(&stanza, &jid("b@h")) && !is_from_a_filter(&stanza));
        write(&mut stanza, &jid("b@h"), &jid("a@h/r"), "cc", &[jid("c@h")]);
        write(&mut stanza, &jid("c@h"), &jid("b@h"), "cc", &[jid("b@h"), jid("d@h")]);
        let expected = "<x xmlns='jabber:x:envelope'><forwardedby jid='b@h'/><forwardedby jid='c@h'/><from jid='a@h/r'/>\
                        <cc jid='b@h'/><cc jid='d@h'/></x>";
        assert!(stanza.to_element().as_str().ends_with(&format!("{expected}</message>")), "{}", stanza.to_element());
        assert!(is_from_a_filter(&stanza) && goes_round(&stanza, &jid("b@h")) && goes_round(&stanza, &jid("c@h")));
        assert!(!goes_round(&stanza, &jid("d@h")));
    }

    #[test]
    fn a_long_line_of_hands_is_a_loop() {
        let hands = |count| "<forwardedby jid='x@h'/>".repeat(count);
        let enveloped = |count| message(&format!("<x xmlns='jabber:x:envelope'>{}</x>", hands(count)));
        assert!(!goes_round(&enveloped(HANDS - 1), &jid("b@h")));
        assert!(goes_round(&enveloped(HANDS), &jid("b@h")));
    }
}
