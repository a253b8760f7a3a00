//! `xmpp`: elements to stanzas, and stanzas with their changes to bytes.

use std::hint::black_box;

use anyhow::Result;
use xml::{Builder, Element, Limits};
use xmpp::{Jid, Stanza, StanzaError};

use crate::case::{Case, Work};
use crate::{samples, world};

pub(crate) const CASES: &[Case] = &[
    Case::new("stanza/read-message", 100, reads),
    Case::new("stanza/write-message", 100, || writes(|_| Ok(()))),
    Case::new("stanza/write-with-child", 100, || writes(add_child)),
    Case::new("stanza/write-without-child", 100, || writes(remove_child)),
    Case::new("stanza/make-error", 50, makes_error),
    Case::new("stanza/make-result", 50, makes_result),
    Case::new("stanza/to-element", 50, becomes_element),
];

fn reads() -> Result<Work> {
    let element = Element::parse(samples::CHAT.as_bytes(), &Limits::default())?;
    Ok(Box::new(move || black_box(Stanza::read(black_box(&element).clone())).is_ok()))
}

/// A message whose sender has been stamped, and then changed.
fn stamped() -> Result<Stanza> {
    let mut stanza = world::stanza(samples::CHAT)?;
    stanza.set_from(Jid::parse("romeo@verona.example/orchard")?);
    Ok(stanza)
}

fn writes(change: fn(&mut Stanza) -> Result<()>) -> Result<Work> {
    let mut stanza = stamped()?;
    change(&mut stanza)?;
    let mut out = Vec::new();
    Ok(Box::new(move || {
        out.clear();
        black_box(&stanza).write(&mut out);
        black_box(&out).ends_with(b"</message>")
    }))
}

fn add_child(stanza: &mut Stanza) -> Result<()> {
    let stamp =
        Builder::new("urn:xmpp:sid:0", "stanza-id").attr("by", "juliet@verona.example").attr("id", "1031699305");
    stanza.append(stamp.finish());
    Ok(())
}

fn remove_child(stanza: &mut Stanza) -> Result<()> {
    stanza.remove(|child| child.name() == "origin-id");
    Ok(())
}

fn makes_error() -> Result<Work> {
    let (stanza, error) = (stamped()?, StanzaError::service_unavailable());
    Ok(Box::new(move || black_box(black_box(&stanza).error(&error)).is_error()))
}

fn makes_result() -> Result<Work> {
    let mut iq =
        world::stanza("<iq type='get' to='juliet@verona.example' id='q1'><query xmlns='jabber:iq:last'/></iq>")?;
    iq.set_from(Jid::parse("romeo@verona.example/orchard")?);
    let payload = Builder::new("jabber:iq:last", "query").attr("seconds", "903").finish();
    Ok(Box::new(move || black_box(black_box(&iq).result_with(payload.clone())).payload().is_some()))
}

fn becomes_element() -> Result<Work> {
    let stanza = stamped()?;
    Ok(Box::new(move || black_box(black_box(&stanza).to_element()).root().name() == "message"))
}
