//! Service discovery: what an entity is, can and has.
//!
//! Source    XEP-0030 2.5.0 (complete).
//! Hangs on  iq get to the host and to accounts.
//! Keeps     nothing: the answer is what the extensions declared.
//! Refuses   service-unavailable: an account's information, to those who may not see its presence; its items are an empty list to them (§8).
//!           item-not-found: unknown nodes (§7).
use im::{About, Ask, Attach, Extension, Identity, Payload, Plan, PlanError, Present, Reply, Scope};
use xml::Builder;
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
            .host_get::<Items>(|_, _, asked| items_of_host(&asked))
            .account_get::<Information>(|_, ask, asked| of_account(ask, &asked))
            .account_get::<Items>(|_, ask, asked| items_of_account(ask, &asked));
    }
}

/// §8: who may not see the presence learns nothing, not even whether there is such an account.
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
    let name = Some(identity.name).filter(|name| !name.is_empty());
    let query = query.open(ns::DISCO_INFO, "identity").attr("category", identity.category);
    query.attr("type", identity.kind).attr_opt("name", name).close()
}

fn items_of_host(asked: &Items) -> Result<Reply, StanzaError> {
    if asked.node.is_some() {
        return Err(StanzaError::item_not_found());
    }
    Ok(Reply::With(list(asked).finish()))
}

/// §8: an account shows its connected resources, except to those who may not see them: they get the empty list of an account that does not exist.
fn items_of_account(ask: &Ask<'_>, asked: &Items) -> Result<Reply, StanzaError> {
    if !ask.sees_presence() {
        return Ok(Reply::With(list(asked).finish()));
    }
    if asked.node.is_some() {
        return Err(StanzaError::item_not_found());
    }
    // What hides from others (the invisible presence of 1.x) does not hide from its owner.
    let shown = |present: &&Present| present.is_visible() || (ask.is_owner() && present.is_available());
    let item = |list: Builder, present: &Present| {
        list.open(ns::DISCO_ITEMS, "item").attr("jid", present.session().jid().as_str()).close()
    };
    let items = ask.within.account.sessions().iter().filter(shown).fold(list(asked), item);
    Ok(Reply::With(items.finish()))
}

/// An empty list of items; it mirrors the node that was asked for (§3.2).
fn list(asked: &Items) -> Builder {
    Builder::new(ns::DISCO_ITEMS, "query").attr_opt("node", asked.node.as_deref())
}
