//! What a session has yet to be written, and what was written but may not have reached the client: one queue in two parts.
//!
//! What the door takes moves from `queue` to `handed`, where it stays until the client is known to have it: without stream management that is when the
//! socket has it, with it when the client has acknowledged it. Whatever is in either part when the session ends has not been delivered.
use super::acks::Managed;
use super::hold::{Held, Hold};
use super::pull::Pulling;
use crate::nonza::{Out, Word};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use xmpp::{Kind, Stanza, StreamError};

/// The queue of one session.
#[derive(Default)]
pub(super) struct Outbound {
    pub(super) queue: VecDeque<Item>,
    /// Taken by the door; whether the client has it is not known.
    pub(super) handed: VecDeque<Item>,
    /// What `queue`, `hold`, `late` and what waits behind a long answer weigh.
    pub(super) bytes: usize,
    pub(super) waker: Option<Waker>,
    /// Said to the peer after everything that is queued; then the door closes.
    pub(super) end: Option<StreamError>,
    /// What was posted after that: never written, but given back in its order when the door has closed.
    pub(super) late: VecDeque<Item>,
    /// The peer read too slowly: the door closes at once, and what is queued goes back to routing.
    pub(super) cut: bool,
    /// Nobody will take anything out any more.
    pub(super) gone: bool,
    /// Something was taken that the socket may not have.
    pub(super) unwritten: bool,
    pub(super) pulling: Option<Box<Pulling>>,
    /// While the client is inactive.
    pub(super) hold: Option<Box<Hold>>,
    /// With stream management.
    pub(super) sm: Option<Box<Managed>>,
}

/// Something that waits.
#[derive(Clone)]
pub(super) enum Item {
    /// A stanza, and since when it has been waiting for a client that was away: milliseconds since 1970, 0 when it has not.
    Stanza(Arc<Stanza>, i64),
    /// A row of a long answer: the store has it too, so that it is not given back to routing.
    Row(Arc<Stanza>),
    Word(Word),
    /// The place of a row that was handed over and goes to somebody else now: it counts, and nothing more.
    Nothing,
}

impl Item {
    pub(super) fn bytes(&self) -> usize {
        match self {
            Item::Stanza(stanza, _) | Item::Row(stanza) => stanza.memory_bytes(),
            // So that a client which asks without end and reads nothing is noticed.
            Item::Word(_) | Item::Nothing => size_of::<Item>(),
        }
    }

    /// Whether somebody misses it when it is not delivered: a message, and a question, which must be answered (RFC 6120 §8.2.3).
    pub(super) fn is_missed(&self) -> bool {
        match self {
            Item::Stanza(stanza, _) => is_missed(stanza),
            // The store still has it.
            Item::Row(_) => false,
            Item::Word(_) | Item::Nothing => false,
        }
    }
}

fn is_missed(stanza: &Stanza) -> bool {
    stanza.kind() == Kind::Message || stanza.kind() == Kind::Iq && stanza.may_be_answered()
}

impl Outbound {
    /// Queues a stanza; false when it is held back, so that nobody need be woken.
    pub(super) fn post(&mut self, stanza: Arc<Stanza>) -> bool {
        let since = self.sm.as_ref().map_or(0, |sm| sm.waiting_since());
        let stanza = match &mut self.hold {
            Some(hold) if self.end.is_none() => {
                let before = hold.bytes();
                match hold.take(stanza, since) {
                    Held::Important(stanza) => {
                        self.release();
                        stanza
                    }
                    Held::Back => {
                        self.bytes = self.bytes + hold.bytes() - before;
                        let full = hold.is_full();
                        if full {
                            self.release();
                        }
                        return full;
                    }
                }
            }
            _ => stanza,
        };
        self.bytes += stanza.memory_bytes();
        self.push(stanza, since);
        true
    }

    /// Lets go what is held back.
    pub(super) fn release(&mut self) {
        let Some(hold) = &mut self.hold else { return };
        for (stanza, since) in hold.release() {
            self.push(stanza, since);
        }
    }

    fn push(&mut self, stanza: Arc<Stanza>, since: i64) {
        let item = Item::Stanza(stanza, since);
        match &mut self.pulling {
            _ if self.end.is_some() => self.late.push_back(item),
            Some(pulling) => pulling.hold(item),
            None => self.queue.push_back(item),
        }
    }

    /// Says something that is no stanza; it waits for no long answer.
    pub(super) fn say(&mut self, word: Word) {
        let item = Item::Word(word);
        self.bytes += item.bytes();
        self.queue.push_back(item);
    }

    /// What the client was to be told about a stream that is gone is told on the next one, if at all.
    pub(super) fn forget_words(&mut self) {
        let mut bytes = 0;
        self.queue.retain(|item| {
            let word = matches!(item, Item::Word(_));
            bytes += if word { item.bytes() } else { 0 };
            !word
        });
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// What the door could take now, with what is held back for a client that is inactive.
    pub(super) fn ready_bytes(&self) -> usize {
        self.bytes.saturating_sub(self.pulling.as_ref().map_or(0, |pulling| pulling.held_bytes))
    }

    /// All that has not reached the client, as far as it is known.
    pub(super) fn weight(&self) -> usize {
        self.bytes + self.sm.as_ref().map_or(0, |sm| sm.handed_bytes)
    }

    /// Moves what is queued into `into`, up to about `bytes`. Whether there was anything.
    pub(super) fn take(&mut self, into: &mut Vec<Out>, bytes: usize) -> bool {
        if self.sm.is_some() {
            return self.take_managed(into, bytes);
        }
        let mut room = bytes;
        let had = into.len();
        while room > 0 {
            let Some(item) = self.queue.pop_front() else { break };
            let size = item.bytes();
            room = room.saturating_sub(size);
            self.bytes = self.bytes.saturating_sub(size);
            into.push(match item {
                Item::Stanza(stanza, _) => {
                    if is_missed(&stanza) {
                        self.handed.push_back(Item::Stanza(stanza.clone(), 0));
                    }
                    Out::Stanza(stanza)
                }
                Item::Row(stanza) => {
                    self.handed.push_back(Item::Row(stanza.clone()));
                    Out::Stanza(stanza)
                }
                Item::Word(word) => Out::Word(word),
                Item::Nothing => continue,
            });
        }
        let any = into.len() > had;
        self.unwritten |= any;
        any
    }

    /// The socket has what was taken.
    pub(super) fn written(&mut self) {
        self.unwritten = false;
        let count = self.sm.as_mut().map_or(self.handed.len(), |sm| std::mem::take(&mut sm.uncounted));
        self.confirm(count);
        self.give_memory_back();
    }

    /// Everything that has not reached the client and that somebody would miss, in order; the queue is empty then.
    pub(super) fn leftovers(&mut self) -> impl Iterator<Item = Item> + use<> {
        let handed = std::mem::take(&mut self.handed);
        let queued = std::mem::take(&mut self.queue);
        let behind = self.pulling.take().map(|pulling| pulling.held).unwrap_or_default();
        let held: Vec<_> = self.hold.take().into_iter().flat_map(|mut hold| hold.release()).collect();
        let late = std::mem::take(&mut self.late);
        self.bytes = 0;
        let held = held.into_iter().map(|(stanza, since)| Item::Stanza(stanza, since));
        handed.into_iter().chain(queued).chain(behind).chain(held).chain(late).filter(Item::is_missed)
    }

    /// What is empty costs nothing.
    pub(super) fn give_memory_back(&mut self) {
        for queue in [&mut self.queue, &mut self.handed] {
            if queue.is_empty() && queue.capacity() > 8 {
                *queue = VecDeque::new();
            }
        }
    }
}
