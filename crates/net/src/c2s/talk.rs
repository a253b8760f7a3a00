//! A connection that is being set up: words come in, words go out, and all of it has to end in time.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use xml::{Event, Reader};

use crate::Doors;
use crate::io::{Heard, Socket, Wire};
use crate::scratch::{self, Scratch};
use crate::stream::Parts;
use crate::tls;
use crate::wheel::{Alarm, Tick};

/// One talk, before the session begins.
pub(super) struct Talk<S> {
    pub(super) wire: Wire<S>,
    pub(super) reader: Reader,
    /// What was read and not yet understood, from `at` on.
    input: Vec<u8>,
    at: usize,
    /// What is to be said before anything more is read.
    pub(super) out: Vec<u8>,
    pub(super) alarm: Alarm,
    doors: Doors,
    until: Tick,
}

/// Why a talk cannot go on.
#[derive(Debug)]
pub(super) enum Broken {
    /// The connection is gone.
    Lost(std::io::Error),
    /// It took too long.
    TimedOut,
    /// The server stops.
    Stopping,
    /// What was said is no XML as we take it.
    Xml(xml::Error),
}

impl<S: Socket> Talk<S> {
    /// Begins a talk that must end within the login time.
    pub(super) fn new(doors: Doors, socket: S) -> Talk<S> {
        let limit = Duration::from_secs(doors.limits().login_s.into());
        Talk {
            wire: Wire::new(socket),
            reader: Reader::new(doors.limits().before_login()).of_a_client(),
            input: Vec::new(),
            at: 0,
            out: Vec::new(),
            alarm: doors.wheel().alarm(),
            until: doors.wheel().after(limit),
            doors,
        }
    }

    /// The next thing the client says; whatever we had to say goes out first.
    pub(super) async fn next(&mut self) -> Result<Event, Broken> {
        poll_fn(|cx| scratch::with(|scratch| self.poll_next(cx, scratch))).await
    }

    /// Says what is to be said, and waits until the socket has taken it.
    pub(super) async fn flush(&mut self) -> Result<(), Broken> {
        poll_fn(|cx| scratch::with(|scratch| self.poll_flush(cx, scratch))).await
    }

    /// Says what is to be said, forgets what was sent ahead of it, and carries the TLS handshake through.
    pub(super) async fn encrypt(&mut self, tls: Box<tls::Connection>) -> Result<(), Broken> {
        self.flush().await?;
        self.forget_input();
        self.reader = Reader::new(self.doors.limits().before_login()).of_a_client();
        self.wire.encrypt_with(tls);
        let limit = Duration::from_secs(self.doors.limits().handshake_s.into());
        let until = self.until.min(self.doors.wheel().after(limit));
        let mut early = Vec::new();
        poll_fn(|cx| scratch::with(|scratch| self.poll_handshake(cx, scratch, until, &mut early))).await?;
        self.input = early;
        Ok(())
    }

    /// The stream begins anew, as after SASL.
    pub(super) fn restart(&mut self) {
        self.reader = Reader::restarted(self.doors.limits().before_login()).of_a_client();
    }

    /// Hands over to the session.
    pub(super) fn into_parts(mut self) -> Parts<S> {
        self.input.drain(..self.at);
        let Talk { wire, reader, input, out, alarm, .. } = self;
        Parts { wire, reader, input, out, alarm }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Poll<Result<Event, Broken>> {
        loop {
            let mut rest = self.input.get(self.at..).unwrap_or_default();
            let event = self.reader.next(&mut scratch.xml, &mut rest).map_err(Broken::Xml)?;
            self.at = self.input.len() - rest.len();
            if let Some(event) = event {
                return Poll::Ready(Ok(event));
            }
            self.forget_input();
            ready!(self.poll_flush(cx, scratch))?;
            match self.wire.poll_read(cx, &mut scratch.space) {
                Poll::Ready(Ok(Heard::End)) => return lost(std::io::ErrorKind::UnexpectedEof.into()),
                Poll::Ready(Ok(heard)) => self.input.extend_from_slice(scratch.space.bytes(heard)),
                Poll::Ready(Err(error)) => return lost(error),
                Poll::Pending => return self.poll_time(cx, self.until),
            }
            self.doors.metrics().bytes_in.add(self.input.len() as u64);
            if let Poll::Ready(late) = self.poll_time(cx, self.until) {
                return Poll::Ready(late);
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Poll<Result<(), Broken>> {
        let flushed = match self.wire.poll_flush(cx) {
            Poll::Ready(Ok(())) if !self.out.is_empty() => {
                self.doors.metrics().bytes_out.add(self.out.len() as u64);
                let out = std::mem::take(&mut self.out);
                self.wire.poll_write(cx, &out, &mut scratch.space)
            }
            other => other,
        };
        match flushed {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) => lost(error),
            Poll::Pending => self.poll_time(cx, self.until),
        }
    }

    fn poll_handshake(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut Scratch,
        until: Tick,
        early: &mut Vec<u8>,
    ) -> Poll<Result<(), Broken>> {
        match self.wire.poll_handshake(cx, &mut scratch.space, early) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) => lost(error),
            Poll::Pending => self.poll_time(cx, until),
        }
    }

    /// Pending while there is time; the alarm wakes us when there is none.
    fn poll_time<T>(&mut self, cx: &mut Context<'_>, until: Tick) -> Poll<Result<T, Broken>> {
        if self.doors.is_stopping() {
            return Poll::Ready(Err(Broken::Stopping));
        }
        if self.doors.wheel().now() >= until {
            return Poll::Ready(Err(Broken::TimedOut));
        }
        self.alarm.set(until, cx.waker());
        Poll::Pending
    }

    fn forget_input(&mut self) {
        self.input = Vec::new();
        self.at = 0;
    }
}

fn lost<T>(error: std::io::Error) -> Poll<Result<T, Broken>> {
    Poll::Ready(Err(Broken::Lost(error)))
}

/// For the log.
impl From<Broken> for std::io::Error {
    fn from(broken: Broken) -> std::io::Error {
        match broken {
            Broken::Lost(error) => error,
            Broken::TimedOut => std::io::ErrorKind::TimedOut.into(),
            Broken::Stopping => std::io::Error::other("the server stops"),
            Broken::Xml(error) => std::io::Error::other(error),
        }
    }
}
