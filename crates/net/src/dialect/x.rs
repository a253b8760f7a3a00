//! XMPP's words: the heart's own form, with the old stamp beside the new one on what was delayed.
//!
//! **Source** RFC 6120; XEP-0203 and XEP-0091, both at once (T-4.2.5), because clients that know one only exist.

use xml::Node;
use xmpp::{Stanza, delay, ns, stanza};

/// Writes for X-streams.
pub(super) struct Writer;

impl stanza::Dialect for Writer {
    fn looks_into(&self, stanza: &Stanza) -> bool {
        stanza.names_namespace(ns::DELAY) && !delay::has_legacy(stanza)
    }

    fn child(&self, _: &Stanza, child: Node<'_>, out: &mut Vec<u8>) -> bool {
        if child.ns() != ns::DELAY {
            return false;
        }
        let before = out.len();
        out.extend_from_slice(child.raw());
        let stamped = delay::write_legacy(child, out);
        if !stamped {
            out.truncate(before);
        }
        stamped
    }
}

#[cfg(test)]
mod tests {
    use xml::{Element, Limits};

    use super::*;

    fn written(text: &str) -> String {
        let stanza = Stanza::read(Element::parse(text.as_bytes(), &Limits::default()).unwrap()).unwrap();
        let mut out = Vec::new();
        stanza.write_with(&mut out, &Writer);
        String::from_utf8(out).unwrap()
    }

    /// T-4.2.5
    #[test]
    fn a_delayed_stanza_gets_both_stamps_once() {
        let delayed = "<message><body>hi</body><delay xmlns='urn:xmpp:delay' from='h' stamp='2002-09-10T23:08:25Z'>\
                       Offline Storage</delay></message>";
        let both = written(delayed);
        assert_eq!(both.matches("urn:xmpp:delay").count(), 1, "{both}");
        assert!(
            both.contains("<x xmlns='jabber:x:delay' from='h' stamp='20020910T23:08:25'>Offline Storage</x>"),
            "{both}"
        );
        assert_eq!(written(&both), both);
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for text in [
            "<message to='a@b'><body>x &amp; y</body></message>",
            "<message type='error'><error code='404' type='cancel'><item-not-found \
             xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
            "<presence><x xmlns='jabber:x:delay' stamp='20020910T23:08:25'/></presence>",
            "<message><delay xmlns='urn:xmpp:delay' stamp='nonsense'/></message>",
        ] {
            assert_eq!(written(text), text);
        }
    }
}
