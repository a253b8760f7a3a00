//! Stamps on what had to wait: since when, and who kept it (XEP-0203), and the form of 2000 (XEP-0091).

use xml::{Builder, Element, Node};

use crate::{Jid, Timestamp, ns};

/// A stamp as a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delay {
    /// Who kept it.
    pub from: Option<Jid>,
    /// Since when.
    pub stamp: Timestamp,
    /// Why, for people; often empty.
    pub reason: String,
}

/// The stamp of today, as an element to be appended.
pub fn element(from: &Jid, stamp: Timestamp, reason: &str) -> Element {
    Delay { from: Some(from.clone()), stamp, reason: reason.to_owned() }.to_element()
}

impl Delay {
    /// Reads a stamp of either form; `None` when it is none, or its time cannot be read.
    pub fn read(node: Node<'_>) -> Option<Delay> {
        let stamp = node.attr("stamp");
        let stamp = match (node.ns(), node.name()) {
            (ns::DELAY, "delay") => Timestamp::parse(&stamp?),
            // Some wrote today's form of the time into the element of 2000.
            (ns::DELAY_LEGACY, "x") => {
                let stamp = stamp?;
                Timestamp::parse_legacy(&stamp).or_else(|| Timestamp::parse(&stamp))
            }
            _ => None,
        }?;
        let from = node.attr("from").and_then(|from| Jid::parse(&from).ok());
        Some(Delay { from, stamp, reason: node.text().into_owned() })
    }

    /// `<delay xmlns='urn:xmpp:delay' …/>`.
    pub fn to_element(&self) -> Element {
        self.build(ns::DELAY, "delay", &self.stamp.to_string())
    }

    /// `<x xmlns='jabber:x:delay' …/>`.
    pub fn to_legacy(&self) -> Element {
        self.build(ns::DELAY_LEGACY, "x", &self.stamp.legacy().to_string())
    }

    /// Appends the same as text: what only goes out needs no map.
    pub fn write_legacy(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"<x xmlns='jabber:x:delay'");
        if let Some(from) = &self.from {
            out.extend_from_slice(b" from='");
            xml::write_escaped_attr(out, from.as_str());
            out.push(b'\'');
        }
        out.extend_from_slice(b" stamp='");
        out.extend_from_slice(self.stamp.legacy().to_string().as_bytes());
        out.push(b'\'');
        if self.reason.is_empty() {
            out.extend_from_slice(b"/>");
            return;
        }
        out.push(b'>');
        xml::write_escaped_text(out, &self.reason);
        out.extend_from_slice(b"</x>");
    }

    fn build(&self, ns: &str, name: &str, stamp: &str) -> Element {
        let from = self.from.as_ref().map(Jid::as_str);
        Builder::new(ns, name).attr_opt("from", from).attr("stamp", stamp).text(&self.reason).finish()
    }
}
