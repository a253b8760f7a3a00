//! What a home has to carry out, in order: one queue, one drainer at a time.
//!
//! An entry may wait for a commit: it, and all that comes after it, is carried out when the store has made the change durable. An entry may also meet a
//! home that is asleep. In both cases the outbox is parked, and resumed by whatever it waits for; nobody sits waiting.
use crate::home::{Home, Rests, State, Turn, Within};
use crate::route::{Known, Routed};
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
    /// Route a stanza that stands in the log of what is outgoing, then strike it out.
    RouteLogged(Arc<Stanza>, u64),
    /// Choose the sessions for a message that arrived while others were waiting here.
    Deliver(Arc<Stanza>, Option<Promise>),
    /// Find another way for a message that its session was not handed.
    Resubmit(Arc<Stanza>),
    /// Queue a stanza for a session of this home.
    Post(Arc<Session>, Arc<Stanza>),
    /// End a session.
    End(Arc<Session>, xmpp::StreamError),
    /// So many stanzas of a session have been carried out: what they rest on is known now (XEP-0198).
    Handled(Arc<Session>, u32),
    /// Nothing: only what comes of a commit that fails is wanted.
    Nothing,
}

impl Effect {
    /// The memory that it holds, about; what is shared with others counts too.
    fn bytes(&self) -> usize {
        match self {
            Effect::Route(stanza)
            | Effect::RouteLogged(stanza, _)
            | Effect::Deliver(stanza, _)
            | Effect::Resubmit(stanza)
            | Effect::Post(_, stanza) => stanza.memory_bytes(),
            Effect::Broadcast(stanza, to) => stanza.memory_bytes() + to.len() * size_of::<Jid>(),
            Effect::End(..) | Effect::Handled(..) | Effect::Nothing => 0,
        }
    }
}

pub(crate) struct Entry {
    effect: Effect,
    wait: Option<Box<(Ticket, Option<Effect>)>>,
    /// What waking the receiver's home came to, when this entry had to wait for that.
    known: Option<Known>,
    /// What it counted when it was put in.
    bytes: usize,
}

/// The queue of one home, under that home's lock.
#[derive(Default)]
pub struct Outbox {
    queue: VecDeque<Entry>,
    /// The memory that the entries hold.
    bytes: usize,
    busy: bool,
    waiting: Vec<Waker>,
    /// The last write of this home, while it may still be lost.
    pub(crate) standing: Option<Ticket>,
    /// How many writes this home has made.
    pub(crate) writes: u64,
    /// What has been carried out since the last [`Effect::Handled`] rests on these.
    rests: Vec<Ticket>,
    /// Sessions whose stanzas are counted wait for so many entries.
    marks: usize,
    /// While something arrives: whether its sender wants to know when what comes of it is durable.
    pub(crate) counted: bool,
    /// What arrived last will be decided later; this is done when what comes of that is durable.
    pub(crate) later: Option<Ticket>,
}

/// What the drainer finds at the head of the queue.
enum Next {
    /// A message for this account's own sessions: done with already.
    Carried,
    Entry(Entry),
    /// It waits for this commit; the outbox is parked now.
    Parked(Ticket),
    Empty,
}

/// How many entries one drainer carries out before it lets others go first.
const TURN: usize = 1024;

/// How many entries, and how many bytes of memory, may wait in one outbox before the account's own doors admit nothing more.
const MUCH: usize = 2048;
const MUCH_BYTES: usize = 1024 * 1024;

/// The same, before stanzas of others are refused. Less than a session's queue may hold, so that what has waited for a disk cuts off no healthy reader.
const FULL: usize = 4 * MUCH;
const FULL_BYTES: usize = 2 * MUCH_BYTES;

/// What an outbox keeps of its memory when it is empty.
const SPARE: usize = 4;

impl Outbox {
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
        self.rest_on(ticket);
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
        if self.is_idle() {
            session.rests_on(count, std::mem::take(&mut self.rests));
        } else {
            self.marks += 1;
            self.push(Effect::Handled(session.clone(), count), None);
        }
    }

    /// Nothing waits and nobody is carrying out: what is posted directly now cannot overtake anything.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty() && !self.busy
    }

    /// So much waits that the account's own doors should wait too.
    pub(crate) fn is_behind(&self) -> bool {
        self.queue.len() >= MUCH || self.bytes >= MUCH_BYTES
    }

    /// So much waits that stanzas of others should be refused.
    pub(crate) fn is_full(&self) -> bool {
        self.queue.len() >= FULL || self.bytes >= FULL_BYTES
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

    fn next(&mut self) -> Next {
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

impl Within<'_> {
    /// Carries out what is for this account alone; gives back what is not.
    fn carry_within(&mut self, entry: Entry) -> Next {
        let writes = self.outbox.writes;
        match entry.effect {
            Effect::Resubmit(stanza) => self.resubmit_one(&stanza),
            Effect::Deliver(stanza, promise) => {
                self.message(stanza);
                if let Some(promise) = promise
                    && writes != self.outbox.writes
                    && let Some(written) = &self.outbox.standing
                {
                    written.on_done(Box::new(move |_| drop(promise)));
                }
            }
            Effect::Handled(session, count) => {
                self.outbox.marks -= 1;
                session.rests_on(count, std::mem::take(&mut self.outbox.rests));
            }
            _ => return Next::Entry(entry),
        }
        Next::Carried
    }

    /// So many stanzas of `session` have been taken in, when this home had made so many writes.
    pub(crate) fn took(&mut self, session: &Arc<Session>, count: u32, writes: u64) {
        if !session.is_managed() {
            return;
        }
        session.count(count);
        if writes != self.outbox.writes
            && let Some(written) = self.outbox.standing.clone()
        {
            self.outbox.rest_on(written);
        }
        self.outbox.mark(session, count);
    }
}

impl Home {
    /// Carries out the outbox until it is empty or must wait. Only the one who set `busy` comes here.
    pub(crate) fn drain(self: &Arc<Home>, turn: &mut Turn<'_>) {
        for _ in 0..TURN {
            match self.next(turn) {
                Next::Carried => {}
                Next::Empty => return,
                Next::Parked(ticket) => return self.resume_after(&ticket, turn),
                Next::Entry(entry) => {
                    if let Some(whom) = self.carry_out(entry, turn) {
                        return turn.hub.wake_for(&whom, self.clone());
                    }
                }
            }
        }
        turn.hub.proceed(self.clone());
    }

    fn next(self: &Arc<Home>, turn: &mut Turn<'_>) -> Next {
        let mut state = self.state();
        let mut next = state.outbox.next();
        turn.counted = state.outbox.marks > 0;
        if let Next::Entry(entry) = next {
            // Under the lock under which it was taken: what a session leaves behind meanwhile could not come before it.
            let State { account, outbox } = &mut *state;
            next = Within { account, outbox, hub: turn.hub, home: self, in_turn: true }.carry_within(entry);
        }
        let closed = matches!(next, Next::Parked(_)) || state.outbox.is_behind();
        self.set_closed(closed);
        if !closed {
            state.outbox.waiting.drain(..).for_each(Waker::wake);
        }
        next
    }

    /// Carries out one entry. `Some`: this account must be woken first; the entry is back at the head, and the outbox is parked.
    fn carry_out(self: &Arc<Home>, mut entry: Entry, turn: &mut Turn<'_>) -> Option<Jid> {
        if let Some(wait) = entry.wait.take()
            && let store::State::Failed(_) = wait.0.state()
        {
            entry.effect = wait.1?;
        }
        match entry.effect {
            Effect::Route(stanza) => {
                let asleep = self.route(stanza, entry.known, Effect::Route, turn);
                if turn.counted
                    && let Rests::On(ticket) = std::mem::replace(&mut turn.rests_on, Rests::Nowhere)
                {
                    self.state().outbox.rest_on(ticket);
                }
                return asleep;
            }
            Effect::RouteLogged(stanza, id) => {
                let again = |stanza| Effect::RouteLogged(stanza, id);
                let asleep = self.route(stanza, entry.known, again, turn);
                if asleep.is_none() {
                    match std::mem::replace(&mut turn.rests_on, Rests::Nowhere) {
                        Rests::On(written) => self.strike_out(id, &written, turn),
                        Rests::Nothing => self.strike_out(id, &Ticket::committed(), turn),
                        Rests::Nowhere => {}
                    }
                }
                return asleep;
            }
            Effect::Broadcast(stanza, to) => turn.broadcast(&stanza, to),
            Effect::Deliver(..) | Effect::Resubmit(_) | Effect::Handled(..) => {}
            Effect::Post(session, stanza) => {
                if let Some(stanza) = session.post(stanza) {
                    self.enter_in_turn(turn, |within| within.missed(&stanza));
                }
            }
            Effect::End(session, why) => session.end(why),
            Effect::Nothing => {}
        }
        None
    }

    fn route(
        &self,
        stanza: Arc<Stanza>,
        known: Option<Known>,
        again: impl FnOnce(Arc<Stanza>) -> Effect,
        turn: &mut Turn<'_>,
    ) -> Option<Jid> {
        match turn.route(stanza, known) {
            Routed::Done => None,
            Routed::Asleep(stanza, whom) => {
                self.state().outbox.push_front(std::iter::once(again(stanza)));
                self.set_closed(true);
                Some(whom)
            }
        }
    }

    /// When the receiver's part is durable, what the log remembers is no longer needed. If that is lost, the log's row waits for the next start.
    fn strike_out(self: &Arc<Home>, id: u64, written: &Ticket, turn: &Turn<'_>) {
        let (hub, home, written) = (turn.hub.clone(), self.clone(), written.clone());
        // On a task: a callback may run under another home's lock.
        turn.hub.spawn(async move {
            if written.await.is_ok() {
                home.with(&hub, |within| {
                    let (log, owner) = (&hub.shapes().outgoing, home.jid().as_str());
                    let batch = within.batch().unlog(log, owner, id);
                    within.write(batch);
                });
            }
        });
    }

    fn resume_after(self: &Arc<Home>, ticket: &Ticket, turn: &Turn<'_>) {
        let (hub, home) = (turn.hub.clone(), self.clone());
        let busy = hub.begin();
        ticket.on_done(Box::new(move |_| {
            hub.proceed(home);
            drop(busy);
        }));
    }

    /// Tells the first entry what came of the waking that it waited for.
    pub(crate) fn resolve(&self, known: Known) {
        if let Some(first) = self.state().outbox.queue.front_mut() {
            first.known = Some(known);
        }
    }
}
