//! Hanging up without swallowing the last words: what was said goes out, our side ends, the other side's goodbye is
//! awaited for a moment.
//!
//! A socket that is closed with unread bytes in it is reset, and a reset can overtake the error that explains it; so
//! what still comes is read and forgotten, up to a bound.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::io::{Socket, Wire};
use crate::scratch;
use crate::wheel::{Alarm, Tick};

/// What a peer may still send before it is cut off.
const FORGOTTEN_BYTES: usize = 1024 * 1024;

/// A connection that ends.
pub(crate) struct Closing<S> {
    wire: Wire<S>,
    step: Step,
    forget: usize,
    until: Tick,
    alarm: Alarm,
}

#[derive(Clone, Copy)]
enum Step {
    Say,
    EndOurs,
    AwaitTheirs,
}

impl<S: Socket> Closing<S> {
    /// Ends a connection, whose last words have been appended to it; gives up after `linger`.
    pub(crate) fn new(mut wire: Wire<S>, alarm: Alarm, linger: Duration) -> Closing<S> {
        wire.append_close_notify();
        let until = alarm.wheel().after(linger);
        Closing { wire, step: Step::Say, forget: FORGOTTEN_BYTES, until, alarm }
    }

    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        loop {
            match self.step {
                Step::Say => {
                    ready!(self.wire.poll_flush(cx))?;
                    self.step = Step::EndOurs;
                }
                Step::EndOurs => {
                    ready!(self.wire.poll_shutdown(cx))?;
                    self.step = Step::AwaitTheirs;
                }
                Step::AwaitTheirs => {
                    let count = ready!(scratch::with(|scratch| self.wire.poll_discard(cx, &mut scratch.space)))?;
                    if count == 0 || count > self.forget {
                        return Poll::Ready(Ok(()));
                    }
                    self.forget -= count;
                }
            }
        }
    }
}

impl<S: Socket> Future for Closing<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.advance(cx).is_ready() || self.alarm.wheel().now() >= self.until {
            return Poll::Ready(());
        }
        let until = self.until;
        self.alarm.set(until, cx.waker());
        Poll::Pending
    }
}
