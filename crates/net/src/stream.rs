//! A session's connection: it carries stanzas in and out and does nothing else.
//!
//! **Keeps** while idle: the socket, the parser without a partial element, an alarm on the wheel. Everything it works
//! with is lent by the worker for the length of one poll. **Refuses** to read while the client takes nothing of what it
//! is sent, or while the session's home is not ready.
//!
//! One poll makes at most [`TURNS`] turns, each of which is: send what is queued in one write (here); read once and admit
//! the whole batch (`inlet.rs`). Coalescing is what makes it cheap: a batch in costs one read, a batch out one write.

mod inlet;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use im::{Dialect, Door, Drained, Goodbye, Host, Out};
use xml::{Reader, Strictness};
use xmpp::StreamError;

use crate::c2s::Bound;
use crate::io::{Socket, Wire};
use crate::pace::Pace;
use crate::scratch::{self, Scratch};
use crate::wheel::{Alarm, Tick};
use crate::{Doors, dialect, events, nonza};

/// Turns of one poll; then others have theirs.
const TURNS: usize = 8;

/// About how many bytes are taken from the queue for one write.
const BATCH_BYTES: usize = 64 * 1024;

/// After a write of so many bytes more may be queued: that goes out before anything is read, or whoever asks faster than
/// it can be answered would fill its own queue.
const MUCH_BYTES: usize = BATCH_BYTES / 4;

/// What a finished negotiation hands over.
pub(crate) struct Parts<S> {
    pub(crate) wire: Wire<S>,
    pub(crate) reader: Reader,
    /// Read and not yet understood.
    pub(crate) input: Vec<u8>,
    /// To be said first.
    pub(crate) out: Vec<u8>,
    pub(crate) alarm: Alarm,
}

/// A connection with a session.
pub(crate) struct Stream<S> {
    wire: Wire<S>,
    reader: Reader,
    /// None once the session has been let go.
    door: Option<Door>,
    host: Arc<Host>,
    /// The language of stanzas that do not say theirs.
    lang: Option<Arc<str>>,
    doors: Doors,
    alarm: Alarm,
    /// When the alarm rings; what has passed means that it is not set.
    wakes_at: Tick,
    /// When anything was last read or written.
    active_at: Tick,
    /// Since when the client takes nothing.
    stuck_since: Option<Tick>,
    waiting: Option<Box<inlet::Waiting>>,
    /// What it has used of the rate at which it may send.
    pace: Pace,
    peer: Option<IpAddr>,
    dialect: Dialect,
    /// Stanzas were drained, and the queue has not been told that the socket has them.
    unconfirmed: bool,
    /// The client has closed its stream: what is queued goes out, then ours is closed.
    leaving: bool,
}

/// Why a session's connection ends.
enum End {
    /// The client closed the stream.
    ByPeer,
    /// The connection is gone.
    Lost,
    /// The client has taken nothing for too long: its connection counts as gone.
    Stuck,
    /// The session is over, or the client broke the rules; this is to be said.
    Error(StreamError),
}

impl<S: Socket> Stream<S> {
    /// Begins to carry stanzas.
    pub(crate) fn new(doors: Doors, peer: Option<IpAddr>, parts: Parts<S>, bound: Bound) -> Stream<S> {
        let Parts { wire, mut reader, input, out, alarm } = parts;
        let Bound { door, dialect, host, lang, early } = bound;
        reader.set_limits(doors.limits().of_session());
        reader.set_strictness(if dialect == Dialect::J { Strictness::Lenient } else { Strictness::Strict });
        let now = doors.wheel().now();
        let waiting = inlet::Waiting::at_first(early, input);
        let mut stream = Stream {
            wire,
            reader,
            door: Some(door),
            host,
            lang,
            alarm,
            wakes_at: now,
            active_at: now,
            stuck_since: None,
            waiting,
            pace: Pace::default(),
            peer,
            dialect,
            unconfirmed: false,
            leaving: false,
            doors,
        };
        stream.say_later(&out);
        stream
    }

    /// Carries stanzas until the connection ends; the last words are then appended to it.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match scratch::with(|scratch| self.turns(cx, scratch)) {
            Ok(()) => Poll::Pending,
            Err(end) => {
                self.finish(end);
                Poll::Ready(())
            }
        }
    }

    /// What is left when the session is over.
    pub(crate) fn into_parts(self) -> (Wire<S>, Alarm) {
        (self.wire, self.alarm)
    }

    fn turns(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Result<(), End> {
        for _ in 0..TURNS {
            let Poll::Ready(wrote) = self.write(cx, scratch)? else { return self.watch(cx, scratch) };
            if wrote >= MUCH_BYTES {
                continue;
            }
            let read = self.read(cx, scratch)?;
            if wrote == 0 && !read {
                if self.leaving && self.is_ready(cx) {
                    return Err(End::ByPeer);
                }
                return self.watch(cx, scratch);
            }
        }
        // What the last turn answered must not go with the scratch.
        self.say_later(&scratch.out);
        cx.waker().wake_by_ref();
        Ok(())
    }

    /// Steps 1 and 2: what is kept, then what is queued, in one write. Pending while the socket takes no more; else
    /// how many bytes there were.
    fn write(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Result<Poll<usize>, End> {
        let kept = self.wire.is_stuck();
        if kept {
            let flushed = self.wire.poll_flush(cx);
            if !self.has_sent(flushed)? {
                return Ok(Poll::Pending);
            }
        }
        let Scratch { drained, out, space, .. } = scratch;
        let drained = self.drain(cx, drained, out)?;
        if out.is_empty() {
            return Ok(Poll::Ready(usize::from(kept || drained)));
        }
        let count = out.len();
        self.doors.metrics().bytes_out.add(count as u64);
        let written = self.wire.poll_write(cx, out, space);
        out.clear();
        Ok(if self.has_sent(written)? { Poll::Ready(count) } else { Poll::Pending })
    }

    /// Puts what is queued into the stream's words; whether there was any.
    fn drain(&mut self, cx: &mut Context<'_>, batch: &mut Vec<Out>, out: &mut Vec<u8>) -> Result<bool, End> {
        let Some(door) = &self.door else { return Err(End::Lost) };
        let drained = door.poll_drain(cx, batch, BATCH_BYTES);
        if !batch.is_empty() {
            self.unconfirmed = true;
            let mut stanzas = 0;
            for said in batch.drain(..) {
                match said {
                    Out::Stanza(stanza) => {
                        stanzas += 1;
                        dialect::write(self.dialect, &stanza, out);
                    }
                    Out::Word(word) => nonza::write(&word, out),
                }
            }
            self.doors.metrics().stanzas_out.add(stanzas);
        }
        match drained {
            Poll::Ready(Drained::Stanzas) => Ok(true),
            Poll::Ready(Drained::Close(error)) => {
                self.say_later(out);
                Err(End::Error(error))
            }
            Poll::Pending => Ok(false),
        }
    }

    /// Keeps account of a write: false while the socket takes no more.
    fn has_sent(&mut self, sent: Poll<io::Result<()>>) -> Result<bool, End> {
        let now = self.doors.wheel().now();
        match sent {
            Poll::Ready(Ok(())) => {
                self.active_at = now;
                self.stuck_since = None;
                if std::mem::take(&mut self.unconfirmed) {
                    self.door.iter().for_each(Door::written);
                }
                Ok(true)
            }
            Poll::Ready(Err(_)) => Err(End::Lost),
            Poll::Pending => {
                if self.stuck_since.is_none() {
                    self.stuck_since = Some(now);
                    // The alarm was set for an idle stream; this one has less time.
                    self.wakes_at = now;
                }
                Ok(false)
            }
        }
    }

    /// Before it sleeps: whether it has been stuck or silent for too long, and when to look again.
    fn watch(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Result<(), End> {
        let now = self.doors.wheel().now();
        if self.stuck_since.is_some() && self.door.as_ref().is_some_and(|door| door.poll_cut(cx).is_ready()) {
            return Err(End::Error(StreamError::policy_violation()));
        }
        if now < self.wakes_at {
            return Ok(());
        }
        let limits = self.doors.limits();
        let (stuck, idle) = (Duration::from_secs(limits.stuck_s.into()), Duration::from_secs(limits.idle_s.into()));
        let until = match self.stuck_since {
            Some(since) if now >= since.plus(stuck) => return Err(End::Stuck),
            Some(since) => since.plus(stuck),
            None if now >= self.active_at.plus(idle) => return self.break_silence(cx, scratch),
            None => self.active_at.plus(idle),
        };
        let until = self.pace.wait(now).map_or(until, |wait| until.min(now.plus(wait)));
        self.alarm.set(until, cx.waker());
        self.wakes_at = until;
        Ok(())
    }

    /// Sends the space that keeps the way open, and by which a dead connection is noticed.
    fn break_silence(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Result<(), End> {
        let written = self.wire.poll_write(cx, b" ", &mut scratch.space);
        self.has_sent(written)?;
        self.active_at = self.doors.wheel().now();
        self.watch(cx, scratch)
    }

    /// Ends the session and says the last words, as far as there is anybody to hear them.
    fn finish(&mut self, end: End) {
        let Some(door) = self.door.take() else { return };
        let account = door.jid().clone();
        let mut words = Vec::new();
        let (goodbye, how, error) = match end {
            End::ByPeer => {
                words.extend_from_slice(dialect::CLOSE);
                (Goodbye::ByPeer, "closed", None)
            }
            End::Lost => (Goodbye::Lost, "lost", None),
            End::Stuck => (Goodbye::Lost, "lost", Some(StreamError::policy_violation())),
            End::Error(error) => (Goodbye::Error, "error", Some(error)),
        };
        if let Some(error) = error {
            dialect::write_end(self.dialect, &error, &mut words);
            self.doors.metrics().stream_errors.one(error.condition.name());
            events::stream_error(Some(&account), self.peer, error.condition.name());
        }
        door.close(goodbye);
        self.say_later(&words);
        events::stream_ended(&account, how);
    }

    /// Puts words behind those that wait for the socket. Encryption that fails shows at the next write, too.
    fn say_later(&mut self, words: &[u8]) {
        if !words.is_empty() {
            self.doors.metrics().bytes_out.add(words.len() as u64);
            let _ = self.wire.append(words);
        }
    }
}
