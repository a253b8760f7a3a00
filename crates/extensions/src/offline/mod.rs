//! Offline messages: what was said to somebody who was away waits for them.
//!
//! Source    XEP-0160 1.0.1 (complete), RFC 6121 §8.5.2.2; of 2000: jabber:x:event (XEP-0022 1.4, the event "offline", which is the server's) and
//!           jabber:x:expire (XEP-0023 1.3).
//! Hangs on  Undelivered/Keep (messages), Available/Tell, Unavailable/Tell, FellAsleep/Tell, Resumed/Tell.
//! Keeps     the account's archive rows that bear the undelivered mark; at most [`Options::messages`], gone once delivered, erased with the account.
//! Refuses   service-unavailable when that many wait already, and for messages that may not be stored.
mod drain;
mod old;

use im::{
    About, AccountSlot, Attach, Available, Extension, FellAsleep, Phase, Plan, PlanError, PresenceAt, Resumed, Scope,
    Unavailable, Undelivered, UndeliveredAt, Verdict, Within,
};
use std::sync::Arc;
use store::{Row, Ticket};
use xmpp::{Kind, MessageType, Stanza, StanzaError, ns};

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
    /// How many have been stored since the account woke.
    stored: u64,
    /// The last message's own write: what is read after it is all that waits.
    kept: Option<Ticket>,
    /// The last striking out: what is read after it is nothing that does not wait any more.
    struck: Option<Ticket>,
}

impl Extension for Room {
    type Options = Options;
    const ABOUT: About = About::xep("offline", "Offline Messages", "XEP-0160", "1.0.1");

    fn configure(plan: &mut Plan, options: &Options) -> Result<Self, PlanError> {
        let load = |store: store::Store, jid: xmpp::Jid| async move {
            let count = store.archive("archive").count_undelivered(jid.as_str()).await?;
            Ok(Waiting { count, ..Waiting::default() })
        };
        Ok(Room { waiting: plan.per_account(load, Waiting::default), messages_max: options.messages })
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.feature(Scope::Host, ns::OFFLINE_FEATURE)
            .on::<Undelivered>(Phase::Keep, Kind::Message, |room, at| room.undelivered(at))
            .on_all::<Available>(Phase::Tell, |room, at| room.deliver(at))
            .on_all::<Unavailable>(Phase::Tell, |room, at| room.deliver(at))
            .on_all::<FellAsleep>(Phase::Tell, |room, at| room.deliver(at))
            .on_all::<Resumed>(Phase::Tell, |room, at| room.deliver(at));
    }
}

impl Room {
    fn undelivered(&self, at: &mut UndeliveredAt<'_>) -> Verdict {
        match fate(at.stanza) {
            // It would have been given to a session that lost its connection a moment later, and so it waits with that one.
            Fate::Forget if at.within.sleeper_for(at.stanza).is_some() => return Verdict::Pass,
            Fate::Forget => return Verdict::Done,
            Fate::Refuse => return Verdict::Bounce(StanzaError::service_unavailable()),
            Fate::Keep => {}
        }
        let Some(waiting) = at.within.account.slot_mut(self.waiting) else { return Verdict::Pass };
        if waiting.count >= self.messages_max {
            return Verdict::Bounce(StanzaError::service_unavailable());
        }
        waiting.count += 1;
        waiting.stored += 1;
        let ticket = keep(&mut at.within, at.stanza);
        if let Some(waiting) = at.within.account.slot_mut(self.waiting) {
            waiting.kept = Some(ticket);
        }
        Verdict::Done
    }

    fn deliver(self: &Arc<Self>, at: &mut PresenceAt<'_>) -> Verdict {
        self.start(&mut at.within);
        Verdict::Pass
    }

    /// XEP-0160 §2: whoever may have messages to the bare JID gets what waits, page by page. A session that lost its connection meanwhile goes on when
    /// it is resumed, unless there is another. One that hides gets no further page, but the next session begins when it has the last.
    fn start(self: &Arc<Self>, within: &mut Within<'_>) {
        let Some(best) = within.account.best().map(|best| best.session().clone()) else { return };
        let mut others = within.account.sessions().iter();
        if let Some(sleeper) = others.find(|other| other.session().is_asleep() && other.session().pulling().is_some()) {
            let sleeper = sleeper.session().clone();
            // Which begins anew.
            return within.give_up(&sleeper);
        }
        if within.account.slot(self.waiting).is_none_or(|waiting| waiting.count == 0) {
            return;
        }
        let mut hiding = Vec::new();
        for other in within.account.sessions() {
            match other.session().pulling() {
                Some(_) if other.takes_messages() => return,
                ends => hiding.extend(ends),
            }
        }
        best.pull(drain::new(self, within, hiding));
    }
}

/// What becomes of a message that nobody can have now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It waits.
    Keep,
    /// Nobody would miss it, so nobody hears that it is gone.
    Forget,
    /// Its sender is told.
    Refuse,
}

/// XEP-0160 §3: normal and chat messages wait, unless they say nothing that matters later, or may not wait (XEP-0334 §4.2, XEP-0023).
fn fate(stanza: &Stanza) -> Fate {
    let passing = |node: xml::Node<'_>| {
        let of_the_moment = matches!(node.ns(), ns::CHAT_STATES | ns::EVENT | ns::HINTS | ns::STANZA_ID);
        of_the_moment || node.is(ns::CLIENT, "thread")
    };
    let wanted = matches!(stanza.message_type(), MessageType::Normal | MessageType::Chat);
    let for_people = || stanza.child(ns::CLIENT, "body").is_some() || stanza.child(ns::CLIENT, "subject").is_some();
    if !wanted || stanza.children().all(passing) {
        Fate::Forget
    } else if stanza.child(ns::HINTS, "no-store").is_some() {
        if for_people() { Fate::Refuse } else { Fate::Forget }
    } else if old::may_wait(stanza) {
        Fate::Keep
    } else {
        Fate::Refuse
    }
}

/// Stores a message; if that fails, it goes back to its sender, else he is told that it waits, if he wished.
fn keep(within: &mut Within<'_>, stanza: &Arc<Stanza>) -> Ticket {
    let mut bytes = Vec::with_capacity(stanza.size());
    stanza.write(&mut bytes);
    let with = stanza.from().map(|from| from.bare_str().to_owned()).unwrap_or_default();
    let row = Row { id: within.next_id(), time_ms: within.now().as_millis(), with, undelivered: true, bytes };
    let batch = within.batch().append(&within.hub().shapes().archive, within.account.jid().as_str(), row);
    let ticket = within.write(batch);
    within.bounce_unless(&ticket, stanza);
    if let Some(notice) = old::notice(stanza) {
        within.send_after(&ticket, notice);
    }
    ticket
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fate_of(kind: &str, children: &str) -> Fate {
        let text = format!("<message type='{kind}' from='romeo@h/desk' to='juliet@h'>{children}</message>");
        let element = xml::Element::parse(text.as_bytes(), &xml::Limits::default()).unwrap();
        fate(&Stanza::read(element).unwrap())
    }

    #[test]
    fn what_matters_later_waits() {
        let states = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
        let event = "<x xmlns='jabber:x:event'><composing/><id>m1</id></x>";
        let no_store = "<no-store xmlns='urn:xmpp:hints'/>";
        let rows = [
            ("chat", "<body>hi</body>".to_owned(), Fate::Keep),
            ("normal", "<body>hi</body>".into(), Fate::Keep),
            ("whatever", "<body>hi</body>".into(), Fate::Keep),
            ("chat", format!("<body>hi</body>{states}{event}"), Fate::Keep),
            ("normal", "<subject>hi</subject>".into(), Fate::Keep),
            ("normal", "<received xmlns='urn:xmpp:receipts' id='1'/>".into(), Fate::Keep),
            ("normal", "<move xmlns='example:chess'>e4</move>".into(), Fate::Keep),
            ("chat", String::new(), Fate::Forget),
            ("chat", states.into(), Fate::Forget),
            ("chat", format!("{states}<thread>t1</thread>"), Fate::Forget),
            ("chat", format!("{states}<origin-id xmlns='urn:xmpp:sid:0' id='1'/>"), Fate::Forget),
            ("normal", event.into(), Fate::Forget),
            ("normal", "<x xmlns='jabber:x:event'><offline/></x>".into(), Fate::Forget),
            ("chat", format!("<body>hi</body>{no_store}"), Fate::Refuse),
            ("chat", format!("<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>{no_store}"), Fate::Forget),
            ("chat", "<body>hi</body><x xmlns='jabber:x:expire' seconds='0'/>".into(), Fate::Refuse),
            ("chat", "<body>hi</body><x xmlns='jabber:x:expire' seconds='60'/>".into(), Fate::Keep),
            ("groupchat", "<body>hi</body>".into(), Fate::Forget),
            ("headline", "<body>hi</body>".into(), Fate::Forget),
            ("error", "<body>hi</body>".into(), Fate::Forget),
        ];
        for (kind, children, expected) in rows {
            assert_eq!(fate_of(kind, &children), expected, "{kind} {children}");
        }
    }
}
