//! Logging in as in 2000: a name, a resource and a password (or a digest of it, or the next of a chain of hashes) in one iq.
//!
//! **Source** XEP-0078 and the draft's 4.1. **Refuses** 401 for a wrong password and an unknown name alike, 406 for a
//! missing name, resource or credential, 501 for a digest where no password is kept, 403 for an account that may not log
//! in, 408 where the chain could not be stored, 503 where passwords may not cross. No answer repeats the password.
//!
//! What is offered beside the password is what the account has. A name that nobody has is answered as one of the accounts
//! of its host would be, drawn by the server's secret: the same each time.

use im::{AccountError, BindError, Credentials, Dialect, Door, Host, LegacyCredentials, PasswordCheck};
use xml::{Builder, Node};
use xmpp::sasl::{ClearPassword, Failure, ZeroK, zero_k};
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

/// What a name may log in with beside the password.
struct Ways {
    digest: bool,
    chain: Option<ZeroK>,
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

    /// The fields that a login needs.
    async fn tell_methods(&self, iq: Node<'_>, query: Node<'_>, out: &mut Vec<u8>) -> Answer {
        let username = child_text(query, "username");
        let ways = match username.as_deref().map(|name| sasl::account(name, self.host.name())) {
            Some(Ok(account)) => self.ways(&account).await.map(|(ways, _)| ways),
            _ => Ok(self.usual_ways()),
        };
        let ways = match ways {
            Ok(ways) => ways,
            Err(fault) => {
                reply::write_error(out, self.dialect, iq, &fault);
                return Answer::Told;
            }
        };
        let fields =
            Builder::new(ns::AUTH, "query").text_child(ns::AUTH, "username", username.as_deref().unwrap_or(""));
        let fields = fields.leaf(ns::AUTH, "password");
        let fields = if ways.digest { fields.leaf(ns::AUTH, "digest") } else { fields };
        let fields = match ways.chain.as_ref().and_then(ZeroK::offered) {
            Some((sequence, token)) => {
                let fields = fields.text_child(ns::AUTH, "sequence", &sequence.to_string());
                fields.text_child(ns::AUTH, "token", token)
            }
            None => fields,
        };
        reply::write_result(out, iq, Some(&fields.leaf(ns::AUTH, "resource").finish()));
        Answer::Told
    }

    /// What this name may log in with beside the password, and what is known of it if it is somebody's.
    async fn ways(&self, account: &Jid) -> Result<(Ways, Option<Credentials>), StanzaError> {
        let hub = self.party.doors.hub();
        let known = hub.credentials(account).await.map_err(|fault| fault.tell())?;
        // Asked in any case: a name that nobody has takes as long.
        let kept = hub.kept_legacy_credentials(self.host.name()).await.map_err(|fault| fault.tell())?;
        let ways = match &known {
            Some(known) => Ways { digest: known.digest.is_some(), chain: known.zero_k.clone() },
            None => {
                let drawn = zero_k::draw(hub.secret(), account.as_str(), kept.len());
                let drawn = kept.get(drawn).copied().unwrap_or_default();
                let chain = drawn >= LegacyCredentials::ZeroK;
                let chain = chain.then(|| ZeroK::fake(hub.secret(), account.as_str()));
                Ways { digest: drawn >= LegacyCredentials::Password, chain }
            }
        };
        Ok((ways, known))
    }

    /// What somebody who gives no name may hope for.
    fn usual_ways(&self) -> Ways {
        let kept = self.party.doors.hub().legacy_credentials(self.host.name());
        Ways { digest: kept >= LegacyCredentials::Password, chain: None }
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
        if let Some(password) = child_text(query, "password") {
            let checked = self.party.doors.hub().judge_password(account, &password).await;
            return match checked.map_err(|fault| fault.tell())? {
                PasswordCheck::Right => Ok(()),
                PasswordCheck::Wrong => Err(StanzaError::not_authorized()),
                PasswordCheck::Disabled => Err(StanzaError::forbidden()),
            };
        }
        if let Some(digest) = child_text(query, "digest") {
            return self.check_digest(account, &digest).await;
        }
        match child_text(query, "hash") {
            Some(hash) => self.check_hash(account, &hash).await,
            None => Err(StanzaError::not_acceptable()),
        }
    }

    async fn check_digest(&self, account: &Jid, digest: &str) -> Result<(), StanzaError> {
        let (ways, known) = self.ways(account).await?;
        if !ways.digest {
            return Err(StanzaError::feature_not_implemented());
        }
        let known = known.ok_or_else(StanzaError::not_authorized)?;
        let fits = |password: &String| ClearPassword::new(password).fits_digest(self.stream_id, digest);
        match known.digest.as_ref().is_some_and(fits) {
            true if known.disabled => Err(StanzaError::forbidden()),
            true => Ok(()),
            false => Err(StanzaError::not_authorized()),
        }
    }

    async fn check_hash(&self, account: &Jid, hash: &str) -> Result<(), StanzaError> {
        let hub = self.party.doors.hub();
        let known = hub.credentials(account).await.map_err(|fault| fault.tell())?;
        let fits = |chain: &ZeroK| chain.after(hash).is_some();
        if known.is_some_and(|known| known.disabled && known.zero_k.as_ref().is_some_and(fits)) {
            return Err(StanzaError::forbidden());
        }
        match hub.spend_hash(account, hash).await {
            Ok(()) => Ok(()),
            Err(AccountError::Fault(fault)) => {
                fault.tell();
                // Jabber 1.x: the hash may be tried again.
                Err(StanzaError { code: Some(408), ..StanzaError::remote_server_timeout() })
            }
            Err(_) => Err(StanzaError::not_authorized()),
        }
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
