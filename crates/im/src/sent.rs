//! Stop 3: a stanza leaves the account that sent it.
//!
//! The sender's home is locked; the Sent moment has its say; then the sender's own part is done here (presence, subscriptions, questions to oneself), and
//! everything else goes into the outbox to be routed.
use crate::home::{Turn, Within};
use crate::hub::Hub;
use crate::moments::{Kinds, Moment, Sent, SentAt, Verdict};
use crate::plan::guarded;
use crate::session::Session;
use std::collections::VecDeque;
use std::sync::Arc;
use xmpp::{Kind, PresenceType, Stanza};

impl Session {
    /// Takes what this session's connection has sent, in order, and carries out what comes of it. What is left has to wait until the home is ready.
    pub(crate) fn leave(self: &Arc<Session>, hub: &Hub, door: u32, stanzas: &mut VecDeque<Stanza>) {
        while !stanzas.is_empty() {
            let mut turn = Turn::new(hub);
            self.home().enter(&mut turn, |within| self.leave_some(within, door, stanzas));
            turn.run();
            if self.home().is_closed() {
                return;
            }
        }
    }

    /// As many as the outbox takes without falling behind, but one at least. A session that has been told to end speaks for nobody any more.
    fn leave_some(self: &Arc<Session>, within: &mut Within<'_>, door: u32, stanzas: &mut VecDeque<Stanza>) {
        let over = within.account.removed || within.account.present(self).is_none();
        if over || self.is_deaf() || !self.is_held_by(door) {
            return stanzas.clear();
        }
        let (mut count, writes) = (0, within.outbox.writes);
        while let Some(mut stanza) = stanzas.pop_front() {
            stanza.set_from(self.jid().clone());
            within.leave(self, stanza);
            count += 1;
            if within.outbox.is_behind() {
                break;
            }
        }
        within.took(self, count, writes);
    }
}

impl Within<'_> {
    fn leave(&mut self, session: &Arc<Session>, mut stanza: Stanza) {
        let kinds = Kinds::of(stanza.kind());
        if !Sent::chain(self.account.host.plan()).wants(kinds, self.account.slots.rare) {
            return self.dispatch(session, stanza);
        }
        let (host, rare) = (self.account.host.clone(), self.account.slots.rare);
        let mut at = SentAt { within: self.again(), session, stanza: &mut stanza };
        match guarded(Sent::NAME, || Sent::chain(host.plan()).run_with(kinds, rare, &mut at)) {
            Verdict::Pass => self.dispatch(session, stanza),
            Verdict::Done => {}
            Verdict::Bounce(error) => self.refuse(session, &stanza, &error),
        }
    }

    fn dispatch(&mut self, session: &Arc<Session>, mut stanza: Stanza) {
        match stanza.kind() {
            Kind::Message => {
                if stanza.to().is_none() {
                    // RFC 6120 §10.3.1: as if it were to the sender's own bare JID.
                    stanza.set_to(Some(self.account.jid().clone()));
                }
                self.send(stanza);
            }
            Kind::Presence => self.presence_out(session, stanza),
            Kind::Iq => self.iq_out(session, stanza),
        }
    }

    /// RFC 6120 §10.3.3: an iq without `to`, or to oneself, is answered by the server on behalf of the account.
    fn iq_out(&mut self, session: &Arc<Session>, stanza: Stanza) {
        let own = stanza.to().is_none_or(|to| to == self.account.jid());
        if !own {
            return self.send(stanza);
        }
        if stanza.may_be_answered() {
            self.iq_to_account(Some(session), &stanza);
        }
    }

    fn presence_out(&mut self, session: &Arc<Session>, mut stanza: Stanza) {
        let to_somebody = stanza.to().is_some();
        match stanza.presence_type() {
            PresenceType::Available if to_somebody => self.directed(session, stanza, true),
            PresenceType::Unavailable if to_somebody => self.directed(session, stanza, false),
            PresenceType::Available => self.become_available(session, stanza),
            PresenceType::Unavailable => self.become_unavailable(session, Some(stanza)),
            PresenceType::Subscribe
            | PresenceType::Subscribed
            | PresenceType::Unsubscribe
            | PresenceType::Unsubscribed => {
                self.subscription_out(session, stanza);
            }
            // RFC 6121 §4.3: the server asks all contacts by itself. A probe to somebody is answered as his subscriptions allow.
            PresenceType::Probe if !to_somebody => {}
            PresenceType::Probe | PresenceType::Error => self.send(stanza),
            PresenceType::Invisible if to_somebody => {
                // Only the sender's own server knows what invisible means: the others see somebody go.
                stanza.set_presence_type(PresenceType::Unavailable);
                self.directed(session, stanza, false);
            }
            PresenceType::Invisible => self.become_invisible(session, stanza),
        }
    }

    /// Tells the sender why its stanza went no further, unless it is one that may not be answered.
    pub(crate) fn refuse(&mut self, session: &Arc<Session>, stanza: &Stanza, error: &xmpp::StanzaError) {
        if stanza.may_be_answered() {
            self.post(session, Arc::new(stanza.error(error)));
        }
    }

    /// The same home, for a handler to hold.
    pub(crate) fn again(&mut self) -> Within<'_> {
        Within { account: self.account, outbox: self.outbox, hub: self.hub, home: self.home, in_turn: self.in_turn }
    }
}
