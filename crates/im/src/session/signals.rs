//! What the client says of its stream rather than to anybody (XEP-0198, XEP-0352), carried out in the order of the stream.
use super::acks::Managed;
use super::handled::Progress;
use super::hold::Hold;
use super::{Session, wake};
use crate::door::Dialect;
use crate::fault::Fault;
use crate::hub::Hub;
use crate::nonza::{Resumable, Signal, Word};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use store::Ticket;
use xmpp::{Condition, StreamError};

impl Session {
    /// Carries out what the connection `door` says.
    pub(crate) fn signal(self: &Arc<Self>, hub: &Hub, door: u32, signal: Signal) {
        if !self.is_held_by(door) {
            return;
        }
        match signal {
            Signal::Enable { resume, max_s } => self.enable(hub, resume, max_s),
            Signal::Request => self.requested(),
            Signal::Ack(h) => self.acked(h),
            Signal::Inactive => {
                let mut out = self.out.lock();
                out.hold.get_or_insert_with(|| Box::new(Hold::new(self.bytes_max)));
            }
            Signal::Active => {
                let mut out = self.out.lock();
                out.release();
                out.hold = None;
                wake(out.waker.take(), out);
            }
            Signal::Settled(answer) => self.home.with(hub, |within| {
                if let Some(answer) = answer {
                    within.post(self, Arc::from(answer));
                }
                let writes = within.outbox.writes;
                within.took(self, 1, writes);
            }),
        }
    }

    /// XEP-0198 §3. Counting begins on both sides with the answer; a second wish ends the stream.
    fn enable(&self, hub: &Hub, resume: bool, max_s: Option<u32>) {
        let most = hub.limits().hibernate_s;
        let resumable = (resume && most > 0 && self.dialect == Dialect::X).then(|| {
            let id = random_id()?.into_boxed_str();
            Ok::<_, Fault>(Resumable { id, max_s: max_s.map_or(most, |wish| wish.min(most)) })
        });
        let resumable = match resumable.transpose() {
            Ok(resumable) => resumable,
            Err(fault) => {
                fault.tell();
                return self.say(Word::Failed(Condition::InternalServerError));
            }
        };
        let mut out = self.out.lock();
        if out.sm.is_some() {
            out.say(Word::Failed(Condition::UnexpectedRequest));
            out.end.get_or_insert(StreamError::policy_violation().with_text("stream management is enabled already"));
        } else {
            out.say(Word::Enabled(resumable.clone().map(Box::new)));
            out.sm = Some(Box::new(Managed::new(resumable, hub.clock().clone(), self.jid.domain_jid())));
            self.managed.store(true, Ordering::Release);
        }
        wake(out.waker.take(), out);
    }

    fn requested(&self) {
        let mut out = self.out.lock();
        let word = match &mut out.sm {
            Some(sm) => Word::Ack(sm.inbound.asked()),
            None => Word::Failed(Condition::UnexpectedRequest),
        };
        out.say(word);
        wake(out.waker.take(), out);
    }

    fn acked(&self, h: u32) {
        let mut out = self.out.lock();
        if out.sm.is_none() {
            out.say(Word::Failed(Condition::UnexpectedRequest));
        } else if let Err(error) = out.acknowledged(h) {
            out.end.get_or_insert(error);
        }
        // There may be a further page to fetch, or something more to ask for.
        wake(out.waker.take(), out);
    }

    fn say(&self, word: Word) {
        let mut out = self.out.lock();
        out.say(word);
        wake(out.waker.take(), out);
    }

    /// Whether its stanzas are counted.
    pub(crate) fn is_managed(&self) -> bool {
        self.managed.load(Ordering::Acquire)
    }

    /// So many stanzas of the client have been taken from its stream.
    pub(crate) fn count(&self, count: u32) {
        if let Some(sm) = &mut self.out.lock().sm {
            sm.inbound.received(count);
        }
    }

    /// The next so many of these have been carried out, and are handled when these commits are done.
    pub(crate) fn rests_on(self: &Arc<Self>, count: u32, tickets: Vec<Ticket>) {
        let mut out = self.out.lock();
        let progress = out.sm.as_mut().map(|sm| sm.inbound.rest_on(count, tickets));
        drop(out);
        self.go_on(progress);
    }

    fn look_again(self: &Arc<Self>) {
        let progress = self.out.lock().sm.as_mut().map(|sm| sm.inbound.look_again());
        self.go_on(progress);
    }

    /// Outside of all locks but the home's: a commit that is done already calls back at once.
    fn go_on(self: &Arc<Self>, progress: Option<Progress>) {
        let Some(Progress { tell, watch, wake }) = progress else { return };
        if let Some(h) = tell {
            self.say(Word::Ack(h));
        }
        if let Some(waker) = wake {
            waker.wake();
        }
        if let Some(ticket) = watch {
            let session = self.clone();
            ticket.on_done(Box::new(move |_| session.look_again()));
        }
    }
}

/// 128 random bits: nobody guesses them, and they say nothing about the client or its address.
pub(crate) fn random_id() -> Result<String, Fault> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Fault::Unreadable {
        what: "randomness",
        owner: "the system".into(),
        why: error.to_string(),
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
