//! How a roster lies in the store: one row per item in the map "roster", its key the item's address, its value JSON.
//!
//! The row with the empty key holds what belongs to no item. A row may lack any field, and may have fields that are not
//! known here.

use super::Roster;
use super::item::Item;
use super::version::Versions;
use crate::subscription::State;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use xml::Element;
use xmpp::{Jid, JidError};

/// The key of the row that belongs to no item.
const VERSIONS: &str = "";

/// A row that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the roster's row {key:?} cannot be read: {why}")]
pub struct DecodeError {
    key: String,
    why: Why,
}

#[derive(Debug, thiserror::Error)]
enum Why {
    #[error(transparent)]
    Address(#[from] JidError),
    #[error(transparent)]
    Value(#[from] serde_json::Error),
}

/// An item's row.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Row<'a> {
    #[serde(skip_serializing_if = "is_default")]
    version: u64,
    #[serde(skip_serializing_if = "is_default")]
    state: State,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "is_default")]
    approved: bool,
    #[serde(skip_serializing_if = "is_default")]
    hidden: bool,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    request: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    extras: Vec<Cow<'a, str>>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The row that has to be written for an item, or deleted if nothing is left of it.
pub(super) fn of(item: &Item) -> (String, Option<Vec<u8>>) {
    (item.jid.as_str().to_owned(), (!item.is_nothing()).then(|| json(&Row::of(item))))
}

/// The row of the versions.
pub(super) fn of_versions(versions: &Versions) -> (String, Option<Vec<u8>>) {
    (VERSIONS.to_owned(), Some(json(versions)))
}

/// Rows are made of strings, numbers and lists only: writing them cannot fail.
fn json(row: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(row).unwrap_or_default()
}

impl<'a> Row<'a> {
    fn of(item: &'a Item) -> Row<'a> {
        Row {
            version: item.version,
            state: item.state,
            name: item.name.as_deref().map(Cow::Borrowed),
            groups: item.groups.iter().map(|group| group.as_str().into()).collect(),
            approved: item.approved,
            hidden: !item.listed,
            request: item.request.as_ref().map(|request| request.as_str().into()),
            extras: item.extras.iter().map(|extra| extra.as_str().into()).collect(),
        }
    }

    fn into_item(self, jid: Jid) -> Item {
        Item {
            jid,
            name: self.name.map(Cow::into_owned),
            groups: self.groups.into_iter().map(Cow::into_owned).collect(),
            state: self.state,
            approved: self.approved,
            request: self.request.and_then(|text| element(&text)),
            listed: !self.hidden,
            extras: self.extras.iter().filter_map(|text| element(text)).collect(),
            version: self.version,
        }
    }
}

fn element(text: &str) -> Option<Element> {
    Element::parse(text.as_bytes(), &xml::Limits::OWN).ok()
}

impl Roster {
    /// The roster that these rows hold. No rows: an empty roster.
    pub fn decode(rows: Vec<(String, Vec<u8>)>) -> Result<Roster, DecodeError> {
        let mut versions = None;
        let mut items = Vec::with_capacity(rows.len());
        for (key, value) in rows {
            let read = if key == VERSIONS {
                serde_json::from_slice(&value).map(|row| versions = Some(row)).map_err(Why::from)
            } else {
                item(&key, &value).map(|item| items.push(item))
            };
            read.map_err(|why| DecodeError { key, why })?;
        }
        items.sort_unstable_by(|one: &Item, other| one.jid.cmp(&other.jid));
        items.dedup_by(|later, earlier| later.jid == earlier.jid);
        let newest = items.iter().map(|item| item.version).max().unwrap_or(0);
        Ok(Roster { items, versions: Versions::woken(versions, newest) })
    }
}

fn item(key: &str, value: &[u8]) -> Result<Item, Why> {
    let jid = Jid::parse(key)?;
    let row: Row<'_> = serde_json::from_slice(value)?;
    Ok(row.into_item(jid))
}
