//! In-band registration: making, changing and removing an account over the stream itself.
//!
//! Source    XEP-0077 2.4 (partly: no redirection); XEP-0445 0.2.0; XEP-0401 0.6.0 (partly); the jabber:iq:register of 2000.
//! Hangs on  iq get and set before login, iq get and set to the host and to one's own account, stream features when one may register, a command.
//! Keeps     the account itself, in the heart's store; open invitations, with the host.
//! Refuses   service-unavailable when it is closed, or a password would cross in the clear; conflict for a name that is taken; not-acceptable for a
//!           bad name or a missing field; item-not-found for an invitation that cannot be used; resource-constraint when too many register;
//!           registration-required for a removal before login; bad-request when remove is not alone or there is nothing to change; not-allowed for
//!           another's name.
mod form;
mod invitations;
mod pace;

use form::{Preauth, Register, Removal};
use im::{
    About, AccountError, Ask, Attach, CommandAbout, Dialect, Ending, Extension, Fault, FeaturesAt, HostAsk, Hub,
    LegacyCredentials, NewCredentials, Outcome, Plan, PlanError, Reply, Scope, Stage, StrangerAsk, Who,
};
use invitations::Pass;
use pace::{Pace, Place};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use xml::Builder;
use xmpp::forms::Report;
use xmpp::sasl::digest::digest;
use xmpp::{Jid, Stanza, StanzaError, ns};

pub use invitations::{Invitation, InviteError, invite};

/// Lets people register.
pub struct Room {
    policy: Policy,
    pace: Arc<Pace>,
    /// Making keys from a password is slow by design: strangers shall not have all processors busy with it.
    derivations: Arc<Semaphore>,
}

/// Who may make an account by himself, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Who.
    pub policy: Policy,
    /// Accounts of the host that are made in an hour.
    pub per_hour: usize,
    /// The same from one address (of one /64 with IPv6); this machine itself is exempt.
    pub per_hour_per_address: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { policy: Policy::Closed, per_hour: 60, per_hour_per_address: 5 }
    }
}

/// Who may make an account by himself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Nobody: accounts are made by the operator.
    Closed,
    /// Whoever has an invitation.
    Invitation,
    /// Everybody.
    Open,
}

impl Extension for Room {
    type Options = Options;
    const ABOUT: About = About::xep("registration", "In-Band Registration", "XEP-0077", "2.4").partly("no redirection");

    fn configure(_: &mut Plan, options: &Options) -> Result<Self, PlanError> {
        let pace = Arc::new(Pace::new(options.per_hour, options.per_hour_per_address));
        Ok(Room { policy: options.policy, pace, derivations: Arc::new(Semaphore::new(DERIVATIONS_MAX)) })
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.feature(Scope::Host, ns::REGISTER)
            .stranger::<Register>(false, |room, ask, _| room.tell(ask))
            .stranger::<Register>(true, |room, ask, form| room.register(ask, form))
            .host_get::<Register>(|_, ask, _| own_host(ask).and_then(|()| registered(ask.hub, ask.from)))
            .host_set::<Register>(|room, ask, form| own_host(ask).and_then(|()| room.change(ask.hub, ask.stanza, ask.from, form)))
            .account_get::<Register>(|_, ask, _| own(ask).and_then(|()| registered(ask.within.hub(), ask.from)))
            .account_set::<Register>(|room, ask, form| {
                own(ask).and_then(|()| room.change(ask.within.hub(), ask.stanza, ask.from, form))
            });
        let policy = on.extension().policy;
        if policy == Policy::Invitation {
            on.stranger::<Preauth>(true, |room, ask, shown| room.look_at(ask, shown))
                .stream_feature(FeaturesAt::BeforeLogin, Builder::new(ns::IBR_TOKEN, "register").finish())
                .host_command(CREATE_ACCOUNT, |_, ask, _| Ok(Stage::Later(invite_by_command(ask))));
        }
        if policy != Policy::Closed {
            on.stream_feature(FeaturesAt::BeforeLogin, Builder::new(ns::REGISTER_FEATURE, "register").finish());
        }
    }
}

impl Room {
    fn may_register(&self, ask: &StrangerAsk<'_>) -> Result<(), StanzaError> {
        match self.policy {
            Policy::Closed => Err(StanzaError::service_unavailable()),
            _ if ask.stranger.may_send_secrets => Ok(()),
            _ => Err(StanzaError::service_unavailable()
                .with_text("Use SSL: passwords are taken on encrypted connections only")),
        }
    }

    /// §3.1: what is needed.
    fn tell(&self, ask: &StrangerAsk<'_>) -> Result<Reply, StanzaError> {
        self.may_register(ask)?;
        let invited = self.policy == Policy::Invitation && ask.visit.remembered().is_none();
        Ok(Reply::With(form::needed(invited, ask.stranger.dialect == Dialect::X)))
    }

    /// XEP-0445 §4: a token is shown; whether it is good is remembered for this stream.
    fn look_at(&self, ask: &StrangerAsk<'_>, shown: Preauth) -> Result<Reply, StanzaError> {
        self.may_register(ask)?;
        let (hub, host, visit) = (ask.hub.clone(), ask.host.name().clone(), ask.visit.clone());
        Ok(Reply::later(async move {
            let found = invitations::find(&hub, &host, &Pass::Token(shown.token)).await.map_err(|fault| fault.tell())?;
            visit.remember(&found.ok_or_else(no_invitation)?);
            Ok(Reply::Empty)
        }))
    }

    fn register(&self, ask: &StrangerAsk<'_>, form: Register) -> Result<Reply, StanzaError> {
        self.may_register(ask)?;
        if form.removal != Removal::No {
            return Err(StanzaError::registration_required());
        }
        let (Some(username), Some(password)) = (form.username, form.password) else {
            return Err(StanzaError::not_acceptable());
        };
        let pass = match (self.policy, ask.visit.remembered(), form.misc) {
            (Policy::Invitation, Some(shown), _) => Some(Pass::Shown(shown)),
            (Policy::Invitation, None, Some(token)) => Some(Pass::Token(token)),
            (Policy::Invitation, None, None) => {
                return Err(StanzaError::not_acceptable().with_text("This takes an invitation"));
            }
            _ => None,
        };
        let place = self.pace.place(ask.hub.clock().now().as_millis(), ask.stranger.peer);
        let place = place.ok_or_else(|| {
            StanzaError::resource_constraint().with_text("Too many accounts are being made; try again later")
        })?;
        let keep = ask.host.plan().legacy_credentials();
        let (hub, host, derivations) = (ask.hub.clone(), ask.host.name().clone(), self.derivations.clone());
        Ok(Reply::later(async move {
            if let Some(pass) = &pass {
                valid(&hub, &host, pass).await?;
            }
            let credentials = derive(&derivations, password, keep).await?;
            make(&hub, &host, &username, &credentials, pass, place).await
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

/// XEP-0401 §5.4, for administrators.
const CREATE_ACCOUNT: CommandAbout = CommandAbout {
    node: "urn:xmpp:invite#create-account",
    name: "Invite somebody to make an account",
    who: Who::Administrators,
};

/// How long an invitation lasts that is made by a command.
const A_WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);

/// One account with a name of the invited one's own choice.
fn invite_by_command(ask: &HostAsk<'_>) -> Ending {
    let (hub, host) = (ask.hub.clone(), ask.host.name().clone());
    Box::pin(async move {
        match invite(&hub, &host, 1, A_WEEK).await {
            Ok(Invitation { token, until }) => {
                let report = Report::new("Invitation").form_type("urn:xmpp:invite#invitation");
                let report = report.field("uri", "Link", [uri(&host, &token)]);
                Ok(Outcome::report(report.field("expire", "Until", [until.to_string()]).to_element()))
            }
            Err(InviteError::Fault(fault)) => Err(fault.tell()),
            Err(error) => Ok(Outcome::failed(error.to_string())),
        }
    })
}

/// The link by which a client registers with a token (XEP-0445 §2).
pub fn uri(host: &Jid, token: &str) -> String {
    format!("xmpp:{host}?register;preauth={token}")
}

/// How many passwords of one host's registrations are made into keys at the same time.
const DERIVATIONS_MAX: usize = 2;

async fn make(
    hub: &Hub,
    host: &Jid,
    username: &str,
    credentials: &NewCredentials,
    pass: Option<Pass>,
    place: Place,
) -> Result<Reply, StanzaError> {
    let turn = match &pass {
        Some(_) => Some(hub.turn(&invitations::home(host)).await),
        None => None,
    };
    // Others may have used it while the keys were made.
    let key = match &pass {
        Some(pass) => Some(valid(hub, host, pass).await?),
        None => None,
    };
    hub.create_account(username, host.as_str(), credentials).await.map_err(refusal)?;
    place.keep();
    if let Some(key) = key
        && let Err(fault) = invitations::spend(hub, host, &key).await
    {
        // The account is there, and its owner is told so.
        fault.tell();
    }
    drop(turn);
    Ok(Reply::Empty)
}

async fn valid(hub: &Hub, host: &Jid, pass: &Pass) -> Result<String, StanzaError> {
    let found = invitations::find(hub, host, pass).await.map_err(|fault| fault.tell())?;
    found.ok_or_else(no_invitation)
}

fn no_invitation() -> StanzaError {
    StanzaError::item_not_found().with_text("The invitation is unknown, used up or expired")
}

/// Whether `name` is the local part of `account`, or all of it, in any spelling.
fn names(name: &str, account: &Jid) -> bool {
    let local = Jid::new(Some(name), account.domain(), None);
    local.is_ok_and(|named| named == *account) || Jid::parse(name).is_ok_and(|named| named == *account)
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
        // Forty digits, as ever; what comes back is not looked at, since an iq has a sender that cannot be forged.
        let key = digest(account.as_str(), &hub.random_token().map_err(|fault| fault.tell())?);
        Ok(Reply::With(form::on_file(&spelling, &key)))
    }))
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

    #[test]
    fn a_name_may_be_spelled_in_any_way() {
        let account = Jid::parse("bill@shakespeare.lit").unwrap();
        for (name, same) in [
            ("bill", true),
            ("Bill", true),
            ("will", false),
            ("", false),
            ("bill@x", false),
            ("Bill@shakespeare.lit", true),
            ("bill@shakespeare.lit/globe", false),
        ] {
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
