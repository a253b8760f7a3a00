//! Agents: the services of a host as clients of 2000 ask for them.
//!
//! Source    XEP-0094 0.3 (complete); the jabber:iq:agents and jabber:iq:agent of 2000.
//! Hangs on  iq get to the host; without an address, to one's own account (a client of 2000 then means the host).
//! Keeps     nothing: the list is that of the host's services, from which disco and browse are answered too.
//! Refuses   service-unavailable for another's account.
use im::{About, Ask, Attach, Extension, Payload, Plan, PlanError, Reply, Scope, Service};
use xml::{Builder, Element};
use xmpp::{StanzaError, ns};

/// Lists services.
pub struct Room;

struct Agents;
struct Agent;

impl Payload for Agents {
    const NS: &'static str = ns::AGENTS;
    const NAME: &'static str = "query";

    fn read(_: xml::Node<'_>) -> Result<Self, StanzaError> {
        Ok(Agents)
    }
}

impl Payload for Agent {
    const NS: &'static str = ns::AGENT;
    const NAME: &'static str = "query";

    fn read(_: xml::Node<'_>) -> Result<Self, StanzaError> {
        Ok(Agent)
    }
}

impl Extension for Room {
    type Options = ();
    const ABOUT: About = About::xep("agents", "Agent Information", "XEP-0094", "0.3");

    fn configure(_: &mut Plan, (): &()) -> Result<Self, PlanError> {
        Ok(Room)
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.feature(Scope::Host, ns::AGENTS)
            .feature(Scope::Host, ns::AGENT)
            .host_get::<Agents>(|_, ask, _| Ok(Reply::With(list(ask.host.plan()))))
            .host_get::<Agent>(|_, ask, _| Ok(Reply::With(itself(ask.host.plan()))))
            .account_get::<Agents>(|_, ask, _| own(ask).map(|()| Reply::With(list(ask.within.host().plan()))))
            .account_get::<Agent>(|_, ask, _| own(ask).map(|()| Reply::With(itself(ask.within.host().plan()))));
    }
}

fn own(ask: &Ask<'_>) -> Result<(), StanzaError> {
    if ask.is_owner() { Ok(()) } else { Err(StanzaError::service_unavailable()) }
}

fn list(plan: &Plan) -> Element {
    let query = Builder::new(ns::AGENTS, "query");
    plan.services().iter().fold(query, agent).finish()
}

fn agent(query: Builder, service: &Service) -> Builder {
    let mut agent = query.open(ns::AGENTS, "agent").attr("jid", service.jid.as_str());
    agent = agent.text_child(ns::AGENTS, "name", &service.name);
    if let Some(prompt) = &service.prompt {
        agent = agent.text_child(ns::AGENTS, "transport", prompt);
    }
    agent = agent.text_child(ns::AGENTS, "service", kind(service));
    let flags = [
        ("groupchat", service.category == "conference"),
        ("register", service.has(ns::REGISTER)),
        ("search", service.has(ns::SEARCH)),
    ];
    let flags = flags.into_iter().filter(|(_, has)| *has);
    flags.fold(agent, |agent, (name, _)| agent.leaf(ns::AGENTS, name)).close()
}

/// What was called the kind of a service then.
fn kind(service: &Service) -> &str {
    match (service.category, service.kind.as_str()) {
        ("directory", _) => "jud",
        ("conference", _) => "public",
        (_, kind) => kind,
    }
}

/// The host's own entry.
fn itself(plan: &Plan) -> Element {
    let query = Builder::new(ns::AGENT, "query").text_child(ns::AGENT, "name", NAME).text_child(ns::AGENT, "service", "jabber");
    let query = query.leaf(ns::AGENT, "agents");
    // The host answers for itself to those without an account only where they may register.
    let registers = plan.offers_before_login(ns::REGISTER_FEATURE);
    if registers { query.leaf(ns::AGENT, "register").finish() } else { query.finish() }
}

const NAME: &str = "Yatter";
