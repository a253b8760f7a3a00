//! Subscriptions on their way out and in (RFC 6121 §3). What they do to the roster is the table in [`crate::subscription`]; here it is written, told to
//! the account's sessions, and sent on.
//!
//! The roster change and the stanza that it causes are one commit: the stanza stands in the log of what is outgoing until the contact's side is with the
//! store too. Clients hear of a change, and the contact gets the stanza, only when it is durable.
use crate::door::Dialect;
use crate::home::Within;
use crate::outbox::Effect;
use crate::roster::{Change, Item};
use crate::screen::Inward;
use crate::session::Session;
use crate::subscription::{State, Verb};
use std::sync::Arc;
use store::{Batch, Ticket};
use xmpp::{Jid, PresenceType, Stanza, StanzaError};

impl Within<'_> {
    /// A session of this account sends `subscribe`, `subscribed`, `unsubscribe` or `unsubscribed`.
    pub(crate) fn subscription_out(&mut self, session: &Arc<Session>, mut stanza: Stanza) {
        let (Some(verb), Some(to)) = (Verb::of(stanza.presence_type()), stanza.to().cloned()) else {
            return self.refuse(session, &stanza, &StanzaError::bad_request());
        };
        if to.same_bare(self.account.jid()) {
            // A subscription to oneself is nobody's: one's own sessions see each other anyway.
            return;
        }
        let limits = self.hub.limits().roster;
        match self.account.roster.outbound(&to, verb, &limits) {
            Ok((outbound, change)) => {
                // Under which address the contact is known: a person's bare one, a service's own.
                let contact = self.account.roster.get(&to).map_or_else(|| address(&to), |item| item.jid.clone());
                stanza.set_from(self.account.jid().clone());
                stanza.set_to(Some(contact.clone()));
                self.commit_out(outbound.route.then_some(stanza), change, &contact);
            }
            Err(error) => self.refuse(session, &stanza, &error),
        }
    }

    /// Writes a change and what it sends, and has both told when that is durable.
    fn commit_out(&mut self, stanza: Option<Stanza>, change: Option<Change>, contact: &Jid) {
        let Some(change) = change else {
            // Nothing to write: the contact's side may still have missed it (RFC 6121 §3.1.2), so it goes out again.
            if let Some(stanza) = stanza {
                self.tell(Effect::Route(Arc::new(stanza)), None);
            }
            return;
        };
        let mut batch = self.roster_batch(&change);
        let logged = stanza.map(|stanza| self.log(&mut batch, stanza));
        let ticket = self.write_logged(batch);
        // RFC 6121 §3.2.2: unavailable presence goes before `unsubscribed`. §3.1.5: available presence comes after `subscribed`.
        if change.hides() {
            self.show_after(&ticket, contact, false);
        }
        self.push_after(&ticket, &change);
        if let Some(logged) = logged {
            self.after(&ticket, logged, None);
        }
        if change.shows() {
            self.show_after(&ticket, contact, true);
        }
    }

    /// Another account sends one of the four to this one (RFC 6121 §3.1.3, §3.1.6, §3.2.3, §3.3.3).
    pub(crate) fn subscription_in(&mut self, mut stanza: Stanza) {
        let (Some(verb), Some(from)) = (Verb::of(stanza.presence_type()), stanza.from().cloned()) else { return };
        if from.same_bare(self.account.jid()) {
            return;
        }
        let contact = address(&from);
        if verb == Verb::Subscribe && self.refuses_anew(&contact) {
            return;
        }
        stanza.set_from(contact.clone());
        stanza.set_to(Some(self.account.jid().clone()));
        let limits = self.hub.limits().roster;
        let (inbound, change) = self.account.roster.inbound(&contact, verb, Some(&stanza.to_element()), &limits);
        let mut batch = change.as_ref().map_or_else(|| self.batch(), |change| self.roster_batch(change));
        if verb == Verb::Unsubscribed && change.is_some() {
            batch = self.take_back_request(&contact, batch);
        }
        // The contact's side hangs on the answer as on a stanza that a client sent.
        let answer = inbound.auto_reply.map(|answer| {
            let own = self.account.jid().clone();
            self.log(&mut batch, Stanza::presence(answer.presence(), Some(own), Some(contact.clone())))
        });
        let ticket = self.write_logged(batch);
        if inbound.deliver {
            self.deliver_subscription(&ticket, verb, stanza);
        }
        if let Some(change) = &change {
            self.push_after(&ticket, change);
            if change.hides() {
                self.show_after(&ticket, &contact, false);
            }
        }
        if let Some(answer) = answer {
            self.after(&ticket, answer, None);
            if verb == Verb::Subscribe {
                self.show_after(&ticket, &contact, true);
            }
        }
    }

    /// To whom: a request goes to the sessions that are available and know the roster; the rest to those that know the roster.
    fn deliver_subscription(&mut self, ticket: &Ticket, verb: Verb, stanza: Stanza) {
        let stanza = Arc::new(stanza);
        let screen = self.screen_in(Inward::Subscription, &stanza);
        for session in
            self.sessions_that(|present| present.interested && (verb != Verb::Subscribe || present.is_available()))
        {
            if !screen(self.account, &session) {
                self.after(ticket, Effect::Post(session, stanza.clone()), None);
            }
        }
    }

    /// RFC 6121 §3.1.3: requests that wait for an answer are told to each session that becomes available, once it has asked for the roster; in 2000, at
    /// each asking for the roster.
    pub(crate) fn tell_pending_requests(&mut self, session: &Arc<Session>) {
        let Some(present) = self.account.present(session) else { return };
        let due = match session.dialect() {
            Dialect::J => present.interested,
            Dialect::X => present.interested && present.is_available() && !present.told_requests,
        };
        if !due {
            return;
        }
        present.told_requests = true;
        let own = self.account.jid().clone();
        // Of a request that was too large to keep, only the fact is known.
        let bare = |from: &Jid| Stanza::presence(PresenceType::Subscribe, Some(from.clone()), Some(own.clone()));
        let kept = |item: &Item| {
            item.request.clone().and_then(|request| Stanza::read(request).ok()).unwrap_or_else(|| bare(&item.jid))
        };
        let requests: Vec<Stanza> = self.account.roster.requests().map(kept).collect();
        for request in requests {
            self.post(session, Arc::new(request));
        }
    }

    /// The batch that writes a roster change.
    pub(crate) fn roster_batch(&self, change: &Change) -> Batch {
        let (map, owner) = (&self.hub.shapes().roster, self.account.jid().as_str());
        change.writes.iter().fold(self.batch(), |batch, (key, value)| match value {
            Some(value) => batch.put_in(map, owner, key, value.clone()),
            None => batch.delete_in(map, owner, key),
        })
    }

    /// A roster push to every session that has asked for the roster (RFC 6121 §2.1.6), once it is true.
    pub(crate) fn push_after(&mut self, ticket: &Ticket, change: &Change) {
        for session in self.sessions_that(|present| present.interested) {
            if let Some(query) = change.push_for(session.dialect()) {
                let push = roster_push(&session, query, self.next_id());
                self.after(ticket, Effect::Post(session, Arc::new(push)), None);
            }
        }
    }

    pub(crate) fn show_after(&mut self, ticket: &Ticket, contact: &Jid, shown: bool) {
        for stanza in self.show_all_to(contact, shown) {
            self.after(ticket, Effect::Route(Arc::new(stanza)), None);
        }
    }

    /// The account is being removed: `batch` erases it, and every contact is told that the subscriptions are over, in the same commit.
    pub(crate) fn cancel_subscriptions(&mut self, mut batch: Batch) -> Ticket {
        let hidden = self.account.roster.requests().filter(|item| !item.listed);
        let items: Vec<_> =
            self.account.roster.iter().chain(hidden).map(|item| (item.jid.clone(), item.state)).collect();
        let own = self.account.jid().clone();
        let mut farewells = Vec::new();
        for (contact, state) in &items {
            for verb in state.parting() {
                let farewell = Stanza::presence(verb.presence(), Some(own.clone()), Some(contact.clone()));
                farewells.push(self.log(&mut batch, farewell));
            }
        }
        let ticket = self.write_logged(batch);
        for (contact, _) in items.iter().filter(|(_, state)| state.seen_by_contact()) {
            self.show_after(&ticket, contact, false);
        }
        for farewell in farewells {
            self.after(&ticket, farewell, None);
        }
        ticket
    }

    /// Has the log remember a stanza until its receiver's side is written, too; gives what sends it.
    pub(crate) fn log(&mut self, batch: &mut Batch, stanza: Stanza) -> Effect {
        let id = self.next_id();
        self.remember_refusal(&stanza, id, None);
        let mut bytes = Vec::with_capacity(stanza.size());
        stanza.write(&mut bytes);
        let more = std::mem::replace(batch, self.batch());
        *batch = more.log(&self.hub.shapes().outgoing, self.account.jid().as_str(), id, bytes);
        Effect::RouteLogged(Arc::new(stanza), id, 0)
    }

    /// Sends a stanza of the log again: from before a restart, or when its receiver could not write its side. Rows are struck out in any order, so one
    /// that this account's roster has left behind since is told to nobody.
    pub(crate) fn send_logged(&mut self, stanza: Arc<Stanza>, id: u64, tries: u8) {
        let state = stanza.to().map_or(State::None, |to| self.account.roster.state(to));
        match Verb::of(stanza.presence_type()) {
            Some(verb) if !state.may_have_sent(verb) => self.strike_out(id),
            _ => {
                self.remember_refusal(&stanza, id, Some(Ticket::committed()));
                self.outbox.push(Effect::RouteLogged(stanza, id, tries), None);
            }
        }
    }

    /// The log need remember this no longer.
    pub(crate) fn strike_out(&mut self, id: u64) {
        self.forget_refusal(id);
        let batch = self.batch().unlog(&self.hub.shapes().outgoing, self.account.jid().as_str(), id);
        self.write(batch);
    }
}

impl Verb {
    /// The presence type of this verb.
    pub(crate) fn presence(self) -> PresenceType {
        match self {
            Verb::Subscribe => PresenceType::Subscribe,
            Verb::Subscribed => PresenceType::Subscribed,
            Verb::Unsubscribe => PresenceType::Unsubscribe,
            Verb::Unsubscribed => PresenceType::Unsubscribed,
        }
    }
}

/// An iq set with a roster query, from the account itself to one of its sessions.
pub(crate) fn roster_push(session: &Session, query: &xml::Element, id: u64) -> Stanza {
    let push = xml::Builder::new(xmpp::ns::CLIENT, "iq")
        .attr("type", "set")
        .attr("id", &format!("push-{id}"))
        .node(query.root())
        .finish();
    let mut push = Stanza::made(push);
    push.set_to(Some(session.jid().clone()));
    push
}

/// What a subscription is kept under: the bare address of a person, the whole address of a service (`icq.example/registered`).
fn address(of: &Jid) -> Jid {
    if of.local().is_some() { of.bare() } else { of.clone() }
}
