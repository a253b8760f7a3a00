//! What the change of an item asks for: rows to write, a push to the clients, stanzas to the contact.

use super::item::Item;
use super::version;
use crate::Dialect;
use crate::subscription::{State, Verb};
use xml::Element;
use xmpp::Jid;

/// What one change of a roster asks for.
#[derive(Debug)]
pub struct Change {
    /// The item, by the address that it has in the roster.
    pub jid: Jid,
    /// The subscription before.
    pub was: State,
    /// The subscription now.
    pub now: State,
    /// Whether the item was removed.
    pub removed: bool,
    /// Rows of the map "roster" to put, or to delete where there is no value; all in one commit, in this order.
    pub writes: Vec<(String, Option<Vec<u8>>)>,
    /// The `<query/>` of the roster push to every interested session; `None` when clients see no difference.
    pub push: Option<Element>,
    /// The same for J-sessions, where it differs.
    pub push_legacy: Option<Element>,
}

impl Change {
    pub(super) fn of(item: &Item, was: State) -> Change {
        Change {
            jid: item.jid.clone(),
            was,
            now: item.state,
            removed: false,
            writes: Vec::new(),
            push: None,
            push_legacy: None,
        }
    }

    pub(super) fn push_item(&mut self, item: &Item, version: String) {
        self.push = Some(version::query(Some(&version), [item], Dialect::X));
        self.push_legacy = (!item.extras.is_empty()).then(|| version::query(None, [item], Dialect::J));
    }

    /// The roster push in a session's dialect.
    pub fn push_for(&self, dialect: Dialect) -> Option<&Element> {
        match dialect {
            Dialect::J => self.push_legacy.as_ref().or(self.push.as_ref()),
            Dialect::X => self.push.as_ref(),
        }
    }

    /// What the contact must be told because its item was removed (RFC 6121 2.5.2), in this order.
    pub fn parting(&self) -> impl Iterator<Item = Verb> + use<> {
        self.removed.then(|| self.was.parting()).into_iter().flatten()
    }

    /// Whether the contact sees the user from now on, and did not before: it gets the current presence.
    pub fn shows(&self) -> bool {
        !self.was.seen_by_contact() && self.now.seen_by_contact()
    }

    /// Whether the contact no longer sees the user: it gets unavailable presence.
    pub fn hides(&self) -> bool {
        self.was.seen_by_contact() && !self.now.seen_by_contact()
    }
}
