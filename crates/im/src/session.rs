//! One connected resource: its address and the queue of what it has yet to receive.
//!
//! The queue is a leaf of the lock order: nothing else is locked while it is held. What goes in is an `Arc` of a stanza that is shared with every
//! other receiver; what is taken out but not yet handed to the socket stays in `in_flight`, so that a message is not lost with a dying connection.
use crate::door::Dialect;
use crate::home::Home;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use xmpp::{Jid, Kind, Stanza, StreamError, Timestamp};

/// A long answer that is fetched page by page as the session's queue empties, instead of being pushed in whole.
pub trait Pull: Send + Sync {
    /// All of the last page has been handed to the socket: fetch the next, and put it with [`Session::page`].
    fn more(self: Arc<Self>, session: &Arc<Session>);
}

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

#[derive(Default)]
struct Outbound {
    queue: VecDeque<Item>,
    /// Messages that the door took and has not yet handed to the socket.
    in_flight: Vec<Arc<Stanza>>,
    bytes: usize,
    waker: Option<Waker>,
    /// Said to the peer after everything that is queued; then the door closes.
    end: Option<StreamError>,
    /// What was posted after that: never written, but given back in its order when the door has closed.
    late: VecDeque<Item>,
    /// The peer read too slowly: the door closes at once, and what is queued goes back to routing.
    cut: bool,
    /// Nobody will take anything out any more.
    gone: bool,
    pulling: Option<Box<Pulling>>,
}

struct Item {
    stanza: Arc<Stanza>,
    /// The store has it too: it is not given back to routing when the connection dies.
    kept: bool,
}

/// While a long answer is under way, what is posted meanwhile waits behind it, so that old comes before new.
struct Pulling {
    source: Option<Arc<dyn Pull>>,
    held: VecDeque<Item>,
}

/// What [`Session::poll_drain`] found.
pub(crate) enum Taken {
    Stanzas,
    End(StreamError),
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

    /// Queues one stanza: stop 6, and the only way in. A reader that is slower than the bound allows is cut off with `policy-violation`, and the
    /// messages that it did not take go back to routing. Gives the stanza back when the session is gone or has been told to end.
    pub(crate) fn post(&self, stanza: Arc<Stanza>) -> Option<Arc<Stanza>> {
        let mut out = self.out.lock();
        // A door that was told to close does so at once: one that does not shall not keep what comes late without bound.
        if out.gone || out.end.is_some() && out.bytes > 2 * self.bytes_max {
            return Some(stanza);
        }
        out.bytes += stanza.memory_bytes();
        out.push(stanza);
        if out.bytes > self.bytes_max && !out.cut {
            out.cut = true;
            out.end = Some(StreamError::policy_violation().with_text("you read too slowly"));
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
    /// it knows itself.
    pub(crate) fn is_full(&self) -> bool {
        self.answers.load(Ordering::Acquire) >= ANSWERS || self.out.lock().bytes > self.bytes_max / 2
    }

    /// Whether it still holds what is posted: its door has not closed, nor has too much come since it was told to.
    pub(crate) fn is_there(&self) -> bool {
        !self.out.lock().gone
    }

    /// Ready when the door should close at once, without writing what is queued. For a door whose socket takes nothing, which does not drain.
    pub(crate) fn poll_cut(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut out = self.out.lock();
        if out.cut {
            return Poll::Ready(());
        }
        out.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Begins a long answer: what is posted from now on waits until [`Session::page`] says that it is complete.
    pub fn pull(self: &Arc<Self>, source: Arc<dyn Pull>) {
        let mut out = self.out.lock();
        if out.pulling.is_none() {
            out.pulling = Some(Box::new(Pulling { source: Some(source), held: VecDeque::new() }));
        }
        wake(out.waker.take(), out);
    }

    /// Puts one page of a long answer; `next` fetches the one after it, `None` ends the answer and lets go what was held.
    pub fn page(&self, stanzas: Vec<Arc<Stanza>>, next: Option<Arc<dyn Pull>>) {
        let mut out = self.out.lock();
        for stanza in stanzas {
            out.bytes += stanza.memory_bytes();
            out.queue.push_back(Item { stanza, kept: true });
        }
        match (&mut out.pulling, next) {
            (Some(pulling), Some(next)) => pulling.source = Some(next),
            (pulling, _) => {
                let held = pulling.take().map(|pulling| pulling.held).unwrap_or_default();
                out.queue.extend(held);
            }
        }
        wake(out.waker.take(), out);
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
        cx: &mut Context<'_>,
        into: &mut Vec<Arc<Stanza>>,
        bytes: usize,
    ) -> Poll<Taken> {
        let mut out = self.out.lock();
        if !out.cut && out.take(into, bytes) {
            return Poll::Ready(Taken::Stanzas);
        }
        // Nobody writes a further page of a session that ends.
        if let Some(source) = if out.end.is_none() { out.due() } else { None } {
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
    pub(crate) fn written(&self) {
        let mut out = self.out.lock();
        out.in_flight.clear();
        if out.queue.is_empty() {
            out.give_memory_back();
        }
    }

    /// Empties the queue for good: the messages that the peer has not been handed, in order.
    pub(crate) fn leftovers(&self) -> Vec<Arc<Stanza>> {
        let mut out = self.out.lock();
        out.gone = true;
        let mut left = std::mem::take(&mut out.in_flight);
        let held = out.pulling.take().map(|pulling| pulling.held).unwrap_or_default();
        let late = std::mem::take(&mut out.late);
        let queued = std::mem::take(&mut out.queue).into_iter().chain(held).chain(late);
        left.extend(queued.filter(|item| !item.kept).map(|item| item.stanza));
        out.bytes = 0;
        left.retain(|stanza| is_missed(stanza));
        left
    }
}

impl Outbound {
    fn push(&mut self, stanza: Arc<Stanza>) {
        let item = Item { stanza, kept: false };
        match &mut self.pulling {
            _ if self.end.is_some() => self.late.push_back(item),
            Some(pulling) => pulling.held.push_back(item),
            None => self.queue.push_back(item),
        }
    }

    fn take(&mut self, into: &mut Vec<Arc<Stanza>>, bytes: usize) -> bool {
        let mut room = bytes;
        let had = into.len();
        while room > 0 {
            let Some(Item { stanza, kept }) = self.queue.pop_front() else { break };
            let size = stanza.memory_bytes();
            room = room.saturating_sub(size);
            self.bytes = self.bytes.saturating_sub(size);
            if !kept && is_missed(&stanza) {
                self.in_flight.push(stanza.clone());
            }
            into.push(stanza);
        }
        into.len() > had
    }

    fn due(&mut self) -> Option<Arc<dyn Pull>> {
        self.pulling.as_mut()?.source.take()
    }

    fn give_memory_back(&mut self) {
        if self.queue.capacity() > 8 {
            self.queue = VecDeque::new();
        }
        if self.in_flight.capacity() > 8 {
            self.in_flight = Vec::new();
        }
    }
}

/// Whether somebody misses a stanza that was not handed over: a message, and a question, which must be answered (RFC 6120 §8.2.3).
fn is_missed(stanza: &Stanza) -> bool {
    stanza.kind() == Kind::Message || stanza.kind() == Kind::Iq && stanza.may_be_answered()
}

/// Wakes only after the lock is gone, so that the woken thread does not run into it.
fn wake(waker: Option<Waker>, out: parking_lot::MutexGuard<'_, Outbound>) {
    drop(out);
    if let Some(waker) = waker {
        waker.wake();
    }
}
