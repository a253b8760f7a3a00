//! Service discovery: what an entity is, can and has.
//!
//! Source    XEP-0030 2.5.0 (complete).
//! Hangs on  iq get to the host and to accounts.
//! Keeps     nothing: the answer is what the extensions declared.
//! Refuses   service-unavailable for those who may not see an account's presence (§8), item-not-found for unknown nodes (§3.1).
use im::{About, Ask, Attach, Extension, Identity, Payload, Plan, PlanError, Reply, Scope};
use xml::{Builder, Element};
use xmpp::{StanzaError, ns};

/// Answers what is here.
pub struct Room;

struct Information {
    node: Option<String>,
}

struct Items {
    node: Option<String>,
}

impl Payload for Information {
    const NS: &'static str = ns::DISCO_INFO;
    const NAME: &'static str = "query";

    fn read(query: xml::Node<'_>) -> Result<Self, StanzaError> {
        Ok(Information { node: node(query) })
    }
}

impl Payload for Items {
    const NS: &'static str = ns::DISCO_ITEMS;
    const NAME: &'static str = "query";

    fn read(query: xml::Node<'_>) -> Result<Self, StanzaError> {
        Ok(Items { node: node(query) })
    }
}

fn node(query: xml::Node<'_>) -> Option<String> {
    query.attr("node").map(std::borrow::Cow::into_owned).filter(|node| !node.is_empty())
}

impl Extension for Room {
    type Options = ();
    const ABOUT: About = About::xep("disco", "Service Discovery", "XEP-0030", "2.5.0");

    fn configure(_: &mut Plan, (): &()) -> Result<Self, PlanError> {
        Ok(Room)
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.identity(Scope::Host, Identity { category: "server", kind: "im", name: "Yatter" })
            .identity(Scope::Account, Identity { category: "account", kind: "registered", name: "" })
            .feature(Scope::Host, ns::DISCO_INFO)
            .feature(Scope::Host, ns::DISCO_ITEMS)
            .feature(Scope::Account, ns::DISCO_INFO)
            .feature(Scope::Account, ns::DISCO_ITEMS)
            .host_get::<Information>(|_, ask, asked| information(ask.host.plan(), Scope::Host, &asked))
            .host_get::<Items>(|_, _, asked| items(&asked))
            .account_get::<Information>(|_, ask, asked| of_account(ask, &asked))
            .account_get::<Items>(|_, ask, asked| items_of_account(ask, &asked));
    }
}

fn of_account(ask: &Ask<'_>, asked: &Information) -> Result<Reply, StanzaError> {
    if !ask.sees_presence() {
        return Err(StanzaError::service_unavailable());
    }
    information(ask.within.host().plan(), Scope::Account, asked)
}

fn information(plan: &Plan, scope: Scope, asked: &Information) -> Result<Reply, StanzaError> {
    if asked.node.is_some() {
        return Err(StanzaError::item_not_found());
    }
    let mut query = Builder::new(ns::DISCO_INFO, "query");
    for identity in plan.identities(scope) {
        query = identify(query, identity);
    }
    for feature in plan.features(scope) {
        query = query.open(ns::DISCO_INFO, "feature").attr("var", feature).close();
    }
    Ok(Reply::With(query.finish()))
}

fn identify(query: Builder, identity: &Identity) -> Builder {
    let query = query.open(ns::DISCO_INFO, "identity").attr("category", identity.category).attr("type", identity.kind);
    let query = if identity.name.is_empty() { query } else { query.attr("name", identity.name) };
    query.close()
}

fn items(asked: &Items) -> Result<Reply, StanzaError> {
    if asked.node.is_some() {
        return Err(StanzaError::item_not_found());
    }
    Ok(Reply::With(empty_items()))
}

/// §8: somebody who may not see the presence learns nothing of an account; the others learn its connected resources.
fn items_of_account(ask: &Ask<'_>, asked: &Items) -> Result<Reply, StanzaError> {
    if !ask.sees_presence() {
        return Err(StanzaError::service_unavailable());
    }
    if asked.node.is_some() {
        return Err(StanzaError::item_not_found());
    }
    let mut query = Builder::new(ns::DISCO_ITEMS, "query");
    for present in ask.within.account.sessions().iter().filter(|present| present.is_available()) {
        query = query.open(ns::DISCO_ITEMS, "item").attr("jid", present.session().jid().as_str()).close();
    }
    Ok(Reply::With(query.finish()))
}

fn empty_items() -> Element {
    Builder::new(ns::DISCO_ITEMS, "query").finish()
}
