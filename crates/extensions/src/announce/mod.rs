//! Announcements: what the administrators of a host have to say to everybody who is there, and a message of the day for whoever comes later.
//!
//! Source    jabberd 1.x, mod_announce: messages to `HOST/announce/online`, `/motd`, `/motd/update` and `/motd/delete`; T-6.3.40 to T-6.3.44.
//! Hangs on  ToHost/Keep, commands of the host (XEP-0133 1.3.1, §4.22 to §4.25), Told/Tell (every member speaks to the people it has), Available/Tell (a session has come).
//! Keeps     store "motd": one message per host; store "motd_seen": the number of the last one that an account was given, erased with it.
//! Refuses   not-allowed for all but administrators, item-not-found for what cannot be announced, resource-constraint when too much waits.
mod board;
mod commands;

use board::{Board, Job, Order};
use im::{
    About, AccountSlot, Attach, Available, Extension, Home, Hub, Phase, Plan, PlanError, PresenceAt, ToHost, ToHostAt,
    Told, ToldAt, Verdict, Within,
};
use std::sync::Arc;
use store::Ticket;
use xml::{Builder, Element};
use xmpp::{Jid, Kind, MessageType, Stanza, StanzaError, Timestamp};

/// Announces.
pub struct Room {
    /// The number of the last message of the day that the account was given, once that is known.
    seen: AccountSlot<Option<u64>>,
}

/// What may be announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// To everybody who is there.
    Online,
    /// The same, and once to whoever comes later.
    Motd,
    /// Only to whoever comes later.
    Update,
    /// Nothing any more.
    Delete,
}

/// Where announcements are sent.
const ANNOUNCE: &str = "announce/";

impl What {
    fn read(place: &str) -> Option<What> {
        Some(match place {
            "online" => What::Online,
            "motd" => What::Motd,
            "motd/update" => What::Update,
            "motd/delete" => What::Delete,
            _ => return None,
        })
    }
}

impl Extension for Room {
    type Options = ();
    const ABOUT: About = About::xep("announce", "Announcements of a host", "jabberd 1.x", "");

    fn configure(plan: &mut Plan, (): &()) -> Result<Self, PlanError> {
        Ok(Room { seen: plan.per_account(|_, _| async { Ok(None) }, || None) })
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.on::<ToHost>(Phase::Keep, Kind::Message, |_, at| ordered(at))
            .on_all::<Told>(Phase::Tell, told)
            .on_all::<Available>(Phase::Tell, arrived);
        commands::declare(on);
    }
}

/// An administrator wants something announced.
fn ordered(at: &mut ToHostAt<'_>) -> Verdict {
    let Some(place) = at.stanza.to().and_then(Jid::resource).and_then(|it| it.strip_prefix(ANNOUNCE)) else {
        return Verdict::Pass;
    };
    if at.stanza.message_type() == MessageType::Error {
        return Verdict::Done;
    }
    if !at.stanza.from().is_some_and(|from| at.host.is_administrator(from)) {
        return Verdict::Bounce(StanzaError::not_allowed());
    }
    let Some(what) = What::read(place) else { return Verdict::Bounce(StanzaError::item_not_found()) };
    let now = at.hub.clock().now();
    let (promise, ticket) = Ticket::pair();
    let order = Order { host: at.host.name().clone(), what, message: message(at.stanza, at.host.name(), what, now), now, promise };
    match at.hub.common::<Board>().order(at.hub, order) {
        Ok(()) => {
            at.rest_on(ticket);
            Verdict::Done
        }
        Err(error) => Verdict::Bounce(error),
    }
}

/// What people get: the words of the administrator, from the host.
fn message(said: &Stanza, host: &Jid, what: What, now: Timestamp) -> Stanza {
    let kind = match said.message_type() {
        MessageType::GroupChat => MessageType::Normal,
        kind => kind,
    };
    let mut message = Stanza::message(kind, Some(host.clone()), None);
    if let Some(lang) = said.lang() {
        message.stamp_lang(&Arc::from(lang));
    }
    said.children().for_each(|child| message.append(child.to_element()));
    stamped(message, host, what, now)
}

/// A message of the day says since when it is one.
fn stamped(mut message: Stanza, host: &Jid, what: What, now: Timestamp) -> Stanza {
    if what != What::Online {
        let keeper = Jid::new(None, host.domain(), Some("announce/motd")).unwrap_or_else(|_| host.clone());
        message.append(xmpp::delay::element(&keeper, now, "Announced"));
    }
    message
}

/// What members tell each other of an announcement.
struct News {
    /// It is given to those who are there.
    now: bool,
    /// The number of the new message of the day, or of its end. Nothing: it is as it was.
    motd: Option<u64>,
    message: Option<Stanza>,
}

const NS: &str = "urn:yatter:announcement";

impl News {
    fn write(&self) -> Element {
        let news = Builder::new(NS, "news").attr("now", if self.now { "true" } else { "false" });
        let news = news.attr_opt("motd", self.motd.map(|number| number.to_string()).as_deref());
        match &self.message {
            Some(message) => news.node(message.to_element().root()).finish(),
            None => news.finish(),
        }
    }

    fn read(news: &Element) -> Option<News> {
        let news = Some(news.root()).filter(|root| root.is(NS, "news"))?;
        let message = news.first_child().and_then(|child| Stanza::read(child.to_element()).ok());
        let motd = news.attr("motd").and_then(|number| number.parse().ok());
        Some(News { now: news.attr("now").as_deref() == Some("true"), motd, message })
    }
}

fn told(room: &Arc<Room>, at: &mut ToldAt<'_>) -> Verdict {
    let Some(news) = News::read(at.what) else { return Verdict::Pass };
    let (board, host) = (at.hub.common::<Board>(), at.host.name());
    if let Some(number) = news.motd {
        board.learn(host, number, news.message.clone());
    }
    if let Some(message) = news.message.filter(|_| news.now) {
        let (room, host) = (room.clone(), host.clone());
        board.push(at.hub, Job::Deliver { room, host, message, motd: news.motd });
    }
    Verdict::Done
}

/// Whoever comes is given the message of the day, if he has not had it.
fn arrived(room: &Arc<Room>, at: &mut PresenceAt<'_>) -> Verdict {
    if at.first {
        let (hub, host) = (at.within.hub(), at.within.account.jid().domain());
        let seen = at.within.account.slot(room.seen).copied().flatten();
        if hub.common::<Board>().may_be_new(host, seen) {
            hub.spawn(greet(room.clone(), hub.clone(), at.within.home().clone()));
        }
    }
    Verdict::Pass
}

async fn greet(room: Arc<Room>, hub: Hub, home: Arc<Home>) {
    let kept = async {
        let motd = hub.common::<Board>().motd(&hub, &home.jid().domain_jid()).await?;
        let seen = hub.store().keys(SEEN).get(home.jid().as_str()).await?;
        Ok((motd, seen.and_then(|bytes| String::from_utf8(bytes).ok()?.parse::<u64>().ok())))
    };
    match kept.await {
        Ok((motd, seen)) => home.with(&hub, |within| {
            if let Some(known) = within.account.slot_mut(room.seen) {
                *known = (*known).max(seen);
            }
            if let Some(message) = &motd.message {
                room.give(within, message, Some(motd.number));
            }
        }),
        Err(error) => drop(im::Fault::Store(error).tell()),
    }
}

const SEEN: &str = "motd_seen";

impl Room {
    /// Gives a message to an account that is there; one of the day only once.
    fn give(&self, within: &mut Within<'_>, message: &Stanza, motd: Option<u64>) {
        let account = &within.account;
        let is_there = account.sessions().iter().any(|present| present.is_available() && present.priority() >= 0);
        if account.is_removed() || !is_there {
            return;
        }
        let mut one = message.clone();
        one.set_to(Some(account.jid().clone()));
        let Some(number) = motd else { return within.send(one) };
        match within.account.slot_mut(self.seen) {
            Some(seen) if seen.is_none_or(|seen| seen < number) => *seen = Some(number),
            _ => return,
        }
        let keys = within.hub().store().keys(SEEN);
        let batch = within.batch().put(&keys, within.account.jid().as_str(), number.to_string());
        let ticket = within.write(batch);
        within.send_after(&ticket, one);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kind: &str) -> Stanza {
        let text = format!(
            "<message from='amy@h/desk' to='h/announce/motd' type='{kind}' id='1'><subject>A &lt;b&gt;</subject>\
             <body xml:lang='en'>x &amp; y</body><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><b>x</b></body></html></message>"
        );
        Stanza::read(Element::parse(text.as_bytes(), &xml::Limits::default()).unwrap()).unwrap()
    }

    #[test]
    fn the_words_are_the_administrators_and_the_sender_is_the_host() {
        let host = Jid::parse("h").unwrap();
        let plain = message(&said("headline"), &host, What::Online, Timestamp::from_millis(0));
        let expected = "<message from='h' type='headline'><subject>A &lt;b&gt;</subject><body xml:lang='en'>x &amp; y</body>\
             <html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><b>x</b></body></html></message>";
        assert_eq!(plain.to_element().as_str(), expected);
        let motd = message(&said("groupchat"), &host, What::Motd, Timestamp::from_millis(0)).to_element();
        assert!(motd.as_str().starts_with("<message from='h'><subject>"), "{motd}");
        assert!(motd.as_str().ends_with("from='h/announce/motd' stamp='1970-01-01T00:00:00Z'>Announced</delay></message>"), "{motd}");
    }

    #[test]
    fn news_are_read_as_they_were_written() {
        let host = Jid::parse("h").unwrap();
        let message = message(&said("normal"), &host, What::Motd, Timestamp::from_millis(0));
        let news = News { now: true, motd: Some(7), message: Some(message.clone()) };
        let read = News::read(&news.write()).unwrap();
        assert_eq!((read.now, read.motd), (true, Some(7)));
        assert_eq!(read.message.unwrap().to_element().as_str(), message.to_element().as_str());
        let gone = News::read(&News { now: false, motd: Some(0), message: None }.write()).unwrap();
        assert!(gone.message.is_none() && !gone.now);
        assert!(News::read(&Builder::new("other", "news").finish()).is_none());
    }
}
