//! Accounts: made, listed, given new passwords, removed. What proves a password is kept as SCRAM keys; the password itself is not.
use crate::carried::frame::Errand;
use crate::fault::Fault;
use crate::hub::Hub;
use crate::moments::{AccountCreated, AccountCreatedAt, Kinds, Moment};
use crate::roster::Roster;
use serde::{Deserialize, Serialize};
use store::Batch;
use xmpp::jid::{NewAccount, NewAccountError};
use xmpp::sasl::{Hash, ScramKeys};
use xmpp::{Jid, Stanza, StreamError, Timestamp};

/// What can prove that somebody is the owner of an account.
#[derive(Clone, Default)]
pub struct Credentials {
    /// Keys for SCRAM, one for each hash.
    pub scram: Vec<ScramKeys>,
    /// The password itself, kept only where it was asked for: `digest` of 2000 cannot be checked without it.
    pub digest: Option<String>,
    /// The account may not log in.
    pub disabled: bool,
}

/// What an account shall be given: keys made from its password, and the password only where old digest logins are wanted.
#[derive(Clone)]
pub struct NewCredentials {
    /// Keys for SCRAM, one for each hash.
    pub scram: Vec<ScramKeys>,
    /// Kept as it is, for `digest`.
    pub digest: Option<String>,
}

impl NewCredentials {
    /// Derives keys for SCRAM-SHA-1 and SCRAM-SHA-256. Slow by design: not for a thread that serves others.
    pub fn derive(password: &str) -> Result<NewCredentials, AccountError> {
        let keys =
            |hash| ScramKeys::generate(hash, password, ScramKeys::ITERATIONS).map_err(|_| AccountError::BadPassword);
        Ok(NewCredentials { scram: vec![keys(Hash::Sha1)?, keys(Hash::Sha256)?], digest: None })
    }
}

/// Why an account could not be made or changed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// Somebody has this name.
    #[error("this account exists already")]
    Exists,
    /// Somebody had this name; it stays reserved, or the next owner would inherit the contacts.
    #[error("this name belonged to an account that was removed, and stays reserved")]
    Reserved,
    /// There is no such account.
    #[error("there is no such account")]
    Missing,
    /// The host is not served here.
    #[error("{0} is not a host of this server")]
    UnknownHost(String),
    /// The name cannot be an account's.
    #[error("{0}")]
    BadName(#[from] NewAccountError),
    /// The password has characters that cannot be compared, or is empty.
    #[error("the password is empty or has characters that no password may have")]
    BadPassword,
    /// Our own failure.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<store::Error> for AccountError {
    fn from(error: store::Error) -> Self {
        AccountError::Fault(Fault::Store(error))
    }
}

/// An account as it is stored.
#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct Record {
    /// The name as its owner wrote it at registration.
    spelling: String,
    /// Milliseconds of Unix time.
    created_ms: i64,
    #[serde(default)]
    /// Each as `ScramKeys` writes itself.
    scram: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    disabled: bool,
    /// The account is gone; its name stays reserved.
    #[serde(default, skip_serializing_if = "is_false")]
    removed: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Record {
    pub(crate) fn is_removed(&self) -> bool {
        self.removed
    }

    fn set(&mut self, credentials: &NewCredentials) {
        self.scram = credentials.scram.iter().map(ScramKeys::to_record).collect();
        self.digest.clone_from(&credentials.digest);
    }

    fn credentials(&self) -> Credentials {
        let scram = self.scram.iter().filter_map(|kept| ScramKeys::from_record(kept)).collect();
        Credentials { scram, digest: self.digest.clone(), disabled: self.disabled }
    }

    fn bytes(&self) -> Vec<u8> {
        // Strings, numbers and bytes: there is nothing in it that could fail to be written.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Hub {
    pub(crate) async fn record(&self, account: &Jid) -> Result<Option<Record>, Fault> {
        let Some(bytes) = self.shapes().accounts.get(account.bare_str()).await? else { return Ok(None) };
        let unreadable = |error: serde_json::Error| Fault::Unreadable {
            what: "accounts",
            owner: account.to_string(),
            why: error.to_string(),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(unreadable)
    }

    /// What proves this account's password. `None`: there is no such account.
    pub async fn credentials(&self, account: &Jid) -> Result<Option<Credentials>, Fault> {
        let record = self.record(account).await?;
        Ok(record.filter(|record| !record.removed).map(|record| record.credentials()))
    }

    /// An account's roster as the store has it, wherever its home is. `None`: there is no such account.
    pub async fn stored_roster(&self, account: &Jid) -> Result<Option<Roster>, Fault> {
        if self.record(account).await?.is_none_or(|record| record.removed) {
            return Ok(None);
        }
        let rows = self.shapes().roster.all(account.bare_str()).await?;
        let unreadable = |why: String| Fault::Unreadable { what: "roster", owner: account.to_string(), why };
        Roster::decode(rows).map(Some).map_err(|error| unreadable(error.to_string()))
    }

    /// The name as its owner wrote it when the account was made.
    pub async fn spelling(&self, account: &Jid) -> Result<Option<String>, Fault> {
        Ok(self.record(account).await?.filter(|record| !record.removed).map(|record| record.spelling))
    }

    /// Whether this is the account's password. Takes as long for an account that does not exist; only a few run at a time, away from the workers.
    pub async fn check_password(&self, account: &Jid, password: &str) -> Result<bool, Fault> {
        let credentials = self.credentials(account).await?;
        let exists = credentials.as_ref().is_some_and(|found| !found.disabled);
        let keys = credentials.and_then(|found| found.scram.into_iter().next());
        let keys = keys
            .unwrap_or_else(|| ScramKeys::fake(Hash::Sha1, self.secret(), account.bare_str(), ScramKeys::ITERATIONS));
        let permit = self.password_permit().await;
        let password = password.to_owned();
        let checked = tokio::task::spawn_blocking(move || keys.check_password(&password)).await;
        drop(permit);
        Ok(exists && checked.unwrap_or(false))
    }

    /// Makes an account. The name must be one on which old and new Jabber agree (RFC 7622 §3.3, and the draft's 255 characters); its spelling is kept.
    pub async fn create_account(
        &self,
        name: &str,
        domain: &str,
        credentials: &NewCredentials,
    ) -> Result<Jid, AccountError> {
        self.host(domain).ok_or_else(|| AccountError::UnknownHost(domain.to_owned()))?;
        let name = NewAccount::check(name)?;
        let account =
            Jid::new(Some(name.local()), domain, None).map_err(|_| AccountError::UnknownHost(domain.to_owned()))?;
        let (spelling, keys) = (name.spelling().to_owned(), credentials.into());
        self.run_errand(&account, Errand::Create { spelling, keys }).await?;
        Ok(account)
    }

    pub(crate) async fn create_here(
        &self,
        account: &Jid,
        spelling: &str,
        credentials: &NewCredentials,
    ) -> Result<(), AccountError> {
        let unknown = || AccountError::UnknownHost(account.domain().to_owned());
        let host = self.host(account.domain()).ok_or_else(unknown)?;
        if let Some(taken) = self.record(account).await? {
            return Err(if taken.removed { AccountError::Reserved } else { AccountError::Exists });
        }
        let now = self.clock().now();
        let mut record = Record::new(spelling, now);
        record.set(credentials);
        let owner = account.as_str();
        let accounts = &self.shapes().accounts;
        let epoch = self.claim(account)?;
        let batch = Batch::new(owner, epoch).expect_absent(accounts, owner).put(accounts, owner, record.bytes());
        let mut at = AccountCreatedAt { account, now, store: self.store(), writes: Vec::new() };
        AccountCreated::chain(host.plan()).run(Kinds::ALL, &mut at);
        let batch = at.writes.into_iter().fold(batch, |batch, (keys, bytes)| batch.put(&keys, owner, bytes));
        let made = self.store().submit(batch).await;
        self.store().release(owner, epoch);
        match made {
            Ok(()) => Ok(()),
            // Another stream made it at the same moment, and has let go of the home by now.
            Err(store::Error::Exists | store::Error::StaleEpoch) => Err(AccountError::Exists),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives an account new credentials. What proved the old password proves nothing any more.
    pub async fn set_credentials(&self, account: &Jid, credentials: &NewCredentials) -> Result<(), AccountError> {
        self.run_errand(account, Errand::Renew(credentials.into())).await
    }

    pub(crate) async fn renew_here(&self, account: &Jid, credentials: &NewCredentials) -> Result<(), AccountError> {
        let home = self.wake(account).await?.ok_or(AccountError::Missing)?;
        let mut record = self.record(account).await?.ok_or(AccountError::Missing)?;
        record.set(credentials);
        let ticket = home.with(self, |within| {
            if within.account.removed {
                // Meanwhile; the record that was read would bring it back.
                return Err(AccountError::Missing);
            }
            let batch = within.batch().put(&self.shapes().accounts, within.account.jid().as_str(), record.bytes());
            Ok(within.write(batch))
        })?;
        Ok(ticket.await?)
    }

    /// Removes an account: contacts are told, everything kept for it is erased, its name stays reserved. Then `answer` goes to the session that asked
    /// for it, if one did (XEP-0077 §3.2), and all its sessions end.
    pub async fn remove_account(&self, account: &Jid, answer: Option<Stanza>) -> Result<(), AccountError> {
        let answer = answer.map(|answer| answer.to_element().as_str().to_owned());
        self.run_errand(account, Errand::Remove { answer }).await
    }

    pub(crate) async fn remove_here(&self, account: &Jid, answer: Option<Stanza>) -> Result<(), AccountError> {
        let home = self.wake(account).await?.ok_or(AccountError::Missing)?;
        let mut record = self.record(account).await?.ok_or(AccountError::Missing)?;
        record.removed = true;
        record.set(&NewCredentials { scram: Vec::new(), digest: None });
        let owner = account.bare_str();
        let ticket = home.with(self, |within| {
            // First, so that nothing is written of it after the erasing.
            within.account.removed = true;
            within.hide_all();
            let batch = within.batch().erase(owner).put(&self.shapes().accounts, owner, record.bytes());
            within.cancel_subscriptions(batch)
        });
        if let Err(error) = ticket.await {
            // Their contacts believe them gone: they come back with new presence.
            home.with(self, |within| within.end_all(&StreamError::internal_server_error()));
            return Err(error.into());
        }
        home.with(self, |within| {
            if let Some(answer) = answer {
                within.answer_to_session(answer);
            }
            within.end_all(&StreamError::not_authorized());
        });
        self.directory().forget(owner);
        Ok(())
    }

    /// The accounts of a host after the bare JID `after`, in order, at most `limit`.
    pub async fn accounts(&self, host: &str, after: &str, limit: usize) -> Result<Vec<(Jid, Timestamp)>, Fault> {
        let mut found = Vec::new();
        let mut after = after.to_owned();
        while found.len() < limit {
            let page = self.shapes().accounts.owners(&after, limit.max(64)).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(last);
            for owner in page {
                let Some(account) = Jid::parse(&owner).ok().filter(|account| account.domain() == host) else {
                    continue;
                };
                if let Some(record) = self.record(&account).await?.filter(|record| !record.removed) {
                    found.push((account, Timestamp::from_millis(record.created_ms)));
                }
            }
        }
        found.truncate(limit);
        Ok(found)
    }
}

impl Record {
    fn new(spelling: &str, created: Timestamp) -> Record {
        let (scram, digest) = (Vec::new(), None);
        Record {
            spelling: spelling.to_owned(),
            created_ms: created.as_millis(),
            scram,
            digest,
            disabled: false,
            removed: false,
        }
    }
}
