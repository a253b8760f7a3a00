//! In-band registration: making, changing and removing an account over the stream itself.
//!
//! Source    XEP-0077 2.4 (partly: no data forms, no redirection); the jabber:iq:register of 2000.
//! Hangs on  iq get and set before login, iq get and set to the host and to one's own account, a stream feature when registration is open.
//! Keeps     the account itself, in the heart's store.
//! Refuses   service-unavailable when it is closed, conflict for a name that is taken, not-acceptable for a bad name or a missing password,
//!           not-allowed where a password would cross in the clear or for another's account, bad-request when remove is not alone.
use im::{
    About, AccountError, Attach, Ask, Extension, FeaturesAt, Fault, HostAsk, Hub, NewCredentials, Payload, Plan, PlanError, Reply, Scope, StrangerAsk,
};
use xml::{Builder, Element};
use xmpp::{Jid, StanzaError, ns};

/// Lets people register.
pub struct Room {
    policy: Options,
}

/// Who may make an account by himself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Options {
    /// Nobody: accounts are made by the operator.
    #[default]
    Closed,
    /// Everybody.
    Open,
}

/// What stands in a `jabber:iq:register`.
#[derive(Default)]
struct Register {
    username: Option<String>,
    password: Option<String>,
    remove: bool,
    alone: bool,
}

impl Payload for Register {
    const NS: &'static str = ns::REGISTER;
    const NAME: &'static str = "query";

    fn read(query: xml::Node<'_>) -> Result<Self, StanzaError> {
        let field = |name| query.child(ns::REGISTER, name).map(|node| node.text().into_owned()).filter(|text| !text.is_empty());
        let remove = query.child(ns::REGISTER, "remove").is_some();
        // Clients of 2000 send the key of the form back with whatever they ask.
        let others = query.children().filter(|child| !matches!(child.name(), "remove" | "key" | "username")).count();
        Ok(Register { username: field("username"), password: field("password"), remove, alone: others == 0 })
    }
}

impl Extension for Room {
    type Options = Options;
    const ABOUT: About = About::xep("registration", "In-Band Registration", "XEP-0077", "2.4").partly("no data forms, no redirection");

    fn configure(_: &mut Plan, options: &Options) -> Result<Self, PlanError> {
        Ok(Room { policy: *options })
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.feature(Scope::Host, ns::REGISTER)
            .stranger::<Register>(false, |room, ask, _| room.form(ask))
            .stranger::<Register>(true, |room, ask, form| room.register(ask, form))
            .host_get::<Register>(|_, ask, _| registered(ask.hub, ask.from))
            .host_set::<Register>(|_, ask, form| change_at_host(ask, form))
            .account_get::<Register>(|_, ask, _| own(ask).and_then(|()| registered(ask.within.hub(), ask.from)))
            .account_set::<Register>(|_, ask, form| own(ask).and_then(|()| change(ask.within.hub(), ask.from, form)));
        if on.extension().policy == Options::Open {
            on.stream_feature(FeaturesAt::BeforeLogin, Builder::new(ns::REGISTER_FEATURE, "register").finish());
        }
    }
}

impl Room {
    fn may_register(&self, ask: &StrangerAsk<'_>) -> Result<(), StanzaError> {
        match self.policy {
            Options::Closed => Err(StanzaError::service_unavailable()),
            Options::Open if !ask.stranger.may_send_secrets => Err(StanzaError::not_allowed().with_text("encrypt the stream first")),
            Options::Open => Ok(()),
        }
    }

    fn form(&self, ask: &StrangerAsk<'_>) -> Result<Reply, StanzaError> {
        self.may_register(ask)?;
        let query = Builder::new(ns::REGISTER, "query").open(ns::REGISTER, "instructions").text("Choose a username and password.").close();
        Ok(Reply::With(query.open(ns::REGISTER, "username").close().open(ns::REGISTER, "password").close().finish()))
    }

    fn register(&self, ask: &StrangerAsk<'_>, form: Register) -> Result<Reply, StanzaError> {
        self.may_register(ask)?;
        if form.remove {
            return Err(StanzaError::registration_required());
        }
        let (Some(username), Some(password)) = (form.username, form.password) else { return Err(StanzaError::not_acceptable()) };
        let (hub, host) = (ask.hub.clone(), ask.host.name().clone());
        Ok(Reply::later(async move {
            let credentials = derive(password).await?;
            match hub.create_account(&username, host.as_str(), &credentials).await {
                Ok(_) => Ok(Reply::Empty),
                Err(error) => Err(refusal(error)),
            }
        }))
    }
}

/// Only the owner may ask about his registration.
fn own(ask: &Ask<'_>) -> Result<(), StanzaError> {
    if ask.is_owner() { Ok(()) } else { Err(StanzaError::service_unavailable()) }
}

/// §3.1.1: somebody who is registered is told so, and as whom.
fn registered(hub: &Hub, from: &Jid) -> Result<Reply, StanzaError> {
    let (hub, account) = (hub.clone(), from.bare());
    Ok(Reply::later(async move {
        let spelling = hub.spelling(&account).await.map_err(|fault| fault.tell())?.ok_or_else(StanzaError::service_unavailable)?;
        Ok(Reply::With(form_of(&spelling)))
    }))
}

fn form_of(spelling: &str) -> Element {
    let query = Builder::new(ns::REGISTER, "query").open(ns::REGISTER, "registered").close();
    query.open(ns::REGISTER, "username").text(spelling).close().open(ns::REGISTER, "password").close().finish()
}

fn change_at_host(ask: &HostAsk<'_>, form: Register) -> Result<Reply, StanzaError> {
    if ask.from.domain() != ask.host.name().domain() || ask.from.local().is_none() {
        return Err(StanzaError::service_unavailable());
    }
    change(ask.hub, ask.from, form)
}

/// §3.2 and §3.3: remove the account, or give it a new password.
fn change(hub: &Hub, from: &Jid, form: Register) -> Result<Reply, StanzaError> {
    let (hub, account) = (hub.clone(), from.bare());
    if form.remove {
        if !form.alone || form.password.is_some() {
            return Err(StanzaError::bad_request());
        }
        return Ok(Reply::later(async move { hub.remove_account(&account).await.map(|()| Reply::Empty).map_err(refusal) }));
    }
    if form.username.is_some_and(|name| Jid::new(Some(&name), account.domain(), None).ok() != Some(account.clone())) {
        return Err(StanzaError::not_allowed());
    }
    let Some(password) = form.password else { return Err(StanzaError::bad_request()) };
    Ok(Reply::later(async move {
        let credentials = derive(password).await?;
        hub.set_credentials(&account, &credentials).await.map(|()| Reply::Empty).map_err(refusal)
    }))
}

async fn derive(password: String) -> Result<NewCredentials, StanzaError> {
    let derived = tokio::task::spawn_blocking(move || NewCredentials::derive(&password)).await;
    derived.unwrap_or(Err(AccountError::Fault(Fault::Stopping))).map_err(refusal)
}

fn refusal(error: AccountError) -> StanzaError {
    match error {
        AccountError::Exists | AccountError::Reserved => StanzaError::conflict(),
        AccountError::BadName(_) | AccountError::BadPassword => StanzaError::not_acceptable().with_text(error.to_string()),
        AccountError::Fault(fault) => fault.tell(),
        _ => StanzaError::not_allowed(),
    }
}
