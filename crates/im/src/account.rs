//! An awake account: its roster, its sessions and what they last said of their presence.
use crate::host::Host;
use crate::refusals::Refusal;
use crate::roster::Roster;
use crate::session::Session;
use crate::slots::Slots;
use hashbrown::HashSet;
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::sync::Arc;
use store::Epoch;
use xmpp::{Jid, Stanza};

/// The state of one account while it is awake, under its home's lock.
pub struct Account {
    jid: Jid,
    pub(crate) host: Arc<Host>,
    pub(crate) epoch: Epoch,
    pub(crate) roster: Roster,
    /// In the order in which they were bound.
    pub(crate) sessions: Vec<Present>,
    pub(crate) slots: Slots,
    /// The last number given by `Within::next_id`.
    pub(crate) last_id: u64,
    pub(crate) serial: u64,
    /// Sessions that ended before their clients came back, the last one last.
    pub(crate) lapsed: Vec<Lapsed>,
    /// Whom it has refused without knowing that they have it.
    pub(crate) refusals: Vec<Refusal>,
    pub(crate) reloading: bool,
    /// The account has been removed; its sessions are about to end.
    pub(crate) removed: bool,
}

/// A session that ended before its client came back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Lapsed {
    /// What it was resumed by.
    pub(crate) id: String,
    /// How many stanzas of its client were handled, modulo 2^32.
    pub(crate) handled: u32,
    /// When it ended, in milliseconds since 1970 UTC.
    pub(crate) at_ms: i64,
}

impl Lapsed {
    /// How many of them an account remembers.
    pub(crate) const MOST: usize = 8;

    /// For how long: a client that is away for a night still learns which of its messages arrived.
    const KNOWN_MS: i64 = 24 * 60 * 60 * 1000;

    pub(crate) fn is_known_at(&self, now_ms: i64) -> bool {
        now_ms.saturating_sub(self.at_ms) < Lapsed::KNOWN_MS
    }
}

/// A session as its account sees it.
pub struct Present {
    pub(crate) session: Arc<Session>,
    /// The presence it last broadcast, as its contacts got it; `None` while it shows none.
    pub(crate) presence: Option<Arc<Stanza>>,
    /// It takes part without showing itself.
    pub(crate) invisible: bool,
    /// It hides until it says otherwise (XEP-0186); whether it wants its contacts asked after.
    pub(crate) veil: Option<bool>,
    pub(crate) priority: i8,
    /// It has asked for the roster, and so gets pushes (RFC 6121 §2.1.6).
    pub(crate) interested: bool,
    /// Since it became available, it has been told who waits for an answer.
    pub(crate) told_requests: bool,
    /// Whom it has sent available presence directly (RFC 6121 §4.6.3).
    pub(crate) directed: HashSet<Jid>,
    /// Who answered its presence with an error, or was sent unavailable directly: no further broadcasts until it becomes available anew.
    pub(crate) stopped: HashSet<Jid>,
    /// What extensions note of this session, for as long as it lasts: one of each type.
    pub(crate) notes: Vec<Box<dyn Any + Send>>,
}

impl Present {
    pub(crate) fn new(session: Arc<Session>) -> Present {
        let (directed, stopped) = (HashSet::new(), HashSet::new());
        Present {
            session,
            presence: None,
            invisible: false,
            veil: None,
            priority: 0,
            interested: false,
            told_requests: false,
            directed,
            stopped,
            notes: Vec::new(),
        }
    }

    /// The session itself.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Whether it takes part: it has sent available presence, or invisible presence.
    pub fn is_available(&self) -> bool {
        self.presence.is_some() || self.invisible
    }

    /// Whether those who may see its presence see it.
    pub fn is_visible(&self) -> bool {
        self.presence.is_some()
    }

    /// Whether messages to the bare JID may go to it (RFC 6121 §8.5.2.1.1).
    pub fn takes_messages(&self) -> bool {
        self.is_available() && self.priority >= 0 && self.session.is_there()
    }

    /// Whether this session shows its presence to `other` in particular (RFC 6121 §4.6): to that very address, or to the room in which it is.
    pub(crate) fn shows_itself_to(&self, other: &Jid) -> bool {
        self.directed.iter().any(|jid| jid.same_bare(other))
    }

    /// The presence that it shows, as its contacts got it.
    pub fn presence(&self) -> Option<&Stanza> {
        self.presence.as_deref()
    }

    /// What an extension has noted of this session, by a type of its own.
    pub fn note<T: Any>(&self) -> Option<&T> {
        self.notes.iter().find_map(|note| note.downcast_ref())
    }

    /// Its priority; 0 unless it said otherwise.
    pub fn priority(&self) -> i8 {
        self.priority
    }
}

impl Account {
    pub(crate) fn new(jid: Jid, host: Arc<Host>, epoch: Epoch, roster: Roster, slots: Slots, last_id: u64) -> Account {
        Account {
            jid,
            host,
            epoch,
            roster,
            sessions: Vec::new(),
            slots,
            last_id,
            serial: 0,
            lapsed: Vec::new(),
            refusals: Vec::new(),
            reloading: false,
            removed: false,
        }
    }

    /// What stands in for an account that does not exist: it has no roster, no sessions and empty slots, so that whoever asks it learns what a stranger
    /// learns of an account that does.
    pub(crate) fn phantom(jid: Jid, host: Arc<Host>) -> Account {
        let slots = host.plan().empty_slots();
        Account::new(jid, host, Epoch::new(0), Roster::empty(), slots, 0)
    }

    /// The account's bare JID.
    pub fn jid(&self) -> &Jid {
        &self.jid
    }

    /// Whether the account has been removed: nothing may be written of it any more.
    pub fn is_removed(&self) -> bool {
        self.removed
    }

    /// The account's roster.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The account's sessions, in the order in which they were bound.
    pub fn sessions(&self) -> &[Present] {
        &self.sessions
    }

    /// The session of exactly this resource.
    pub fn session(&self, resource: &str) -> Option<&Present> {
        self.sessions.iter().find(|present| present.session.resource() == resource)
    }

    /// Notes something of a session for as long as it lasts: an extension's own type, made if there is none yet.
    pub fn note_mut<T: Any + Default + Send>(&mut self, session: &Arc<Session>) -> Option<&mut T> {
        let notes = &mut self.present(session)?.notes;
        if !notes.iter().any(|note| note.is::<T>()) {
            notes.push(Box::new(T::default()));
        }
        notes.iter_mut().find_map(|note| note.downcast_mut())
    }

    pub(crate) fn present(&mut self, session: &Arc<Session>) -> Option<&mut Present> {
        self.sessions.iter_mut().find(|present| Arc::ptr_eq(&present.session, session))
    }

    /// The session that gets messages to the bare JID: the highest priority that is not negative; among equals the most recently bound. None that has
    /// lost its connection.
    pub fn best(&self) -> Option<&Present> {
        self.best_that(|session| !session.is_asleep())
    }

    /// The same among those that have lost their connections.
    pub(crate) fn best_sleeper(&self) -> Option<&Present> {
        self.best_that(Session::is_asleep)
    }

    fn best_that(&self, wanted: impl Fn(&Session) -> bool) -> Option<&Present> {
        self.sessions
            .iter()
            .filter(|present| wanted(&present.session) && present.takes_messages())
            .max_by_key(|present| (present.priority, present.session.serial()))
    }

    /// The sessions that have lost their connections, in the order in which they were bound.
    pub(crate) fn sleepers(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.sessions.iter().map(|present| &present.session).filter(|session| session.is_asleep())
    }

    /// Whether any session shows itself as available.
    pub fn is_visible(&self) -> bool {
        self.sessions.iter().any(Present::is_visible)
    }

    /// Whether `other` may see this account's presence: its own sessions, and contacts with a subscription `from` or `both`.
    pub fn shows_presence_to(&self, other: &Jid) -> bool {
        other.bare_str() == self.jid.as_str() || self.roster.state(other).seen_by_contact()
    }
}
