//! In-band registration: making, changing and removing an account over the stream itself.
//!
//! Source    XEP-0077 2.4 (partly: no data forms, no redirection); the jabber:iq:register of 2000.
//! Hangs on  iq get and set before login, iq get and set to the host and to one's own account, a stream feature when registration is open.
//! Keeps     the account itself, in the heart's store.
//! Refuses   service-unavailable when it is closed, or a password would cross in the clear; conflict for a name that is taken; not-acceptable for a
//!           bad name or a missing password; registration-required for a removal before login; bad-request when remove is not alone or there is
//!           nothing to change; not-allowed for another's name.
use im::{
    About, AccountError, Ask, Attach, Extension, Fault, FeaturesAt, HostAsk, Hub, LegacyCredentials, NewCredentials,
    Payload, Plan, PlanError, Reply, Scope, StrangerAsk,
};
use std::sync::Arc;
use tokio::sync::Semaphore;
use xml::{Builder, Element, Node};
use xmpp::{Jid, Stanza, StanzaError, ns};

/// Lets people register.
pub struct Room {
    policy: Options,
    /// Making keys from a password is slow by design: strangers shall not have all processors busy with it.
    derivations: Arc<Semaphore>,
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
#[derive(Debug, Default, PartialEq, Eq)]
struct Register {
    username: Option<String>,
    password: Option<String>,
    removal: Removal,
}

/// Whether the account shall be removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Removal {
    #[default]
    No,
    Yes,
    /// `remove` has company: nobody knows what is meant.
    Unclear,
}

impl Payload for Register {
    const NS: &'static str = ns::REGISTER;
    const NAME: &'static str = "query";

    fn read(query: Node<'_>) -> Result<Self, StanzaError> {
        let text = |node: Node<'_>| node.text().into_owned();
        let field = |name| query.child(ns::REGISTER, name).map(text).filter(|text| !text.is_empty());
        Ok(Register { username: field("username"), password: field("password"), removal: removal(query) })
    }
}

impl Extension for Room {
    type Options = Options;
    const ABOUT: About =
        About::xep("registration", "In-Band Registration", "XEP-0077", "2.4").partly("no data forms, no redirection");

    fn configure(_: &mut Plan, options: &Options) -> Result<Self, PlanError> {
        Ok(Room { policy: *options, derivations: Arc::new(Semaphore::new(DERIVATIONS_MAX)) })
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.feature(Scope::Host, ns::REGISTER)
            .stranger::<Register>(false, |room, ask, _| room.form(ask))
            .stranger::<Register>(true, |room, ask, form| room.register(ask, form))
            .host_get::<Register>(|_, ask, _| own_host(ask).and_then(|()| registered(ask.hub, ask.from)))
            .host_set::<Register>(|room, ask, form| own_host(ask).and_then(|()| room.change(ask.hub, ask.stanza, ask.from, form)))
            .account_get::<Register>(|_, ask, _| own(ask).and_then(|()| registered(ask.within.hub(), ask.from)))
            .account_set::<Register>(|room, ask, form| {
                own(ask).and_then(|()| room.change(ask.within.hub(), ask.stanza, ask.from, form))
            });
        if on.extension().policy == Options::Open {
            on.stream_feature(FeaturesAt::BeforeLogin, Builder::new(ns::REGISTER_FEATURE, "register").finish());
        }
    }
}

impl Room {
    fn may_register(&self, ask: &StrangerAsk<'_>) -> Result<(), StanzaError> {
        match self.policy {
            Options::Open if ask.stranger.may_send_secrets => Ok(()),
            Options::Open => Err(StanzaError::service_unavailable()
                .with_text("Use SSL: passwords are taken on encrypted connections only")),
            Options::Closed => Err(StanzaError::service_unavailable()),
        }
    }

    fn form(&self, ask: &StrangerAsk<'_>) -> Result<Reply, StanzaError> {
        self.may_register(ask)?;
        let query = Builder::new(ns::REGISTER, "query");
        let query = query.text_child(ns::REGISTER, "instructions", "Choose a username and password.");
        Ok(Reply::With(query.leaf(ns::REGISTER, "username").leaf(ns::REGISTER, "password").finish()))
    }

    fn register(&self, ask: &StrangerAsk<'_>, form: Register) -> Result<Reply, StanzaError> {
        self.may_register(ask)?;
        if form.removal != Removal::No {
            return Err(StanzaError::registration_required());
        }
        let (Some(username), Some(password)) = (form.username, form.password) else {
            return Err(StanzaError::not_acceptable());
        };
        let (hub, host, derivations) = (ask.hub.clone(), ask.host.name().clone(), self.derivations.clone());
        let keep = ask.host.plan().legacy_credentials();
        Ok(Reply::later(async move {
            let credentials = derive(&derivations, password, keep).await?;
            let made = hub.create_account(&username, host.as_str(), &credentials).await;
            made.map(|_| Reply::Empty).map_err(refusal)
        }))
    }

    /// §3.2 and §3.3: removes the account, or gives it a new password.
    fn change(&self, hub: &Hub, iq: &Stanza, from: &Jid, form: Register) -> Result<Reply, StanzaError> {
        let (hub, account, derivations) = (hub.clone(), from.bare(), self.derivations.clone());
        match form.removal {
            Removal::Unclear => return Err(StanzaError::bad_request()),
            Removal::Yes => {
                // The answer goes out before the stream ends, so it is not for the usual way.
                let done = iq.result();
                return Ok(Reply::later(async move {
                    hub.remove_account(&account, Some(done)).await.map(|()| Reply::Sent).map_err(refusal)
                }));
            }
            Removal::No => {}
        }
        if form.username.is_some_and(|name| !names(&name, &account)) {
            return Err(StanzaError::not_allowed());
        }
        let password = form.password.ok_or_else(StanzaError::bad_request)?;
        Ok(Reply::later(async move {
            let kept = hub.credentials(&account).await.map_err(|fault| fault.tell())?;
            // Whoever has something kept for the logins of 2000 has it kept of the new one, too.
            let keep = kept.map(|kept| kept.legacy()).unwrap_or_default().max(hub.legacy_credentials(&account));
            let credentials = derive(&derivations, password, keep).await?;
            hub.set_credentials(&account, &credentials).await.map(|()| Reply::Empty).map_err(refusal)
        }))
    }
}

/// How many passwords of one host's registrations are made into keys at the same time.
const DERIVATIONS_MAX: usize = 2;

/// §3.2: `remove` stands alone; but clients of 2000 sent the key of the form back with whatever they asked.
fn removal(query: Node<'_>) -> Removal {
    if query.child(ns::REGISTER, "remove").is_none() {
        return Removal::No;
    }
    let others = query.children().filter(|child| child.name() != "key").count();
    if others == 1 { Removal::Yes } else { Removal::Unclear }
}

/// Whether `name` is the local part of `account`, in any spelling.
fn names(name: &str, account: &Jid) -> bool {
    Jid::new(Some(name), account.domain(), None).is_ok_and(|named| named == *account)
}

/// Only the owner may ask about his registration.
fn own(ask: &Ask<'_>) -> Result<(), StanzaError> {
    if ask.is_owner() { Ok(()) } else { Err(StanzaError::service_unavailable()) }
}

/// Nobody registers with a host while he is logged in to another.
fn own_host(ask: &HostAsk<'_>) -> Result<(), StanzaError> {
    let own = ask.from.local().is_some() && ask.from.domain() == ask.host.name().as_str();
    if own { Ok(()) } else { Err(StanzaError::service_unavailable()) }
}

/// §3.1.1: somebody who is registered is told so, and as whom.
fn registered(hub: &Hub, from: &Jid) -> Result<Reply, StanzaError> {
    let (hub, account) = (hub.clone(), from.bare());
    Ok(Reply::later(async move {
        let spelling = hub.spelling(&account).await.map_err(|fault| fault.tell())?;
        let spelling = spelling.ok_or_else(StanzaError::service_unavailable)?;
        Ok(Reply::With(form_of(&spelling)))
    }))
}

fn form_of(spelling: &str) -> Element {
    let query = Builder::new(ns::REGISTER, "query").leaf(ns::REGISTER, "registered");
    let query = query.text_child(ns::REGISTER, "instructions", "Send a new password to change it.");
    query.text_child(ns::REGISTER, "username", spelling).leaf(ns::REGISTER, "password").finish()
}

async fn derive(
    derivations: &Semaphore,
    password: String,
    keep: LegacyCredentials,
) -> Result<NewCredentials, StanzaError> {
    let _turn = derivations.acquire().await.map_err(|_| Fault::Stopping.tell())?;
    let derive = move || NewCredentials::derive(&password).map(|made| made.keeping(keep, &password));
    let derived = tokio::task::spawn_blocking(derive).await;
    derived.unwrap_or(Err(AccountError::Fault(Fault::Stopping))).map_err(refusal)
}

fn refusal(error: AccountError) -> StanzaError {
    match error {
        // Whether somebody has the name now or had it once is nobody's business.
        AccountError::Exists | AccountError::Reserved => StanzaError::conflict().with_text("Username Not Available"),
        AccountError::BadName(_) | AccountError::BadPassword => {
            StanzaError::not_acceptable().with_text(error.to_string())
        }
        AccountError::Missing => StanzaError::registration_required(),
        AccountError::Fault(fault) => fault.tell(),
        _ => StanzaError::not_allowed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmpp::Condition;

    fn read(children: &str) -> Register {
        let query = format!("<query xmlns='jabber:iq:register'>{children}</query>");
        let element = Element::parse(query.as_bytes(), &xml::Limits::default()).unwrap();
        Register::read(element.root()).unwrap()
    }

    #[test]
    fn remove_stands_alone_but_for_the_key_of_2000() {
        let rows = [
            ("<remove/>", Removal::Yes),
            ("<key>abc</key><remove/>", Removal::Yes),
            ("<remove/><username>bill</username>", Removal::Unclear),
            ("<remove/><password>x</password>", Removal::Unclear),
            ("<remove/><x xmlns='jabber:x:data' type='submit'/>", Removal::Unclear),
            ("<remove/><remove/>", Removal::Unclear),
            ("<username>bill</username>", Removal::No),
            ("<remove xmlns='other'/>", Removal::No),
            ("", Removal::No),
        ];
        for (children, removal) in rows {
            assert_eq!(read(children).removal, removal, "{children}");
        }
    }

    #[test]
    fn empty_fields_are_missing_and_spaces_are_not_trimmed() {
        let form = read("<username/><password> a&amp;b </password><name>Bill</name><key/>");
        assert_eq!((form.username, form.password.as_deref()), (None, Some(" a&b ")));
        assert_eq!(read("<password></password>").password, None);
    }

    #[test]
    fn a_name_may_be_spelled_in_any_way() {
        let account = Jid::parse("bill@shakespeare.lit").unwrap();
        for (name, same) in [("bill", true), ("Bill", true), ("will", false), ("", false), ("bill@x", false)] {
            assert_eq!(names(name, &account), same, "{name}");
        }
    }

    #[test]
    fn refusals() {
        let rows = [
            (AccountError::Exists, Condition::Conflict),
            (AccountError::Reserved, Condition::Conflict),
            (AccountError::BadPassword, Condition::NotAcceptable),
            (AccountError::Missing, Condition::RegistrationRequired),
            (AccountError::UnknownHost("h".into()), Condition::NotAllowed),
        ];
        for (error, condition) in rows {
            assert_eq!(refusal(error).condition, condition);
        }
        assert_eq!(refusal(AccountError::Exists), refusal(AccountError::Reserved));
    }
}
