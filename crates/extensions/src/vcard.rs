//! vCards: what people tell of themselves.
//!
//! Source    XEP-0054 1.3.0 (complete).
//! Hangs on  iq get and set of vcard-temp to accounts, get to the host.
//! Keeps     store "vcard": the element as it was set, one per account, erased with it; bounded by the stanza's size.
//! Refuses   item-not-found when there is no card or no such account (§3.2, alike), not-allowed for another's card (§3.1).
use im::{About, Ask, Attach, Dialect, Extension, Payload, Plan, PlanError, Reply, Scope};
use store::KeyValue;
use xml::{Builder, Element};
use xmpp::{StanzaError, ns};

/// Keeps vCards.
pub struct Room;

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

    fn configure(_: &mut Plan, (): &()) -> Result<Self, PlanError> {
        Ok(Room)
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.feature(Scope::Host, ns::VCARD)
            .feature(Scope::Account, ns::VCARD)
            .account_get::<VCard>(|_, ask, card| Ok(get(ask, card)))
            .account_get::<Lower>(|_, ask, card| Ok(get(ask, card.0)))
            .account_get::<Upper>(|_, ask, card| Ok(get(ask, card.0)))
            .account_set::<VCard>(|_, ask, card| set(ask, card))
            .account_set::<Lower>(|_, ask, card| set(ask, card.0))
            .account_set::<Upper>(|_, ask, card| set(ask, card.0))
            .host_get::<VCard>(|_, ask, _| Ok(Reply::With(of_host(ask.host.name().as_str()))));
    }
}

fn cards(ask: &Ask<'_>) -> KeyValue {
    ask.within.hub().store().keys("vcard")
}

fn get(ask: &Ask<'_>, asked: VCard) -> Reply {
    let kept = cards(ask).get(ask.within.account.jid().as_str());
    let old = ask.session.is_some_and(|session| session.dialect() == Dialect::J);
    Reply::later(async move {
        match kept.await.map_err(|error| im::Fault::from(error).tell())? {
            Some(bytes) => Ok(Reply::With(im::stored_element("vcard", &bytes)?)),
            // In 2000 one got the empty element back.
            None if old => Ok(Reply::With(Builder::new(ns::VCARD, asked.0.root().name()).finish())),
            None => Err(StanzaError::item_not_found()),
        }
    })
}

fn set(ask: &mut Ask<'_>, card: VCard) -> Result<Reply, StanzaError> {
    if !ask.is_owner() {
        return Err(StanzaError::not_allowed());
    }
    let batch = ask.within.batch().put(&cards(ask), ask.within.account.jid().as_str(), card.0.bytes().to_vec());
    Ok(Reply::Empty.after(ask.within.write(batch)))
}

fn of_host(name: &str) -> Element {
    Builder::new(ns::VCARD, "vCard").open(ns::VCARD, "FN").text(name).close().open(ns::VCARD, "DESC").text("Yatter").close().finish()
}
