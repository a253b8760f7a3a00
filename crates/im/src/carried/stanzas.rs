//! Stanzas between homes of different members.
//!
//! Each has a number, and is remembered by its sender's member until the other one says what has become of it: that it is routed, and that what it
//! changed is durable there. When a member dies, what it had not said that of goes back to its sender as an error (nobody can
//! know whether it was taken), and tickets fail: what stands in a log is sent again, to where the home is next.
use super::PLACES;
use super::frame::{Fate, Frame};
use crate::home::{Rests, Turn};
use crate::hub::Hub;
use crate::route::{Known, Routed, is_subscription};
use cluster::{CarryError, Member, Placement, Weight};
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use store::{Promise, Ticket};
use xmpp::{Kind, Stanza, StanzaError};

/// What was carried to other members and is not settled, by its number.
#[derive(Default)]
pub(super) struct Outgoing(Mutex<HashMap<Member, HashMap<u64, Pending>>>);

struct Pending {
    /// For its sender, who is told when it may be lost.
    stanza: Arc<Stanza>,
    /// For whoever wants to know when it is durable.
    promise: Option<Promise>,
}

/// What came for accounts that are just being woken, in order.
#[derive(Default)]
pub(super) struct Parked(Mutex<HashMap<String, Waiting>>);

#[derive(Default)]
struct Waiting {
    stanzas: VecDeque<Came>,
    bytes: usize,
}

/// A stanza that a member carried here.
pub(super) struct Came {
    pub(super) from: Member,
    pub(super) number: u64,
    pub(super) stanza: Arc<Stanza>,
}

/// What is to be told to each member.
pub(super) type Settled = HashMap<Member, Vec<(u64, Fate)>>;

/// How much may wait for one account that is being woken; more is refused, but for subscriptions.
const PARKED_BYTES: usize = 1024 * 1024;

/// The lane on which a member hears what has become of what it sent.
const LANE: &str = "settled";

impl Turn<'_> {
    /// Hands a stanza to the member where its receiver is at home. Kept out of the way of those that stay here.
    #[cold]
    #[inline(never)]
    pub(crate) fn carry(&mut self, mut member: Member, stanza: Arc<Stanza>) -> Routed {
        let to = stanza.to().cloned();
        let lane = to.as_ref().map(xmpp::Jid::bare_str).unwrap_or_default();
        // Until it is known better.
        self.rests_on = Rests::Nowhere;
        for _ in 0..PLACES {
            match self.hub.carry_to(member, lane, &stanza, self.counted || is_subscription(&stanza)) {
                Ok(ticket) => {
                    self.rests_on = ticket.map_or(Rests::Nothing, Rests::On);
                    return Routed::Done;
                }
                Err(CarryError::Gone(_)) => match self.hub.cluster().place(lane) {
                    Placement::There(next) => member = next,
                    Placement::Here => return self.route(stanza, None),
                },
                Err(full) => {
                    tracing::warn!(member = member.0, error = %full, "a stanza could not be carried");
                    break;
                }
            }
        }
        self.bounce(&stanza, &StanzaError::resource_constraint());
        Routed::Done
    }
}

impl Hub {
    /// The ticket is for one that is counted.
    fn carry_to(
        &self,
        member: Member,
        lane: &str,
        stanza: &Arc<Stanza>,
        counted: bool,
    ) -> Result<Option<Ticket>, CarryError> {
        let mut bytes = Vec::with_capacity(stanza.size());
        stanza.write(&mut bytes);
        // Whatever was parsed was checked to be UTF-8, and what is made here is.
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        let (promise, ticket) = counted.then(Ticket::pair).unzip();
        let number = self.carried().number();
        // Before it is sent, since the answer may be faster than this thread.
        let outgoing = &self.carried().outgoing.0;
        let pending = Pending { stanza: stanza.clone(), promise };
        outgoing.lock().entry(member).or_default().insert(number, pending);
        let frame = Frame::Stanza { number, stanza: text };
        match self.cluster().carry(member, lane, frame.bytes(), Weight::New) {
            Ok(()) => Ok(ticket),
            Err(error) => {
                let pending = outgoing.lock().get_mut(&member).and_then(|pending| pending.remove(&number));
                match pending {
                    Some(_) => Err(error),
                    // The member's death was told meanwhile, and this is returned to its sender.
                    None => Ok(ticket),
                }
            }
        }
    }

    /// Another member says what has become of stanzas.
    pub(super) fn settled(&self, by: Member, fates: &[(u64, Fate)]) {
        for (number, fate) in fates {
            let pending = self.carried().outgoing.0.lock().get_mut(&by).and_then(|pending| pending.remove(number));
            if *fate == Fate::Durable
                && let Some(promise) = pending.and_then(|pending| pending.promise)
            {
                promise.keep(Ok(()));
            }
        }
    }

    /// A member is gone with what it was carried. What stands in a log is sent again from there.
    pub(super) fn lost_stanzas(&self, member: Member) {
        let lost = self.carried().outgoing.0.lock().remove(&member).unwrap_or_default();
        let mut lost: Vec<(u64, Pending)> = lost.into_iter().collect();
        lost.sort_unstable_by_key(|(number, _)| *number);
        let mut turn = Turn::new(self);
        let unknown = lost.iter().map(|(_, pending)| &pending.stanza);
        for stanza in unknown.filter(|stanza| stanza.kind() != Kind::Presence) {
            turn.bounce(stanza, &StanzaError::recipient_unavailable());
        }
        turn.run();
        drop(lost);
    }

    /// A stanza that another member carried here goes on from stop 4.
    pub(super) fn stanza(&self, came: Came, settled: &mut Settled) {
        let from = came.from;
        let Some(to) = came.stanza.to().cloned() else {
            return settled.entry(from).or_default().push((came.number, Fate::Lost));
        };
        let Some(came) = self.park(to.bare_str(), came) else { return };
        match self.route_carried(came, None) {
            Ok(fate) => settled.entry(from).or_default().extend(fate),
            Err(came) => {
                // Whatever comes for this account from now on waits behind it.
                self.carried().parked.0.lock().entry(to.bare_str().to_owned()).or_default().push(came);
                let hub = self.clone();
                self.spawn(async move {
                    let known = Known::of(hub.wake(&to).await);
                    hub.unpark(to.bare_str(), &known);
                });
            }
        }
    }

    /// Puts a stanza behind others that wait for their account to wake; gives it back when none do.
    fn park(&self, bare: &str, came: Came) -> Option<Came> {
        let mut parked = self.carried().parked.0.lock();
        let Some(waiting) = parked.get_mut(bare) else { return Some(came) };
        if waiting.bytes < PARKED_BYTES || is_subscription(&came.stanza) {
            waiting.push(came);
            return None;
        }
        drop(parked);
        let mut turn = Turn::new(self);
        turn.bounce(&came.stanza, &StanzaError::resource_constraint());
        turn.run();
        self.tell_fates(HashMap::from([(came.from, vec![(came.number, Fate::Lost)])]));
        None
    }

    /// The account is awake, or it is known that it will not be: what waited goes on, in its order.
    fn unpark(&self, bare: &str, known: &Known) {
        loop {
            let mut parked = self.carried().parked.0.lock();
            let next = parked.get_mut(bare).and_then(Waiting::pop);
            let Some(came) = next else {
                parked.remove(bare);
                return;
            };
            drop(parked);
            let from = came.from;
            if let Ok(Some(fate)) = self.route_carried(came, Some(known.clone())) {
                self.tell_fates(HashMap::from([(from, vec![fate])]));
            }
        }
    }

    /// Gives the fate of a stanza, or nothing if that will be known, and told, later. `Err`: its receiver must be woken first.
    fn route_carried(&self, came: Came, known: Option<Known>) -> Result<Option<(u64, Fate)>, Came> {
        let Came { from, number, stanza } = came;
        let mut turn = Turn::new(self);
        // Whoever forgets a stanza must know that it is safe here.
        turn.counted = true;
        let routed = turn.route(stanza, known);
        let rests_on = std::mem::replace(&mut turn.rests_on, Rests::Nowhere);
        turn.run();
        if let Routed::Asleep(stanza, _) = routed {
            return Err(Came { from, number, stanza });
        }
        match rests_on {
            Rests::Nowhere => Ok(Some((number, Fate::Lost))),
            Rests::On(written) => {
                let hub = self.clone();
                written.on_done(Box::new(move |outcome| {
                    let fate = if outcome.is_ok() { Fate::Durable } else { Fate::Lost };
                    hub.tell_fates(HashMap::from([(from, vec![(number, fate)])]));
                }));
                Ok(None)
            }
            Rests::Nothing => Ok(Some((number, Fate::Durable))),
        }
    }

    /// Tells members what has become of what they carried here.
    pub(super) fn tell_fates(&self, settled: Settled) {
        for (member, fates) in settled {
            // If it is gone, nobody waits.
            let _ = self.cluster().carry(member, LANE, Frame::Settled { fates }.bytes(), Weight::Answer);
        }
    }
}

impl Waiting {
    fn push(&mut self, came: Came) {
        self.bytes += came.stanza.memory_bytes();
        self.stanzas.push_back(came);
    }

    fn pop(&mut self) -> Option<Came> {
        let came = self.stanzas.pop_front()?;
        self.bytes -= came.stanza.memory_bytes();
        Some(came)
    }
}
