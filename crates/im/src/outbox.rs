//! What a home has to carry out, in order: one queue, which `drain.rs` carries out.
use crate::hub::Limits;
use crate::route::Known;
use crate::session::Session;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use store::{Promise, Ticket};
use xmpp::{Jid, Stanza};

/// Something that is carried out after the lock of its home is gone.
pub enum Effect {
    /// Route a stanza (stop 4).
    Route(Arc<Stanza>),
    /// Route one stanza to several addresses: a presence broadcast.
    Broadcast(Arc<Stanza>, Vec<Jid>),
    /// Route a stanza that stands in the log of what is outgoing, then strike it out; tried so many times already.
    RouteLogged(Arc<Stanza>, u64, u8),
    /// Choose the sessions for a message that arrived while others were waiting here.
    Deliver(Arc<Stanza>, Option<Promise>),
    /// Find another way for a message that its session was not handed.
    Resubmit(Arc<Stanza>),
    /// Queue a stanza for a session of this home.
    Post(Arc<Session>, Arc<Stanza>),
    /// End a session.
    End(Arc<Session>, Box<xmpp::StreamError>),
    /// So many stanzas of a session have been carried out: what they rest on is known now, which is these besides (XEP-0198).
    Handled(Arc<Session>, u32, Vec<Ticket>),
    /// Return a message to its sender: it was to be kept, and was not. The refusal is made when it is needed, which is nearly never.
    Return(Arc<Stanza>),
    /// All that was put in before has been carried out: for whoever wants to know when what arrived has gone on.
    Passed(Promise),
    /// Nothing: only what comes of a commit that fails is wanted.
    Nothing,
}

impl Effect {
    /// The memory that it holds, about; what is shared with others counts too.
    fn bytes(&self) -> usize {
        match self {
            Effect::Route(stanza)
            | Effect::RouteLogged(stanza, ..)
            | Effect::Deliver(stanza, _)
            | Effect::Resubmit(stanza)
            | Effect::Return(stanza)
            | Effect::Post(_, stanza) => stanza.memory_bytes(),
            Effect::Broadcast(stanza, to) => stanza.memory_bytes() + to.len() * size_of::<Jid>(),
            Effect::End(..) | Effect::Handled(..) | Effect::Passed(_) | Effect::Nothing => 0,
        }
    }
}

pub(crate) struct Entry {
    pub(crate) effect: Effect,
    pub(crate) wait: Option<Box<(Ticket, Option<Effect>)>>,
    /// What waking the receiver's home came to, when this entry had to wait for that.
    pub(crate) known: Option<Box<Known>>,
    /// What it counted when it was put in.
    bytes: usize,
}

/// Every stanza passes through an entry, and is moved with it a few times on its way: what is rare is kept elsewhere.
const _: () = assert!(size_of::<Entry>() <= 72);

/// The queue of one home, under that home's lock.
pub struct Outbox {
    pub(crate) queue: VecDeque<Entry>,
    /// The memory that the entries hold.
    bytes: usize,
    /// From how many on the account's own doors admit nothing more.
    much_bytes: usize,
    busy: bool,
    pub(crate) waiting: Vec<Waker>,
    /// The last write of this home, while it may still be lost.
    pub(crate) standing: Option<Ticket>,
    /// How many writes this home has made.
    pub(crate) writes: u64,
    /// What has been carried out since the last [`Effect::Handled`] rests on these.
    pub(crate) rests: Vec<Ticket>,
    /// What the next [`Effect::Handled`] will rest on besides: what came of its stanzas when they were taken.
    pub(crate) own: Vec<Ticket>,
    /// Sessions whose stanzas are counted wait for so many entries.
    pub(crate) marks: usize,
    /// While something arrives: whether its sender wants to know when what comes of it is durable.
    pub(crate) counted: bool,
    /// What arrived last will be decided later; this is done when what comes of that is durable.
    pub(crate) later: Option<Ticket>,
}

/// What the drainer finds at the head of the queue.
pub(crate) enum Next {
    /// A message for this account's own sessions: done with already.
    Carried,
    Entry(Entry),
    /// It waits for this commit; the outbox is parked now.
    Parked(Ticket),
    Empty,
}

/// How many entries may wait in one outbox before the account's own doors admit nothing more; for their bytes it is a quarter of what may wait for a
/// session, so that what has waited for a disk cuts off no healthy reader.
const MUCH: usize = 2048;
const MUCH_OF_A_SESSION: usize = 4;

/// How many times as much may wait before stanzas of others are refused, and then subscriptions: these are few, and each is the end of a commit.
const FULL: usize = 2;
const FULL_OF_SUBSCRIPTIONS: usize = 3;

/// What an outbox keeps of its memory when it is empty.
const SPARE: usize = 4;

impl Outbox {
    pub(crate) fn new(limits: &Limits) -> Outbox {
        Outbox {
            queue: VecDeque::new(),
            bytes: 0,
            much_bytes: limits.session_queue_bytes / MUCH_OF_A_SESSION,
            busy: false,
            waiting: Vec::new(),
            standing: None,
            writes: 0,
            rests: Vec::new(),
            own: Vec::new(),
            marks: 0,
            counted: false,
            later: None,
        }
    }

    pub(crate) fn push(&mut self, effect: Effect, wait: Option<(Ticket, Option<Effect>)>) {
        let bytes = effect.bytes() + wait.as_ref().and_then(|wait| wait.1.as_ref()).map_or(0, Effect::bytes);
        self.bytes += bytes;
        self.queue.push_back(Entry { effect, wait: wait.map(Box::new), known: None, bytes });
    }

    /// Puts what is older than everything that waits in front of it, in this order.
    pub(crate) fn push_front(&mut self, effects: impl DoubleEndedIterator<Item = Effect>) {
        for effect in effects.rev() {
            let bytes = effect.bytes();
            self.bytes += bytes;
            self.queue.push_front(Entry { effect, wait: None, known: None, bytes });
        }
    }

    /// Something that arrives is decided later: for whoever wants to know when.
    pub(crate) fn promise(&mut self) -> Option<Promise> {
        self.counted.then(|| {
            let (promise, ticket) = Ticket::pair();
            self.later = Some(ticket);
            promise
        })
    }

    /// The same for something that an own session has sent.
    pub(crate) fn promise_own(&mut self) -> Promise {
        let (promise, ticket) = Ticket::pair();
        self.own.push(ticket);
        promise
    }

    /// What has been carried out rests on this, too.
    pub(crate) fn rest_on(&mut self, ticket: Ticket) {
        if !ticket.is_done() {
            self.rests.push(ticket);
        }
    }

    /// So many stanzas of `session` have left. When all that came of them has been carried out, it is known what they rest on.
    pub(crate) fn mark(&mut self, session: &Arc<Session>, count: u32) {
        let own = std::mem::take(&mut self.own);
        if self.is_idle() {
            self.rests.extend(own);
            session.rests_on(count, std::mem::take(&mut self.rests));
        } else {
            self.marks += 1;
            self.push(Effect::Handled(session.clone(), count, own), None);
        }
    }

    /// Nothing waits and nobody is carrying out: what is posted directly now cannot overtake anything.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty() && !self.busy
    }

    /// So much waits that the account's own doors should wait too.
    pub(crate) fn is_behind(&self) -> bool {
        self.holds(1)
    }

    /// So much waits that stanzas of others should be refused.
    pub(crate) fn is_full(&self, subscription: bool) -> bool {
        self.holds(if subscription { FULL_OF_SUBSCRIPTIONS } else { FULL })
    }

    fn holds(&self, times: usize) -> bool {
        self.queue.len() >= times * MUCH || self.bytes >= times * self.much_bytes
    }

    /// Whether the caller is to become the drainer.
    pub(crate) fn begin(&mut self) -> bool {
        let begins = !self.queue.is_empty() && !self.busy;
        self.busy |= begins;
        begins
    }

    pub(crate) fn wait(&mut self, waker: &Waker) {
        if !self.waiting.iter().any(|known| known.will_wake(waker)) {
            self.waiting.push(waker.clone());
        }
    }

    pub(crate) fn next(&mut self) -> Next {
        let Some(entry) = self.queue.pop_front() else {
            self.busy = false;
            self.queue.shrink_to(SPARE);
            return Next::Empty;
        };
        match &entry.wait {
            Some(wait) if !wait.0.is_done() => {
                let ticket = wait.0.clone();
                self.queue.push_front(entry);
                Next::Parked(ticket)
            }
            _ => {
                self.bytes = self.bytes.saturating_sub(entry.bytes);
                Next::Entry(entry)
            }
        }
    }
}
