//! Logging in as in 2000: a name, a resource and a password (or a digest of it) in one iq.
//!
//! **Source** XEP-0078 and the draft's 4.1. **Refuses** 401 for a wrong password and an unknown name alike, 406 for a
//! missing name, resource or credential, 501 for a digest where no password is kept, 503 where passwords may not cross.
//! No answer repeats the password.

use im::{BindError, Dialect, Door, Host};
use xml::{Builder, Node};
use xmpp::sasl::{ClearPassword, Failure};
use xmpp::{Jid, StanzaError, ns, sasl};

use super::party::Party;
use super::reply;

/// What comes of an iq of `jabber:iq:auth`.
pub(super) enum Answer {
    /// A question was answered, or refused for its form.
    Told,
    /// A login was refused.
    Failed,
    /// Logged in, with the resource bound; the answer is written.
    LoggedIn(Door),
}

/// The stream that asks.
pub(super) struct Asked<'a> {
    pub(super) party: &'a Party,
    pub(super) host: &'a Host,
    pub(super) stream_id: &'a str,
    pub(super) dialect: Dialect,
}

/// Whether this is an iq of `jabber:iq:auth` for the host.
pub(super) fn is_for(iq: Node<'_>, host: &Host) -> bool {
    reply::is_iq_to_host(iq, host) && iq.first_child().is_some_and(|query| query.ns() == ns::AUTH)
}

impl Asked<'_> {
    /// Answers it into `out`.
    pub(super) async fn answer(&self, iq: Node<'_>, out: &mut Vec<u8>) -> Answer {
        let Some(query) = iq.first_child() else { return Answer::Told };
        if !self.party.may_send_secrets() {
            let why = "Use SSL: passwords are taken on encrypted connections only";
            reply::write_error(out, self.dialect, iq, &StanzaError::service_unavailable().with_text(why));
            return Answer::Told;
        }
        match iq.attr("type").as_deref() {
            Some("get") => self.tell_methods(iq, query, out).await,
            Some("set") => match self.log_in(query).await {
                Ok(door) => {
                    reply::write_result(out, iq, None);
                    Answer::LoggedIn(door)
                }
                Err(refused) => self.refuse(iq, &refused, out).await,
            },
            _ => {
                reply::write_error(out, self.dialect, iq, &StanzaError::bad_request());
                Answer::Told
            }
        }
    }

    /// The fields that a login needs; the same for a name that nobody has.
    async fn tell_methods(&self, iq: Node<'_>, query: Node<'_>, out: &mut Vec<u8>) -> Answer {
        let username = child_text(query, "username");
        let keeps_password = match username.as_deref().map(|name| sasl::account(name, self.host.name())) {
            Some(Ok(account)) => self.kept_password(&account).await.ok().flatten().is_some(),
            _ => false,
        };
        let fields =
            Builder::new(ns::AUTH, "query").text_child(ns::AUTH, "username", username.as_deref().unwrap_or(""));
        let fields = fields.leaf(ns::AUTH, "password");
        let fields = if keeps_password { fields.leaf(ns::AUTH, "digest") } else { fields };
        reply::write_result(out, iq, Some(&fields.leaf(ns::AUTH, "resource").finish()));
        Answer::Told
    }

    async fn log_in(&self, query: Node<'_>) -> Result<Door, StanzaError> {
        let account = child_text(query, "username").and_then(|name| sasl::account(&name, self.host.name()).ok());
        let account = account.ok_or_else(StanzaError::not_acceptable)?;
        let resource = child_text(query, "resource").ok_or_else(StanzaError::not_acceptable)?;
        account.with_resource(&resource).map_err(|_| StanzaError::not_acceptable())?;
        self.check(&account, query).await?;
        let options = self.party.door_options(self.dialect);
        let door = self.party.doors.hub().bind(&account, Some(&resource), options).await;
        door.map_err(|error| refusal(&error))
    }

    /// The first credential that is not empty decides; what a client copied from our answer is empty.
    async fn check(&self, account: &Jid, query: Node<'_>) -> Result<(), StanzaError> {
        let hub = self.party.doors.hub();
        let right = if let Some(password) = child_text(query, "password") {
            hub.check_password(account, &password).await.map_err(|fault| fault.tell())?
        } else if let Some(digest) = child_text(query, "digest") {
            let kept = self.kept_password(account).await?.ok_or_else(StanzaError::feature_not_implemented)?;
            kept.fits_digest(self.stream_id, &digest)
        } else {
            return Err(StanzaError::not_acceptable());
        };
        if right { Ok(()) } else { Err(StanzaError::not_authorized()) }
    }

    async fn kept_password(&self, account: &Jid) -> Result<Option<ClearPassword>, StanzaError> {
        let known = self.party.doors.hub().credentials(account).await.map_err(|fault| fault.tell())?;
        let usable = known.filter(|credentials| !credentials.disabled);
        Ok(usable.and_then(|credentials| credentials.digest).map(|password| ClearPassword::new(&password)))
    }

    async fn refuse(&self, iq: Node<'_>, refused: &StanzaError, out: &mut Vec<u8>) -> Answer {
        self.party.login_failed(self.host.name(), ns::AUTH, Failure::NotAuthorized).await;
        reply::write_error(out, self.dialect, iq, refused);
        Answer::Failed
    }
}

/// What the client of an iq:auth is told when no session can be had.
fn refusal(error: &BindError) -> StanzaError {
    match error {
        BindError::NoAccount => StanzaError::not_authorized(),
        BindError::BadResource => StanzaError::not_acceptable(),
        BindError::TooManySessions => StanzaError::resource_constraint(),
        BindError::Fault(fault) => fault.tell(),
        _ => StanzaError::internal_server_error(),
    }
}

/// The text of a child, as it is: passwords are not trimmed. None if there is no text.
fn child_text(query: Node<'_>, name: &str) -> Option<String> {
    query.child(ns::AUTH, name).map(|child| child.text().into_owned()).filter(|text| !text.is_empty())
}
