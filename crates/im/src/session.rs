//! One connected resource: its address and the queue of what it has yet to receive.
//!
//! In the lock order the queue comes behind the home; while it is held, only the timers of those that sleep are locked. What goes in is an `Arc` of a stanza that is shared with every
//! other receiver; what is taken out but is not known to have reached the client stays in the queue's second part, so that a message is not lost with
//! a dying connection. A session may outlive its connection and be held by another (XEP-0198): each has a number, and only the last is heard.
mod acks;
mod asleep;
mod handled;
mod hold;
mod pull;
mod queue;
mod signals;
#[cfg(test)]
mod tests;
mod weight;

use crate::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use crate::door::Dialect;
use crate::home::Home;
use crate::nonza::Out;
use parking_lot::{Mutex, MutexGuard};
use queue::Outbound;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use xmpp::{Jid, Stanza, StreamError, Timestamp};

pub use pull::Pull;
pub(crate) use signals::random_id;

/// A bound resource of an account. It lives at the account's home; a [`crate::Door`] is the connection to it.
pub struct Session {
    jid: Jid,
    home: Arc<Home>,
    dialect: Dialect,
    opened: Timestamp,
    /// Sessions of one account in the order in which they were bound; the later one wins among equal priorities.
    serial: u64,
    bytes_max: usize,
    /// Questions of this session whose answers are being looked up.
    answers: AtomicUsize,
    /// The number of the connection that holds it.
    door: AtomicU32,
    /// Stanzas are counted.
    managed: AtomicBool,
    /// It has no connection, and waits for one.
    asleep: AtomicBool,
    /// Its client has said of its stream what ends it: nothing behind that is carried out.
    deaf: AtomicBool,
    out: Mutex<Outbound>,
}

/// How many answers are looked up for one session at a time.
const ANSWERS: usize = 16;

/// An answer to a question of this session is being looked up, until this is dropped.
pub(crate) struct Answering(Arc<Session>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answers.fetch_sub(1, Ordering::AcqRel);
        let mut out = self.0.out.lock();
        wake(out.waker.take(), out);
    }
}

/// What [`Session::poll_drain`] found.
pub(crate) enum Taken {
    Stanzas,
    End(StreamError),
}

/// What a session leaves behind.
pub(crate) struct Leftovers {
    /// What the client is not known to have and somebody would miss, in order.
    pub(crate) stanzas: Vec<Arc<Stanza>>,
    /// Who fetches a long answer, and how many stanzas of its last page the client has.
    pub(crate) answer: Option<(Arc<dyn Pull>, usize)>,
}

impl Session {
    pub(crate) fn new(
        jid: Jid,
        home: Arc<Home>,
        dialect: Dialect,
        opened: Timestamp,
        serial: u64,
        bytes_max: usize,
    ) -> Arc<Session> {
        Arc::new(Session {
            jid,
            home,
            dialect,
            opened,
            serial,
            bytes_max,
            answers: AtomicUsize::new(0),
            door: AtomicU32::new(0),
            managed: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
            deaf: AtomicBool::new(false),
            out: Mutex::default(),
        })
    }

    /// The session's full JID.
    pub fn jid(&self) -> &Jid {
        &self.jid
    }

    /// The session's resource.
    pub fn resource(&self) -> &str {
        self.jid.resource().unwrap_or_default()
    }

    /// The account's home, where this session lives.
    pub fn home(&self) -> &Arc<Home> {
        &self.home
    }

    /// Which Jabber the connected client speaks.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// When the session was bound.
    pub fn opened(&self) -> Timestamp {
        self.opened
    }

    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    /// The number of the connection that holds it.
    pub(crate) fn door(&self) -> u32 {
        self.door.load(Ordering::Acquire)
    }

    /// Whether this connection still holds the session; else another has taken it over.
    pub(crate) fn is_held_by(&self, door: u32) -> bool {
        self.door() == door
    }

    /// Whether the client has ended its stream by what it said of it.
    pub(crate) fn is_deaf(&self) -> bool {
        self.deaf.load(Ordering::Acquire)
    }

    /// The queue, for a connection that still holds the session: under its lock no other takes over.
    fn held_by(&self, door: u32) -> Option<MutexGuard<'_, Outbound>> {
        let out = self.out.lock();
        self.is_held_by(door).then_some(out)
    }

    /// Queues one stanza: stop 6, and the only way in. A reader that is slower than the bound allows is cut off with `policy-violation`, and the
    /// messages that it did not take go back to routing. Gives the stanza back when the session is gone or has been told to end.
    pub(crate) fn post(&self, stanza: Arc<Stanza>) -> Option<Arc<Stanza>> {
        let mut out = self.out.lock();
        // A door that was told to close does so at once: one that does not shall not keep what comes late without bound.
        if out.gone || out.end.is_some() && out.bytes > 2 * self.bytes_max {
            return Some(stanza);
        }
        let wakes = out.post(stanza);
        let too_much = out.weight() > self.bytes_max;
        let fits = out.settle(self.bytes_max);
        if (too_much || !fits) && !out.cut {
            out.cut = true;
            out.end = Some(StreamError::policy_violation().with_text("you read too slowly"));
        } else if !wakes {
            return None;
        }
        wake(out.waker.take(), out);
        None
    }

    /// Counts an answer that is being looked up for this session.
    pub(crate) fn answering(self: &Arc<Session>) -> Answering {
        self.answers.fetch_add(1, Ordering::AcqRel);
        Answering(self.clone())
    }

    /// Whether so much is on its way to this session that it should ask for nothing more. Its door is woken when an answer is there; of what is queued
    /// it knows itself. What goes out only after an acknowledgement, or waits for one, is not counted, or that would not be read.
    pub(crate) fn is_full(&self) -> bool {
        self.answers.load(Ordering::Acquire) >= ANSWERS || self.out.lock().ready_bytes() > self.bytes_max / 2
    }

    /// Whether it still holds what is posted: its door has not closed, nor has too much come since it was told to.
    pub(crate) fn is_there(&self) -> bool {
        !self.out.lock().gone
    }

    /// Whether it has no connection, and waits for its client to come back.
    pub fn is_asleep(&self) -> bool {
        self.asleep.load(Ordering::Acquire)
    }

    /// Ready when the door should close at once, without writing what is queued. For a door whose socket takes nothing, which does not drain.
    pub(crate) fn poll_cut(&self, door: u32, cx: &mut Context<'_>) -> Poll<()> {
        let mut out = self.out.lock();
        if out.cut || !self.is_held_by(door) {
            return Poll::Ready(());
        }
        out.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Tells the door to close after what is queued. The first reason given stands.
    pub(crate) fn end(&self, why: StreamError) {
        let mut out = self.out.lock();
        out.end.get_or_insert(why);
        wake(out.waker.take(), out);
    }

    /// Moves what is queued into `into`, up to about `bytes`. Pending: nothing is queued, and the waker is kept under the queue's own lock.
    pub(crate) fn poll_drain(
        self: &Arc<Self>,
        door: u32,
        cx: &mut Context<'_>,
        into: &mut Vec<Out>,
        bytes: usize,
    ) -> Poll<Taken> {
        let mut out = self.out.lock();
        if !self.is_held_by(door) {
            return Poll::Ready(Taken::End(StreamError::conflict()));
        }
        if !out.cut && out.take(into, bytes) {
            return Poll::Ready(Taken::Stanzas);
        }
        if let Some(source) = out.due() {
            out.waker = Some(cx.waker().clone());
            drop(out);
            source.more(self);
            return Poll::Pending;
        }
        if let Some(why) = &out.end {
            return Poll::Ready(Taken::End(why.clone()));
        }
        match &out.waker {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            _ => out.waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// What was taken has reached the socket.
    pub(crate) fn written(&self, door: u32) {
        if let Some(mut out) = self.held_by(door) {
            out.written();
        }
    }

    /// Empties the queue for good.
    pub(crate) fn leftovers(&self) -> Leftovers {
        let mut out = self.out.lock();
        out.gone = true;
        let answer = out.pulling.as_ref().map(|pulling| (pulling.source.clone(), pulling.had));
        let stamp = out.stamp();
        let stanzas = out.leftovers().filter_map(stamp).collect();
        out.sm = None;
        self.asleep.store(false, Ordering::Release);
        Leftovers { stanzas, answer }
    }
}

/// Wakes only after the lock is gone, so that the woken thread does not run into it.
fn wake(waker: Option<Waker>, out: MutexGuard<'_, Outbound>) {
    drop(out);
    if let Some(waker) = waker {
        waker.wake();
    }
}
