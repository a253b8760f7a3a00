//! What a home has to carry out, in order: one queue, one drainer at a time.
//!
//! An entry may wait for a commit: it, and all that comes after it, is carried out when the store has made the change durable. An entry may also meet a
//! home that is asleep. In both cases the outbox is parked, and resumed by whatever it waits for; nobody sits waiting.
use crate::home::{Home, Turn};
use crate::route::{Known, Routed};
use crate::session::Session;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use store::{State, Ticket};
use xmpp::{Jid, Stanza};

/// Something that is carried out after the lock of its home is gone.
pub enum Effect {
    /// Route a stanza (stop 4).
    Route(Arc<Stanza>),
    /// Route one stanza to several addresses: a presence broadcast.
    Broadcast(Arc<Stanza>, Vec<Jid>),
    /// Route a stanza that stands in the log of what is outgoing, then strike it out.
    RouteLogged(Arc<Stanza>, u64),
    /// Queue a stanza for a session of this home.
    Post(Arc<Session>, Arc<Stanza>),
    /// End a session.
    End(Arc<Session>, xmpp::StreamError),
    /// Nothing: only what comes of a commit that fails is wanted.
    Nothing,
}

pub(crate) struct Entry {
    effect: Effect,
    wait: Option<Box<(Ticket, Option<Effect>)>>,
    /// What waking the receiver's home came to, when this entry had to wait for that.
    known: Option<Known>,
}

/// The queue of one home, under that home's lock.
#[derive(Default)]
pub struct Outbox {
    queue: VecDeque<Entry>,
    busy: bool,
    waiting: Vec<Waker>,
}

enum Carried {
    Done,
    Commit(Entry, Ticket),
    Asleep(Entry, Jid),
}

/// How many rounds one drainer takes before it lets others go first.
const ROUNDS: usize = 16;

impl Outbox {
    pub(crate) fn push(&mut self, effect: Effect, wait: Option<(Ticket, Option<Effect>)>) {
        self.queue.push_back(Entry { effect, wait: wait.map(Box::new), known: None });
    }

    /// Nothing waits and nobody is carrying out: what is posted directly now cannot overtake anything.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty() && !self.busy
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

    fn put_back(&mut self, mut rest: VecDeque<Entry>, first: Entry) {
        rest.push_front(first);
        rest.append(&mut self.queue);
        self.queue = rest;
    }
}

impl Home {
    /// Carries out the outbox until it is empty or must wait. Only the one who set `busy` comes here.
    pub(crate) fn drain(self: &Arc<Home>, turn: &mut Turn<'_>) {
        let mut taken = VecDeque::new();
        for _ in 0..ROUNDS {
            if !self.take(&mut taken) {
                return;
            }
            while let Some(entry) = taken.pop_front() {
                match self.carry_out(entry, turn) {
                    Carried::Done => {}
                    Carried::Commit(entry, ticket) => return self.park_on_commit(taken, entry, &ticket, turn),
                    Carried::Asleep(entry, whom) => return self.park_on_wake(taken, entry, &whom, turn),
                }
            }
        }
        turn.hub.resume(self.clone());
    }

    /// Takes the whole queue; false (and the drainer's flag is down) when there is none.
    fn take(&self, taken: &mut VecDeque<Entry>) -> bool {
        let mut state = self.state();
        self.set_parked(false);
        for waker in state.outbox.waiting.drain(..) {
            waker.wake();
        }
        if state.outbox.queue.is_empty() {
            state.outbox.busy = false;
            if taken.capacity() <= 4 && state.outbox.queue.capacity() == 0 {
                std::mem::swap(&mut state.outbox.queue, taken);
            }
            return false;
        }
        std::mem::swap(&mut state.outbox.queue, taken);
        true
    }

    fn carry_out(self: &Arc<Home>, mut entry: Entry, turn: &mut Turn<'_>) -> Carried {
        if let Some(wait) = entry.wait.take() {
            let (ticket, otherwise) = *wait;
            match ticket.state() {
                State::Pending => {
                    entry.wait = Some(Box::new((ticket.clone(), otherwise)));
                    return Carried::Commit(entry, ticket);
                }
                State::Failed(error) => {
                    turn.hub.reload(self, &error);
                    let Some(otherwise) = otherwise else { return Carried::Done };
                    entry.effect = otherwise;
                }
                State::Committed => {}
            }
        }
        self.perform(entry, turn)
    }

    fn perform(self: &Arc<Home>, entry: Entry, turn: &mut Turn<'_>) -> Carried {
        match entry.effect {
            Effect::Route(stanza) => match turn.route(stanza, entry.known) {
                Routed::Done => Carried::Done,
                Routed::Asleep(stanza, whom) => {
                    Carried::Asleep(Entry { effect: Effect::Route(stanza), wait: None, known: None }, whom)
                }
            },
            Effect::RouteLogged(stanza, id) => match turn.route(stanza, entry.known) {
                Routed::Done => {
                    self.strike_out(id, turn);
                    Carried::Done
                }
                Routed::Asleep(stanza, whom) => {
                    Carried::Asleep(Entry { effect: Effect::RouteLogged(stanza, id), wait: None, known: None }, whom)
                }
            },
            Effect::Broadcast(stanza, to) => {
                turn.broadcast(&stanza, to);
                Carried::Done
            }
            Effect::Post(session, stanza) => {
                if let Some(stanza) = session.post(stanza) {
                    self.repost(stanza, turn);
                }
                Carried::Done
            }
            Effect::Nothing => Carried::Done,
            Effect::End(session, why) => {
                session.end(why);
                Carried::Done
            }
        }
    }

    /// The receiver's part is with the store by now, and the store keeps the order: what the log remembers is no longer needed.
    fn strike_out(&self, id: u64, turn: &mut Turn<'_>) {
        let epoch = self.state().account.epoch;
        let batch = store::Batch::new(self.jid().as_str(), epoch);
        turn.hub.store().submit(batch.unlog(&turn.hub.shapes().outgoing, self.jid().as_str(), id));
    }

    fn park_on_commit(self: &Arc<Home>, rest: VecDeque<Entry>, entry: Entry, ticket: &Ticket, turn: &Turn<'_>) {
        self.park(rest, entry);
        let (hub, home) = (turn.hub.clone(), self.clone());
        let busy = hub.begin();
        ticket.on_done(Box::new(move |_| {
            hub.resume(home);
            drop(busy);
        }));
    }

    fn park_on_wake(self: &Arc<Home>, rest: VecDeque<Entry>, entry: Entry, whom: &Jid, turn: &Turn<'_>) {
        self.park(rest, entry);
        turn.hub.wake_for(whom, self.clone());
    }

    fn park(&self, rest: VecDeque<Entry>, entry: Entry) {
        let mut state = self.state();
        state.outbox.put_back(rest, entry);
        self.set_parked(true);
    }

    /// Tells the first entry what came of the waking that it waited for.
    pub(crate) fn resolve(&self, known: Known) {
        if let Some(first) = self.state().outbox.queue.front_mut() {
            first.known = Some(known);
        }
    }
}
