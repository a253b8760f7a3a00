//! A session without a connection: it waits for its client to come back (XEP-0198 §5).
use super::hold::Hold;
use super::queue::{Item, Outbound};
use super::{Session, wake};
use crate::arrive::may_wait;
use crate::atomic::Ordering;
use crate::nonza::{ResumedWord, Word};
use crate::timers::{Alarm, Timers};
use std::sync::Arc;
use std::task::{Context, Poll};
use xmpp::{Stanza, StreamError};

/// What a session has while it sleeps.
pub(super) struct Asleep {
    timers: Arc<Timers>,
    alarm: Alarm,
    /// The connection that was lost.
    door: u32,
    /// What it has in the sum of what sleeping sessions hold.
    bytes: usize,
}

impl Asleep {
    /// So much is held now.
    fn settle(&mut self, bytes: usize) -> bool {
        let fits = self.timers.hold(bytes.saturating_sub(self.bytes));
        if fits {
            self.timers.let_go(self.bytes.saturating_sub(bytes));
            self.bytes = bytes;
        }
        fits
    }
}

impl Outbound {
    /// What is held has changed. False: it sleeps, and holds more than `most` or all sleeping sessions together hold too much; it ends now instead of
    /// later.
    pub(super) fn settle(&mut self, most: usize) -> bool {
        let weight = self.weight();
        let Some(asleep) = self.sm.as_mut().and_then(|sm| sm.asleep.as_mut()) else { return true };
        let fits = asleep.settle(weight) && weight <= most;
        if !fits {
            asleep.timers.hasten(&mut asleep.alarm);
        }
        fits
    }
}

impl Drop for Asleep {
    fn drop(&mut self) {
        self.timers.let_go(self.bytes);
        self.timers.cancel(&self.alarm);
    }
}

impl Session {
    /// The connection is lost: waits for another, if it may. What the client is not known to have stays; what it was to be told about the stream is
    /// told anew.
    pub(crate) fn fall_asleep(self: &Arc<Self>, timers: &Arc<Timers>) -> bool {
        let mut out = self.out.lock();
        let out = &mut *out;
        let weight = out.weight();
        let Some(sm) = out.sm.as_mut().filter(|sm| sm.is_resumable()) else { return false };
        if out.end.is_some() || out.gone || !timers.hold(weight) {
            return false;
        }
        out.waker = None;
        out.unwritten = false;
        sm.inbound.forget_asked();
        let alarm = timers.set(sm.clock.elapsed() + sm.stays, self);
        sm.asleep = Some(Asleep { timers: timers.clone(), alarm, door: self.door(), bytes: weight });
        let now = sm.now();
        out.forget_words();
        let waiting = out.queue.iter_mut().chain(out.pulling.iter_mut().flat_map(|pulling| &mut pulling.held));
        for item in waiting {
            if let Item::Stanza(_, since @ 0) = item {
                *since = now;
            }
        }
        out.hold.get_or_insert_with(|| Box::new(Hold::new(self.bytes_max))).wait_since(now);
        self.asleep.store(true, Ordering::Release);
        true
    }

    /// The messages that wait behind a long answer. What comes for the account from now on will be part of that answer, and is younger.
    pub(crate) fn take_held(&self) -> Vec<Arc<Stanza>> {
        let mut out = self.out.lock();
        let out = &mut *out;
        let Some(pulling) = &mut out.pulling else { return Vec::new() };
        let (mut taken, mut bytes) = (Vec::new(), 0);
        pulling.held.retain(|item| match item {
            Item::Stanza(stanza, _) if may_wait(stanza) => {
                bytes += item.bytes();
                taken.push(stanza.clone());
                false
            }
            _ => true,
        });
        pulling.held_bytes = pulling.held_bytes.saturating_sub(bytes);
        out.bytes = out.bytes.saturating_sub(bytes);
        out.settle(self.bytes_max);
        taken
    }

    /// Whether it has waited long enough, and nobody is about to take it over.
    pub(crate) fn is_forsaken(&self) -> bool {
        let out = self.out.lock();
        out.sm.as_ref().and_then(|sm| sm.asleep.as_ref()).is_some_and(|asleep| self.is_held_by(asleep.door))
    }

    /// Whether it fell asleep before another one: the number of its alarm.
    pub(crate) fn sleeps_as(&self) -> Option<u64> {
        let out = self.out.lock();
        out.sm.as_ref()?.asleep.as_ref().map(|asleep| asleep.alarm.number())
    }

    /// Whether `id` is what this session can be resumed by.
    pub(crate) fn is_resumed_by(&self, id: &str) -> bool {
        let out = self.out.lock();
        out.end.is_none()
            && !out.gone
            && out.sm.as_ref().is_some_and(|sm| sm.is_resumable() && sm.id.as_deref() == Some(id))
    }

    /// A new connection takes the session over; the old one is told `conflict`, and is nobody from now on. Gives the number of the new one.
    pub(crate) fn take_over(&self, h: u32) -> Result<u32, StreamError> {
        let mut out = self.out.lock();
        out.acknowledges(h)?;
        let number = self.door.fetch_add(1, Ordering::AcqRel) + 1;
        wake(out.waker.take(), out);
        Ok(number)
    }

    /// Waits until everything that the client has sent is handled, so that it need not send anything twice. `None`: another connection has taken over.
    pub(crate) fn poll_handled(&self, door: u32, cx: &mut Context<'_>) -> Poll<Option<u32>> {
        let mut out = self.out.lock();
        let Some(sm) = out.sm.as_mut().filter(|_| self.is_held_by(door)) else { return Poll::Ready(None) };
        if let Some(handled) = sm.inbound.poll() {
            return Poll::Ready(Some(handled));
        }
        // No door uses it now, and whoever takes over or ends the session wakes it.
        out.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The session goes on: the client is told so, then gets what it does not have, then what is new. It is active (XEP-0352 §5.2).
    pub(crate) fn wake_up(&self, h: u32, handled: u32) -> Result<(), StreamError> {
        let mut out = self.out.lock();
        if let Some(why) = &out.end {
            return Err(why.clone());
        }
        out.acknowledged(h)?;
        out.forget_words();
        out.hand_again();
        out.release();
        out.hold = None;
        let Some(sm) = &mut out.sm else { return Ok(()) };
        sm.asleep = None;
        self.asleep.store(false, Ordering::Release);
        let resumed = ResumedWord { id: sm.id.clone().unwrap_or_default(), handled };
        out.queue.push_front(Item::Word(Word::Resumed(Box::new(resumed))));
        wake(out.waker.take(), out);
        Ok(())
    }

    /// What a client that comes too late shall be told: by what it asks, and how many of its stanzas will have been handled.
    pub(crate) fn last_count(&self) -> Option<(Box<str>, u32)> {
        let out = self.out.lock();
        let sm = out.sm.as_ref().filter(|sm| sm.is_resumable())?;
        Some((sm.id.clone()?, sm.inbound.finally()))
    }
}
