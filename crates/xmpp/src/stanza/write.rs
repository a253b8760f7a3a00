//! From a stanza to bytes: the bytes that came, with the addresses and children that changed.

use xml::Node;

use super::{Cut, Form, MessageType, PresenceType, Stanza};
use crate::Jid;

/// How a stream's dialect differs from the form that the heart knows. [`AsItIs`] differs nowhere.
pub trait Dialect {
    /// The content namespace to declare on the stanza, where no stream header does (WebSocket, BOSH).
    fn declared(&self) -> Option<&str> {
        None
    }

    /// Whether this stanza's children must be looked at one by one. `false` copies them at once.
    fn looks_into(&self, _stanza: &Stanza) -> bool {
        false
    }

    /// Writes a child in the dialect's own way and says `true`; or says `false`, and it is copied as it is. A child
    /// that shall not be written needs no bytes.
    fn child(&self, _stanza: &Stanza, _child: Node<'_>, _out: &mut Vec<u8>) -> bool {
        false
    }
}

/// The canonical form, as today's streams have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AsItIs;

impl Dialect for AsItIs {}

impl Stanza {
    /// Appends the stanza in its canonical form.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_with(out, &AsItIs);
    }

    /// Appends the stanza in a stream's dialect.
    pub fn write_with<D: Dialect + ?Sized>(&self, out: &mut Vec<u8>, dialect: &D) {
        let bytes = self.element.bytes();
        // A stanza's name has no prefix: the content namespace is the default one.
        let name_end = 1 + self.kind().name().len();
        out.reserve(self.size());
        copy(out, bytes, 0, name_end);
        self.write_attributes(out, dialect.declared());
        let mut at = name_end;
        for cut in self.cuts.iter().take_while(|cut| **cut != Cut::NONE) {
            copy(out, bytes, at, cut.start as usize);
            at = cut.end as usize;
        }
        let looks = dialect.looks_into(self);
        if self.changes.is_none() && !looks {
            return copy(out, bytes, at, bytes.len());
        }
        let root = self.element.root();
        copy(out, bytes, at, tag_stop(root));
        out.push(b'>');
        let content = out.len();
        self.write_content(out, dialect, looks);
        close(out, content, root);
    }

    /// The attributes that are not copied.
    fn write_attributes(&self, out: &mut Vec<u8>, declared: Option<&str>) {
        if let Some(ns) = declared {
            write_attribute(out, b" xmlns='", ns);
        }
        if let Some(from) = &self.from {
            write_jid(out, b" from='", from);
        }
        if let Some(to) = &self.to {
            write_jid(out, b" to='", to);
        }
        if let Some(kind) = self.form.type_name().filter(|_| self.type_changed) {
            write_attribute(out, b" type='", kind);
        }
        if let Some(lang) = &self.lang {
            write_attribute(out, b" xml:lang='", lang);
        }
    }

    fn write_content<D: Dialect + ?Sized>(&self, out: &mut Vec<u8>, dialect: &D, looks: bool) {
        let root = self.element.root();
        let bytes = self.element.bytes();
        let changes = self.changes.as_deref();
        let inner = root.inner_range().unwrap_or_default();
        let mut at = inner.start;
        for child in root.children() {
            let range = child.range();
            let removed = changes.is_some_and(|changes| changes.removes(child));
            if !removed && !looks {
                continue;
            }
            copy(out, bytes, at, range.start);
            at = range.end;
            if !removed && !dialect.child(self, child, out) {
                copy(out, bytes, range.start, range.end);
            }
        }
        copy(out, bytes, at, inner.end);
        for child in changes.map_or(&[][..], |changes| &changes.added) {
            if !(looks && dialect.child(self, child.root(), out)) {
                out.extend_from_slice(child.bytes());
            }
        }
    }
}

impl Form {
    /// The value of the attribute `type`; none where its absence says the same.
    fn type_name(self) -> Option<&'static str> {
        match self {
            Form::Message(MessageType::Normal) | Form::Presence(PresenceType::Available) => None,
            Form::Message(kind) => Some(kind.name()),
            Form::Presence(kind) => Some(kind.name()),
            Form::Iq(kind) => Some(kind.name()),
        }
    }
}

/// In front of the `>` or `/>` of the opening tag.
fn tag_stop(root: Node<'_>) -> usize {
    root.open_tag_end() - if root.inner_range().is_some() { 1 } else { 2 }
}

/// Ends the stanza whose content was written from there on; one without content becomes `<a/>`.
fn close(out: &mut Vec<u8>, content: usize, root: Node<'_>) {
    if out.len() == content {
        out.pop();
        return out.extend_from_slice(b"/>");
    }
    out.extend_from_slice(b"</");
    out.extend_from_slice(root.name().as_bytes());
    out.push(b'>');
}

#[inline]
fn copy(out: &mut Vec<u8>, bytes: &[u8], start: usize, end: usize) {
    out.extend_from_slice(bytes.get(start..end).unwrap_or_default());
}

#[inline]
fn write_jid(out: &mut Vec<u8>, name: &[u8], jid: &Jid) {
    out.extend_from_slice(name);
    match jid.resource() {
        // Neither localpart nor domain can hold a character that needs escaping.
        None => out.extend_from_slice(jid.as_str().as_bytes()),
        Some(resource) => {
            out.extend_from_slice(jid.bare_str().as_bytes());
            out.push(b'/');
            xml::write_escaped_attr(out, resource);
        }
    }
    out.push(b'\'');
}

fn write_attribute(out: &mut Vec<u8>, name: &[u8], value: &str) {
    out.extend_from_slice(name);
    xml::write_escaped_attr(out, value);
    out.push(b'\'');
}
