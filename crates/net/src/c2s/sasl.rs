//! Logging in as today's clients do: the password itself, or better a proof of it that nobody can use again.
//!
//! **Source** RFC 6120 §6, RFC 4616, RFC 5802, RFC 7677. **Refuses** the same way for a wrong password and an unknown
//! name, and takes as long.

use im::{Credentials, Host, PasswordCheck};
use xmpp::sasl::{self, ClientFirst, Failure, Hash, Mechanism, Plain, ScramKeys, ScramServer};
use xmpp::{Jid, ns};

use super::party::Party;

/// A login under way: what the client is to send next.
pub(super) enum Exchange {
    /// The mechanism's first message, which did not come with `<auth/>`.
    First(Mechanism),
    /// The proof, for the challenge that was sent.
    Proof(Box<Challenged>),
}

/// A client that was challenged.
pub(super) struct Challenged {
    mechanism: Mechanism,
    scram: ScramServer,
    account: Jid,
    credentials: Option<Credentials>,
}

/// What comes of a message.
pub(super) enum Turn {
    /// Send this, and go on.
    Challenge(Vec<u8>, Exchange),
    /// Logged in; this is the server's own proof, if the mechanism has one.
    Success(Jid, Option<Vec<u8>>),
}

/// Begins a login with `<auth/>`: its mechanism and what it holds, still encoded.
pub(super) async fn begin(party: &Party, host: &Host, mechanism: &str, initial: &str) -> Result<Turn, Failure> {
    if !party.may_send_secrets() {
        return Err(Failure::EncryptionRequired);
    }
    let mechanism = Mechanism::from_name(mechanism).ok_or(Failure::InvalidMechanism)?;
    if !party.mechanisms().any(|offered| offered == mechanism) {
        return Err(Failure::InvalidMechanism);
    }
    if initial.is_empty() {
        return Ok(Turn::Challenge(Vec::new(), Exchange::First(mechanism)));
    }
    first(party, host, mechanism, &sasl::decode(initial)?).await
}

impl Exchange {
    /// The name of the mechanism.
    pub(super) fn mechanism(&self) -> &'static str {
        match self {
            Exchange::First(mechanism) => mechanism.name(),
            Exchange::Proof(challenged) => challenged.mechanism.name(),
        }
    }

    /// Goes on with `<response/>`: what it holds, still encoded.
    pub(super) async fn answer(self, party: &Party, host: &Host, response: &str) -> Result<Turn, Failure> {
        let response = sasl::decode(response)?;
        match self {
            Exchange::First(mechanism) => first(party, host, mechanism, &response).await,
            Exchange::Proof(challenged) => challenged.check(&response),
        }
    }
}

async fn first(party: &Party, host: &Host, mechanism: Mechanism, message: &[u8]) -> Result<Turn, Failure> {
    match mechanism.hash() {
        None => check_password(party, host, Plain::read(message)?).await,
        Some(hash) => challenge(party, host, mechanism, hash, message).await,
    }
}

async fn check_password(party: &Party, host: &Host, plain: Plain<'_>) -> Result<Turn, Failure> {
    let account = sasl::account(plain.username, host.name())?;
    sasl::authorize(plain.authzid, &account)?;
    match party.doors.hub().judge_password(&account, plain.password).await {
        Ok(PasswordCheck::Right) => Ok(Turn::Success(account, None)),
        Ok(PasswordCheck::Wrong) => Err(Failure::NotAuthorized),
        Ok(PasswordCheck::Disabled) => Err(Failure::AccountDisabled),
        Err(fault) => Err(at_fault(&fault)),
    }
}

async fn challenge(
    party: &Party,
    host: &Host,
    mechanism: Mechanism,
    hash: Hash,
    message: &[u8],
) -> Result<Turn, Failure> {
    let first = ClientFirst::read(mechanism, message, &party.bindings)?;
    let account = sasl::account(first.username(), host.name())?;
    sasl::authorize(first.authzid(), &account)?;
    let hub = party.doors.hub();
    let credentials = hub.credentials(&account).await.map_err(|fault| at_fault(&fault))?;
    let keys = credentials.as_ref().and_then(|known| known.scram.iter().find(|keys| keys.hash() == hash).cloned());
    let keys = keys.unwrap_or_else(|| fake(hash, hub.secret(), &account));
    let scram = first.challenge(keys);
    let message = scram.message().to_vec();
    Ok(Turn::Challenge(message, Exchange::Proof(Box::new(Challenged { mechanism, scram, account, credentials }))))
}

/// Keys that nobody's password fits, the same each time a name is tried.
fn fake(hash: Hash, secret: &[u8], account: &Jid) -> ScramKeys {
    ScramKeys::fake(hash, secret, account.as_str(), ScramKeys::ITERATIONS)
}

impl Challenged {
    fn check(self, proof: &[u8]) -> Result<Turn, Failure> {
        let ours = self.scram.finish(proof)?;
        match self.credentials {
            Some(credentials) if credentials.disabled => Err(Failure::AccountDisabled),
            Some(_) => Ok(Turn::Success(self.account, Some(ours))),
            None => Err(Failure::NotAuthorized),
        }
    }
}

/// Writes an element of SASL.
pub(super) fn write(out: &mut Vec<u8>, name: &str, text: &str) {
    // Base64, and names that are known here: nothing needs escaping.
    for piece in ["<", name, " xmlns='", ns::SASL] {
        out.extend_from_slice(piece.as_bytes());
    }
    if text.is_empty() {
        return out.extend_from_slice(b"'/>");
    }
    for piece in ["'>", text, "</", name, ">"] {
        out.extend_from_slice(piece.as_bytes());
    }
}

/// Writes why a login failed.
pub(super) fn write_failure(out: &mut Vec<u8>, failure: Failure) {
    out.extend_from_slice(failure.to_element().bytes());
}

/// A mechanism's name for logs and counters, never the client's own words.
pub(super) fn known_name(mechanism: &str) -> &'static str {
    Mechanism::from_name(mechanism).map_or("unknown", Mechanism::name)
}

fn at_fault(fault: &im::Fault) -> Failure {
    fault.tell();
    Failure::TemporaryAuthFailure
}
