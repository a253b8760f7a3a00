//! What an account's owner does not want shown to others, or given to some of his sessions (XEP-0016): one extension's say on each contact.
//!
//! Stanzas that are addressed to somebody are refused at the moments Sent and Received. What remains is what the heart itself gives to many: presence to
//! contacts, and what is for several sessions.
use crate::account::{Account, Present};
use crate::fault::Fault;
use crate::home::Within;
use crate::outbox::Effect;
use crate::session::Session;
use hashbrown::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use store::{Store, Ticket};
use xmpp::{Jid, PresenceType, Stanza};

/// What is about to be given to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inward {
    /// A message that is for several sessions.
    Message,
    /// Somebody's presence.
    Presence,
    /// A stanza of somebody's subscription.
    Subscription,
}

/// Whether an account has rules of this kind, without waking it.
pub type Asleep = Pin<Box<dyn Future<Output = Result<bool, Fault>> + Send>>;

/// The rules of those accounts that have some. One extension of a host may have them.
pub trait Screen: Send + Sync + 'static {
    /// Whether presence of `session` is kept from `contact`.
    fn hides(&self, account: &Account, session: &Arc<Session>, contact: &Jid) -> bool;

    /// Whether what `from` sends is kept from `session`.
    fn keeps_out(&self, account: &Account, session: &Arc<Session>, what: Inward, from: &Jid) -> bool;

    /// Whether an account that sleeps has rules.
    fn stands_asleep(&self, store: &Store, account: &Jid) -> Asleep;
}

/// Who saw which session, and of whom each session heard.
pub struct Shown(Vec<(Arc<Session>, Views)>);

#[derive(Default)]
struct Views {
    seen_by: HashSet<Jid>,
    /// Who sees it because it said so to them.
    directed: HashSet<Jid>,
    sees: HashSet<Jid>,
}

impl Account {
    /// The rules that stand now.
    pub(crate) fn screen(&self) -> Option<Arc<dyn Screen>> {
        let (only, screen) = self.host.plan().screen.as_ref()?;
        (*only == 0 || self.slots.rare & only != 0).then(|| screen.clone())
    }

    /// Whether presence of this session is kept from a contact.
    pub(crate) fn hides(&self, screen: Option<&Arc<dyn Screen>>, session: &Arc<Session>, contact: &Jid) -> bool {
        screen.is_some_and(|screen| screen.hides(self, session, contact))
    }

    /// Whether a session shows itself, and is not kept from `from`. Whether `from` is one of those who may see presence is another question.
    pub fn shows(&self, present: &Present, from: &Jid) -> bool {
        present.is_visible() && !self.hides(self.screen().as_ref(), &present.session, from)
    }

    fn views(&self, present: &Present) -> Views {
        let screen = self.screen();
        let shows = |contact: &&Jid| !self.hides(screen.as_ref(), &present.session, contact);
        let hears = |contact: &&Jid| {
            let out = |screen: &Arc<dyn Screen>| screen.keeps_out(self, &present.session, Inward::Presence, contact);
            !screen.as_ref().is_some_and(out)
        };
        let mut views =
            Views { directed: present.directed.iter().filter(shows).cloned().collect(), ..Views::default() };
        if present.is_visible() {
            let seen_by = self.roster.seen_by().map(|item| &item.jid).filter(|jid| !present.stopped.contains(*jid));
            views.seen_by = seen_by.filter(shows).cloned().collect();
        }
        if present.is_available() {
            views.sees = self.roster.sees().map(|item| &item.jid).filter(hears).cloned().collect();
        }
        views
    }
}

impl Within<'_> {
    /// What every session shows and sees: taken before rules change.
    pub fn shown(&self) -> Shown {
        let sessions = self.account.sessions.iter();
        Shown(sessions.map(|present| (present.session.clone(), self.account.views(present))).collect())
    }

    /// Rules have changed: when that is durable, who is shown nothing any more sees the sessions go, who is shown them again sees them come
    /// (XEP-0191 §3.2, §3.3; XEP-0016 §2.10, §2.11), and the sessions see and ask after their contacts likewise.
    pub fn show_changes(&mut self, ticket: &Ticket, before: Shown) {
        let mut asked: HashSet<Jid> = HashSet::new();
        for (session, was) in before.0 {
            let Some(present) = self.account.sessions.iter().find(|it| Arc::ptr_eq(&it.session, &session)) else {
                continue;
            };
            let now = self.account.views(present);
            let (presence, asks) = (present.presence.clone(), present.veil != Some(false));
            // A contact that was also sent presence directly hears of the end once.
            let mut gone: Vec<Jid> = was.seen_by.union(&was.directed).cloned().collect();
            gone.retain(|jid| !now.seen_by.contains(jid) && !now.directed.contains(jid));
            if let Some(present) = self.account.present(&session) {
                present.directed.retain(|jid| now.directed.contains(jid));
            }
            let come: Vec<Jid> = now.seen_by.difference(&was.seen_by).cloned().collect();
            if !gone.is_empty() {
                let farewell = Stanza::presence(PresenceType::Unavailable, Some(session.jid().clone()), None);
                self.after(ticket, Effect::Broadcast(Arc::new(farewell), gone), None);
            }
            if let Some(presence) = presence.filter(|_| !come.is_empty()) {
                self.after(ticket, Effect::Broadcast(presence, come), None);
            }
            for contact in was.sees.difference(&now.sees) {
                let gone =
                    Stanza::presence(PresenceType::Unavailable, Some(contact.clone()), Some(session.jid().clone()));
                self.after(ticket, Effect::Post(session.clone(), Arc::new(gone)), None);
            }
            if asks {
                // Who is not to know that this session is there is not asked either.
                let screen = self.account.screen();
                let new = now.sees.difference(&was.sees);
                asked.extend(new.filter(|contact| !self.account.hides(screen.as_ref(), &session, contact)).cloned());
            }
        }
        if !asked.is_empty() {
            let probe = Stanza::presence(PresenceType::Probe, Some(self.account.jid().clone()), None);
            self.after(ticket, Effect::Broadcast(Arc::new(probe), asked.into_iter().collect()), None);
        }
    }

    /// Queues a stanza for one of this account's sessions when `ticket` is committed; when that fails it is dropped.
    pub fn post_after(&mut self, ticket: &Ticket, session: &Arc<Session>, stanza: Stanza) {
        self.after(ticket, Effect::Post(session.clone(), Arc::new(stanza)), None);
    }
}
