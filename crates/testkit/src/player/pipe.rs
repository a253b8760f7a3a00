//! A client's end of a connection, moved only when the player says so: nothing here waits.

use crate::stage::Wire;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection with what it has not taken yet.
pub(super) struct Pipe {
    wire: Box<dyn Wire>,
    unsent: Vec<u8>,
    ended: bool,
}

impl Pipe {
    /// A new connection.
    pub(super) fn new(wire: Box<dyn Wire>) -> Self {
        Pipe { wire, unsent: Vec::new(), ended: false }
    }

    /// The bare connection, to put TLS on it.
    pub(super) fn into_wire(self) -> Box<dyn Wire> {
        self.wire
    }

    /// Whether the server has closed it.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Queues bytes for the server; they go when the pipe is moved.
    pub(super) fn queue(&mut self, bytes: &[u8]) {
        self.unsent.extend_from_slice(bytes);
    }

    /// Moves bytes to the server as far as it takes them, and what it wrote into `came` if the client is reading.
    ///
    /// True: something moved.
    pub(super) async fn pump(&mut self, reading: bool, came: &mut Vec<u8>) -> bool {
        // Without a budget: a pipe that has bytes is never told to come back later.
        let moving = poll_fn(|cx| Poll::Ready(self.poll_pump(reading, came, cx)));
        tokio::task::unconstrained(moving).await
    }

    /// Waits until the server has written something, or closed the connection.
    pub(super) async fn comes(&mut self, came: &mut Vec<u8>) {
        poll_fn(|cx| {
            self.poll_write(cx);
            match !self.ended && self.poll_read(came, cx) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }

    fn poll_pump(&mut self, reading: bool, came: &mut Vec<u8>, cx: &mut Context<'_>) -> bool {
        let written = self.poll_write(cx);
        let read = reading && !self.ended && self.poll_read(came, cx);
        written || read
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> bool {
        let mut taken = 0;
        while taken < self.unsent.len() {
            match Pin::new(&mut self.wire).poll_write(cx, &self.unsent[taken..]) {
                Poll::Ready(Ok(count)) if count > 0 => taken += count,
                // A refusal shows when reading; what it did not take is lost, as on a real socket.
                Poll::Ready(_) => taken = self.unsent.len(),
                Poll::Pending => break,
            }
        }
        self.unsent.drain(..taken);
        let _flushed = Pin::new(&mut self.wire).poll_flush(cx);
        taken > 0
    }

    fn poll_read(&mut self, came: &mut Vec<u8>, cx: &mut Context<'_>) -> bool {
        let (mut buffer, before) = ([0; 4096], came.len());
        loop {
            let mut into = ReadBuf::new(&mut buffer);
            match Pin::new(&mut self.wire).poll_read(cx, &mut into) {
                Poll::Ready(Ok(())) if !into.filled().is_empty() => came.extend_from_slice(into.filled()),
                Poll::Ready(_) => {
                    self.ended = true;
                    return true;
                }
                Poll::Pending => return came.len() > before,
            }
        }
    }
}
