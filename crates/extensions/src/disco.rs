//! Service discovery: what an entity is, can and has.
//!
//! Source    XEP-0030 2.5.0 (complete), XEP-0128 1.0.1.
//! Hangs on  iq get to the host, its services and accounts; the node of XEP-0050 and its commands too.
//! Keeps     nothing: the answer is what the extensions declared.
//! Refuses   service-unavailable: an account's information, to those who may not see its presence; its items are an empty list to them (§8).
//!           item-not-found: unknown nodes (§7). forbidden: a command that the asker may not run (XEP-0050 §2.2).
use im::{
    About, Account, Ask, Attach, Command, Extension, HostAsk, Hub, Identity, Payload, Plan, PlanError, Present, Reply, Scope,
    Service, ServiceAsk,
};
use xml::Builder;
use xmpp::{ErrorType, Jid, StanzaError, ns};

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
            .host_get::<Information>(|_, ask, asked| information(&Asker::of_host(ask), &asked))
            .host_get::<Items>(|_, ask, asked| items_of_host(&Asker::of_host(ask), &asked))
            .service_get::<Information>(|_, ask, asked| of_service(ask, &asked))
            .service_get::<Items>(|_, _, asked| match asked.node {
                None => Ok(Reply::With(list(&asked).finish())),
                Some(_) => Err(StanzaError::item_not_found()),
            })
            .account_get::<Information>(|_, ask, asked| of_account(ask, &asked))
            .account_get::<Items>(|_, ask, asked| items_of_account(ask, &asked));
    }
}

/// §8: who may not see the presence learns nothing, not even whether there is such an account.
fn of_account(ask: &Ask<'_>, asked: &Information) -> Result<Reply, StanzaError> {
    if !ask.sees_presence() {
        return Err(StanzaError::service_unavailable());
    }
    let host = ask.within.host();
    information(&Asker::of_account(ask, host.plan()), asked)
}

/// Who asks whom.
struct Asker<'a> {
    plan: &'a Plan,
    hub: &'a Hub,
    /// The account that is asked; `None`: the host.
    account: Option<&'a Account>,
    /// Under which address it is asked.
    asked: Jid,
    from: &'a Jid,
}

impl<'a> Asker<'a> {
    fn of_host(ask: &'a HostAsk<'_>) -> Asker<'a> {
        Asker { plan: ask.host.plan(), hub: ask.hub, account: None, asked: ask.host.name().clone(), from: ask.from }
    }

    fn of_account(ask: &'a Ask<'_>, plan: &'a Plan) -> Asker<'a> {
        let account = &*ask.within.account;
        Asker { plan, hub: ask.within.hub(), account: Some(account), asked: account.jid().clone(), from: ask.from }
    }

    fn scope(&self) -> Scope {
        if self.account.is_some() { Scope::Account } else { Scope::Host }
    }

    fn may_run(&self, command: &Command) -> bool {
        command.may_be_run(self.plan, self.hub, self.account, self.from)
    }

    /// XEP-0050 §2.2: the commands that the asker may run.
    fn commands(&self, asked: &Items) -> Reply {
        let runs = self.plan.commands(self.scope()).filter(|command| self.may_run(command));
        let items = runs.fold(list(asked), |list, command| {
            let item = list.open(ns::DISCO_ITEMS, "item").attr("jid", self.asked.as_str());
            item.attr("node", command.about().node).attr("name", command.about().name).close()
        });
        Reply::With(items.finish())
    }

    /// What is told of the node of all commands, or of one.
    fn of_node(&self, node: &str) -> Result<Reply, StanzaError> {
        let (kind, name) = if node == ns::COMMANDS {
            ("command-list", "Commands")
        } else {
            let command = self.plan.command(self.scope(), node).ok_or_else(StanzaError::item_not_found)?;
            if !self.may_run(command) {
                return Err(StanzaError::forbidden().with_type(ErrorType::Cancel));
            }
            ("command-node", command.about().name)
        };
        let query = Builder::new(ns::DISCO_INFO, "query").attr("node", node);
        let mut query = identify(query, &Identity { category: "automation", kind, name });
        for feature in [ns::COMMANDS, ns::DATA_FORM] {
            query = query.open(ns::DISCO_INFO, "feature").attr("var", feature).close();
        }
        Ok(Reply::With(query.finish()))
    }
}

fn information(asker: &Asker<'_>, asked: &Information) -> Result<Reply, StanzaError> {
    if let Some(node) = &asked.node {
        return asker.of_node(node);
    }
    let (plan, scope) = (asker.plan, asker.scope());
    let mut query = Builder::new(ns::DISCO_INFO, "query");
    for identity in plan.identities(scope) {
        query = identify(query, identity);
    }
    for feature in plan.features(scope) {
        query = query.open(ns::DISCO_INFO, "feature").attr("var", feature).close();
    }
    if scope == Scope::Host {
        query = plan.forms().iter().fold(query, Builder::raw_child);
    }
    Ok(Reply::With(query.finish()))
}

fn identify(query: Builder, identity: &Identity) -> Builder {
    let name = Some(identity.name).filter(|name| !name.is_empty());
    let query = query.open(ns::DISCO_INFO, "identity").attr("category", identity.category);
    query.attr("type", identity.kind).attr_opt("name", name).close()
}

fn items_of_host(asker: &Asker<'_>, asked: &Items) -> Result<Reply, StanzaError> {
    match asked.node.as_deref() {
        None => Ok(Reply::With(asker.plan.services().iter().fold(list(asked), service).finish())),
        Some(ns::COMMANDS) => Ok(asker.commands(asked)),
        Some(_) => Err(StanzaError::item_not_found()),
    }
}

fn service(list: Builder, service: &Service) -> Builder {
    let item = list.open(ns::DISCO_ITEMS, "item").attr("jid", service.jid.as_str());
    item.attr("name", &service.name).close()
}

/// A service of the host says what it is, with its forms (XEP-0128).
fn of_service(ask: &ServiceAsk<'_>, asked: &Information) -> Result<Reply, StanzaError> {
    if asked.node.is_some() {
        return Err(StanzaError::item_not_found());
    }
    let service = ask.service;
    let query = identify(Builder::new(ns::DISCO_INFO, "query"), service.identity());
    let features = [ns::DISCO_INFO, ns::DISCO_ITEMS].iter().chain(service.features());
    let query = features.fold(query, |query, feature| query.open(ns::DISCO_INFO, "feature").attr("var", feature).close());
    Ok(Reply::With(service.forms().iter().fold(query, Builder::raw_child).finish()))
}

/// §8: an account shows its connected resources, except to those who may not see them: they get the empty list of an account that does not exist.
fn items_of_account(ask: &Ask<'_>, asked: &Items) -> Result<Reply, StanzaError> {
    if !ask.sees_presence() {
        return Ok(Reply::With(list(asked).finish()));
    }
    match asked.node.as_deref() {
        None => {}
        Some(ns::COMMANDS) => {
            let host = ask.within.host();
            return Ok(Asker::of_account(ask, host.plan()).commands(asked));
        }
        Some(_) => return Err(StanzaError::item_not_found()),
    }
    // What hides from others (the invisible presence of 1.x) does not hide from its owner.
    let account = &*ask.within.account;
    let shown = |present: &&Present| account.shows(present, ask.from) || (ask.is_owner() && present.is_available());
    let item = |list: Builder, present: &Present| {
        list.open(ns::DISCO_ITEMS, "item").attr("jid", present.session().jid().as_str()).close()
    };
    let items = account.sessions().iter().filter(shown).fold(list(asked), item);
    Ok(Reply::With(items.finish()))
}

/// An empty list of items; it mirrors the node that was asked for (§3.2).
fn list(asked: &Items) -> Builder {
    Builder::new(ns::DISCO_ITEMS, "query").attr_opt("node", asked.node.as_deref())
}
