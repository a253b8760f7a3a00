//! Answers to an iq before there is a session: no addresses in them, in the stream's dialect.

use im::{Dialect, Host};
use xml::{Builder, Element, Node};
use xmpp::{JidRef, StanzaError, ns};

/// Whether this is an iq meant for the host itself: addressed to it, or to nobody.
pub(super) fn is_iq_to_host(element: Node<'_>, host: &Host) -> bool {
    let to_host = |to: &str| JidRef::parse(to).is_ok_and(|to| to.as_str() == host.name().as_str());
    element.is(ns::CLIENT, "iq") && element.attr("to").is_none_or(|to| to.is_empty() || to_host(&to))
}

/// Writes a result, with the question's id if it had one.
pub(super) fn write_result(out: &mut Vec<u8>, iq: Node<'_>, payload: Option<&Element>) {
    let result = answer(iq, "result");
    let result = match payload {
        Some(payload) => result.raw_child(payload),
        None => result,
    };
    out.extend_from_slice(result.finish().bytes());
}

/// Writes an error, with the question's id if it had one, and nothing else of the question.
pub(super) fn write_error(out: &mut Vec<u8>, dialect: Dialect, iq: Node<'_>, error: &StanzaError) {
    let answer = answer(iq, "error");
    let answer = match dialect {
        Dialect::X => answer.raw_child(&error.to_element()),
        Dialect::J => {
            let (code, text) = error.to_legacy();
            answer.open(ns::CLIENT, "error").attr("code", &code.to_string()).text(text)
        }
    };
    out.extend_from_slice(answer.finish().bytes());
}

fn answer(iq: Node<'_>, kind: &str) -> Builder {
    Builder::new(ns::CLIENT, "iq").attr("type", kind).attr_opt("id", iq.attr("id").as_deref())
}
