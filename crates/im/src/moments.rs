//! The moments at which an extension may have its say.
//!
//! A moment is a type. Its contract is its sentence here; what a handler gets is the struct that goes with it. Handlers of one moment run phase by
//! phase and, inside a phase, in the order of the list of extensions; there is no other order. All of them run under the lock of one home and return
//! at once: what they want done goes into the outbox.
use crate::home::Within;
use crate::host::Host;
use crate::hub::Hub;
use crate::plan::Plan;
use crate::session::Session;
use std::sync::Arc;
use xmpp::{Jid, Kind, Stanza, StanzaError};

/// What a handler decides.
pub enum Verdict {
    /// Go on with the next handler.
    Pass,
    /// I took it: nobody else handles it, nothing is answered.
    Done,
    /// Refuse it; the sender is told why.
    Bounce(StanzaError),
}

/// The order in which the handlers of one moment run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Refuse: blocking, limits.
    Guard,
    /// Add or strip: ids, delays.
    Stamp,
    /// Keep: archive, offline.
    Keep,
    /// Copy to others: carbons, forwarding.
    Copy,
    /// Tell somebody: counters, push.
    Tell,
}

/// A point on a stanza's or session's way at which extensions are asked.
pub trait Moment: Sized + 'static {
    /// What a handler is given.
    type At<'a>;
    /// The moment's name in logs.
    const NAME: &'static str;
    /// Where the handlers of this moment stand.
    fn chain(plan: &Plan) -> &Chain<Self>;
    /// The same, while the plan is being made.
    fn chain_mut(plan: &mut Plan) -> &mut Chain<Self>;
}

/// A handler of one moment.
pub(crate) type Handler<M> = Box<dyn for<'a, 'b> Fn(&'b mut <M as Moment>::At<'a>) -> Verdict + Send + Sync>;

/// The handlers of one moment, split by the kind of stanza, each in its order.
pub struct Chain<M: Moment> {
    entries: Vec<Entry<M>>,
}

/// One handler, and what it is asked about.
struct Entry<M: Moment> {
    phase: Phase,
    kinds: Kinds,
    /// For which accounts: those that have one of these (see `RareSlot`); 0: all.
    only: u32,
    handler: Handler<M>,
}

impl<M: Moment> Entry<M> {
    fn is_asked(&self, kinds: Kinds, rare: u32) -> bool {
        self.kinds.has(kinds) && (self.only == 0 || self.only & rare != 0)
    }
}

/// Which kinds of stanza a handler wants to see.
#[derive(Clone, Copy)]
pub(crate) struct Kinds(u8);

impl Kinds {
    /// Every kind, and moments without a stanza.
    pub(crate) const ALL: Kinds = Kinds(7);

    /// Just this one.
    pub(crate) fn of(kind: Kind) -> Kinds {
        Kinds(match kind {
            Kind::Message => 1,
            Kind::Presence => 2,
            Kind::Iq => 4,
        })
    }

    fn has(self, other: Kinds) -> bool {
        self.0 & other.0 != 0
    }
}

impl<M: Moment> Default for Chain<M> {
    fn default() -> Self {
        Chain { entries: Vec::new() }
    }
}

impl<M: Moment> Chain<M> {
    pub(crate) fn add(&mut self, phase: Phase, kinds: Kinds, only: u32, handler: Handler<M>) {
        let at = self.entries.partition_point(|other| other.phase <= phase);
        self.entries.insert(at, Entry { phase, kinds, only, handler });
    }

    /// Whether anybody wants to see stanzas of this kind of an account that has these rare things.
    pub(crate) fn wants(&self, kinds: Kinds, rare: u32) -> bool {
        self.entries.iter().any(|entry| entry.is_asked(kinds, rare))
    }

    /// Asks the handlers in turn until one takes or refuses.
    pub(crate) fn run(&self, kinds: Kinds, at: &mut M::At<'_>) -> Verdict {
        self.run_with(kinds, u32::MAX, at)
    }

    /// The same, without those that are only for accounts that have something this one has not.
    pub(crate) fn run_with(&self, kinds: Kinds, rare: u32, at: &mut M::At<'_>) -> Verdict {
        for entry in &self.entries {
            if entry.is_asked(kinds, rare) {
                match (entry.handler)(at) {
                    Verdict::Pass => {}
                    other => return other,
                }
            }
        }
        Verdict::Pass
    }
}

macro_rules! moments {
    ($($(#[$doc:meta])* $name:ident at $at:ident in $field:ident;)*) => {
        $(
            $(#[$doc])*
            pub struct $name;

            impl Moment for $name {
                type At<'a> = $at<'a>;
                const NAME: &'static str = stringify!($name);
                fn chain(plan: &Plan) -> &Chain<Self> {
                    &plan.chains.$field
                }
                fn chain_mut(plan: &mut Plan) -> &mut Chain<Self> {
                    &mut plan.chains.$field
                }
            }
        )*

        /// The chains of all moments of one host.
        #[derive(Default)]
        pub(crate) struct Chains {
            $($field: Chain<$name>,)*
        }
    };
}

moments! {
    /// A stanza is about to leave the account that sent it. Once per stanza, with the sender's account locked, `from` stamped.
    /// If nobody takes or refuses it, it is routed.
    Sent at SentAt in sent;
    /// A stanza has reached the account it is addressed to, before sessions are chosen. With the receiver's account locked.
    /// If nobody takes or refuses it, it is delivered by RFC 6121 §8.5.
    Received at ReceivedAt in received;
    /// A message found no session that may have it. If nobody keeps it (`Done`), it bounces or is dropped as RFC 6121 §8.5.2.2 says.
    Undelivered at UndeliveredAt in undelivered;
    /// A session became available, or its priority changed; its contacts have been told.
    Available at PresenceAt in available;
    /// A session is no longer available: it said so, or its connection is gone. Its contacts have been told.
    Unavailable at PresenceAt in unavailable;
    /// A session has lost its connection and waits to be resumed (XEP-0198 §5). It is still available; its contacts are told nothing.
    FellAsleep at PresenceAt in fell_asleep;
    /// A session that had lost its connection has been resumed. What its client did not have is queued already.
    Resumed at PresenceAt in resumed;
    /// A message has reached a host itself, or a resource of it. Nobody's account is locked. If nobody takes it, it is returned.
    ToHost at ToHostAt in to_host;
    /// An extension has told its like on all members something, the own one included. Nobody's account is locked.
    Told at ToldAt in told;
    /// An account has just been made; what handlers write is in the same commit.
    AccountCreated at AccountCreatedAt in account_created;
}

/// What a handler of [`Sent`] gets.
pub struct SentAt<'a> {
    /// The sender's account.
    pub within: Within<'a>,
    /// The session that sent it.
    pub session: &'a Arc<Session>,
    /// The stanza; may be changed in the Stamp phase.
    pub stanza: &'a mut Stanza,
}

/// What a handler of [`Received`] gets.
pub struct ReceivedAt<'a> {
    /// The receiver's account.
    pub within: Within<'a>,
    /// The stanza; may be changed in the Stamp phase.
    pub stanza: &'a mut Stanza,
}

/// What a handler of [`Undelivered`] gets.
pub struct UndeliveredAt<'a> {
    /// The receiver's account.
    pub within: Within<'a>,
    /// The message.
    pub stanza: &'a Arc<Stanza>,
}

/// What a handler of [`Available`], [`Unavailable`], [`FellAsleep`] and [`Resumed`] gets.
pub struct PresenceAt<'a> {
    /// The account.
    pub within: Within<'a>,
    /// The session whose presence this is.
    pub session: &'a Arc<Session>,
    /// The presence as the session sent it; `None` when the connection is simply gone.
    pub presence: Option<&'a Stanza>,
    /// For [`Available`]: the session was not available before.
    pub first: bool,
}

/// What a handler of [`ToHost`] gets.
pub struct ToHostAt<'a> {
    /// The server.
    pub hub: &'a Hub,
    /// The host that is addressed.
    pub host: &'a Arc<Host>,
    /// The message.
    pub stanza: &'a Stanza,
    /// What goes on in its place.
    pub(crate) instead: Vec<Stanza>,
    /// What the message rests on.
    pub(crate) rests_on: Option<store::Ticket>,
}

impl ToHostAt<'_> {
    /// Sends a stanza in place of the message, in order with what its sender has sent before and will send.
    pub fn send(&mut self, stanza: Stanza) {
        self.instead.push(stanza);
    }

    /// The message is not handled before this is done.
    pub fn rest_on(&mut self, ticket: store::Ticket) {
        self.rests_on = Some(ticket);
    }
}

/// What a handler of [`Told`] gets.
pub struct ToldAt<'a> {
    /// The server.
    pub hub: &'a Hub,
    /// The host whose extensions are told.
    pub host: &'a Arc<Host>,
    /// What they are told.
    pub what: &'a xml::Element,
}

/// What a handler of [`AccountCreated`] gets.
pub struct AccountCreatedAt<'a> {
    /// The new account's bare JID.
    pub account: &'a Jid,
    /// When.
    pub now: xmpp::Timestamp,
    /// Where state is kept, to name shapes.
    pub store: &'a store::Store,
    /// What is written with it.
    pub(crate) writes: Vec<(store::KeyValue, Vec<u8>)>,
    /// What is put into its archives with it.
    pub(crate) rows: Vec<(store::Archive, store::Row)>,
}

impl AccountCreatedAt<'_> {
    /// Writes a value of the new account, in the same commit.
    pub fn put(&mut self, keys: &store::KeyValue, bytes: Vec<u8>) {
        self.writes.push((keys.clone(), bytes));
    }

    /// Puts a row into an archive of the new account, in the same commit.
    pub fn append(&mut self, archive: &store::Archive, row: store::Row) {
        self.rows.push((archive.clone(), row));
    }
}
