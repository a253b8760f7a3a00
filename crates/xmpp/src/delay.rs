//! Stamps on what had to wait: since when, and who kept it (XEP-0203), and the form of 2000 (XEP-0091).

use xml::{Builder, Element, Node};

use crate::{Jid, JidRef, Stanza, Timestamp, ns};

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

/// Makes stamps that differ in nothing but their time, or seldom in more, as those of a page of waiting messages do.
pub struct Stamps {
    reason: &'static str,
    last: Option<(Jid, Element)>,
}

impl Stamps {
    /// Stamps for this reason.
    pub fn new(reason: &'static str) -> Stamps {
        Stamps { reason, last: None }
    }

    /// What [`element`] makes.
    pub fn element(&mut self, from: &Jid, stamp: Timestamp) -> Element {
        if let Some((known, last)) = &self.last
            && known == from
            && let Some(element) = last.with_value("stamp", stamp.text().as_str())
        {
            return element;
        }
        let element = element(from, stamp, self.reason);
        self.last = Some((from.clone(), element.clone()));
        element
    }
}

/// The moment of a stamp of either form.
fn moment(node: Node<'_>) -> Option<Timestamp> {
    let stamp = node.attr("stamp");
    match (node.ns(), node.name()) {
        (ns::DELAY, "delay") => Timestamp::parse(&stamp?),
        // Some wrote today's form of the time into the element of 2000.
        (ns::DELAY_LEGACY, "x") => {
            let stamp = stamp?;
            Timestamp::parse_legacy(&stamp).or_else(|| Timestamp::parse(&stamp))
        }
        _ => None,
    }
}

/// Whether a stanza bears a stamp of 2000 (XEP-0091).
pub fn has_legacy(stanza: &Stanza) -> bool {
    stanza.names_namespace(ns::DELAY_LEGACY) && stanza.children().any(|child| child.ns() == ns::DELAY_LEGACY)
}

/// Appends a stamp of either form as `<x xmlns='jabber:x:delay' …/>`; false when it is none. What only goes out needs no map, and no value.
pub fn write_legacy(node: Node<'_>, out: &mut Vec<u8>) -> bool {
    let Some(stamp) = moment(node) else { return false };
    let from = node.attr("from");
    let from = from.as_deref().and_then(|from| JidRef::parse(from).ok());
    out.extend_from_slice(b"<x xmlns='jabber:x:delay'");
    if let Some(from) = &from {
        out.extend_from_slice(b" from='");
        xml::write_escaped_attr(out, from.as_str());
        out.push(b'\'');
    }
    out.extend_from_slice(b" stamp='");
    stamp.write_legacy(out);
    let reason = node.text();
    if reason.is_empty() {
        out.extend_from_slice(b"'/>");
    } else {
        out.extend_from_slice(b"'>");
        xml::write_escaped_text(out, &reason);
        out.extend_from_slice(b"</x>");
    }
    true
}

impl Delay {
    /// Reads a stamp of either form; `None` when it is none, or its time cannot be read.
    pub fn read(node: Node<'_>) -> Option<Delay> {
        let stamp = moment(node)?;
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

    fn build(&self, ns: &str, name: &str, stamp: &str) -> Element {
        let from = self.from.as_ref().map(Jid::as_str);
        Builder::new(ns, name).attr_opt("from", from).attr("stamp", stamp).text(&self.reason).finish()
    }
}
