//! Accounts: made, listed, removed, and names given back.
use crate::carried::frame::Errand;
use crate::chores::Erasure;
use crate::credentials::NewCredentials;
use crate::fault::Fault;
use crate::hub::Hub;
use crate::moments::{AccountCreated, AccountCreatedAt, Kinds, Moment};
use crate::record::Record;
use crate::roster::Roster;
use store::Batch;
use xmpp::jid::{NewAccount, NewAccountError};
use xmpp::{Jid, Stanza, StreamError, Timestamp};

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
    /// The proof is not one of the account's password.
    #[error("this does not prove the account's password")]
    NotProved,
    /// The name is not reserved: nobody has it, or had it.
    #[error("this name is not reserved")]
    NotReserved,
    /// Contacts have yet to hear that the account before is gone: they would not hear it any more.
    #[error("not all contacts have heard yet that the account is gone: try again later")]
    Unheard,
    /// Our own failure.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<store::Error> for AccountError {
    fn from(error: store::Error) -> Self {
        AccountError::Fault(Fault::Store(error))
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

    /// An account's roster as the store has it, wherever its home is. `None`: there is no such account.
    pub async fn stored_roster(&self, account: &Jid) -> Result<Option<Roster>, Fault> {
        if self.record(account).await?.is_none_or(|record| record.is_removed()) {
            return Ok(None);
        }
        let rows = self.shapes().roster.all(account.bare_str()).await?;
        let unreadable = |why: String| Fault::Unreadable { what: "roster", owner: account.to_string(), why };
        Roster::decode(rows).map(Some).map_err(|error| unreadable(error.to_string()))
    }

    /// The name as its owner wrote it when the account was made.
    pub async fn spelling(&self, account: &Jid) -> Result<Option<String>, Fault> {
        Ok(self.record(account).await?.filter(|record| !record.is_removed()).map(|record| record.spelling().to_owned()))
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
            return Err(if taken.is_removed() { AccountError::Reserved } else { AccountError::Exists });
        }
        let now = self.clock().now();
        let mut record = Record::new(spelling, now);
        record.set(credentials);
        let owner = account.as_str();
        let accounts = &self.shapes().accounts;
        let epoch = self.claim(account)?;
        let batch = Batch::new(owner, epoch).expect_absent(accounts, owner).put(accounts, owner, record.bytes());
        let batch = self.note_legacy(batch, account, credentials);
        let mut at = AccountCreatedAt { account, now, store: self.store(), writes: Vec::new(), rows: Vec::new() };
        AccountCreated::chain(host.plan()).run(Kinds::ALL, &mut at);
        let batch = at.writes.into_iter().fold(batch, |batch, (keys, bytes)| batch.put(&keys, owner, bytes));
        let batch = at.rows.into_iter().fold(batch, |batch, (archive, row)| batch.append(&archive, owner, row));
        let made = self.store().submit(batch).await;
        self.store().release(owner, epoch);
        match made {
            Ok(()) => Ok(()),
            // Another stream made it at the same moment, and has let go of the home by now.
            Err(store::Error::Exists | store::Error::StaleEpoch) => Err(AccountError::Exists),
            Err(error) => Err(error.into()),
        }
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
        let erasures = self.erasures(account).await?;
        record.remove();
        let owner = account.bare_str();
        let ticket = home.with(self, |within| {
            // First, so that nothing is written of it after the erasing.
            within.account.removed = true;
            within.hide_all();
            let batch = within.batch().erase(owner).put(&self.shapes().accounts, owner, record.bytes());
            let values = erasures.iter().flat_map(|erasure| &erasure.values);
            let batch = values.fold(batch, |batch, (keys, owner)| batch.delete(keys, owner));
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
        erasures.into_iter().filter_map(|erasure| erasure.then).for_each(|work| self.spawn(work));
        Ok(())
    }

    /// Gives back a name that is reserved since its account was removed: whoever takes it now may be taken for the one before.
    pub async fn free_name(&self, account: &Jid) -> Result<(), AccountError> {
        self.run_errand(account, Errand::Free).await
    }

    pub(crate) async fn free_here(&self, account: &Jid) -> Result<(), AccountError> {
        let _turn = self.credentials_turn(account).await;
        let record = self.record(account).await?.ok_or(AccountError::NotReserved)?;
        if !record.is_removed() {
            return Err(AccountError::Exists);
        }
        let owner = account.bare_str();
        if self.shapes().outgoing.last(owner).await?.is_some() {
            return Err(AccountError::Unheard);
        }
        let epoch = self.claim(account)?;
        let freed = self.store().submit(Batch::new(owner, epoch).erase(owner)).await;
        self.store().release(owner, epoch);
        Ok(freed?)
    }

    /// What extensions have of an account that is not stored under its own address.
    async fn erasures(&self, account: &Jid) -> Result<Vec<Erasure>, Fault> {
        let Some(host) = self.host(account.domain()) else { return Ok(Vec::new()) };
        let mut erasures = Vec::new();
        for handler in &host.plan().erasures {
            erasures.push(handler(self, account.bare()).await?);
        }
        Ok(erasures)
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
                if let Some(record) = self.record(&account).await?.filter(|record| !record.is_removed()) {
                    found.push((account, record.created()));
                }
            }
        }
        found.truncate(limit);
        Ok(found)
    }
}
