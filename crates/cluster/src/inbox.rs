//! Where a member gets what was carried to it, bounded.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::{CarryError, Member};

/// Bytes that may wait for one member; more is refused, and the sender pushes back.
pub const INBOX_BYTES: usize = 16 * 1024 * 1024;

/// Weight of a frame beside its bytes.
const FRAME_BYTES: usize = size_of::<Arrival>();

/// What a member carried here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Who sent it.
    pub from: Member,
    /// What it says.
    pub bytes: Vec<u8>,
}

impl Frame {
    /// What it counts while it waits.
    pub(crate) fn weight(&self) -> usize {
        self.bytes.len() + FRAME_BYTES
    }
}

/// What comes out of an inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// A member carried this here.
    Frame(Frame),
    /// A member has died: nothing of it comes after this, what it was carried and did not answer may be lost, and
    /// its homes wake elsewhere.
    Gone(Member),
}

/// The receiving end: one reader.
#[derive(Debug)]
pub struct Inbox(Arc<Mutex<Waiting>>);

/// The sending end. The inbox ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Sender(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    arrivals: VecDeque<Arrival>,
    bytes: usize,
    reader: Option<Waker>,
    ended: bool,
}

impl Inbox {
    pub(crate) fn pair() -> (Sender, Inbox) {
        let waiting = Arc::default();
        (Sender(Arc::clone(&waiting)), Inbox(waiting))
    }

    /// What comes next; `None` when nothing can come any more. Safe to drop while it waits.
    pub async fn next(&mut self) -> Option<Arrival> {
        poll_fn(|context| self.poll(context)).await
    }

    /// What is here already.
    pub fn try_next(&mut self) -> Option<Arrival> {
        self.0.lock().take()
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Arrival>> {
        let mut waiting = self.0.lock();
        match waiting.take() {
            Some(arrival) => Poll::Ready(Some(arrival)),
            None if waiting.ended => Poll::Ready(None),
            None => {
                waiting.reader = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        *self.0.lock() = Waiting { ended: true, ..Waiting::default() };
    }
}

impl Waiting {
    fn take(&mut self) -> Option<Arrival> {
        let arrival = self.arrivals.pop_front()?;
        if let Arrival::Frame(frame) = &arrival {
            self.bytes -= frame.weight();
        }
        Some(arrival)
    }
}

impl Sender {
    /// Whether `bytes` more fit, and somebody reads them.
    pub(crate) fn check(&self, to: Member, bytes: usize) -> Result<(), CarryError> {
        let waiting = self.0.lock();
        if waiting.ended {
            return Err(CarryError::Gone(to));
        }
        if waiting.bytes + bytes > INBOX_BYTES { Err(CarryError::Full(to)) } else { Ok(()) }
    }

    /// Whether the reader has seen everything, and waits for more.
    #[cfg(feature = "faulty")]
    pub(crate) fn is_read(&self) -> bool {
        let waiting = self.0.lock();
        waiting.arrivals.is_empty() && (waiting.reader.is_some() || waiting.ended)
    }

    /// Puts something at the end.
    pub(crate) fn send(&self, arrival: Arrival) {
        let mut waiting = self.0.lock();
        if waiting.ended {
            return;
        }
        if let Arrival::Frame(frame) = &arrival {
            waiting.bytes += frame.weight();
        }
        waiting.arrivals.push_back(arrival);
        let reader = waiting.reader.take();
        drop(waiting);
        reader.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.ended = true;
        let reader = waiting.reader.take();
        drop(waiting);
        reader.into_iter().for_each(Waker::wake);
    }
}
