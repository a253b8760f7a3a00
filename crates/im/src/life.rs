//! How a session begins and ends, and what lies between when its connection is lost (XEP-0198 §5): it sleeps until its client comes back, or until it is
//! too late.
use crate::account::{Lapsed, Present};
use crate::atomic::Ordering;
use crate::door::{BindError, Dialect, DoorOptions, Goodbye};
use crate::fault::Fault;
use crate::home::Within;
use crate::moments::{FellAsleep, Resumed};
use crate::outbox::Effect;
use crate::resume::ResumeError;
use crate::session::{Leftovers, Session};
use std::sync::Arc;
use xmpp::{Jid, StreamError};

impl Within<'_> {
    /// Adds a session for `jid`; one that has the same resource is replaced, and one that sleeps makes room.
    pub(crate) fn bind(&mut self, jid: Jid, options: DoorOptions) -> Result<Arc<Session>, BindError> {
        if self.account.removed {
            return Err(BindError::NoAccount);
        }
        if self.hub.is_stopping() {
            return Err(BindError::Fault(Fault::Stopping));
        }
        if let Some(old) =
            jid.resource().and_then(|resource| self.account.session(resource)).map(|old| old.session().clone())
        {
            self.replace(&old);
        } else if self.account.sessions.len() >= self.hub.limits().sessions_per_account && !self.end_a_sleeper() {
            return Err(BindError::TooManySessions);
        }
        self.account.serial += 1;
        let bytes_max = self.hub.limits().session_queue_bytes;
        let session = Session::new(jid, self.home.clone(), options.dialect, self.now(), self.account.serial, bytes_max);
        self.account.sessions.push(Present::new(session.clone()));
        self.hub.counters().bound.fetch_add(1, Ordering::Relaxed);
        Ok(session)
    }

    fn replace(&mut self, old: &Arc<Session>) {
        self.outbox.push(Effect::End(old.clone(), Box::new(StreamError::conflict())), None);
        self.part(old, Some("Replaced by new connection"));
        self.leave_to_others(old.leftovers());
    }

    /// The connection `door` of a session is gone, or has said goodbye.
    pub(crate) fn unbind(&mut self, session: &Arc<Session>, door: u32, why: Goodbye) {
        if !session.is_held_by(door) || why == Goodbye::Lost && self.fall_asleep(session) {
            return;
        }
        if why != Goodbye::ByPeer {
            self.remember(session);
        }
        let text = (why != Goodbye::ByPeer).then_some("Disconnected");
        self.part(session, text);
        self.leave_to_others(session.leftovers());
    }

    /// Ends every session of this account; their doors unbind them.
    pub(crate) fn end_all(&mut self, why: &StreamError) {
        for session in self.sessions_that(|_| true) {
            if session.is_forsaken() {
                self.lapse(&session);
            } else {
                self.outbox.push(Effect::End(session, Box::new(why.clone())), None);
            }
        }
    }

    /// XEP-0198 §7: what was not closed is unfinished. False: this session may not wait.
    fn fall_asleep(&mut self, session: &Arc<Session>) -> bool {
        let may = !self.account.removed && !self.hub.is_stopping() && self.account.present(session).is_some();
        if !may || !session.fall_asleep(self.hub.timers()) {
            return false;
        }
        while self.account.sleepers().count() > self.hub.limits().hibernating_per_account && self.end_a_sleeper() {}
        if session.is_asleep() {
            self.hub.counters().asleep.fetch_add(1, Ordering::Relaxed);
            self.tell_of_sleep::<FellAsleep>(session);
            if self.account.best().is_none() {
                session.take_held().into_iter().for_each(|stanza| self.undelivered(stanza));
            }
        }
        true
    }

    /// Ends the session that has slept longest, of those that nobody is about to take over.
    fn end_a_sleeper(&mut self) -> bool {
        let forsaken = self.account.sleepers().filter(|session| session.is_forsaken());
        let oldest = forsaken.min_by_key(|session| session.sleeps_as()).cloned();
        oldest.is_some_and(|session| {
            self.lapse(&session);
            !session.is_asleep()
        })
    }

    /// The client did not come back in time: the session is over (XEP-0198 §4).
    pub(crate) fn lapse(&mut self, session: &Arc<Session>) {
        if session.is_forsaken() {
            self.remember(session);
            self.part(session, Some("Disconnected"));
            self.leave_to_others(session.leftovers());
        }
    }

    /// What a session leaves behind goes back to routing, once; what the client has of a long answer is not given out again.
    pub(crate) fn leave_to_others(&mut self, leftovers: Leftovers) {
        if let Some((source, had)) = leftovers.answer {
            source.ended(&mut self.again(), had);
        }
        self.resubmit(leftovers.stanzas);
    }

    /// A long answer that a session was being given goes to somebody else, but for what its client is known to have.
    pub fn give_up(&mut self, session: &Arc<Session>) {
        if let Some((source, had)) = session.give_up() {
            source.ended(self, had);
        }
    }

    /// Keeps how many stanzas of a client were handled, for when it comes too late (XEP-0198 §5).
    pub(crate) fn remember(&mut self, session: &Arc<Session>) {
        let Some((id, handled)) = session.last_count() else { return };
        if self.account.removed || self.account.present(session).is_none() {
            return;
        }
        let at_ms = self.now().as_millis();
        let lapsed = Lapsed { id: id.into(), handled, at_ms };
        self.account.lapsed.retain(|older| older.is_known_at(at_ms));
        self.account.lapsed.push(lapsed);
        let spare = self.account.lapsed.len().saturating_sub(Lapsed::MOST);
        self.account.lapsed.drain(..spare);
        let bytes = serde_json::to_vec(&self.account.lapsed).unwrap_or_default();
        let batch = self.batch().put(&self.hub.shapes().lapsed, self.account.jid().as_str(), bytes);
        self.write(batch);
    }

    /// The session that is resumed by `id` gets another connection, which has the number that is given. The one it had is told `conflict`.
    pub(crate) fn take_over(&mut self, id: &str, h: u32) -> Result<(Arc<Session>, u32), ResumeError> {
        if self.hub.is_stopping() {
            return Err(Fault::Stopping.into());
        }
        let mut sessions = self.account.sessions.iter();
        let Some(found) = sessions.find(|present| present.session.is_resumed_by(id)) else {
            let now_ms = self.now().as_millis();
            let lapsed = self.account.lapsed.iter().find(|lapsed| lapsed.id == id && lapsed.is_known_at(now_ms));
            // One that has been told to end is still here until its connection is gone.
            let mut ending = self.account.sessions.iter().filter_map(|present| present.session.last_count());
            let ending = || ending.find(|(known, _)| **known == *id).map(|(_, handled)| handled);
            return Err(ResumeError::NotFound { handled: lapsed.map(|lapsed| lapsed.handled).or_else(ending) });
        };
        let session = found.session.clone();
        let number = session.take_over(h)?;
        Ok((session, number))
    }

    /// The session goes on with its new connection.
    pub(crate) fn wake_up(&mut self, session: &Arc<Session>, h: u32, handled: u32) -> Result<(), ResumeError> {
        if self.hub.is_stopping() || self.account.present(session).is_none() {
            return Err(Fault::Stopping.into());
        }
        session.wake_up(h, handled)?;
        self.hub.counters().resumed.fetch_add(1, Ordering::Relaxed);
        self.tell_of_sleep::<Resumed>(session);
        Ok(())
    }
}

impl DoorOptions {
    /// Whether this connection can speak of resumption at all.
    pub(crate) fn may_resume(&self) -> bool {
        self.dialect == Dialect::X
    }
}
