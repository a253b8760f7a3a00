//! Roster versions: what a client has to be told that was away (RFC 6121 2.6).
//!
//! Each change that clients see takes the next number, and the item (or what is left of it after its removal) remembers
//! the number of its last change. The counter needs no row of its own: it is the greatest number that any item has.

use super::Roster;
use super::item::Item;
use super::rows;
use crate::Dialect;
use serde::{Deserialize, Serialize};
use xml::{Builder, Element};
use xmpp::ns;

/// What a client that asks for its roster is answered.
#[derive(Debug)]
pub enum Since {
    /// A result with this `<query/>`: the whole roster.
    Whole(Element),
    /// A result without content: nothing has changed.
    Nothing,
    /// A result without content, then one push with each of these `<query/>`s, in this order.
    Deltas(Vec<Element>),
}

/// The roster's counter, and how far back it can tell what has changed.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Versions {
    /// Tells this roster's numbers from those of one that had the same owner before.
    life: u32,
    /// Removals up to this number may have been forgotten.
    floor: u64,
    /// The number of the last change.
    #[serde(skip)]
    pub(super) current: u64,
    /// Whether there is a row with `life`.
    #[serde(skip)]
    stored: bool,
}

impl Versions {
    /// `row` as it was stored, if ever; `newest` is the greatest number of an item.
    pub(super) fn woken(row: Option<Versions>, newest: u64) -> Versions {
        let stored = row.is_some();
        let row = row.unwrap_or_else(|| Versions { life: getrandom::u32().unwrap_or(0), ..Versions::default() });
        Versions { current: newest.max(row.floor), stored, ..row }
    }

    /// The next number; the first one is written together with the roster's life.
    pub(super) fn advance(&mut self, writes: &mut Vec<(String, Option<Vec<u8>>)>) -> u64 {
        if !self.stored {
            self.stored = true;
            writes.push(rows::of_versions(self));
        }
        self.current += 1;
        self.current
    }

    /// The removal with this number is forgotten; the row that says so.
    pub(super) fn forget(&mut self, number: u64) -> (String, Option<Vec<u8>>) {
        self.floor = self.floor.max(number);
        rows::of_versions(self)
    }

    /// A number as clients see it.
    pub(super) fn text(&self, number: u64) -> String {
        format!("{:08x}-{number}", self.life)
    }

    /// The number in a client's version, if everything that happened since is known.
    fn number(&self, version: &str) -> Option<u64> {
        let (life, number) = version.split_once('-')?;
        let number = number.parse().ok()?;
        let known = u32::from_str_radix(life, 16) == Ok(self.life) && (self.floor..=self.current).contains(&number);
        known.then_some(number)
    }
}

impl Roster {
    /// The roster's version, as in the `ver` attribute.
    pub fn version(&self) -> String {
        self.versions.text(self.versions.current)
    }

    /// What answers a roster get; `version` is its `ver` attribute. J-clients always get everything, and no versions.
    pub fn result_since(&self, version: Option<&str>, dialect: Dialect) -> Since {
        if dialect == Dialect::J {
            return Since::Whole(query(None, self.iter(), dialect));
        }
        let whole = || Since::Whole(query(Some(&self.version()), self.iter(), dialect));
        let Some(since) = version.and_then(|version| self.versions.number(version)) else { return whole() };
        let mut changed: Vec<&Item> = self.items.iter().filter(|item| item.version > since).collect();
        if changed.is_empty() {
            return Since::Nothing;
        }
        if changed.len() > self.iter().count() {
            return whole();
        }
        changed.sort_unstable_by_key(|item| item.version);
        let push = |item: &Item| query(Some(&self.versions.text(item.version)), [item], dialect);
        Since::Deltas(changed.into_iter().map(push).collect())
    }
}

/// A roster `<query/>` with these items.
pub(super) fn query<'i>(version: Option<&str>, items: impl IntoIterator<Item = &'i Item>, dialect: Dialect) -> Element {
    let query = Builder::new(ns::ROSTER, "query").attr_opt("ver", version);
    items.into_iter().fold(query, |query, item| item.write(query, dialect)).finish()
}
