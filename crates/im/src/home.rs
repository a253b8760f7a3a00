//! Where an account is at home while it is awake: its state and its outbox under one lock.
//!
//! Everything that happens to an account happens inside [`Home::enter`]: a plain function call with the lock held, in which nothing waits and no second
//! home is locked. What shall be done elsewhere goes into the outbox; [`Turn`] carries it out after the lock is gone.
use crate::account::Account;
use crate::atomic::{AtomicBool, Ordering};
use crate::host::Host;
use crate::hub::{Hub, Limits};
use crate::outbox::{Effect, Outbox};
use crate::session::Session;
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::sync::Arc;
use std::task::{Context, Poll};
use store::{Batch, Ticket};
use xmpp::{Jid, Stanza, Timestamp};

/// The home of one awake account.
pub struct Home {
    jid: Jid,
    /// The outbox waits for a commit or a sleeping home, or holds much: doors of this account should admit nothing more. Written under the lock.
    closed: AtomicBool,
    /// It was entered since the directory last looked.
    used: AtomicBool,
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) account: Account,
    pub(crate) outbox: Outbox,
}

/// What one has while inside a home: the account to look at and change, and ways to have things done.
pub struct Within<'a> {
    /// The account.
    pub account: &'a mut Account,
    pub(crate) outbox: &'a mut Outbox,
    pub(crate) hub: &'a Hub,
    pub(crate) home: &'a Arc<Home>,
    /// This is carried out from the head of the outbox: what is posted now overtakes nothing.
    pub(crate) in_turn: bool,
}

impl Home {
    pub(crate) fn new(account: Account, limits: &Limits) -> Arc<Home> {
        let jid = account.jid().clone();
        Arc::new(Home {
            jid,
            closed: AtomicBool::new(false),
            used: AtomicBool::new(true),
            state: Mutex::new(State { account, outbox: Outbox::new(limits) }),
        })
    }

    /// The account's bare JID.
    pub fn jid(&self) -> &Jid {
        &self.jid
    }

    /// Runs `f` inside this home, and carries out what came of it.
    pub fn with<R>(self: &Arc<Home>, hub: &Hub, f: impl FnOnce(&mut Within<'_>) -> R) -> R {
        let mut turn = Turn::new(hub);
        let done = self.enter(&mut turn, f);
        turn.run();
        done
    }

    /// Runs `f` inside this home; what came of it is carried out when `turn` runs.
    pub(crate) fn enter<R>(self: &Arc<Home>, turn: &mut Turn<'_>, f: impl FnOnce(&mut Within<'_>) -> R) -> R {
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
        let mut state = self.state.lock();
        let State { account, outbox } = &mut *state;
        let done = f(&mut Within { account, outbox, hub: turn.hub, home: self, in_turn: false });
        if state.outbox.is_behind() {
            self.set_closed(true);
        }
        if state.outbox.begin() {
            turn.homes.push(self.clone());
        }
        done
    }

    /// The same for the drainer itself, in whose turn it is.
    pub(crate) fn enter_in_turn(self: &Arc<Home>, turn: &mut Turn<'_>, f: impl FnOnce(&mut Within<'_>)) {
        let mut state = self.state.lock();
        let State { account, outbox } = &mut *state;
        f(&mut Within { account, outbox, hub: turn.hub, home: self, in_turn: true });
    }

    pub(crate) fn state(&self) -> parking_lot::MutexGuard<'_, State> {
        self.state.lock()
    }

    pub(crate) fn set_closed(&self, closed: bool) {
        self.closed.store(closed, Ordering::Release);
    }

    /// The outbox is parked or far behind.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Pending while the outbox is parked or far behind; the waker is called when it has moved on.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_closed() {
            return Poll::Ready(());
        }
        let mut state = self.state.lock();
        if !self.is_closed() {
            return Poll::Ready(());
        }
        state.outbox.wait(cx.waker());
        Poll::Pending
    }

    /// Whether it was entered since this was last asked.
    pub(crate) fn was_used(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }

    /// Whether nobody needs this account awake: no session, nothing to carry out.
    pub(crate) fn may_sleep(&self) -> bool {
        self.state.try_lock().is_some_and(|state| state.account.sessions.is_empty() && state.outbox.is_idle())
    }
}

impl<'a> Within<'a> {
    /// The host of this account.
    pub fn host(&self) -> Arc<Host> {
        self.account.host.clone()
    }

    /// The server.
    pub fn hub(&self) -> &'a Hub {
        self.hub
    }

    /// The server's time.
    pub fn now(&self) -> Timestamp {
        self.hub.clock().now()
    }

    /// Sends a stanza on its way (stop 4), after everything that this account has already sent.
    pub fn send(&mut self, stanza: Stanza) {
        self.outbox.push(Effect::Route(Arc::new(stanza)), None);
    }

    /// Whether what is posted now can overtake nothing.
    pub(crate) fn is_clear(&self) -> bool {
        self.in_turn || self.outbox.is_idle()
    }

    /// Queues a stanza for one of this account's own sessions: at once when nothing is waiting in the outbox, else behind it.
    pub fn post(&mut self, session: &Arc<Session>, stanza: Arc<Stanza>) {
        if self.is_clear() {
            if let Some(stanza) = session.post(stanza) {
                self.missed(&stanza);
            }
        } else {
            self.outbox.push(Effect::Post(session.clone(), stanza), None);
            if let Some(promise) = self.outbox.promise() {
                // It is an answer, perhaps, without which its question is not handled.
                self.outbox.push(Effect::Passed(promise), None);
            }
        }
    }

    /// An empty batch of this home.
    pub fn batch(&self) -> Batch {
        Batch::new(self.account.jid().as_str(), self.account.epoch)
    }

    /// Hands a batch to the store. What tells somebody about the change must wait for the ticket: for an empty batch that of the write on which this
    /// account's state rests.
    pub fn write(&mut self, batch: Batch) -> Ticket {
        if batch.is_empty() {
            return self.outbox.standing.clone().unwrap_or_else(Ticket::committed);
        }
        let ticket = self.submit(batch);
        self.outbox.writes += 1;
        self.outbox.standing = Some(ticket.clone());
        ticket
    }

    /// Hands a batch to the store on which nothing rests that anybody is told: it may be written a little later, together with others.
    pub fn write_aside(&mut self, batch: Batch) -> Ticket {
        self.submit(batch.unhurried())
    }

    fn submit(&mut self, batch: Batch) -> Ticket {
        let ticket = self.hub.store().submit(batch);
        let (hub, home, epoch) = (self.hub.clone(), self.home.clone(), self.account.epoch);
        ticket.on_done(Box::new(move |outcome| {
            if let Err(error) = outcome {
                hub.lost(home, epoch, error);
            }
        }));
        ticket
    }

    /// Carries out an effect that tells of this account's state as it is now: when all that it rests on is durable.
    pub(crate) fn tell(&mut self, effect: Effect, otherwise: Option<Effect>) {
        match self.outbox.standing.take_if(|standing| standing.state() != store::State::Committed) {
            Some(standing) => {
                self.after(&standing, effect, otherwise);
                self.outbox.standing = Some(standing);
            }
            None => self.outbox.push(effect, None),
        }
    }

    /// Carries out `effect` when `ticket` is committed, and `otherwise` when it failed. Whatever is put into the outbox later waits behind it.
    pub(crate) fn after(&mut self, ticket: &Ticket, effect: Effect, otherwise: Option<Effect>) {
        self.outbox.push(effect, Some((ticket.clone(), otherwise)));
    }

    /// Sends a stanza when `ticket` is committed; when that fails it is not sent.
    pub fn send_after(&mut self, ticket: &Ticket, stanza: Stanza) {
        self.after(ticket, Effect::Route(Arc::new(stanza)), None);
    }

    /// Returns `stanza` to its sender when `ticket` fails: it was to be kept, and was not.
    pub fn bounce_unless(&mut self, ticket: &Ticket, stanza: &Arc<Stanza>) {
        let bounced = stanza.may_be_answered().then(|| Effect::Return(stanza.clone()));
        self.after(ticket, Effect::Nothing, bounced);
    }

    /// This home, for work that goes on later.
    pub fn home(&self) -> &Arc<Home> {
        self.home
    }

    /// A number greater than any that this account has given: for rows of the archive and of logs.
    pub fn next_id(&mut self) -> u64 {
        let now = u64::try_from(self.now().as_millis()).unwrap_or(0).saturating_mul(1000);
        self.account.last_id = now.max(self.account.last_id + 1);
        self.account.last_id
    }
}

/// What a stanza that was routed rests on.
pub(crate) enum Rests {
    /// It has not arrived.
    Nowhere,
    /// Nothing was written.
    Nothing,
    /// The receiver's own write.
    On(Ticket),
}

/// Carries out outboxes, one home after the other and never two locks at once, until nothing is left to do here and now.
pub(crate) struct Turn<'h> {
    pub(crate) hub: &'h Hub,
    homes: SmallVec<[Arc<Home>; 4]>,
    /// Where the last stanza went: the next one often goes there too.
    pub(crate) last: Option<Arc<Home>>,
    /// The host of its receiver.
    host: Option<Arc<Host>>,
    pub(crate) routed: u64,
    /// What the stanza that was routed last rests on.
    pub(crate) rests_on: Rests,
    /// Somebody wants to know when what is routed now is durable.
    pub(crate) counted: bool,
    /// Probes of sleeping accounts, answered together when all else is done.
    pub(crate) probes: Vec<Arc<Stanza>>,
}

impl<'h> Turn<'h> {
    pub(crate) fn new(hub: &'h Hub) -> Turn<'h> {
        let (homes, probes) = (SmallVec::new(), Vec::new());
        Turn { hub, homes, last: None, host: None, routed: 0, rests_on: Rests::Nowhere, counted: false, probes }
    }

    /// Goes on with a home that was parked.
    pub(crate) fn resume(hub: &'h Hub, home: Arc<Home>) -> Turn<'h> {
        let mut turn = Turn::new(hub);
        turn.homes.push(home);
        turn
    }

    /// The host of this canonical name, if it is served here.
    pub(crate) fn host(&mut self, domain: &str) -> Option<Arc<Host>> {
        if self.host.as_ref().is_none_or(|host| host.name().as_str() != domain) {
            self.host = self.hub.host(domain);
        }
        self.host.clone()
    }

    pub(crate) fn run(mut self) {
        while let Some(home) = self.homes.pop() {
            home.drain(&mut self);
        }
        self.hub.counters().routed.fetch_add(self.routed, Ordering::Relaxed);
        if !self.probes.is_empty() {
            self.hub.answer_probes(std::mem::take(&mut self.probes));
        }
    }
}

impl Drop for Turn<'_> {
    /// After a panic other homes are still marked as being carried out: others go on with them.
    fn drop(&mut self) {
        self.homes.drain(..).for_each(|home| self.hub.proceed(home));
    }
}
