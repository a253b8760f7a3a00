//! What proves that somebody is the owner of an account: SCRAM keys always; what logins of 2000 need only where it was asked for.
use crate::accounts::AccountError;
use crate::carried::frame::{Errand, Keys};
use crate::fault::Fault;
use crate::hub::Hub;
use crate::record::Record;
use store::Batch;
use tokio::sync::MutexGuard;
use xmpp::Jid;
use xmpp::sasl::{Hash, ScramKeys, ZeroK};

/// What is kept beside the SCRAM keys, for clients of 2000 that know neither SCRAM nor encryption. Each costs some safety if what is stored is stolen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LegacyCredentials {
    /// Nothing.
    #[default]
    None,
    /// A chain of hashes for `hash` ("0k"): the password can be guessed from it some hundred times as cheaply as from SCRAM keys.
    ZeroK,
    /// The password itself, for `digest`, and a chain.
    Password,
}

impl LegacyCredentials {
    /// Every choice, the least first.
    pub const ALL: [LegacyCredentials; 3] =
        [LegacyCredentials::None, LegacyCredentials::ZeroK, LegacyCredentials::Password];

    /// Its name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            LegacyCredentials::None => "none",
            LegacyCredentials::ZeroK => "zero-k",
            LegacyCredentials::Password => "password",
        }
    }
}

/// What can prove that somebody is the owner of an account.
#[derive(Clone, Default)]
pub struct Credentials {
    /// Keys for SCRAM, one for each hash.
    pub scram: Vec<ScramKeys>,
    /// The password itself, kept only where it was asked for: `digest` of 2000 cannot be checked without it.
    pub digest: Option<String>,
    /// The chain for `hash` of 2000, kept only where it was asked for.
    pub zero_k: Option<ZeroK>,
    /// The account may not log in.
    pub disabled: bool,
}

impl Credentials {
    /// How much is kept beside the SCRAM keys.
    pub fn legacy(&self) -> LegacyCredentials {
        match (&self.digest, &self.zero_k) {
            (Some(_), _) => LegacyCredentials::Password,
            (None, Some(_)) => LegacyCredentials::ZeroK,
            (None, None) => LegacyCredentials::None,
        }
    }

    /// Whether something of `wanted` is missing, or used up, that the password could bring back.
    fn lacks(&self, wanted: LegacyCredentials) -> bool {
        let chain = wanted >= LegacyCredentials::ZeroK;
        self.legacy() < wanted || chain && self.zero_k.as_ref().is_none_or(ZeroK::is_spent)
    }
}

/// What an account shall be given: keys made from its password, and what old logins need only where they are wanted.
#[derive(Clone, Default)]
pub struct NewCredentials {
    /// Keys for SCRAM, one for each hash.
    pub scram: Vec<ScramKeys>,
    /// Kept as it is, for `digest`.
    pub digest: Option<String>,
    /// Kept for `hash`.
    pub zero_k: Option<ZeroK>,
}

impl NewCredentials {
    /// Derives keys for SCRAM-SHA-1 and SCRAM-SHA-256. Slow by design: not for a thread that serves others.
    pub fn derive(password: &str) -> Result<NewCredentials, AccountError> {
        let keys =
            |hash| ScramKeys::generate(hash, password, ScramKeys::ITERATIONS).map_err(|_| AccountError::BadPassword);
        Ok(NewCredentials { scram: vec![keys(Hash::Sha1)?, keys(Hash::Sha256)?], ..NewCredentials::default() })
    }

    /// The same with what clients of 2000 need, as far as it is wanted.
    #[must_use]
    pub fn keeping(self, wanted: LegacyCredentials, password: &str) -> NewCredentials {
        let digest = (wanted >= LegacyCredentials::Password).then(|| password.to_owned());
        let zero_k = (wanted >= LegacyCredentials::ZeroK).then(|| ZeroK::begin(password));
        NewCredentials { digest, zero_k, ..self }
    }
}

/// What comes of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordCheck {
    /// It is the account's.
    Right,
    /// It is not, or there is no such account.
    Wrong,
    /// It is, but the account may not log in.
    Disabled,
}

impl Hub {
    /// What proves this account's password. `None`: there is no such account.
    pub async fn credentials(&self, account: &Jid) -> Result<Option<Credentials>, Fault> {
        let record = self.record(account).await?;
        Ok(record.filter(|record| !record.is_removed()).map(|record| record.credentials()))
    }

    /// Whether this is the account's password, and it may log in.
    pub async fn check_password(&self, account: &Jid, password: &str) -> Result<bool, Fault> {
        Ok(self.judge_password(account, password).await? == PasswordCheck::Right)
    }

    /// Judges a password. Takes as long for an account that does not exist; only a few run at a time, away from the workers. What the host keeps for
    /// clients of 2000 is made when the password is seen: here, too.
    pub async fn judge_password(&self, account: &Jid, password: &str) -> Result<PasswordCheck, Fault> {
        let credentials = self.credentials(account).await?;
        let keys = credentials.as_ref().and_then(|found| found.scram.first().cloned());
        let keys = keys
            .unwrap_or_else(|| ScramKeys::fake(Hash::Sha1, self.secret(), account.bare_str(), ScramKeys::ITERATIONS));
        let permit = self.password_permit().await;
        let given = password.to_owned();
        let checked = tokio::task::spawn_blocking(move || keys.check_password(&given)).await;
        drop(permit);
        let right = checked.unwrap_or(false);
        match credentials {
            Some(found) if right && found.disabled => Ok(PasswordCheck::Disabled),
            Some(found) if right => {
                self.complete(account, &found, password).await;
                Ok(PasswordCheck::Right)
            }
            _ => Ok(PasswordCheck::Wrong),
        }
    }

    /// Makes what old logins need and the account lacks, now that the password is known. A login does not fail because this could not be written.
    async fn complete(&self, account: &Jid, found: &Credentials, password: &str) {
        let wanted = self.legacy_credentials(account).max(found.legacy());
        if !found.lacks(wanted) {
            return;
        }
        let made = NewCredentials::default().keeping(wanted, password);
        let scram = found.scram.iter().map(ScramKeys::to_record).collect();
        let keys = Keys { scram, ..(&made).into() };
        if let Err(AccountError::Fault(fault)) = self.run_errand(account, Errand::Complete(keys)).await {
            fault.tell();
        }
    }

    /// What the account's host keeps for clients of 2000 unless somebody says otherwise for one account.
    pub fn legacy_credentials(&self, account: &Jid) -> LegacyCredentials {
        self.host(account.domain()).map(|host| host.plan().legacy_credentials()).unwrap_or_default()
    }

    /// What accounts of the host have beside SCRAM keys, as far as this was ever written, in the order of [`LegacyCredentials::ALL`].
    pub async fn kept_legacy_credentials(&self, host: &Jid) -> Result<Vec<LegacyCredentials>, Fault> {
        let usual = self.legacy_credentials(host);
        let mut kept = vec![LegacyCredentials::None];
        for level in [LegacyCredentials::ZeroK, LegacyCredentials::Password] {
            let noted = self.shapes().server.get(&note(host.domain(), level)).await?.is_some();
            kept.extend((noted || level == usual).then_some(level));
        }
        Ok(kept)
    }

    /// Notes that somebody has such credentials at this host: a name that nobody has may then look as if it did.
    pub(crate) fn note_legacy(&self, batch: Batch, account: &Jid, credentials: &NewCredentials) -> Batch {
        let level = match (&credentials.digest, &credentials.zero_k) {
            (None, None) => return batch,
            (None, Some(_)) => LegacyCredentials::ZeroK,
            (Some(_), _) => LegacyCredentials::Password,
        };
        batch.put(&self.shapes().server, &note(account.domain(), level), Vec::new())
    }

    /// Gives an account new credentials. What proved the old password proves nothing any more.
    pub async fn set_credentials(&self, account: &Jid, credentials: &NewCredentials) -> Result<(), AccountError> {
        self.run_errand(account, Errand::Renew(credentials.into())).await
    }

    pub(crate) async fn renew_here(&self, account: &Jid, credentials: &NewCredentials) -> Result<(), AccountError> {
        self.rewrite(account, |record| {
            record.set(credentials);
            Ok(Some(credentials.clone()))
        })
        .await
    }

    /// Spends the next hash of the account's chain: once, however many try at the same time. It is durable when this is done.
    pub async fn spend_hash(&self, account: &Jid, hash: &str) -> Result<(), AccountError> {
        self.run_errand(account, Errand::Spend { hash: hash.to_owned() }).await
    }

    pub(crate) async fn spend_here(&self, account: &Jid, hash: &str) -> Result<(), AccountError> {
        // Whoever guesses keeps nobody waiting.
        let known = self.credentials(account).await?.ok_or(AccountError::NotProved)?;
        known.zero_k.and_then(|chain| chain.after(hash)).ok_or(AccountError::NotProved)?;
        let spend = |record: &mut Record| {
            let kept = record.credentials();
            let next = kept.zero_k.and_then(|chain| chain.after(hash)).ok_or(AccountError::NotProved)?;
            // Where the password is kept, a new chain can be begun without its owner.
            let next = match record.digest() {
                Some(password) if next.is_spent() => ZeroK::begin(password),
                _ => next,
            };
            record.set_zero_k(&next);
            Ok(None)
        };
        self.rewrite(account, spend).await
    }

    /// Adds what old logins need, if the password is still the one that `keys` were made from.
    pub(crate) async fn complete_here(&self, account: &Jid, keys: NewCredentials) -> Result<(), AccountError> {
        self.rewrite(account, |record| {
            if !record.has_keys(&keys.scram) {
                return Err(AccountError::NotProved);
            }
            record.set(&keys);
            Ok(Some(keys))
        })
        .await
    }

    /// Changes an account's record, one change at a time; given back is what is to be noted of it.
    async fn rewrite(
        &self,
        account: &Jid,
        change: impl FnOnce(&mut Record) -> Result<Option<NewCredentials>, AccountError>,
    ) -> Result<(), AccountError> {
        let home = self.wake(account).await?.ok_or(AccountError::Missing)?;
        let _turn = self.credentials_turn(account).await;
        let mut record = self.record(account).await?.ok_or(AccountError::Missing)?;
        let changed = change(&mut record)?;
        let ticket = home.with(self, |within| {
            if within.account.removed {
                // Meanwhile; the record that was read would bring it back.
                return Err(AccountError::Missing);
            }
            let batch = within.batch().put(&self.shapes().accounts, within.account.jid().as_str(), record.bytes());
            let batch = match &changed {
                Some(credentials) => self.note_legacy(batch, account, credentials),
                None => batch,
            };
            Ok(within.write(batch))
        })?;
        Ok(ticket.await?)
    }

    /// Held from reading an account's record to having it written: else one change would undo another.
    pub(crate) async fn credentials_turn(&self, account: &Jid) -> MutexGuard<'_, ()> {
        self.credentials_turns().of(account.bare_str()).await
    }

    /// One at a time, for whoever reads something of this name and writes what follows from it. Nobody waits for two such turns at once.
    pub async fn turn(&self, name: &str) -> MutexGuard<'_, ()> {
        self.named_turns().of(name).await
    }
}

/// Where it is noted that a host has such credentials.
fn note(host: &str, level: LegacyCredentials) -> String {
    format!("legacy {} {host}", level.name())
}

/// Who may change an account's record; some accounts share a turn.
pub(crate) struct Turns {
    hasher: foldhash::fast::RandomState,
    turns: Vec<tokio::sync::Mutex<()>>,
}

impl Turns {
    /// So many records are changed at the same time.
    const COUNT: usize = 64;

    async fn of(&self, bare: &str) -> MutexGuard<'_, ()> {
        let hash = std::hash::BuildHasher::hash_one(&self.hasher, bare);
        self.turns[hash as usize % Turns::COUNT].lock().await
    }
}

impl Default for Turns {
    fn default() -> Turns {
        let turns = (0..Turns::COUNT).map(|_| tokio::sync::Mutex::new(())).collect();
        Turns { hasher: foldhash::fast::RandomState::default(), turns }
    }
}
