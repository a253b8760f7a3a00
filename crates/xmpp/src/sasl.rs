//! Proving who one is: what both sides compute when a client logs in, without any connection.
//!
//! PLAIN (RFC 4616) and SCRAM (RFC 5802, RFC 7677) with channel binding; the ways of 2000 are in [`digest`] and [`zero_k`].

mod binding;
mod client;
pub mod digest;
mod hash;
mod keys;
mod message;
mod password;
mod plain;
mod server;
pub mod zero_k;

pub use binding::{Binding, Bindings};
pub use client::{Gs2, ScramClient, ScramClientError};
pub use digest::ClearPassword;
pub use hash::Hash;
pub use keys::ScramKeys;
pub use password::PasswordError;
pub use plain::Plain;
pub use server::{ClientFirst, ScramServer};
pub use zero_k::ZeroK;

use xml::{Builder, Element};

use crate::{Jid, ns};

/// A way to log in that this server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// The password itself; only on encrypted streams, unless the listener says otherwise (RFC 4616).
    Plain,
    /// SCRAM: the password never crosses, and nobody who listens can replay it (RFC 5802).
    Scram(Hash),
    /// SCRAM bound to the TLS connection: nobody can sit in between (RFC 5802 §6).
    ScramPlus(Hash),
}

impl Mechanism {
    /// Every mechanism, the best first.
    pub const ALL: [Mechanism; 5] = [
        Mechanism::ScramPlus(Hash::Sha256),
        Mechanism::ScramPlus(Hash::Sha1),
        Mechanism::Scram(Hash::Sha256),
        Mechanism::Scram(Hash::Sha1),
        Mechanism::Plain,
    ];

    /// The registered name, as in `<mechanism/>`.
    pub const fn name(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::Scram(Hash::Sha1) => "SCRAM-SHA-1",
            Mechanism::Scram(Hash::Sha256) => "SCRAM-SHA-256",
            Mechanism::ScramPlus(Hash::Sha1) => "SCRAM-SHA-1-PLUS",
            Mechanism::ScramPlus(Hash::Sha256) => "SCRAM-SHA-256-PLUS",
        }
    }

    /// The mechanism of this name.
    pub fn from_name(name: &str) -> Option<Mechanism> {
        Mechanism::ALL.into_iter().find(|mechanism| mechanism.name() == name)
    }

    /// The hash function that SCRAM uses here; `None` for PLAIN.
    pub const fn hash(self) -> Option<Hash> {
        match self {
            Mechanism::Plain => None,
            Mechanism::Scram(hash) | Mechanism::ScramPlus(hash) => Some(hash),
        }
    }

    /// Whether it binds to the TLS connection.
    pub const fn is_plus(self) -> bool {
        matches!(self, Mechanism::ScramPlus(_))
    }
}

/// Why a login failed (RFC 6120 §6.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Failure {
    /// The client gave up.
    #[error("the client gave up")]
    Aborted,
    /// The account is there, but may not be used now.
    #[error("the account is disabled")]
    AccountDisabled,
    /// The password has to be changed first.
    #[error("the credentials have expired")]
    CredentialsExpired,
    /// This mechanism needs TLS first.
    #[error("the stream is not encrypted")]
    EncryptionRequired,
    /// What came is no base64.
    #[error("the data is no valid base64")]
    IncorrectEncoding,
    /// The client wants to act as somebody else.
    #[error("acting as somebody else is not allowed")]
    InvalidAuthzid,
    /// The mechanism is not offered here.
    #[error("the mechanism is not offered")]
    InvalidMechanism,
    /// What came breaks the mechanism's grammar.
    #[error("the message breaks the mechanism's rules")]
    MalformedRequest,
    /// The account demands a stronger mechanism.
    #[error("the mechanism is too weak for this account")]
    MechanismTooWeak,
    /// Wrong password or unknown user: nobody may learn which.
    #[error("wrong name or password")]
    NotAuthorized,
    /// We are at fault; trying again later may help.
    #[error("the login cannot be checked now")]
    TemporaryAuthFailure,
}

impl Failure {
    /// The name of the element inside `<failure/>`.
    pub const fn name(self) -> &'static str {
        match self {
            Failure::Aborted => "aborted",
            Failure::AccountDisabled => "account-disabled",
            Failure::CredentialsExpired => "credentials-expired",
            Failure::EncryptionRequired => "encryption-required",
            Failure::IncorrectEncoding => "incorrect-encoding",
            Failure::InvalidAuthzid => "invalid-authzid",
            Failure::InvalidMechanism => "invalid-mechanism",
            Failure::MalformedRequest => "malformed-request",
            Failure::MechanismTooWeak => "mechanism-too-weak",
            Failure::NotAuthorized => "not-authorized",
            Failure::TemporaryAuthFailure => "temporary-auth-failure",
        }
    }

    /// `<failure/>` with the condition (RFC 6120 §6.5).
    pub fn to_element(self) -> Element {
        Builder::new(ns::SASL, "failure").leaf(ns::SASL, self.name()).finish()
    }
}

/// Decodes what an `<auth/>` or `<response/>` holds; `=` stands for nothing at all (RFC 6120 §6.4.2).
pub fn decode(text: &str) -> Result<Vec<u8>, Failure> {
    if text == "=" {
        return Ok(Vec::new());
    }
    message::from_base64(text.as_bytes()).ok_or(Failure::IncorrectEncoding)
}

/// Encodes what a `<challenge/>` or `<success/>` holds.
pub fn encode(data: &[u8]) -> String {
    if data.is_empty() { "=".into() } else { message::to_base64(data) }
}

/// The account that a user name means on this host. A name that can be nobody's fails like a wrong password.
pub fn account(username: &str, host: &Jid) -> Result<Jid, Failure> {
    Jid::new(Some(username), host.domain(), None).map_err(|_| Failure::NotAuthorized)
}

/// Refuses an authorization identity other than the account's own bare address (RFC 6120 §6.3.8).
pub fn authorize(authzid: Option<&str>, account: &Jid) -> Result<(), Failure> {
    match authzid.map(Jid::parse) {
        None => Ok(()),
        Some(Ok(wanted)) if wanted == *account => Ok(()),
        Some(_) => Err(Failure::InvalidAuthzid),
    }
}
