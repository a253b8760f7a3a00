//! Browsing: what a host, an account or a session is, as clients of 2001 asked before there was service discovery.
//!
//! Source    XEP-0011 1.3.1 (partly: questions only), in the form of jabberd 1.x, where an element's name is its category; today's clients have disco.
//! Hangs on  iq get to the host and to accounts. Sessions answer for themselves.
//! Keeps     nothing: sets, with which people described themselves, are not supported.
//! Refuses   service-unavailable to those who may not see an account's presence, whether or not there is one; not-allowed to set.
use im::{About, Ask, Attach, Extension, Payload, Plan, PlanError, Present, Reply, Scope, Service};
use xml::{Builder, Element};
use xmpp::{Jid, StanzaError, ns};

/// Answers what is here.
pub struct Room;

/// The question has the name that its asker's time gave it.
macro_rules! asked {
    ($($name:ident $spelling:literal),*) => {
        $(
            struct $name;

            impl Payload for $name {
                const NS: &'static str = ns::BROWSE;
                const NAME: &'static str = $spelling;

                fn read(_: xml::Node<'_>) -> Result<Self, StanzaError> {
                    Ok($name)
                }
            }
        )*

        fn attach_all(on: &mut Attach<'_, Room>) {
            $(
                on.host_get::<$name>(|_, ask, _| Ok(Reply::With(host(ask.host.name(), ask.host.plan()))))
                    .account_get::<$name>(|_, ask, _| account(ask))
                    .host_set::<$name>(|_, _, _| Err(StanzaError::not_allowed()))
                    .account_set::<$name>(|_, _, _| Err(StanzaError::not_allowed()));
            )*
        }
    };
}

asked! { Query "query", Item "item", OldService "service", User "user", Conference "conference" }

impl Extension for Room {
    type Options = ();
    const ABOUT: About = About::xep("browse", "Jabber Browsing", "XEP-0011", "1.3.1").partly("questions, answered in the old form");

    fn configure(_: &mut Plan, (): &()) -> Result<Self, PlanError> {
        Ok(Room)
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.feature(Scope::Host, ns::BROWSE).feature(Scope::Account, ns::BROWSE);
        attach_all(on);
    }
}

fn host(name: &Jid, plan: &Plan) -> Element {
    let host = Builder::new(ns::BROWSE, "service").attr("type", "jabber").attr("jid", name.as_str()).attr("name", NAME);
    let host = plan.services().iter().fold(host, service);
    plan.features(Scope::Host).iter().fold(host, |host, feature| host.text_child(ns::BROWSE, "ns", feature)).finish()
}

fn service(host: Builder, service: &Service) -> Builder {
    let (category, kind) = match (service.category, service.kind.as_str()) {
        ("directory", _) => ("service", "jud"),
        ("conference", _) => ("conference", "public"),
        (_, kind) => ("service", kind),
    };
    let one = host.open(ns::BROWSE, category).attr("type", kind).attr("jid", service.jid.as_str());
    let one = one.attr("name", &service.name);
    service.features.iter().fold(one, |one, feature| one.text_child(ns::BROWSE, "ns", feature)).close()
}

/// An account is its owner's name and, for those who may see them, its sessions. A stranger hears what he hears of an account that does not exist.
fn account(ask: &Ask<'_>) -> Result<Reply, StanzaError> {
    if !ask.sees_presence() {
        return Err(StanzaError::service_unavailable());
    }
    let account = &*ask.within.account;
    // What hides from others does not hide from its owner.
    let shown = |present: &&Present| account.shows(present, ask.from) || (ask.is_owner() && present.is_available());
    let sessions: Vec<Jid> =
        account.sessions().iter().filter(shown).map(|present| present.session().jid().clone()).collect();
    let (hub, owner) = (ask.within.hub().clone(), account.jid().clone());
    Ok(Reply::later(async move {
        let spelling = hub.spelling(&owner).await.map_err(|fault| fault.tell())?;
        let spelling = spelling.ok_or_else(StanzaError::service_unavailable)?;
        let user = Builder::new(ns::BROWSE, "user").attr("jid", owner.as_str()).attr("name", &spelling);
        let sessions = sessions.iter().fold(user, |user, session| {
            user.open(ns::BROWSE, "user").attr("type", "client").attr("jid", session.as_str()).close()
        });
        Ok(Reply::With(sessions.finish()))
    }))
}

const NAME: &str = "Yatter";
