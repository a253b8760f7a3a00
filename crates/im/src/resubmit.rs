//! What must not be lost: messages of a session that is gone, and what was committed but not yet sent when the server stopped.
use crate::fault::Fault;
use crate::home::{Home, Rests, Turn, Within};
use crate::hub::Hub;
use crate::outbox::Effect;
use crate::route::Known;
use crate::subscription::State;
use cluster::Placement;
use std::sync::Arc;
use xmpp::{Jid, Kind, MessageType, Stanza, StanzaError};

impl Within<'_> {
    /// Messages that a session was not handed go back to routing: to another session of this account, or to be kept.
    pub(crate) fn resubmit(&mut self, left: Vec<Arc<Stanza>>) {
        if self.is_clear() {
            left.iter().for_each(|stanza| self.resubmit_one(stanza));
        } else {
            // They came before whatever waits here.
            self.outbox.push_front(left.into_iter().map(Effect::Resubmit));
        }
    }

    /// A stanza for a session that is gone: a question must be answered all the same, the rest is worth nothing to others.
    pub(crate) fn missed(&mut self, stanza: &Stanza) {
        if stanza.kind() == Kind::Iq {
            self.bounce(stanza, &StanzaError::service_unavailable());
        }
    }

    /// A message that a session did not take: whatever it was addressed to, the account gets it in another way.
    pub(crate) fn resubmit_one(&mut self, stanza: &Arc<Stanza>) {
        if self.account.removed || stanza.kind() != Kind::Message {
            return self.bounce(stanza, &StanzaError::service_unavailable());
        }
        match stanza.message_type() {
            MessageType::Normal | MessageType::Chat => self.message_to_best(stanza.clone()),
            // A room learns that its occupant is gone; headlines and errors are worth nothing later.
            MessageType::GroupChat => self.bounce(stanza, &StanzaError::recipient_unavailable()),
            MessageType::Headline | MessageType::Error => {}
        }
    }
}

/// Accounts whose leftovers are looked up at once.
const PAGE: usize = 256;

impl Hub {
    /// Wakes, of the homes that are here now, those for which an earlier run, or a member that is gone, had committed something but not yet sent it.
    pub(crate) async fn replay(&self) -> Result<(), Fault> {
        let log = &self.shapes().outgoing;
        let mut after = String::new();
        loop {
            let owners = log.owners(&after, PAGE).await?;
            let Some(last) = owners.last() else { return Ok(()) };
            after.clone_from(last);
            let here = |owner: &String| self.cluster().place(owner) == Placement::Here;
            for owner in owners.into_iter().filter(here) {
                // One account of which nothing can be said is no reason not to serve the others.
                if let Err(fault) = self.replay_owner(&owner).await {
                    fault.tell();
                }
            }
        }
    }

    async fn replay_owner(&self, owner: &str) -> Result<(), Fault> {
        let jid = Jid::parse(owner).map_err(|error| unreadable_log(owner, error.to_string()))?;
        match self.wake(&jid).await? {
            Some(_) => Ok(()),
            None => self.replay_log(owner, None).await,
        }
    }

    /// Sends what this home had committed in an earlier life but not yet sent. Each receiver's state decides, so that what had arrived after all changes
    /// nothing.
    pub(crate) async fn replay_for(&self, home: &Arc<Home>) -> Result<(), Fault> {
        self.replay_log(home.jid().as_str(), Some(home)).await
    }

    async fn replay_log(&self, owner: &str, home: Option<&Arc<Home>>) -> Result<(), Fault> {
        let mut from = 0;
        loop {
            let rows = self.shapes().outgoing.read(owner, from, PAGE).await?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            from = last + 1;
            for (id, bytes) in rows {
                // One row that cannot be read is no reason not to go on.
                let unread = |why| drop(unreadable_log(owner, why).tell());
                let Ok(stanza) = read_stored(&bytes).map_err(unread) else { continue };
                match home {
                    Some(home) => home.with(self, |within| within.send_logged(Arc::new(stanza), id, 0)),
                    None => self.send_for_removed(owner, stanza, id).await,
                }
            }
        }
    }

    /// The farewells of an account that is gone have nobody's outbox to wait in.
    async fn send_for_removed(&self, owner: &str, stanza: Stanza, id: u64) {
        let Some(to) = stanza.to().cloned() else { return };
        let known = Known::of(self.wake(&to).await);
        let mut turn = Turn::new(self);
        turn.route(Arc::new(stanza), Some(known));
        let written = std::mem::replace(&mut turn.rests_on, Rests::Nowhere);
        turn.run();
        let arrived = match written {
            Rests::On(written) => written.await.is_ok(),
            Rests::Nothing => true,
            Rests::Nowhere => false,
        };
        if arrived && self.cluster().may_claim(owner) {
            let epoch = self.store().claim(owner);
            let batch = store::Batch::new(owner, epoch).unlog(&self.shapes().outgoing, owner, id);
            drop(self.store().submit(batch).await);
            self.store().release(owner, epoch);
        }
    }

    /// What the stored roster of `owner` says of `contact`, without waking `owner`.
    pub(crate) async fn stored_state(&self, owner: &Jid, contact: &Jid) -> Result<State, Fault> {
        let shelf = &self.shapes().roster;
        let rows = match contact.local() {
            // A person is kept under the bare address; a service may be known by a resource.
            Some(_) => {
                let row = shelf.get(owner.bare_str(), contact.bare_str()).await?;
                row.map(|row| vec![(contact.bare_str().to_owned(), row)]).unwrap_or_default()
            }
            None => shelf.all(owner.bare_str()).await?,
        };
        let unreadable = |why: String| Fault::Unreadable { what: "roster", owner: owner.to_string(), why };
        let roster = crate::roster::Roster::decode(rows).map_err(|error| unreadable(error.to_string()))?;
        Ok(roster.state(contact))
    }
}

pub(crate) fn read_stored(bytes: &[u8]) -> Result<Stanza, String> {
    read_stored_among(bytes, &[])
}

fn read_stored_among(bytes: &[u8], known: &[&Jid]) -> Result<Stanza, String> {
    let element = xml::Element::parse(bytes, &xml::Limits::OWN).map_err(|error| error.to_string())?;
    Stanza::read_among(element, known).map_err(|error| error.to_string())
}

/// Reads a stanza back from the bytes that the store kept; `known` are addresses that are probably in it. What cannot be read is logged and left out.
pub fn stored_stanza_among(what: &'static str, bytes: &[u8], known: &[&Jid]) -> Option<Stanza> {
    read_stored_among(bytes, known).map_err(|why| drop(unreadable(what, why).tell())).ok()
}

/// Reads a stanza back from the bytes that the store kept. What cannot be read is logged and left out.
pub fn stored_stanza(what: &'static str, bytes: &[u8]) -> Option<Stanza> {
    read_stored(bytes).map_err(|why| drop(unreadable(what, why).tell())).ok()
}

/// Reads an element back from the bytes that the store kept.
pub fn stored_element(what: &'static str, bytes: &[u8]) -> Result<xml::Element, StanzaError> {
    xml::Element::parse(bytes, &xml::Limits::OWN).map_err(|error| unreadable(what, error.to_string()).tell())
}

fn unreadable_log(owner: &str, why: String) -> Fault {
    Fault::Unreadable { what: "outgoing", owner: owner.to_owned(), why }
}

fn unreadable(what: &'static str, why: String) -> Fault {
    Fault::Unreadable { what, owner: "an account".into(), why }
}
