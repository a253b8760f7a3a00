//! One account's contact list: what its clients may change, what subscriptions change, and what must be written and told
//! (RFC 6121 sections 2 and 3).
//!
//! Pure: nothing here locks, waits or stores. A change is made in memory at once and comes back as a [`Change`], which says
//! what to write, what to push and where the subscription stands. A write that fails is undone by loading anew.
//!
//! A subscription belongs to a person, so for `local@domain/resource` it is kept at the bare address. A service of 2000
//! (`icq.h/registered`) is kept at the address it goes by, and is found by its bare one too.

mod change;
mod item;
mod limits;
mod rows;
#[cfg(test)]
mod tests;
mod version;
mod wish;

pub use change::Change;
pub use item::Item;
pub use limits::Limits;
pub use rows::DecodeError;
pub use version::Since;
pub use wish::{RosterSet, parse_set};

use crate::Dialect;
use crate::subscription::{Inbound, Outbound, State, Verb};
use version::Versions;
use xml::Element;
use xmpp::{Jid, StanzaError};

/// One account's roster, in memory.
#[derive(Debug)]
pub struct Roster {
    /// In the order of their addresses. Also what is only known by a pending request, and what was removed not long ago.
    items: Vec<Item>,
    versions: Versions,
}

impl Roster {
    /// A roster without items, of nobody.
    pub(crate) fn empty() -> Roster {
        Roster { items: Vec::new(), versions: Versions::default() }
    }

    /// The item of this contact, also one that is not listed (see [`Item::listed`]).
    pub fn get(&self, contact: &Jid) -> Option<&Item> {
        self.items.get(self.find(contact)?)
    }

    /// Where the subscriptions to and from this contact stand, for any of its addresses.
    pub fn state(&self, contact: &Jid) -> State {
        self.get(contact).map_or(State::None, |item| item.state)
    }

    /// What the user's clients see.
    pub fn iter(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.listed)
    }

    /// Whose presence the user receives: whom to probe.
    pub fn sees(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.state.sees_contact())
    }

    /// Who receives the user's presence: to whom to broadcast.
    pub fn seen_by(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.state.seen_by_contact())
    }

    /// Who waits for the user's answer, listed or not: told to each new session until answered (RFC 6121 3.1.3).
    pub fn requests(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.state.pending_in())
    }

    /// Adds, changes or removes an item as a client wishes (RFC 6121 2.3 to 2.5). Where the subscription stands is not the
    /// client's to say: it stays as it is.
    ///
    /// Errors: `item-not-found` for removing what is not there (on X; on J it is pushed anyway), `resource-constraint` when
    /// the roster is full.
    pub fn set(&mut self, wish: RosterSet, limits: &Limits) -> Result<Change, StanzaError> {
        let jid = self.address_of(&wish);
        if wish.remove {
            let gone = self.remove(&jid, limits);
            let push_anyway = || (wish.dialect == Dialect::J).then(|| self.push_missing(&jid));
            return gone.or_else(push_anyway).ok_or_else(StanzaError::item_not_found);
        }
        self.check_room(&jid, wish.bytes(), limits)?;
        let at = self.place(&jid);
        let item = &mut self.items[at];
        item.listed = true;
        item.name = wish.name;
        item.groups = wish.groups;
        if let Some(extras) = wish.extras {
            item.extras = extras;
        }
        let was = item.state;
        Ok(self.changed(at, was, true))
    }

    /// Removes the item with exactly this address (RFC 6121 2.5.2). `None`: the clients see no such item.
    pub fn remove(&mut self, jid: &Jid, limits: &Limits) -> Option<Change> {
        let at = self.known(jid.as_str())?;
        let item = self.items.get_mut(at).filter(|item| item.listed)?;
        let was = item.state;
        *item = Item::unlisted(item.jid.clone());
        let mut change = self.changed(at, was, true);
        change.removed = true;
        self.forget_removals(limits, &mut change);
        Some(change)
    }

    /// The user's client sends one of the four subscription stanzas (RFC 6121 A.2; 3.4 for pre-approval, which is noted
    /// when there is nothing to approve). Not for the user's own address.
    ///
    /// Errors: `resource-constraint` when the contact would have to be added to a full roster.
    pub fn outbound(
        &mut self,
        contact: &Jid,
        verb: Verb,
        limits: &Limits,
    ) -> Result<(Outbound, Option<Change>), StanzaError> {
        let (was, was_approved) = self.standing(contact);
        let outbound = was.outbound(verb);
        let approved = match verb {
            Verb::Subscribed => was_approved || !outbound.route && !was.seen_by_contact(),
            Verb::Unsubscribed => false,
            Verb::Subscribe | Verb::Unsubscribe => was_approved,
        };
        if (outbound.next, approved) == (was, was_approved) {
            return Ok((outbound, None));
        }
        let jid = self.subscription_address(contact);
        if Item::shows(outbound.next, approved) && !self.get(contact).is_some_and(|item| item.listed) {
            self.check_room(&jid, jid.as_str().len(), limits)?;
        }
        let at = self.place(&jid);
        Ok((outbound, Some(self.turn(at, outbound.next, approved, None))))
    }

    /// One of the four subscription stanzas arrives from a contact (RFC 6121 A.3). `stanza` is what the user is shown, and
    /// shown again, until a request is answered. Not for the user's own address.
    ///
    /// A request that finds too many waiting is answered as if the account did not exist.
    pub fn inbound(
        &mut self,
        contact: &Jid,
        verb: Verb,
        stanza: Option<&Element>,
        limits: &Limits,
    ) -> (Inbound, Option<Change>) {
        let (was, approved) = self.standing(contact);
        let mut inbound = was.inbound(verb);
        if inbound.next.pending_in() && !was.pending_in() {
            if approved {
                let next = inbound.next.outbound(Verb::Subscribed).next;
                inbound = Inbound { deliver: false, next, auto_reply: Some(Verb::Subscribed) };
            } else if self.requests().count() >= limits.requests {
                inbound = Inbound { deliver: false, next: was, auto_reply: Some(Verb::Unsubscribed) };
            }
        }
        if inbound.next == was {
            return (inbound, None);
        }
        let request = stanza.filter(|stanza| stanza.memory_bytes() <= limits.request_bytes).cloned();
        let jid = self.subscription_address(contact);
        let at = self.place(&jid);
        (inbound, Some(self.turn(at, inbound.next, approved, request)))
    }
}

impl Roster {
    /// Moves an item to another state. A request is kept as long as it waits.
    fn turn(&mut self, at: usize, next: State, approved: bool, request: Option<Element>) -> Change {
        let item = &mut self.items[at];
        let (was, face) = (item.state, item.face());
        item.state = next;
        item.approved = approved;
        item.listed |= Item::shows(next, approved);
        item.request = item.request.take().or(request).filter(|_| next.pending_in());
        let visible = item.face() != face;
        self.changed(at, was, visible)
    }

    /// What follows from the change of an item that has just been made: version, push, row. Drops the item if nothing is left of it.
    fn changed(&mut self, at: usize, was: State, visible: bool) -> Change {
        let item = &mut self.items[at];
        let mut change = Change::of(item, was);
        if visible {
            item.version = self.versions.advance(&mut change.writes);
            change.push_item(item, self.versions.text(item.version));
        }
        change.writes.push(rows::of(item));
        if item.is_nothing() {
            self.items.remove(at);
        }
        change
    }

    /// What a J-client is told that removes what is not there.
    fn push_missing(&self, jid: &Jid) -> Change {
        let item = Item::unlisted(jid.clone());
        let mut change = Change::of(&item, State::None);
        change.removed = true;
        change.push_item(&item, self.versions.text(self.versions.current));
        change
    }

    /// Forgets the oldest removals beyond the limit: who has not heard of them will get the whole roster.
    fn forget_removals(&mut self, limits: &Limits, change: &mut Change) {
        let removals = self.items.iter().filter(|item| item.is_removal()).count();
        for _ in limits.removals.max(1)..removals {
            let kept = self.items.iter().enumerate().filter(|(_, item)| item.is_removal());
            let Some((at, oldest)) = kept.map(|(at, item)| (at, item.version)).min_by_key(|(_, version)| *version)
            else {
                return;
            };
            self.items[at].version = 0;
            change.writes.push(rows::of(&self.items[at]));
            change.writes.push(self.versions.forget(oldest));
            if self.items[at].is_nothing() {
                self.items.remove(at);
            }
        }
    }

    /// Whether an item may have this size. What is listed may always shrink, even where limits were lowered.
    fn check_room(&self, jid: &Jid, bytes: usize, limits: &Limits) -> Result<(), StanzaError> {
        let before = self.iter().find(|item| item.jid == *jid).map(Item::bytes);
        if before.is_some_and(|before| bytes <= before) {
            return Ok(());
        }
        let others = self.iter().map(Item::bytes).sum::<usize>() - before.unwrap_or(0);
        let one_more = before.is_none() && self.iter().count() >= limits.items;
        if one_more || others + bytes > limits.bytes {
            return Err(StanzaError::resource_constraint().with_text("The roster is full."));
        }
        Ok(())
    }

    /// State and pre-approval of a contact.
    fn standing(&self, contact: &Jid) -> (State, bool) {
        self.get(contact).map_or((State::None, false), |item| (item.state, item.approved))
    }
}

/// Which item an address means.
impl Roster {
    fn position(&self, address: &str) -> Result<usize, usize> {
        self.items.binary_search_by(|item| item.jid.as_str().cmp(address))
    }

    /// The item with exactly this address, unless it has been removed.
    fn known(&self, address: &str) -> Option<usize> {
        self.position(address).ok().filter(|at| self.items.get(*at).is_some_and(Item::is_known))
    }

    /// The item that holds the subscription of this contact.
    fn find(&self, contact: &Jid) -> Option<usize> {
        let bare = || self.known(contact.bare_str());
        if contact.local().is_some() {
            return bare();
        }
        self.known(contact.as_str()).or_else(bare).or_else(|| self.sole_resource(contact))
    }

    /// `icq.h` means `icq.h/registered` if that is the only item of this service.
    fn sole_resource(&self, service: &Jid) -> Option<usize> {
        if service.is_full() {
            return None;
        }
        let prefix = format!("{service}/");
        let first = self.items.partition_point(|item| item.jid.as_str() < prefix.as_str());
        let of_service = self.items[first..].iter().take_while(|item| item.jid.as_str().starts_with(&prefix));
        let mut known = of_service.enumerate().filter(|(_, item)| item.is_known());
        let (after_first, _) = known.next()?;
        known.next().is_none().then_some(first + after_first)
    }

    /// Where the subscription of this contact is kept, or will be.
    fn subscription_address(&self, contact: &Jid) -> Jid {
        match self.get(contact) {
            Some(item) => item.jid.clone(),
            None if contact.local().is_some() => contact.bare(),
            None => contact.clone(),
        }
    }

    /// Which address a client means: X-clients name people only, unless the item with the resource is there already.
    fn address_of(&self, wish: &RosterSet) -> Jid {
        if wish.dialect == Dialect::J || self.known(wish.jid.as_str()).is_some() {
            wish.jid.clone()
        } else {
            wish.jid.bare()
        }
    }

    /// The place of the item with this address; an unlisted one is made if there is none.
    fn place(&mut self, jid: &Jid) -> usize {
        self.position(jid.as_str()).unwrap_or_else(|at| {
            self.items.insert(at, Item::unlisted(jid.clone()));
            at
        })
    }
}
