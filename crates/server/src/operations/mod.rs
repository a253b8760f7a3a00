//! What an administrator can have done: each operation is written once, and every way of asking for it comes here.

mod accounts;
mod derive;
mod export;
mod status;

use std::sync::Arc;

use im::Hub;
use serde::{Deserialize, Serialize};

use crate::wire::Running;

pub use derive::{Secret, derive};
pub use status::{Door, Status};

/// Something to have done.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Ask {
    /// How is the server?
    Status,
    /// Make accounts; at most [`ADD_MAX`] at once.
    AddAccounts {
        /// The accounts.
        accounts: Vec<NewAccount>,
    },
    /// Give an account another password.
    SetPassword {
        /// Whose.
        jid: String,
        /// What the password leaves behind.
        proof: Proof,
    },
    /// Name accounts, a page at a time.
    ListAccounts {
        /// Of which host.
        host: String,
        /// The last account of the page before, or nothing.
        after: String,
    },
    /// Remove an account and everything kept for it.
    RemoveAccount {
        /// Which.
        jid: String,
    },
    /// Make an invitation.
    Invite {
        /// To which host.
        host: String,
        /// For how many accounts.
        uses: u32,
        /// For how many hours.
        hours: u32,
    },
    /// Give back a name that is reserved since its account was removed.
    FreeName {
        /// Which.
        jid: String,
    },
    /// Everything kept for an account but what proves its password.
    ExportAccount {
        /// Which.
        jid: String,
    },
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// How the server is.
    Status(Status),
    /// For each account that was to be added: why it was not, or nothing.
    Added {
        /// In the order of the question.
        refused: Vec<Option<String>>,
    },
    /// It is done.
    Done,
    /// A page of accounts; an empty one is the last.
    Accounts {
        /// In the order of their addresses.
        accounts: Vec<Listed>,
    },
    /// An invitation.
    Invited {
        /// What the invited one shows.
        token: String,
        /// The same as a link for clients (XEP-0445).
        uri: String,
        /// Until when (XEP-0082).
        until: String,
    },
    /// An account.
    Account {
        /// Everything of it.
        account: serde_json::Value,
    },
    /// It was not done.
    Refused {
        /// Why, and what to do.
        sentence: String,
    },
}

impl Answer {
    /// A refusal.
    pub fn refused(sentence: impl std::fmt::Display) -> Self {
        Answer::Refused { sentence: sentence.to_string() }
    }
}

/// An account to be made.
#[derive(Debug, Serialize, Deserialize)]
pub struct NewAccount {
    /// Its address, in the spelling that its owner wants.
    pub jid: String,
    /// What its password leaves behind.
    pub proof: Proof,
}

/// What is kept instead of a password. Made by whoever asks, so that the server neither sees the password nor pays for
/// the derivation.
#[derive(Serialize, Deserialize)]
pub struct Proof {
    /// SCRAM keys, one record for each hash (RFC 5803).
    pub scram: Vec<String>,
    /// The password itself, only where the digest login of 2000 was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// A chain of hashes, only where the zero-knowledge login of 2000 was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zero_k: Option<String>,
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Proof(…)")
    }
}

/// An account in a list.
#[derive(Debug, Serialize, Deserialize)]
pub struct Listed {
    /// Its address.
    pub jid: String,
    /// When it was made (XEP-0082).
    pub created: String,
}

/// Accounts that one question may add.
pub const ADD_MAX: usize = 1_000;

/// Whoever carries out operations: beside a running server or, when none runs, for one command.
pub struct Desk {
    hub: Hub,
    running: Option<Arc<Running>>,
}

impl Desk {
    /// The desk of a running server, or of a command that opened the data folder itself.
    pub fn new(hub: Hub, running: Option<Arc<Running>>) -> Self {
        Desk { hub, running }
    }

    /// Carries out one operation.
    pub async fn perform(&self, ask: Ask) -> Answer {
        let done = match ask {
            Ask::Status => return self.status(),
            Ask::AddAccounts { accounts } => return accounts::add(&self.hub, accounts).await,
            Ask::SetPassword { jid, proof } => accounts::set_password(&self.hub, &jid, &proof).await,
            Ask::ListAccounts { host, after } => accounts::list(&self.hub, &host, &after).await,
            Ask::RemoveAccount { jid } => accounts::remove(&self.hub, &jid).await,
            Ask::Invite { host, uses, hours } => accounts::invite(&self.hub, &host, uses, hours).await,
            Ask::FreeName { jid } => accounts::free(&self.hub, &jid).await,
            Ask::ExportAccount { jid } => export::account(&self.hub, &jid).await,
        };
        done.unwrap_or_else(Answer::refused)
    }

    fn status(&self) -> Answer {
        match &self.running {
            Some(running) => Answer::Status(status::of(&self.hub, running)),
            None => Answer::refused("no server is running"),
        }
    }
}
