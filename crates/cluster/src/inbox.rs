//! Where a member gets what was carried to it, in order and bounded.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::{CarryError, Member};

/// Bytes that may wait for one member; more is refused, and the sender pushes back.
pub const INBOX_BYTES: usize = 16 * 1024 * 1024;

/// Weight of a frame beside its bytes.
const FRAME_BYTES: usize = size_of::<Frame>();

/// What a member carried here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Who sent it.
    pub from: Member,
    /// What it says.
    pub bytes: Vec<u8>,
}

/// The receiving end: one reader, frames in the order in which they arrived.
#[derive(Debug)]
pub struct Inbox(Arc<Mutex<Waiting>>);

/// The sending end. The inbox ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Sender(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Frame>,
    bytes: usize,
    reader: Option<Waker>,
    ended: bool,
}

impl Inbox {
    pub(crate) fn pair() -> (Sender, Inbox) {
        let waiting = Arc::default();
        (Sender(Arc::clone(&waiting)), Inbox(waiting))
    }

    /// The next frame; `None` when nothing can arrive any more. Safe to drop while it waits.
    pub async fn next(&mut self) -> Option<Frame> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Frame>> {
        let mut waiting = self.0.lock();
        match waiting.frames.pop_front() {
            Some(frame) => {
                waiting.bytes -= frame.bytes.len() + FRAME_BYTES;
                Poll::Ready(Some(frame))
            }
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

impl Sender {
    /// Puts a frame at the end, unless the reader is gone or too far behind.
    pub(crate) fn send(&self, to: Member, frame: Frame) -> Result<(), CarryError> {
        let mut waiting = self.0.lock();
        let bytes = waiting.bytes + frame.bytes.len() + FRAME_BYTES;
        if waiting.ended {
            return Err(CarryError::Gone(to));
        }
        if bytes > INBOX_BYTES {
            return Err(CarryError::Full(to));
        }
        waiting.bytes = bytes;
        waiting.frames.push_back(frame);
        let reader = waiting.reader.take();
        drop(waiting);
        reader.into_iter().for_each(Waker::wake);
        Ok(())
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
