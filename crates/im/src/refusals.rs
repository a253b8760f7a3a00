//! A request and a refusal that cross on the way. Each of the two accounts would take the other's stanza for the newer one, and the request would stand
//! with one side only (RFC 6121 A.2, A.3). So the refusal answers a request that crosses it: the order in which the request had come first.
//!
//! Whoever refuses remembers it until it is known that the other side has it, and refuses anew what asks until then. Whoever is refused takes back a
//! request that has not left yet.
use crate::home::Within;
use crate::outbox::Effect;
use crate::subscription::Verb;
use store::{Batch, Ticket};
use xmpp::{Jid, Kind, PresenceType, Stanza};

/// An `unsubscribed` that stands in the log of what is outgoing, and is not known to have arrived.
pub(crate) struct Refusal {
    /// Its number in the log.
    id: u64,
    to: Jid,
    /// The write that it is part of; `None` until that is with the store.
    written: Option<Ticket>,
}

impl Refusal {
    fn is_lost(&self) -> bool {
        self.written.as_ref().is_some_and(|written| matches!(written.state(), store::State::Failed(_)))
    }
}

impl Within<'_> {
    /// Remembers a stanza of the log that refuses somebody, until it has arrived.
    /// `written`: when it is known that the log has it.
    pub(crate) fn remember_refusal(&mut self, stanza: &Stanza, id: u64, written: Option<Ticket>) {
        let refusals = &mut self.account.refusals;
        refusals.retain(|refusal| !refusal.is_lost());
        if let (PresenceType::Unsubscribed, Some(to)) = (stanza.presence_type(), stanza.to())
            && !refusals.iter().any(|refusal| refusal.id == id)
        {
            refusals.push(Refusal { id, to: to.clone(), written });
        }
    }

    /// Writes a batch that may hold refusals: what is lost with it was never said.
    pub(crate) fn write_logged(&mut self, batch: Batch) -> Ticket {
        let ticket = self.write(batch);
        for refusal in self.account.refusals.iter_mut().filter(|refusal| refusal.written.is_none()) {
            refusal.written = Some(ticket.clone());
        }
        ticket
    }

    /// A stanza of the log has arrived, or says nothing any more.
    pub(crate) fn forget_refusal(&mut self, id: u64) {
        self.account.refusals.retain(|refusal| refusal.id != id);
    }

    /// Refuses a request of this contact that crosses a refusal on its way, or one that is given up until the next start.
    pub(crate) fn refuses_anew(&mut self, contact: &Jid) -> bool {
        let state = self.account.roster.state(contact);
        if state.seen_by_contact() || state.pending_in() {
            return false;
        }
        let all = std::mem::take(&mut self.account.refusals);
        let (before, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|refusal| refusal.to == *contact);
        self.account.refusals = others;
        if before.iter().all(Refusal::is_lost) {
            return false;
        }
        let own = self.account.jid().clone();
        let mut batch = self.batch();
        let refusal = Stanza::presence(PresenceType::Unsubscribed, Some(own), Some(contact.clone()));
        let refusal = self.log(&mut batch, refusal);
        let ticket = self.write_logged(batch);
        self.after(&ticket, refusal, None);
        true
    }

    /// A refusal has come: a request to this contact that waits in the outbox is answered by it, and does not leave any more.
    pub(crate) fn take_back_request(&mut self, contact: &Jid, mut batch: Batch) -> Batch {
        let asks = |stanza: &Stanza| {
            stanza.kind() == Kind::Presence
                && stanza.presence_type() == Verb::Subscribe.presence()
                && stanza.to() == Some(contact)
        };
        let (log, own) = (&self.hub.shapes().outgoing, self.account.jid().as_str());
        for entry in &mut self.outbox.queue {
            match &entry.effect {
                Effect::RouteLogged(stanza, id, _) if asks(stanza) => batch = batch.unlog(log, own, *id),
                Effect::Route(stanza) if asks(stanza) => {}
                _ => continue,
            }
            entry.effect = Effect::Nothing;
        }
        batch
    }
}
