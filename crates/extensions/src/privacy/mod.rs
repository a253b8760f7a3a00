//! Privacy lists and the blocking command: two ways to say who is kept away, and one store.
//!
//! Source    XEP-0016 1.7 and XEP-0191 1.3 (both complete). A blocked address is a rule of the default list (XEP-0191 §5).
//! Hangs on  Sent/Guard and Received/Guard (all stanzas), the screen of presence, iq get and set of jabber:iq:privacy and urn:xmpp:blocking to accounts.
//! Keeps     store "privacy": all lists of an account in one record, erased with it; bounded by [`Options`]. Which list a session has made active is
//!           noted with the session.
//! Refuses   to the owner: not-acceptable for what he sends to somebody he has blocked. To the blocked: service-unavailable for messages and questions;
//!           presence is dropped. bad-request, item-not-found, conflict as XEP-0016 says; resource-constraint when the lists are full.
mod block;
mod lists;
mod rules;
mod wire;

use im::{
    About, Account, Asleep, Attach, Extension, Inward, Phase, Plan, PlanError, Present, RareSlot, Received,
    ReceivedAt, Scope, Screen, Sent, SentAt, Session, Verdict,
};
use lists::Lists;
use rules::{List, Rule, about};
use std::sync::Arc;
use store::Store;
use xml::Builder;
use xmpp::{Jid, Kind, MessageType, PresenceType, Stanza, StanzaError, ns};

/// Keeps the lists, and applies them.
pub struct Room {
    /// Most accounts have none.
    lists: RareSlot<Lists>,
    limits: Options,
}

/// What the operator may say.
#[derive(Clone, Copy)]
pub struct Options {
    /// How many lists an account may have.
    pub lists: usize,
    /// How many rules these may have together.
    pub rules: usize,
    /// How many bytes they may have together.
    pub bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { lists: 32, rules: 2_000, bytes: 262_144 }
    }
}

/// What is noted of a session.
#[derive(Default)]
struct OfSession {
    /// The list that it has made active.
    active: Option<String>,
    /// It has asked for the blocked addresses, and so is told of changes (XEP-0191 §3.2).
    knows_blocked: bool,
    /// It has asked for privacy lists.
    knows_lists: bool,
}

const STORE: &str = "privacy";

impl Extension for Room {
    type Options = Options;
    const ABOUT: About = About::xep("privacy", "Privacy Lists", "XEP-0016", "1.7");

    fn configure(plan: &mut Plan, options: &Options) -> Result<Self, PlanError> {
        let load = |store: Store, jid: Jid| async move {
            match store.keys(STORE).get(jid.as_str()).await? {
                Some(bytes) => Lists::decode(&bytes, &jid).map(|lists| Some(Box::new(lists))),
                None => Ok(None),
            }
        };
        Ok(Room { lists: plan.per_few_accounts(load), limits: *options })
    }

    fn attach(on: &mut Attach<'_, Self>) {
        for scope in [Scope::Host, Scope::Account] {
            on.feature(scope, ns::PRIVACY).feature(scope, ns::BLOCKING);
        }
        let lists = on.extension().lists;
        on.only_with(lists)
            .screen()
            .on_all::<Sent>(Phase::Guard, |room, at| room.sent(at))
            .on_all::<Received>(Phase::Guard, |room, at| room.received(at));
        lists::attach(on);
        block::attach(on);
    }
}

impl Room {
    fn lists<'a>(&self, account: &'a Account) -> Option<&'a Lists> {
        account.rare(self.lists)
    }

    /// The list that applies to a session, or to the account as a whole (XEP-0016 §2.2).
    fn list_for<'a>(&self, account: &'a Account, session: Option<&Present>) -> Option<&'a List> {
        let lists = self.lists(account)?;
        let active = session.and_then(|present| present.note::<OfSession>()?.active.as_deref());
        lists.get(active.filter(|name| lists.has(name)).or(lists.default_name())?)
    }

    fn present<'a>(account: &'a Account, session: &Arc<Session>) -> Option<&'a Present> {
        account.sessions().iter().find(|present| Arc::ptr_eq(present.session(), session))
    }

    /// XEP-0016 §2.13: what the owner sends to somebody whom he has blocked comes back to him.
    fn sent(&self, at: &mut SentAt<'_>) -> Verdict {
        let account = &*at.within.account;
        let Some(to) = at.stanza.to().filter(|to| !is_exempt(account, to)) else { return Verdict::Pass };
        let what = match (at.stanza.kind(), at.stanza.presence_type()) {
            (Kind::Presence, PresenceType::Available | PresenceType::Unavailable | PresenceType::Invisible) => {
                about::PRESENCE_OUT
            }
            _ => about::OTHER,
        };
        let list = self.list_for(account, Self::present(account, at.session));
        match list.and_then(|list| list.refuses(account, to, what)) {
            Some(rule) => Verdict::Bounce(not_acceptable(rule)),
            None => Verdict::Pass,
        }
    }

    /// XEP-0016 §2.13: presence is dropped, questions and messages come back as if nobody were there.
    fn received(&self, at: &mut ReceivedAt<'_>) -> Verdict {
        let account = &*at.within.account;
        let Some(from) = at.stanza.from().filter(|from| !is_exempt(account, from)) else { return Verdict::Pass };
        match (self.keeps(account, at.stanza, from), at.stanza.kind()) {
            (false, _) => Verdict::Pass,
            (true, Kind::Presence) => Verdict::Done,
            (true, Kind::Message | Kind::Iq) => Verdict::Bounce(StanzaError::service_unavailable()),
        }
    }

    fn keeps(&self, account: &Account, stanza: &Stanza, from: &Jid) -> bool {
        let what = matter(stanza);
        let refused = |list: Option<&List>| list.is_some_and(|list| list.refuses(account, from, what).is_some());
        let named = stanza.to().and_then(Jid::resource).and_then(|resource| account.session(resource));
        if named.is_some() {
            return refused(self.list_for(account, named));
        }
        match (stanza.kind(), stanza.message_type()) {
            // Whose list decides depends on which sessions there are: each is asked for itself.
            (Kind::Message, MessageType::Headline) => {
                let mut takers = account.sessions().iter().filter(|present| present.takes_messages()).peekable();
                match takers.peek() {
                    Some(_) => takers.all(|present| refused(self.list_for(account, Some(present)))),
                    None => refused(self.list_for(account, None)),
                }
            }
            (Kind::Presence, _) if what == about::PRESENCE_IN => false,
            (Kind::Message, _) => refused(self.list_for(account, account.best())),
            _ => refused(self.list_for(account, None)),
        }
    }
}

impl Screen for Room {
    fn hides(&self, account: &Account, session: &Arc<Session>, contact: &Jid) -> bool {
        let list = self.list_for(account, Self::present(account, session));
        !is_exempt(account, contact)
            && list.is_some_and(|list| list.refuses(account, contact, about::PRESENCE_OUT).is_some())
    }

    fn keeps_out(&self, account: &Account, session: &Arc<Session>, what: Inward, from: &Jid) -> bool {
        let what = match what {
            Inward::Message => about::MESSAGE,
            Inward::Presence => about::PRESENCE_IN,
            Inward::Subscription => about::OTHER,
        };
        let list = self.list_for(account, Self::present(account, session));
        !is_exempt(account, from) && list.is_some_and(|list| list.refuses(account, from, what).is_some())
    }

    fn stands_asleep(&self, store: &Store, account: &Jid) -> Asleep {
        let read = store.keys(STORE).get(account.as_str());
        Box::pin(async move { Ok(read.await?.is_some()) })
    }
}

/// The owner's own sessions and his own server are never kept away, whatever a rule says.
fn is_exempt(account: &Account, other: &Jid) -> bool {
    other.same_bare(account.jid()) || (other.is_domain() && other.domain() == account.jid().domain())
}

/// What a stanza that arrives is, in the words of rules.
fn matter(stanza: &Stanza) -> u8 {
    match (stanza.kind(), stanza.presence_type()) {
        (Kind::Message, _) => about::MESSAGE,
        (Kind::Iq, _) => about::IQ,
        (Kind::Presence, PresenceType::Available | PresenceType::Unavailable) => about::PRESENCE_IN,
        (Kind::Presence, _) => about::OTHER,
    }
}

/// XEP-0191 §3.2: who has blocked somebody with that command is told that this is why.
fn not_acceptable(rule: &Rule) -> StanzaError {
    let error = StanzaError::not_acceptable().with_type(xmpp::ErrorType::Cancel);
    match rule.blocked() {
        Some(_) => error.with_application(Builder::new(ns::BLOCKING_ERRORS, "blocked").finish()),
        None => error,
    }
}
