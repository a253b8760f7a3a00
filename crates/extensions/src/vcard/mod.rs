//! vCards: what people tell of themselves, to be read by everybody.
//!
//! Source    XEP-0054 1.3.0 (complete); vcard-temp of 2000; XEP-0153 1.1.1 on behalf of clients (`avatar.rs`).
//! Hangs on  iq get and set of vcard-temp to accounts and to the host, Received/Keep (iq get to sessions of 2000: the server answers for them),
//!           Sent/Stamp (presence tells of the photo).
//! Keeps     store "vcard": the element as it was set, one per account, erased with it; bounded by the stanza's size. Store "avatar": the hash of its
//!           photo, likewise.
//! Refuses   item-not-found when there is none of one's own (§3.1), service-unavailable when another has none or is not there (§3.3, alike),
//!           not-allowed for another's card (§3.2).
mod avatar;

use avatar::Avatar;
use im::{
    About, AccountSlot, Ask, Attach, Dialect, Extension, Payload, Phase, Plan, PlanError, Received, ReceivedAt, Reply,
    Scope, Sent, Verdict, Within,
};
use std::future::Future;
use store::{KeyValue, Ticket};
use xml::{Builder, Element};
use xmpp::{IqType, Jid, Kind, StanzaError, ns};

/// Keeps vCards.
pub struct Room {
    /// The last write of an account: who asks right after it gets what was written.
    written: AccountSlot<Option<Ticket>>,
    avatar: AccountSlot<Avatar>,
}

/// The element as it was sent: old clients write it in several ways.
struct VCard(Element);

impl Payload for VCard {
    const NS: &'static str = ns::VCARD;
    const NAME: &'static str = "vCard";

    fn read(node: xml::Node<'_>) -> Result<Self, StanzaError> {
        Ok(VCard(node.to_element()))
    }
}

/// As some clients of 2000 wrote it.
macro_rules! spelled {
    ($name:ident, $spelling:literal) => {
        struct $name(VCard);

        impl Payload for $name {
            const NS: &'static str = ns::VCARD;
            const NAME: &'static str = $spelling;

            fn read(node: xml::Node<'_>) -> Result<Self, StanzaError> {
                VCard::read(node).map($name)
            }
        }
    };
}

spelled!(Lower, "vcard");
spelled!(Upper, "VCARD");

impl Extension for Room {
    type Options = ();
    const ABOUT: About = About::xep("vcard", "vcard-temp", "XEP-0054", "1.3.0");

    fn configure(plan: &mut Plan, (): &()) -> Result<Self, PlanError> {
        let written = plan.per_account(|_, _| async { Ok(None) }, || None);
        Ok(Room { written, avatar: plan.per_account(Avatar::load, Avatar::default) })
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.feature(Scope::Host, ns::VCARD)
            .feature(Scope::Account, ns::VCARD)
            .account_get::<VCard>(|room, ask, card| Ok(room.get(ask, card)))
            .account_get::<Lower>(|room, ask, card| Ok(room.get(ask, card.0)))
            .account_get::<Upper>(|room, ask, card| Ok(room.get(ask, card.0)))
            .account_set::<VCard>(|room, ask, card| room.set(ask, card))
            .account_set::<Lower>(|room, ask, card| room.set(ask, card.0))
            .account_set::<Upper>(|room, ask, card| room.set(ask, card.0))
            .host_get::<VCard>(|_, ask, _| Ok(Reply::With(of_host(ask.host.name().as_str()))))
            .host_set::<VCard>(|_, _, _| Err(StanzaError::not_allowed()))
            .on::<Received>(Phase::Keep, Kind::Iq, |room, at| room.answer_for_session(at))
            .on::<Sent>(Phase::Stamp, Kind::Presence, |room, at| avatar::stamp(room.avatar, at));
    }
}

impl Room {
    fn get(&self, ask: &Ask<'_>, asked: VCard) -> Reply {
        let card = self.card(&ask.within);
        let missing = if_missing(ask.session.map(|session| session.dialect()));
        Reply::later(async move {
            match (card.await?, missing) {
                (Some(card), _) => Ok(Reply::With(card)),
                (None, Some(error)) => Err(error),
                (None, None) => Ok(Reply::With(Builder::new(ns::VCARD, asked.0.root().name()).finish())),
            }
        })
    }

    fn set(&self, ask: &mut Ask<'_>, card: VCard) -> Result<Reply, StanzaError> {
        if !ask.is_owner() {
            return Err(StanzaError::not_allowed());
        }
        let keys = cards(&ask.within);
        let batch = ask.within.batch().put(&keys, ask.within.account.jid().as_str(), card.0.bytes().to_vec());
        let (batch, changed) = avatar::change(self.avatar, &mut ask.within, batch, &card.0);
        let ticket = ask.within.write(batch);
        if let Some(written) = ask.within.account.slot_mut(self.written) {
            *written = Some(ticket.clone());
        }
        if changed {
            avatar::show_after(self.avatar, &ask.within, ticket.clone());
        }
        Ok(Reply::Empty.after(ticket))
    }

    /// Who may see the presence, and asks a session on a J-stream, gets the account's card: clients of 2000 left that to the server. Others are asked
    /// themselves (RFC 6121 §8.5.3.1). Strangers get what the heart tells them of every session: nothing.
    fn answer_for_session(&self, at: &mut ReceivedAt<'_>) -> Verdict {
        let account = &at.within.account;
        let asks = at.stanza.iq_type() == Some(IqType::Get)
            && at.stanza.payload().is_some_and(|payload| payload.ns() == ns::VCARD);
        let named = at.stanza.to().and_then(Jid::resource).and_then(|resource| account.session(resource));
        let of_2000 = named.is_some_and(|present| present.session().dialect() == Dialect::J);
        if !(asks && of_2000 && at.stanza.from().is_some_and(|from| account.shows_presence_to(from))) {
            return Verdict::Pass;
        }
        let (card, question) = (self.card(&at.within), at.stanza.clone());
        let (hub, home) = (at.within.hub().clone(), at.within.home().clone());
        at.within.hub().spawn(async move {
            let answer = match card.await.and_then(|card| card.ok_or_else(StanzaError::service_unavailable)) {
                Ok(card) => question.result_with(card),
                Err(error) => question.error(&error),
            };
            home.with(&hub, |within| within.send(answer));
        });
        Verdict::Done
    }

    /// What is kept for the account, after whatever it has written.
    fn card(&self, within: &Within<'_>) -> impl Future<Output = Result<Option<Element>, StanzaError>> + Send + 'static {
        let written = within.account.slot(self.written).and_then(Clone::clone);
        let (keys, owner) = (cards(within), within.account.jid().clone());
        async move {
            if let Some(written) = written {
                // Whoever wrote it is told if that failed; here the card of before is the answer then.
                drop(written.await);
            }
            let kept = keys.get(owner.as_str()).await.map_err(|error| im::Fault::from(error).tell())?;
            kept.map(|bytes| im::stored_element("vcard", &bytes)).transpose()
        }
    }
}

fn cards(within: &Within<'_>) -> KeyValue {
    within.hub().store().keys("vcard")
}

/// The answer when there is no card, to a session of the account itself or to somebody else; in 2000 one got one's own empty element back.
fn if_missing(own: Option<Dialect>) -> Option<StanzaError> {
    match own {
        Some(Dialect::J) => None,
        Some(Dialect::X) => Some(StanzaError::item_not_found()),
        None => Some(StanzaError::service_unavailable()),
    }
}

fn of_host(name: &str) -> Element {
    let card = Builder::new(ns::VCARD, "vCard").text_child(ns::VCARD, "FN", name);
    card.text_child(ns::VCARD, "DESC", "A Jabber server").finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_told_what_when_there_is_no_card() {
        assert_eq!(if_missing(Some(Dialect::J)), None);
        assert_eq!(if_missing(Some(Dialect::X)), Some(StanzaError::item_not_found()));
        assert_eq!(if_missing(None), Some(StanzaError::service_unavailable()));
    }

    #[test]
    fn a_card_is_kept_as_it_was_sent() {
        let card = "<vCard prodid='-//HandGen//NONSGML vGen v1.0//EN' version='2.0' xmlns='vcard-temp'><FN>A &amp; B</FN>\
                    <X xmlns='x:x'>&#x41;</X><EMAIL>a@b</EMAIL></vCard>";
        let element = Element::parse(card.as_bytes(), &xml::Limits::default()).unwrap();
        assert_eq!(VCard::read(element.root()).unwrap().0.as_str(), card);
    }
}
