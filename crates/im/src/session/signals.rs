//! What the client says of its stream rather than to anybody (XEP-0198, XEP-0352), carried out in the order of the stream.
use super::acks::Managed;
use super::handled::{Handled, Progress};
use super::hold::Hold;
use super::queue::Outbound;
use super::{Session, wake};
use crate::atomic::Ordering;
use crate::door::Dialect;
use crate::fault::Fault;
use crate::hub::Hub;
use crate::nonza::{Resumable, Signal, Word};
use parking_lot::MutexGuard;
use std::sync::Arc;
use store::Ticket;
use xmpp::{Condition, StreamError};

impl Session {
    /// Carries out what the connection `door` says.
    pub(crate) fn signal(self: &Arc<Self>, hub: &Hub, door: u32, signal: Signal) {
        match signal {
            Signal::Enable { resume, max_s } => self.enable(hub, door, resume, max_s),
            Signal::Request => self.requested(door),
            Signal::Ack(h) => self.acked(door, h),
            Signal::Inactive => {
                let Some(mut out) = self.heard_from(door) else { return };
                out.hold.get_or_insert_with(|| Box::new(Hold::new(self.bytes_max)));
            }
            Signal::Active => {
                let Some(mut out) = self.heard_from(door) else { return };
                out.release();
                out.hold = None;
                wake(out.waker.take(), out);
            }
            // Another connection takes over under the home's lock too.
            Signal::Settled(answer) => self.home.with(hub, |within| {
                if self.is_deaf() || !self.is_held_by(door) {
                    return;
                }
                if let Some(answer) = answer {
                    within.post(self, Arc::from(answer));
                }
                let writes = within.outbox.writes;
                within.took(self, 1, writes);
            }),
        }
    }

    /// The queue, for what the connection `door` says; behind what has ended the stream nothing is listened to any more.
    fn heard_from(&self, door: u32) -> Option<MutexGuard<'_, Outbound>> {
        self.held_by(door).filter(|out| out.end.is_none())
    }

    /// XEP-0198 §3. Counting begins on both sides with the answer; a second wish ends the stream.
    pub(super) fn enable(&self, hub: &Hub, door: u32, resume: bool, max_s: Option<u32>) {
        let most = hub.limits().hibernate_s;
        let resumable = (resume && most > 0 && self.dialect == Dialect::X).then(|| {
            let id = random_id()?.into_boxed_str();
            Ok::<_, Fault>(Resumable { id, max_s: max_s.map_or(most, |wish| wish.min(most)) })
        });
        let Some(mut out) = self.heard_from(door) else { return };
        match resumable.transpose() {
            Err(fault) => {
                fault.tell();
                out.say(Word::Failed(Condition::InternalServerError));
            }
            Ok(_) if out.sm.is_some() => {
                out.say(Word::Failed(Condition::UnexpectedRequest));
                let why = StreamError::policy_violation().with_text("stream management is enabled already");
                out.end.get_or_insert(why);
                self.deaf.store(true, Ordering::Release);
            }
            Ok(resumable) => {
                out.say(Word::Enabled(resumable.clone().map(Box::new)));
                out.sm = Some(Box::new(Managed::new(resumable, hub.clock().clone(), self.jid.domain_jid())));
                self.managed.store(true, Ordering::Release);
            }
        }
        wake(out.waker.take(), out);
    }

    pub(super) fn requested(&self, door: u32) {
        let Some(mut out) = self.heard_from(door) else { return };
        let word = match &mut out.sm {
            Some(sm) => Word::Ack(sm.inbound.asked()),
            None => Word::Failed(Condition::UnexpectedRequest),
        };
        out.say(word);
        wake(out.waker.take(), out);
    }

    pub(super) fn acked(&self, door: u32, h: u32) {
        // Also behind the end: what it has need not go to anybody else.
        let Some(mut out) = self.held_by(door) else { return };
        if out.sm.is_none() {
            out.say(Word::Failed(Condition::UnexpectedRequest));
        } else if let Err(error) = out.acknowledged(h) {
            out.end.get_or_insert(error);
            self.deaf.store(true, Ordering::Release);
        }
        // There may be a further page to fetch, or something more to ask for.
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
        self.go_on(|handled| handled.rest_on(count, tickets));
    }

    fn look_again(self: &Arc<Self>) {
        self.go_on(Handled::look_again);
    }

    /// What the client is told is queued under the lock under which it was found, or a later count could overtake it.
    fn go_on(self: &Arc<Self>, look: impl FnOnce(&mut Handled) -> Progress) {
        let mut out = self.out.lock();
        let Some(sm) = &mut out.sm else { return };
        let progress = look(&mut sm.inbound);
        if let Some(h) = progress.tell {
            out.say(Word::Ack(h));
        }
        if progress.tell.is_some() || progress.wake {
            wake(out.waker.take(), out);
        } else {
            drop(out);
        }
        // Outside of all locks but the home's: a commit that is done already calls back at once.
        if let Some(ticket) = progress.watch {
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
    let half = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
    Ok(bytes.iter().flat_map(|byte| [half(byte >> 4), half(byte & 15)]).collect())
}
