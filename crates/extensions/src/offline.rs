//! Offline messages: what was said to somebody who was away waits for them.
//!
//! Source    XEP-0160 1.0.1 (complete), RFC 6121 §8.5.2.2.
//! Hangs on  Undelivered/Keep (messages), Available/Tell, Unavailable/Tell.
//! Keeps     the account's archive rows that bear the undelivered mark; at most [`Options::messages`], gone once delivered, erased with the account.
//! Refuses   service-unavailable when that many wait already.
use im::{
    About, AccountSlot, Attach, Available, Extension, Home, Hub, Phase, Plan, PlanError, PresenceAt, Pull, Scope, Session, Unavailable, Undelivered,
    UndeliveredAt, Verdict, Within,
};
use std::sync::Arc;
use store::{History, Row};
use xmpp::{Kind, MessageType, Stanza, StanzaError, Timestamp, ns};

/// Keeps messages for those who are away.
pub struct Room {
    waiting: AccountSlot<Waiting>,
    messages_max: u64,
}

/// What the operator may say.
#[derive(Clone)]
pub struct Options {
    /// How many messages may wait for one account.
    pub messages: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { messages: 1_000 }
    }
}

/// What waits for one account.
#[derive(Default)]
struct Waiting {
    count: u64,
    /// The session to which it is being delivered.
    receiver: Option<Arc<Session>>,
}

/// How many messages are fetched at once.
const PAGE: usize = 50;

impl Extension for Room {
    type Options = Options;
    const ABOUT: About = About::xep("offline", "Offline Messages", "XEP-0160", "1.0.1");

    fn configure(plan: &mut Plan, options: &Options) -> Result<Self, PlanError> {
        let load = |store: store::Store, jid: xmpp::Jid| async move {
            let count = store.archive("archive").count_undelivered(jid.as_str()).await?;
            Ok(Waiting { count, receiver: None })
        };
        Ok(Room { waiting: plan.per_account(load, Waiting::default), messages_max: options.messages })
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.feature(Scope::Host, ns::OFFLINE_FEATURE)
            .on::<Undelivered>(Phase::Keep, Kind::Message, |room, at| room.keep(at))
            .on_all::<Available>(Phase::Tell, |room, at| room.deliver(at))
            .on_all::<Unavailable>(Phase::Tell, |room, at| room.pass_on(at));
    }
}

impl Room {
    fn keep(&self, at: &mut UndeliveredAt<'_>) -> Verdict {
        if !is_kept(at.stanza) {
            // Nobody would miss it, so nobody hears that it is gone.
            return Verdict::Done;
        }
        let Some(waiting) = at.within.account.slot_mut(self.waiting) else { return Verdict::Pass };
        if waiting.count >= self.messages_max {
            return Verdict::Bounce(StanzaError::service_unavailable());
        }
        waiting.count += 1;
        let row = row(&mut at.within, at.stanza);
        let batch = at.within.batch().append(&at.within.hub().shapes().archive, at.within.account.jid().as_str(), row);
        let ticket = at.within.write(batch);
        at.within.bounce_unless(&ticket, at.stanza);
        Verdict::Done
    }

    fn deliver(self: &Arc<Self>, at: &mut PresenceAt<'_>) -> Verdict {
        self.start(&mut at.within);
        Verdict::Pass
    }

    /// The session that was being given the messages is gone: the rest goes to another, if there is one.
    fn pass_on(self: &Arc<Self>, at: &mut PresenceAt<'_>) -> Verdict {
        if let Some(waiting) = at.within.account.slot_mut(self.waiting) {
            waiting.receiver.take_if(|receiver| Arc::ptr_eq(receiver, at.session));
        }
        self.start(&mut at.within);
        Verdict::Pass
    }

    fn start(self: &Arc<Self>, within: &mut Within<'_>) {
        let Some(session) = within.account.best().map(|best| best.session().clone()) else { return };
        let (home, hub) = (within.home().clone(), within.hub().clone());
        let Some(waiting) = within.account.slot_mut(self.waiting) else { return };
        if waiting.count > 0 && waiting.receiver.is_none() {
            waiting.receiver = Some(session.clone());
            session.pull(Arc::new(Drain { room: self.clone(), hub, home, delivered: Vec::new() }));
        }
    }
}

/// The messages on their way, page by page.
struct Drain {
    room: Arc<Room>,
    hub: Hub,
    home: Arc<Home>,
    /// The rows of the last page: the client has them by the time the next page is fetched.
    delivered: Vec<u64>,
}

impl Pull for Drain {
    fn more(self: Arc<Self>, session: &Arc<Session>) {
        let session = session.clone();
        self.hub.clone().spawn(async move { self.next_page(&session).await });
    }
}

impl Drain {
    async fn next_page(&self, session: &Arc<Session>) {
        self.strike_out();
        let after = self.delivered.last().copied().unwrap_or(0);
        let owner = self.home.jid().as_str();
        let rows = self.hub.shapes().archive.undelivered(owner, after, PAGE).await.unwrap_or_else(|error| {
            im::Fault::from(error).tell();
            Vec::new()
        });
        if rows.is_empty() {
            return self.finish(session);
        }
        let delivered = rows.iter().map(|row| row.id).collect();
        let host = self.home.jid().domain_jid();
        let page = rows.iter().filter_map(|row| replayed(row, &host)).map(Arc::new).collect();
        let (room, hub, home) = (self.room.clone(), self.hub.clone(), self.home.clone());
        session.page(page, Some(Arc::new(Drain { room, hub, home, delivered })));
    }

    fn strike_out(&self) {
        if self.delivered.is_empty() {
            return;
        }
        self.home.with(&self.hub, |within| {
            if let Some(waiting) = within.account.slot_mut(self.room.waiting) {
                waiting.count = waiting.count.saturating_sub(self.delivered.len() as u64);
            }
            let archive = &self.hub.shapes().archive;
            let batch = within.batch().delivered(archive, self.home.jid().as_str(), self.delivered.clone(), History::Remove);
            within.write(batch);
        });
    }

    fn finish(&self, session: &Arc<Session>) {
        self.home.with(&self.hub, |within| {
            if let Some(waiting) = within.account.slot_mut(self.room.waiting) {
                waiting.receiver.take_if(|receiver| Arc::ptr_eq(receiver, session));
            }
        });
        session.page(Vec::new(), None);
    }
}

fn row(within: &mut Within<'_>, stanza: &Stanza) -> Row {
    let mut bytes = Vec::with_capacity(stanza.size());
    stanza.write(&mut bytes);
    let with = stanza.from().map(|from| from.bare_str().to_owned()).unwrap_or_default();
    Row { id: within.next_id(), time_ms: within.now().as_millis(), with, undelivered: true, bytes }
}

/// A kept message as it is given out: with the stamp of when it came (XEP-0160 §2).
fn replayed(row: &Row, host: &xmpp::Jid) -> Option<Stanza> {
    let mut stanza = im::stored_stanza("archive", &row.bytes)?;
    crate::delay::stamped(&mut stanza, host, Timestamp::from_millis(row.time_ms), "Offline Storage");
    Some(stanza)
}

/// XEP-0160 §3: normal and chat messages, unless they say nothing that matters later (chat states, events of 2000).
fn is_kept(stanza: &Stanza) -> bool {
    let passing = |node: xml::Node<'_>| {
        node.ns() == ns::CHAT_STATES || node.ns() == ns::EVENT || node.ns() == ns::HINTS || node.is(ns::CLIENT, "thread")
    };
    let refused = stanza.child(ns::HINTS, "no-store").is_some();
    let wanted = matches!(stanza.message_type(), MessageType::Normal | MessageType::Chat);
    wanted && !refused && !stanza.children().all(passing)
}
