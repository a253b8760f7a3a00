//! `xmpp`: addresses.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::hint::black_box;

use anyhow::Result;
use xmpp::Jid;

use crate::case::{Case, Work};

pub(crate) const CASES: &[Case] = &[
    Case::new("jid/parse-full", 200, || parses("juliet@verona.example/balcony")),
    Case::new("jid/parse-upper-case", 200, || parses("Juliet@Verona.Example/balcony")),
    Case::new("jid/parse-non-ascii", 50, || parses("jülïet@véröna.example/Balkön ☕")),
    Case::new("jid/compare", 200, compares),
    Case::new("jid/bare-and-host", 200, takes_apart),
    Case::new("jid/hash", 200, hashes),
];

fn parses(text: &'static str) -> Result<Work> {
    Ok(Box::new(move || black_box(Jid::parse(black_box(text))).is_ok()))
}

/// One that is equal and two that are not: another resource, another account.
fn compares() -> Result<Work> {
    let jid = Jid::parse("juliet@verona.example/balcony")?;
    let others = ["juliet@verona.example/balcony", "juliet@verona.example/bedroom", "romeo@verona.example/balcony"];
    let others = others.map(Jid::parse).into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(Box::new(move || black_box(&others).iter().filter(|other| **other == jid).count() == 1))
}

fn takes_apart() -> Result<Work> {
    let jid = Jid::parse("juliet@verona.example/balcony")?;
    Ok(Box::new(move || black_box(black_box(&jid).bare()).is_bare() && black_box(&jid).domain_jid().is_domain()))
}

fn hashes() -> Result<Work> {
    let jid = Jid::parse("juliet@verona.example/balcony")?;
    let hasher = BuildHasherDefault::<DefaultHasher>::new();
    let known = hasher.hash_one(&jid);
    Ok(Box::new(move || hasher.hash_one(black_box(&jid)) == known))
}
