//! Stop 5: a stanza has reached the account it is addressed to (RFC 6121 §8.5).
//!
//! The receiver's home is locked; the Received moment has its say; then the sessions are chosen.
use crate::account::{Account, Present};
use crate::home::Within;
use crate::iq::{Ask, Reply};
use crate::moments::{Kinds, Moment, Received, ReceivedAt, Undelivered, UndeliveredAt, Verdict};
use crate::outbox::Effect;
use crate::plan::guarded;
use crate::screen::Inward;
use crate::session::Session;
use smallvec::SmallVec;
use std::sync::Arc;
use xmpp::{IqType, Jid, Kind, MessageType, PresenceType, Stanza, StanzaError};

impl Within<'_> {
    /// Takes a stanza that is addressed to this account or one of its sessions.
    pub(crate) fn arrive(&mut self, mut stanza: Arc<Stanza>) {
        let kinds = Kinds::of(stanza.kind());
        if !Received::chain(self.account.host.plan()).wants(kinds, self.account.slots.rare) {
            return self.deliver(stanza);
        }
        let (host, rare) = (self.account.host.clone(), self.account.slots.rare);
        let mut at = ReceivedAt { within: self.again(), stanza: Arc::make_mut(&mut stanza) };
        match guarded(Received::NAME, || Received::chain(host.plan()).run_with(kinds, rare, &mut at)) {
            Verdict::Pass => self.deliver(stanza),
            Verdict::Done => {}
            Verdict::Bounce(error) => self.bounce(&stanza, &error),
        }
    }

    fn deliver(&mut self, stanza: Arc<Stanza>) {
        match stanza.kind() {
            Kind::Message => self.message(stanza),
            Kind::Presence => self.presence_in(stanza),
            Kind::Iq => self.iq_in(&stanza),
        }
    }

    /// Sends a stanza back to whoever sent it, unless it is one that may not be answered.
    pub(crate) fn bounce(&mut self, stanza: &Stanza, error: &StanzaError) {
        if stanza.may_be_answered() {
            self.hub.counters().bounced.fetch_add(1, crate::atomic::Ordering::Relaxed);
            self.send(stanza.error(error));
        }
    }

    /// The session that a full JID names, whether or not it is available (RFC 6121 §8.5.3.1).
    fn exact(&self, stanza: &Stanza) -> Option<Arc<Session>> {
        let present = self.account.session(stanza.to()?.resource()?)?;
        Some(present.session().clone())
    }

    /// RFC 6121 §8.5.2.1.1 and §8.5.3.2.1. Only when it is this message's turn: whom it goes to depends on what became of those before it.
    pub(crate) fn message(&mut self, stanza: Arc<Stanza>) {
        if !self.is_clear() {
            let promise = self.outbox.promise();
            return self.outbox.push(Effect::Deliver(stanza, promise), None);
        }
        let stanza = match self.exact(&stanza) {
            // It is kept durably rather than in memory, and stays in order with what is sent to the bare JID meanwhile; but only for one that is given
            // what was kept when it is resumed.
            Some(session)
                if session.is_asleep()
                    && may_wait(&stanza)
                    && self.account.best().is_none()
                    && self.account.present(&session).is_some_and(|named| named.takes_messages()) =>
            {
                return self.undelivered(stanza);
            }
            Some(session) => match session.post(stanza) {
                Some(refused) => refused,
                None => return,
            },
            None => stanza,
        };
        let full = stanza.to().is_some_and(Jid::is_full);
        match stanza.message_type() {
            MessageType::Chat => self.message_to_best(stanza),
            // §8.5.3.2.1: only a chat message is treated as if it were to the bare JID.
            MessageType::Normal if !full => self.message_to_best(stanza),
            MessageType::Normal | MessageType::GroupChat => self.bounce(&stanza, &StanzaError::service_unavailable()),
            MessageType::Headline if full => self.bounce(&stanza, &StanzaError::service_unavailable()),
            MessageType::Headline => self.message_to_all(&stanza),
            MessageType::Error => {}
        }
    }

    /// §8.5.2.1.1: to the most available session; when there is none, §8.5.2.2.1: kept, or returned.
    pub(crate) fn message_to_best(&mut self, mut stanza: Arc<Stanza>) {
        while let Some(session) = self.account.best().map(|best| best.session().clone()) {
            let Some(refused) = session.post(stanza) else { return };
            // It has been told to end, and its door does not close. What it holds came first.
            self.remember(&session);
            self.leave_to_others(session.leftovers());
            stanza = refused;
        }
        self.undelivered(stanza);
    }

    fn message_to_all(&mut self, stanza: &Arc<Stanza>) {
        let screen = self.screen_in(Inward::Message, stanza);
        for session in self.sessions_that(|present| present.takes_messages()) {
            if !screen(self.account, &session) {
                self.post(&session, stanza.clone());
            }
        }
    }

    /// Treats a message as one that finds no session that may have it: whoever keeps such messages keeps it, else it goes back.
    pub fn keep_for_later(&mut self, stanza: Stanza) {
        self.undelivered(Arc::new(stanza));
    }

    pub(crate) fn undelivered(&mut self, stanza: Arc<Stanza>) {
        let host = self.account.host.clone();
        let mut at = UndeliveredAt { within: self.again(), stanza: &stanza };
        let error =
            match guarded(Undelivered::NAME, || Undelivered::chain(host.plan()).run(Kinds::of(Kind::Message), &mut at))
            {
                Verdict::Done => return,
                Verdict::Bounce(error) => error,
                Verdict::Pass => StanzaError::service_unavailable(),
            };
        // Nobody keeps it. A session that will perhaps be resumed is better than nothing.
        let refused = match self.sleeper_for(&stanza) {
            Some(session) => session.post(stanza),
            None => Some(stanza),
        };
        if let Some(stanza) = refused {
            self.bounce(&stanza, &error);
        }
    }

    /// The session that has lost its connection in which a message waits that nobody keeps.
    pub fn sleeper_for(&self, stanza: &Stanza) -> Option<Arc<Session>> {
        let named = self.exact(stanza).filter(|session| session.is_asleep());
        named.or_else(|| self.account.best_sleeper().map(|best| best.session().clone()))
    }

    pub(crate) fn sessions_that(&self, wanted: impl Fn(&Present) -> bool) -> SmallVec<[Arc<Session>; 4]> {
        self.account
            .sessions
            .iter()
            .filter(|present| wanted(present))
            .map(|present| present.session().clone())
            .collect()
    }

    fn presence_in(&mut self, stanza: Arc<Stanza>) {
        match stanza.presence_type() {
            PresenceType::Available | PresenceType::Unavailable => self.presence_to_sessions(stanza),
            PresenceType::Probe => self.probe(&stanza),
            PresenceType::Error => {
                self.presence_refused(&stanza);
                self.post_exact(stanza);
            }
            PresenceType::Subscribe
            | PresenceType::Subscribed
            | PresenceType::Unsubscribe
            | PresenceType::Unsubscribed => {
                self.subscription_in(Arc::unwrap_or_clone(stanza));
            }
            // A client that is invisible shows itself to others as unavailable; its server has already said so.
            PresenceType::Invisible => {}
        }
    }

    /// §8.5.2.1.2 and §8.5.3.1: to every available session, or to the one that is named.
    fn presence_to_sessions(&mut self, stanza: Arc<Stanza>) {
        if stanza.to().is_some_and(Jid::is_full) {
            return self.post_exact(stanza);
        }
        let screen = self.screen_in(Inward::Presence, &stanza);
        for session in
            self.sessions_that(|present| present.is_available() && Some(present.session().jid()) != stanza.from())
        {
            if !screen(self.account, &session) {
                self.post(&session, stanza.clone());
            }
        }
    }

    /// Which of several sessions are not to be given this.
    pub(crate) fn screen_in(&self, what: Inward, stanza: &Stanza) -> impl Fn(&Account, &Arc<Session>) -> bool + use<> {
        let screen = self.account.screen().and_then(|screen| Some((screen, stanza.from()?.clone())));
        move |account, session| {
            screen.as_ref().is_some_and(|(screen, from)| screen.keeps_out(account, session, what, from))
        }
    }

    fn post_exact(&mut self, stanza: Arc<Stanza>) {
        if let Some(session) = self.exact(&stanza) {
            self.post(&session, stanza);
        }
    }

    fn iq_in(&mut self, stanza: &Arc<Stanza>) {
        if stanza.to().is_some_and(Jid::is_full) {
            // §8.5.3.1: a stranger's question would tell him, by its answer, that the session is there.
            let secret = stanza.may_be_answered() && !self.may_ask(stanza);
            match self.exact(stanza) {
                Some(session) if !secret => self.post(&session, stanza.clone()),
                // §8.5.3.2.3: a question is returned; an answer that nobody waits for is dropped.
                _ => self.bounce(stanza, &StanzaError::service_unavailable()),
            }
        } else if stanza.may_be_answered() {
            self.iq_to_account(None, stanza);
        }
    }

    /// Whether the sender may know that the session it asks is there: by subscription, or because that session has shown itself.
    fn may_ask(&self, stanza: &Stanza) -> bool {
        let (Some(from), Some(to)) = (stanza.from(), stanza.to()) else { return false };
        let named = to.resource().and_then(|resource| self.account.session(resource));
        // An answer of one that hides, be it only from the sender, would show that it is there.
        let kept = |present: &Present| self.account.hides(self.account.screen().as_ref(), &present.session, from);
        let hides =
            named.is_some_and(|present| present.is_hiding() || kept(present)) && !from.same_bare(self.account.jid());
        (self.account.shows_presence_to(from) && !hides) || named.is_some_and(|present| present.shows_itself_to(from))
    }

    /// §8.5.2.1.3: the server answers on behalf of the account. `session` is the asker when it is one of this very account.
    pub(crate) fn iq_to_account(&mut self, session: Option<&Arc<Session>>, stanza: &Stanza) {
        let reply = self.ask(session, stanza);
        self.answer(session, stanza, reply);
    }

    fn ask(&mut self, session: Option<&Arc<Session>>, stanza: &Stanza) -> Result<Reply, StanzaError> {
        let host = self.account.host.clone();
        let (Some(from), Some(payload)) = (stanza.from(), stanza.payload()) else {
            return Err(StanzaError::bad_request());
        };
        if payload.is(xmpp::ns::ROSTER, "query") {
            return self.roster_iq(session, stanza, payload);
        }
        let set = stanza.iq_type() == Some(IqType::Set);
        let handler = host.plan().account_iqs.find(set, payload).ok_or_else(StanzaError::service_unavailable)?;
        let mut ask = Ask { within: self.again(), stanza, from, session };
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| handler(&mut ask)))
            .unwrap_or_else(|panic| Err(crate::plan::panicked("iq", &panic).tell()))
    }

    fn answer(&mut self, session: Option<&Arc<Session>>, iq: &Stanza, reply: Result<Reply, StanzaError>) {
        match reply {
            Ok(Reply::Sent) => {}
            Ok(Reply::Empty) => self.give(session, iq.result()),
            Ok(Reply::With(payload)) => self.give(session, iq.result_with(payload)),
            Err(error) => self.give(session, iq.error(&error)),
            Ok(Reply::After(ticket, then)) if !matches!(*then, Reply::Later(_) | Reply::After(..)) => {
                let answer = match *then {
                    Reply::With(payload) => iq.result_with(payload),
                    _ => iq.result(),
                };
                let failed = iq.error(&StanzaError::internal_server_error());
                let effect = |stanza| match session {
                    Some(session) => Effect::Post(session.clone(), Arc::new(stanza)),
                    None => Effect::Route(Arc::new(stanza)),
                };
                self.after(&ticket, effect(answer), Some(effect(failed)));
            }
            Ok(slow) => self.give_later(session, iq, slow),
        }
    }

    /// Gives an answer to the session of this account that it is addressed to.
    pub(crate) fn answer_to_session(&mut self, answer: Stanza) {
        self.post_exact(Arc::new(answer));
    }

    fn give(&mut self, session: Option<&Arc<Session>>, answer: Stanza) {
        match session {
            Some(session) => self.post(session, Arc::new(answer)),
            None => self.send(answer),
        }
    }

    fn give_later(&mut self, session: Option<&Arc<Session>>, iq: &Stanza, slow: Reply) {
        let (hub, home, session, iq) = (self.hub.clone(), self.home.clone(), session.cloned(), iq.clone());
        let answering = session.as_ref().map(Session::answering);
        let promise = match &session {
            Some(session) if session.is_managed() => Some(self.outbox.promise_own()),
            _ => self.outbox.promise(),
        };
        self.hub.spawn(async move {
            // Another account's session is counted here, outside this home.
            let answering = answering.or_else(|| hub.answering(&iq));
            if let Some(answer) = slow.settle(&iq).await {
                home.with(&hub, |within| within.give(session.as_ref(), answer));
            }
            drop((answering, promise));
        });
    }
}

/// Whether a message is one that is worth keeping for later (RFC 6121 §8.5.2.2.1).
pub(crate) fn may_wait(stanza: &Stanza) -> bool {
    stanza.kind() == Kind::Message && matches!(stanza.message_type(), MessageType::Normal | MessageType::Chat)
}

/// The answer to a probe when no session is available (RFC 6121 §4.3.2): `unavailable` for those who may know, `unsubscribed` for the others.
pub(crate) fn probe_answer(probe: &Stanza, may_see: bool) -> Stanza {
    let kind = if may_see { PresenceType::Unavailable } else { PresenceType::Unsubscribed };
    Stanza::presence(kind, probe.to().map(Jid::bare), probe.from().cloned())
}
