//! What a client sends on its way to the heart: read, understood in portions, admitted.
//!
//! What the heart does not take now waits here, in order, and nothing is read meanwhile.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use im::Signal;
use xml::{Element, Event};
use xmpp::{IqType, Stanza, StreamError};

use super::{BATCH_BYTES, End, Stream};
use crate::admit::{Admission, Admitted};
use crate::io::{Heard, Socket};
use crate::scratch::Scratch;

/// Questions that are admitted at once, each of which may have a long answer.
const QUESTIONS: usize = 16;

/// Stanzas that are understood before the heart is asked whether it takes them.
const PORTION: usize = 256;

/// What was read and not admitted yet, in this order.
pub(super) struct Waiting {
    /// Admission has been tried; the heart did not take them.
    stanzas: VecDeque<Stanza>,
    /// Sent ahead of the login.
    early: VecDeque<Element>,
    /// Read and not yet understood.
    input: Vec<u8>,
    stop: Stop,
}

impl Waiting {
    /// What a login leaves behind, if anything.
    pub(super) fn at_first(early: VecDeque<Element>, input: Vec<u8>) -> Option<Box<Waiting>> {
        let any = !(early.is_empty() && input.is_empty());
        any.then(|| Box::new(Waiting { stanzas: VecDeque::new(), early, input, stop: Stop::Portion }))
    }
}

/// Why understanding has stopped.
enum Stop {
    /// So that what is there is admitted; there may be more.
    Portion,
    /// There are many questions, or much was answered at the door: the client reads first.
    Much,
    /// This is to be said to the session, after what came before it.
    Signal(Signal),
    /// Nothing is left.
    Dry,
    /// The client has closed its stream.
    Close,
    /// This ends the stream, after what came before it.
    Error(StreamError),
}

/// What is being admitted, and the parts of the scratch that this needs.
struct Batch<'a> {
    early: VecDeque<Element>,
    bytes: &'a [u8],
    questions: usize,
    xml: &'a mut xml::Scratch,
    out: &'a mut Vec<u8>,
    admitted: &'a mut VecDeque<Stanza>,
}

impl<S: Socket> Stream<S> {
    /// Steps 3 to 5: admits what waits, or else reads once and admits that; nothing while the session's home is not
    /// ready, or the client has sent faster than it may. Whether there was anything.
    pub(super) fn read(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Result<bool, End> {
        if self.leaving || !self.is_ready(cx) {
            return Ok(false);
        }
        let now = self.doors.wheel().now();
        if let Some(waiting) = self.waiting.take() {
            let Waiting { stanzas, early, input, stop } = *waiting;
            let Scratch { xml, out, admitted, .. } = scratch;
            admitted.extend(stanzas);
            self.admit(Batch { early, bytes: &input, questions: 0, xml, out, admitted }, stop)?;
            return Ok(true);
        }
        if self.pace.wait(now).is_some() {
            // The alarm was set for an idle stream.
            self.wakes_at = now;
            return Ok(false);
        }
        let heard = match self.wire.poll_read(cx, &mut scratch.space) {
            Poll::Ready(Ok(Heard::End) | Err(_)) => return Err(End::Lost),
            Poll::Ready(Ok(heard)) => heard,
            Poll::Pending => return Ok(false),
        };
        self.active_at = now;
        let Scratch { space, xml, out, admitted, .. } = scratch;
        let bytes = space.bytes(heard);
        self.doors.metrics().bytes_in.add(bytes.len() as u64);
        self.pace.bytes(now, bytes.len(), self.doors.limits());
        self.admit(Batch { early: VecDeque::new(), bytes, questions: 0, xml, out, admitted }, Stop::Portion)?;
        Ok(true)
    }

    /// Admits a batch, portion by portion: its stanzas go to the heart together, also those in front of something that
    /// ends the stream. What the heart does not take, and what is behind many questions, waits.
    fn admit(&mut self, mut batch: Batch<'_>, mut stop: Stop) -> Result<(), End> {
        loop {
            let Some(door) = &self.door else { return Err(End::Lost) };
            if !batch.admitted.is_empty() {
                door.admit_all(batch.admitted);
            }
            if !batch.admitted.is_empty() {
                return self.wait(batch, stop);
            }
            stop = match stop {
                Stop::Portion => self.understand(&mut batch),
                Stop::Signal(signal) => {
                    door.signal(signal);
                    batch.questions += 1;
                    Stop::Portion
                }
                Stop::Much => return self.wait(batch, Stop::Portion),
                Stop::Dry => return Ok(()),
                Stop::Close => {
                    self.leaving = true;
                    return Ok(());
                }
                Stop::Error(error) => return Err(End::Error(error)),
            };
        }
    }

    fn wait(&mut self, batch: Batch<'_>, stop: Stop) -> Result<(), End> {
        let stanzas = std::mem::take(batch.admitted);
        let (early, input) = (batch.early, batch.bytes.to_vec());
        self.waiting = Some(Box::new(Waiting { stanzas, early, input, stop }));
        Ok(())
    }

    /// Makes stanzas of the next portion of elements.
    fn understand(&mut self, batch: &mut Batch<'_>) -> Stop {
        let Some(door) = &self.door else { return Stop::Dry };
        let admission = Admission { door, dialect: self.dialect, host: &self.host, lang: self.lang.as_ref() };
        let mut count = 0;
        let stop = loop {
            if batch.questions >= QUESTIONS || batch.out.len() >= BATCH_BYTES {
                break Stop::Much;
            }
            if count == PORTION {
                break Stop::Portion;
            }
            let before = batch.admitted.len();
            let event = match batch.early.pop_front() {
                Some(element) => Ok(Some(Event::Element(element))),
                None => self.reader.next(batch.xml, &mut batch.bytes),
            };
            let admitted = match event {
                Ok(Some(Event::Element(element))) => admission.admit(element, batch.admitted, batch.out),
                Ok(Some(Event::Header(_))) => Err(StreamError::bad_format()),
                Ok(Some(Event::Close)) => break Stop::Close,
                Ok(None) => break Stop::Dry,
                Err(error) => Err(error.into()),
            };
            count += 1;
            match admitted {
                Ok(Admitted::Stanza | Admitted::Nothing) => {}
                Ok(Admitted::Signal(signal)) => break Stop::Signal(signal),
                Ok(Admitted::Goodbye) => break Stop::Close,
                Err(error) => break Stop::Error(error),
            }
            batch.questions += usize::from(batch.admitted.get(before).is_some_and(is_question));
        };
        self.doors.metrics().stanzas_in.add(count as u64);
        self.pace.stanzas(self.doors.wheel().now(), count, self.doors.limits());
        stop
    }

    /// False while the session's home waits for a commit or for another home.
    pub(super) fn is_ready(&self, cx: &mut Context<'_>) -> bool {
        self.door.as_ref().is_some_and(|door| door.poll_ready(cx).is_ready())
    }
}

/// Whether a stanza asks for an answer.
fn is_question(stanza: &Stanza) -> bool {
    matches!(stanza.iq_type(), Some(IqType::Get | IqType::Set))
}
