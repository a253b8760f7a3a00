//! The line in front of the writer: first come, first written, and never longer than memory allows.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
#[cfg(feature = "sqlite")]
use std::time::Duration;

#[cfg(feature = "sqlite")]
use parking_lot::Condvar;
use parking_lot::{Mutex, MutexGuard};

use crate::epoch::Claims;
use crate::ticket::{Promise, Told};
use crate::{Batch, Error, Faults, Outcome, Ticket};

/// How much waits to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Batches that are neither committed nor failed.
    pub batches: usize,
    /// Their weight, bytes.
    pub bytes: usize,
    /// From here on callers should take no new work in, bytes.
    pub soft_bytes: usize,
    /// From here on a submitted batch fails with [`Error::Overloaded`], bytes.
    pub hard_bytes: usize,
}

impl Backlog {
    /// Whether callers should push back before they submit more.
    pub fn is_full(&self) -> bool {
        self.bytes >= self.soft_bytes
    }
}

/// Batches in the order of submission, the claims that they are checked against, and the bounds.
pub(crate) struct Queue {
    line: Mutex<Line>,
    /// For the thread that writes, where there is one.
    #[cfg(feature = "sqlite")]
    more: Condvar,
    pub(crate) claims: Claims,
    pub(crate) faults: Option<Faults>,
    /// What [`Line::bytes`] was when it was last changed: asked before every read of every connection, which shall not meet at the line.
    weight: AtomicUsize,
    soft_bytes: usize,
    hard_bytes: usize,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<Entry>,
    /// How many of those that wait are in a hurry.
    hurried: usize,
    /// Submitted and not settled, those that are being written included.
    batches: usize,
    bytes: usize,
    next_sequence: u64,
    closed: bool,
}

/// One submitted batch, or (without a batch) a barrier.
pub(crate) struct Entry {
    pub(crate) batch: Option<Batch>,
    pub(crate) sequence: u64,
    promise: Promise,
}

impl Entry {
    /// Somebody waits for it.
    fn is_hurried(&self) -> bool {
        self.batch.as_ref().is_none_or(|batch| !batch.unhurried)
    }
}

/// How long batches for which nobody waits are left in the line, for others to be written with them.
#[cfg(feature = "sqlite")]
const PATIENCE: Duration = Duration::from_millis(10);

/// What is taken from the line at once.
#[derive(Clone, Copy)]
pub(crate) struct GroupLimit {
    pub(crate) batches: usize,
    pub(crate) bytes: usize,
}

impl Queue {
    pub(crate) fn new(claims: Claims, faults: Option<Faults>, soft_bytes: usize, hard_bytes: usize) -> Arc<Queue> {
        Arc::new(Queue {
            line: Mutex::default(),
            #[cfg(feature = "sqlite")]
            more: Condvar::new(),
            claims,
            faults,
            weight: AtomicUsize::new(0),
            soft_bytes,
            hard_bytes,
        })
    }

    /// Puts a batch at the end of the line, or fails its ticket.
    pub(crate) fn submit(&self, batch: Batch) -> Ticket {
        let (promise, ticket) = Ticket::pair();
        let mut line = self.line.lock();
        let sequence = line.take_sequence();
        match self.admit(&line, &batch, sequence) {
            Ok(()) => {
                line.batches += 1;
                line.bytes += batch.bytes();
                self.weight.store(line.bytes, Ordering::Release);
                let first = line.waiting.is_empty();
                if line.push(Entry { batch: Some(batch), sequence, promise }) || first {
                    self.ring();
                }
            }
            Err(error) => {
                if error.fences() {
                    self.claims.fence(&batch, sequence);
                }
                drop(line);
                promise.settle(Err(error)).run();
            }
        }
        ticket
    }

    /// A ticket that is committed once all that was submitted before is settled.
    pub(crate) fn barrier(&self) -> Ticket {
        let (promise, ticket) = Ticket::pair();
        let mut line = self.line.lock();
        if !line.closed {
            let sequence = line.take_sequence();
            line.push(Entry { batch: None, sequence, promise });
            self.ring();
        }
        ticket
    }

    /// From now on nothing is taken in; what waits is still written.
    pub(crate) fn close(&self) {
        self.line.lock().closed = true;
        self.ring();
    }

    /// Nothing will be written any more: what waits fails.
    #[cfg(feature = "sqlite")]
    pub(crate) fn abandon(&self) {
        let mut line = self.line.lock();
        line.closed = true;
        let waiting = std::mem::take(&mut line.waiting);
        line.hurried = 0;
        drop(line);
        drop(waiting);
    }

    /// Has whoever writes look at the line again, though nothing in it is new. Under its lock, or he might have looked already and be about to wait.
    pub(crate) fn nudge(&self) {
        let line = self.line.lock();
        self.ring();
        drop(line);
    }

    fn ring(&self) {
        #[cfg(feature = "sqlite")]
        self.more.notify_one();
    }

    /// Moves the head of the line into `group`; does nothing when it is empty or held.
    pub(crate) fn take(&self, limit: GroupLimit, group: &mut Vec<Entry>) {
        self.take_from(&mut self.line.lock(), limit, group);
    }

    /// As [`Queue::take`], but waits until there is something. False: closed, and nothing is left.
    #[cfg(feature = "sqlite")]
    pub(crate) fn wait_and_take(&self, limit: GroupLimit, group: &mut Vec<Entry>) -> bool {
        let mut line = self.line.lock();
        let mut patient = true;
        loop {
            if patient && line.hurried == 0 && !line.waiting.is_empty() && !line.closed {
                patient = !self.more.wait_for(&mut line, PATIENCE).timed_out();
                continue;
            }
            self.take_from(&mut line, limit, group);
            if !group.is_empty() {
                return true;
            }
            if line.closed && line.waiting.is_empty() {
                return false;
            }
            self.more.wait(&mut line);
            patient = true;
        }
    }

    /// Settles an entry: the claim, the backlog and the ticket know it now; waiters hear it from [`Told::run`].
    pub(crate) fn settle(&self, entry: Entry, outcome: Outcome) -> Told {
        if let Some(batch) = &entry.batch {
            if outcome.as_ref().is_err_and(Error::fences) {
                self.claims.fence(batch, 0);
            }
            self.claims.leave(batch);
            let mut line = self.line.lock();
            line.batches -= 1;
            line.bytes -= batch.bytes();
            self.weight.store(line.bytes, Ordering::Release);
        }
        entry.promise.settle(outcome)
    }

    pub(crate) fn backlog(&self) -> Backlog {
        let line = self.line.lock();
        let (soft_bytes, hard_bytes) = (self.soft_bytes, self.hard_bytes);
        Backlog { batches: line.batches, bytes: line.bytes, soft_bytes, hard_bytes }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.weight.load(Ordering::Acquire) >= self.soft_bytes
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.line.lock().closed
    }

    fn admit(&self, line: &MutexGuard<'_, Line>, batch: &Batch, sequence: u64) -> Result<(), Error> {
        if line.closed {
            return Err(Error::Closed);
        }
        batch.check()?;
        if line.bytes + batch.bytes() > self.hard_bytes {
            return Err(Error::Overloaded { waiting_bytes: line.bytes, limit_bytes: self.hard_bytes });
        }
        self.claims.enter(batch, sequence)
    }

    fn take_from(&self, line: &mut Line, limit: GroupLimit, group: &mut Vec<Entry>) {
        let mut bytes = 0;
        while let Some(head) = line.waiting.front() {
            if let Some(batch) = &head.batch {
                bytes += batch.bytes();
                let enough = group.len() >= limit.batches || (!group.is_empty() && bytes > limit.bytes);
                if enough || !self.faults.as_ref().is_none_or(Faults::let_pass) {
                    break;
                }
            }
            group.extend(line.pop());
        }
    }
}

impl Line {
    /// Adds to the line; whether whoever writes should know at once.
    fn push(&mut self, entry: Entry) -> bool {
        let hurried = entry.is_hurried();
        self.hurried += usize::from(hurried);
        self.waiting.push_back(entry);
        hurried
    }

    fn pop(&mut self) -> Option<Entry> {
        let entry = self.waiting.pop_front()?;
        self.hurried -= usize::from(entry.is_hurried());
        Some(entry)
    }

    fn take_sequence(&mut self) -> u64 {
        self.next_sequence += 1;
        self.next_sequence
    }
}
