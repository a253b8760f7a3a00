//! A client's element as a stanza, in the words of today and of 2000: what is let in, answered or written by either
//! dialect is a stanza again, and means the same.

#![no_main]

#[path = "../../crates/net/src/dialect/j.rs"]
mod j;
#[path = "../../crates/net/src/dialect/x.rs"]
mod x;

use xml::{Element, Limits};
use xmpp::stanza::{Dialect, ReadError};
use xmpp::{Jid, Stanza, StanzaError};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(element) = Element::parse(data, &Limits::default()) else { return };
    let Ok(host) = Jid::parse("example.org") else { return };
    take(Stanza::read(element.clone()), true);
    take(j::read(element.clone(), &host), false);
    let mut bounce = Vec::new();
    j::bounce_unknown(&element, &mut bounce);
    assert!(bounce.is_empty() || Element::parse(&bounce, &roomy()).is_ok(), "{}", bounce.escape_ascii());
});

fn take(read: Result<Stanza, ReadError>, today: bool) {
    let stanza = match read {
        Ok(stanza) => stanza,
        Err(unread) => {
            if let Some(reply) = unread.reply() {
                assert!(reply.is_error() && reply.to().is_none());
                written(&reply, &x::Writer);
            }
            return;
        }
    };
    let again = written(&stanza, &x::Writer);
    assert_eq!((again.kind(), again.from(), again.to()), (stanza.kind(), stanza.from(), stanza.to()));
    assert_eq!((again.id(), again.is_error(), again.iq_type()), (stanza.id(), stanza.is_error(), stanza.iq_type()));
    written(&stanza, &j::Writer);
    let refused = stanza.check_iq(today).err();
    if stanza.may_be_answered() {
        let error = stanza.error(&refused.unwrap_or_else(StanzaError::service_unavailable));
        let answer = written(&error, &x::Writer);
        assert!(answer.is_error() && answer.id() == stanza.id() && answer.to() == stanza.from());
        written(&error, &j::Writer);
    }
}

/// What a dialect writes, read by the other end.
fn written(stanza: &Stanza, dialect: &impl Dialect) -> Stanza {
    let mut out = Vec::new();
    stanza.write_with(&mut out, dialect);
    let element = Element::parse(&out, &roomy()).unwrap_or_else(|error| panic!("{error}: {}", out.escape_ascii()));
    Stanza::read(element).unwrap_or_else(|error| panic!("{error}: {}", out.escape_ascii()))
}

/// An answer is a little larger than the question.
fn roomy() -> Limits {
    let usual = Limits::default();
    Limits { stanza_bytes: 4 * usual.stanza_bytes, nodes: 2 * usual.nodes, depth: 2 * usual.depth, ..usual }
}
