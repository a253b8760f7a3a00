//! The receipt for a write: ask it, await it, or be called when the write is safe or lost.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::Error;

/// How a batch ended: durable and visible to every read from now on, or not there at all.
pub type Outcome = Result<(), Error>;

/// Where a batch stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Neither safe nor lost yet.
    Pending,
    /// Durable, and seen by every read that starts now.
    Committed,
    /// Not stored, and never will be.
    Failed(Error),
}

/// The receipt of one batch. Clones are the same receipt; each may be awaited, by any runtime.
pub struct Ticket {
    shared: Arc<Shared>,
    /// Place of this clone's waker, so that polling again replaces it.
    slot: Option<usize>,
}

type Callback = Box<dyn FnOnce(Outcome) + Send>;

#[derive(Default)]
struct Shared(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    outcome: Option<Outcome>,
    wakers: Vec<Option<Waker>>,
    callbacks: Vec<Callback>,
}

impl Ticket {
    /// A receipt for nothing: committed already.
    pub fn committed() -> Ticket {
        let (promise, ticket) = Ticket::pair();
        promise.settle(Ok(())).run();
        ticket
    }

    /// Where the batch stands now.
    pub fn state(&self) -> State {
        match &self.shared.0.lock().outcome {
            None => State::Pending,
            Some(Ok(())) => State::Committed,
            Some(Err(error)) => State::Failed(error.clone()),
        }
    }

    /// Whether the batch is committed or failed.
    pub fn is_done(&self) -> bool {
        self.shared.0.lock().outcome.is_some()
    }

    /// Calls `callback` once the batch is done: at once on this thread if it is already, else on the thread that
    /// commits. It must be short, and the caller must hold no lock that the callback takes.
    pub fn on_done(&self, callback: Callback) {
        let mut waiting = self.shared.0.lock();
        match waiting.outcome.clone() {
            None => waiting.callbacks.push(callback),
            Some(outcome) => {
                drop(waiting);
                callback(outcome);
            }
        }
    }

    /// A receipt for something that is yet to be written, and the side that settles it: when that is dropped, the receipt
    /// is done.
    pub fn pair() -> (Promise, Ticket) {
        let shared = Arc::new(Shared::default());
        (Promise(Some(shared.clone())), Ticket { shared, slot: None })
    }
}

impl Waiting {
    /// Keeps a waker in a place that is free, and says which.
    fn keep(&mut self, waker: Waker) -> usize {
        let free = self.wakers.iter().position(Option::is_none).unwrap_or(self.wakers.len());
        match self.wakers.get_mut(free) {
            Some(place) => *place = Some(waker),
            None => self.wakers.push(Some(waker)),
        }
        free
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Some(slot) = self.slot else { return };
        if let Some(place) = self.shared.0.lock().wakers.get_mut(slot) {
            *place = None;
        }
    }
}

impl Clone for Ticket {
    fn clone(&self) -> Ticket {
        Ticket { shared: self.shared.clone(), slot: None }
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Ticket({:?})", self.state())
    }
}

impl Future for Ticket {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let shared = self.shared.clone();
        let mut waiting = shared.0.lock();
        if let Some(outcome) = &waiting.outcome {
            return Poll::Ready(outcome.clone());
        }
        match self.slot.and_then(|slot| waiting.wakers.get_mut(slot)) {
            Some(Some(waker)) => waker.clone_from(context.waker()),
            _ => self.slot = Some(waiting.keep(context.waker().clone())),
        }
        Poll::Pending
    }
}

/// The side of a ticket that settles it. Dropped unsettled (the writer died), it fails the ticket.
pub struct Promise(Option<Arc<Shared>>);

impl Promise {
    /// Settles the ticket and tells whoever waits. The caller must hold no lock that a callback takes.
    pub fn keep(self, outcome: Outcome) {
        self.settle(outcome).run();
    }

    /// Settles the ticket: its state is new at once; whoever waits is told by [`Told::run`], outside of all locks.
    pub(crate) fn settle(mut self, outcome: Outcome) -> Told {
        self.tell(outcome)
    }

    fn tell(&mut self, outcome: Outcome) -> Told {
        let Some(shared) = self.0.take() else { return Told(Vec::new(), Vec::new(), outcome) };
        let mut waiting = shared.0.lock();
        waiting.outcome = Some(outcome.clone());
        Told(std::mem::take(&mut waiting.wakers), std::mem::take(&mut waiting.callbacks), outcome)
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if self.0.is_some() {
            self.tell(Err(Error::Closed)).run();
        }
    }
}

/// Who has yet to hear that a ticket is settled.
#[must_use = "waiters would never hear"]
pub(crate) struct Told(Vec<Option<Waker>>, Vec<Callback>, Outcome);

impl Told {
    /// Wakes and calls everybody. A callback that panics harms nobody else.
    pub(crate) fn run(self) {
        let Told(wakers, callbacks, outcome) = self;
        wakers.into_iter().flatten().for_each(Waker::wake);
        for callback in callbacks {
            let outcome = outcome.clone();
            if catch_unwind(AssertUnwindSafe(move || callback(outcome))).is_err() {
                tracing::error!("a callback of a committed write panicked");
            }
        }
    }
}
