//! The two Jabbers that are spoken at the doors. The heart knows one form; here it is put into a stream's words and back.
//!
//! [`j`] is the Jabber of 2000 (streams without a version), [`x`] is XMPP.

mod j;
mod x;

use im::{Dialect, Host};
use xml::{Element, Node};
use xmpp::stanza::ReadError;
use xmpp::{Stanza, StreamError, ns};

/// Reads a session's element as a stanza in the heart's form.
pub(crate) fn read(dialect: Dialect, element: Element, host: &Host) -> Result<Stanza, ReadError> {
    match dialect {
        Dialect::J => j::read(element, host.name()),
        Dialect::X => Stanza::read(element),
    }
}

/// Writes a stanza in a stream's dialect.
#[inline]
pub fn write(dialect: Dialect, stanza: &Stanza, out: &mut Vec<u8>) {
    match dialect {
        Dialect::J => stanza.write_with(out, &j::Writer),
        Dialect::X => stanza.write_with(out, &x::Writer),
    }
}

/// Writes why a stream ends, and its end.
pub(crate) fn write_end(dialect: Dialect, error: &StreamError, out: &mut Vec<u8>) {
    match dialect {
        Dialect::J => error.write_legacy(out),
        Dialect::X => error.write(out),
    }
    out.extend_from_slice(CLOSE);
}

/// Whether a client says by this why it ends its stream; nothing answers it but the end of ours (RFC 6120 §4.9.1.1).
pub(crate) fn is_stream_error(element: Node<'_>) -> bool {
    element.is(ns::STREAM, "error")
}

/// Answers an element that is no stanza at all, on a stream where that is forgiven: one of 2000.
pub(crate) fn bounce_unknown(element: &Element, out: &mut Vec<u8>) {
    j::bounce_unknown(element, out);
}

/// A dialect's name, in logs.
pub(crate) const fn name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::J => "jabber",
        Dialect::X => "xmpp",
    }
}

/// The end of a stream, the same in both.
pub(crate) const CLOSE: &[u8] = b"</stream:stream>";
