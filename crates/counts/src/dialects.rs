//! `net`: stanzas in the words of a stream.

use std::hint::black_box;

use anyhow::Result;
use im::Dialect;
use net::dialect;
use xmpp::Jid;

use crate::case::{Case, Work};
use crate::{samples, world};

pub(crate) const CASES: &[Case] = &[
    Case::new("write/x-message", 100, || writes(Dialect::X, samples::CHAT)),
    Case::new("write/x-delayed", 100, || writes(Dialect::X, samples::DELAYED)),
    Case::new("write/x-error", 100, || writes(Dialect::X, samples::REFUSED)),
    Case::new("write/x-presence", 100, || writes(Dialect::X, samples::PRESENCE)),
    Case::new("write/j-message", 100, || writes(Dialect::J, samples::CHAT)),
    Case::new("write/j-delayed", 100, || writes(Dialect::J, samples::DELAYED)),
    Case::new("write/j-error", 100, || writes(Dialect::J, samples::REFUSED)),
    Case::new("write/j-presence", 100, || writes(Dialect::J, samples::PRESENCE)),
];

fn writes(words: Dialect, text: &str) -> Result<Work> {
    let mut stanza = world::stanza(text)?;
    stanza.set_from(Jid::parse("romeo@verona.example/orchard")?);
    let mut out = Vec::new();
    Ok(Box::new(move || {
        out.clear();
        dialect::write(words, black_box(&stanza), &mut out);
        black_box(&out).ends_with(b">")
    }))
}
