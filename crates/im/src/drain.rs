//! Carrying out what a home has to do: one drainer at a time, after the lock is gone.
//!
//! An entry may wait for a commit: it, and all that comes after it, is carried out when the store has made the change durable. An entry may also meet a
//! home that is asleep. In both cases the outbox is parked, and resumed by whatever it waits for; nobody sits waiting.
use crate::home::{Home, Rests, State, Turn, Within};
use crate::hub::Hub;
use crate::outbox::{Effect, Entry, Next};
use crate::route::{Known, Routed};
use crate::session::Session;
use std::sync::Arc;
use std::task::Waker;
use store::Ticket;
use xmpp::{Jid, Stanza, StanzaError};

/// How many entries one drainer carries out before it lets others go first.
const TURN: usize = 1024;

/// How often a stanza of the log is tried again at once, when its receiver's side could not be written; then at the next start.
const TRIES: u8 = 3;

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
            Effect::Handled(session, count, own) => {
                self.outbox.marks -= 1;
                self.outbox.rests.extend(own);
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
            self.outbox.own.push(written);
        }
        self.outbox.mark(session, count);
    }
}

/// Somebody is carrying out this home's outbox. When he stops in the middle, be it by a panic, another goes on with the next entry.
struct Busy<'a> {
    home: &'a Arc<Home>,
    hub: &'a Hub,
}

impl Busy<'_> {
    fn done(self) {
        std::mem::forget(self);
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.hub.proceed(self.home.clone());
    }
}

impl Home {
    /// Carries out the outbox until it is empty or must wait. Only the one who set `busy` comes here.
    pub(crate) fn drain(self: &Arc<Home>, turn: &mut Turn<'_>) {
        let busy = Busy { home: self, hub: turn.hub };
        for _ in 0..TURN {
            match self.next(turn) {
                Next::Carried => {}
                Next::Empty => return busy.done(),
                Next::Parked(ticket) => {
                    busy.done();
                    return self.resume_after(&ticket, turn);
                }
                Next::Entry(entry) => {
                    if let Some(whom) = self.carry_out(entry, turn) {
                        busy.done();
                        return turn.hub.wake_for(&whom, self.clone());
                    }
                }
            }
        }
        // The rest in another turn, as after a panic.
        drop(busy);
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
            entry.effect = match wait.1? {
                Effect::Return(stanza) => Effect::Route(Arc::new(stanza.error(&StanzaError::internal_server_error()))),
                otherwise => otherwise,
            };
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
            Effect::RouteLogged(stanza, id, tries) => {
                let again = |stanza| Effect::RouteLogged(stanza, id, tries);
                let asleep = self.route(stanza.clone(), entry.known, again, turn);
                if asleep.is_none() {
                    let written = std::mem::replace(&mut turn.rests_on, Rests::Nowhere);
                    self.strike_out(stanza, id, tries, written, turn);
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
            Effect::End(session, why) => {
                session.end(*why);
                if session.is_asleep() {
                    // It has lost its connection meanwhile, and nobody would end it before its time.
                    self.enter_in_turn(turn, |within| within.lapse(&session));
                }
            }
            Effect::Return(_) | Effect::Passed(_) | Effect::Nothing => {}
        }
        None
    }

    fn route(
        &self,
        stanza: Arc<Stanza>,
        known: Option<Box<Known>>,
        again: impl FnOnce(Arc<Stanza>) -> Effect,
        turn: &mut Turn<'_>,
    ) -> Option<Jid> {
        match turn.route(stanza, known.map(|known| *known)) {
            Routed::Done => None,
            Routed::Asleep(stanza, whom) => {
                self.state().outbox.push_front(std::iter::once(again(stanza)));
                self.set_closed(true);
                Some(whom)
            }
            Routed::Instead(stanzas) => {
                let effects = stanzas.into_iter().map(|stanza| Effect::Route(Arc::new(stanza)));
                self.state().outbox.push_front(effects);
                None
            }
        }
    }

    /// When the receiver's part is durable, what the log remembers is no longer needed. If that is lost, it is tried again: a few times now, and at the
    /// next start.
    fn strike_out(self: &Arc<Home>, stanza: Arc<Stanza>, id: u64, tries: u8, written: Rests, turn: &Turn<'_>) {
        let (hub, home) = (turn.hub.clone(), self.clone());
        // On a task: a callback may run under another home's lock.
        turn.hub.spawn(async move {
            let arrived = match written {
                Rests::On(written) => written.await.is_ok(),
                Rests::Nothing => true,
                Rests::Nowhere => false,
            };
            if arrived {
                home.with(&hub, |within| within.strike_out(id));
            } else if tries < TRIES {
                // The receiver's home is read again behind the same barrier.
                drop(hub.store().barrier().await);
                home.with(&hub, |within| within.send_logged(stanza, id, tries + 1));
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
            first.known = Some(Box::new(known));
        }
    }
}
