//! What only an account's home can do: done here, or asked of the member where the home is.
use super::PLACES;
use super::frame::{Errand, Failure, Frame, Keys};
use crate::accounts::AccountError;
use crate::credentials::NewCredentials;
use crate::fault::Fault;
use crate::hub::Hub;
use cluster::{CarryError, Member, Placement, Weight};
use hashbrown::HashMap;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use xmpp::Jid;
use xmpp::sasl::{ScramKeys, ZeroK};

/// Errands at other members, by their numbers.
#[derive(Default)]
pub(super) struct Errands(Mutex<HashMap<u64, (Member, oneshot::Sender<Outcome>)>>);

type Outcome = Result<(), Failure>;

impl Errands {
    pub(super) fn done(&self, number: u64, outcome: Outcome) {
        let asked = self.0.lock().remove(&number);
        asked.map(|(_, tell)| tell.send(outcome));
    }

    /// What a dead member was asked is asked of another.
    pub(super) fn lost(&self, member: Member) {
        let lost: Vec<_> = self.0.lock().extract_if(|_, (asked, _)| *asked == member).collect();
        lost.into_iter().for_each(|(_, (_, tell))| drop(tell.send(Err(Failure::Moved))));
    }
}

impl Hub {
    /// Has something done at the home of `account`, wherever that is. One whose member dies over it is asked again: it may have been done already.
    pub(crate) async fn run_errand(&self, account: &Jid, errand: Errand) -> Result<(), AccountError> {
        for _ in 0..PLACES {
            match self.cluster().place(account.bare_str()) {
                Placement::Here => return self.perform(account, errand).await,
                Placement::There(member) => match self.ask_member(member, account, errand.clone()).await {
                    Err(Failure::Moved) => {}
                    outcome => return outcome.map_err(AccountError::from),
                },
            }
        }
        Err(Fault::moving().into())
    }

    async fn ask_member(&self, member: Member, account: &Jid, errand: Errand) -> Outcome {
        let number = self.carried().number();
        let (tell, told) = oneshot::channel();
        self.carried().errands.0.lock().insert(number, (member, tell));
        let frame = Frame::Errand { number, account: account.bare_str(), errand };
        match self.cluster().carry(member, account.bare_str(), frame.bytes(), Weight::New) {
            Ok(()) => told.await.unwrap_or(Err(Failure::Moved)),
            Err(error) => {
                self.carried().errands.0.lock().remove(&number);
                match error {
                    CarryError::Gone(_) => Err(Failure::Moved),
                    full => Err(Failure::Fault(full.to_string())),
                }
            }
        }
    }

    /// Another member asks for something.
    pub(super) fn take_errand(&self, from: Member, number: u64, account: Jid, errand: Errand) {
        let hub = self.clone();
        self.spawn(async move {
            let outcome = match hub.cluster().place(account.as_str()) {
                Placement::Here => hub.perform(&account, errand).await.map_err(Failure::from),
                Placement::There(_) => Err(Failure::Moved),
            };
            let done = Frame::Done { number, outcome };
            // If the other member is gone, nobody waits.
            let _ = hub.cluster().carry(from, account.as_str(), done.bytes(), Weight::Answer);
        });
    }

    async fn perform(&self, account: &Jid, errand: Errand) -> Result<(), AccountError> {
        match errand {
            Errand::Create { spelling, keys } => self.create_here(account, &spelling, &keys.read(account)?).await,
            Errand::Renew(keys) => self.renew_here(account, &keys.read(account)?).await,
            Errand::Remove { answer } => {
                let answer = answer.and_then(|answer| crate::stored_stanza("errand", answer.as_bytes()));
                self.remove_here(account, answer).await
            }
            Errand::Free => self.free_here(account).await,
            Errand::Spend { hash } => self.spend_here(account, &hash).await,
            Errand::Complete(keys) => self.complete_here(account, keys.read(account)?).await,
        }
    }
}

impl From<&NewCredentials> for Keys {
    fn from(credentials: &NewCredentials) -> Keys {
        let scram = credentials.scram.iter().map(ScramKeys::to_record).collect();
        let zero_k = credentials.zero_k.as_ref().map(ZeroK::to_record);
        Keys { scram, digest: credentials.digest.clone(), zero_k }
    }
}

impl Keys {
    /// The credentials, whole: an account with a part of them would refuse its owner.
    fn read(self, account: &Jid) -> Result<NewCredentials, Fault> {
        let scram: Option<_> = self.scram.iter().map(|kept| ScramKeys::from_record(kept)).collect();
        let zero_k = self.zero_k.map(|kept| ZeroK::from_record(&kept).ok_or(())).transpose();
        let unreadable = || Fault::Unreadable { what: "keys", owner: account.to_string(), why: "no keys".into() };
        let (scram, zero_k) = (scram.ok_or_else(unreadable)?, zero_k.map_err(|()| unreadable())?);
        Ok(NewCredentials { scram, digest: self.digest, zero_k })
    }
}

impl From<AccountError> for Failure {
    fn from(error: AccountError) -> Failure {
        match error {
            AccountError::Exists => Failure::Exists,
            AccountError::Reserved => Failure::Reserved,
            AccountError::Missing => Failure::Missing,
            AccountError::UnknownHost(host) => Failure::UnknownHost(host),
            AccountError::BadPassword => Failure::BadPassword,
            AccountError::NotProved => Failure::NotProved,
            AccountError::NotReserved => Failure::NotReserved,
            AccountError::Unheard => Failure::Unheard,
            // A name is checked before it is sent.
            error @ (AccountError::BadName(_) | AccountError::Fault(_)) => Failure::Fault(error.to_string()),
        }
    }
}

impl From<Failure> for AccountError {
    fn from(failure: Failure) -> AccountError {
        match failure {
            Failure::Moved => Fault::moving().into(),
            Failure::Exists => AccountError::Exists,
            Failure::Reserved => AccountError::Reserved,
            Failure::Missing => AccountError::Missing,
            Failure::UnknownHost(host) => AccountError::UnknownHost(host),
            Failure::BadPassword => AccountError::BadPassword,
            Failure::NotProved => AccountError::NotProved,
            Failure::NotReserved => AccountError::NotReserved,
            Failure::Unheard => AccountError::Unheard,
            Failure::Fault(why) => Fault::Elsewhere(why).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::LegacyCredentials;

    #[test]
    fn keys_are_read_whole_or_not_at_all() {
        let account = Jid::parse("amy@verona.example").unwrap();
        let credentials = NewCredentials::derive("secret").unwrap();
        let mut keys = Keys::from(&credentials);
        assert_eq!(keys.clone().read(&account).unwrap().scram.len(), credentials.scram.len());
        keys.scram.push("broken".into());
        assert!(keys.read(&account).is_err());
        let mut keys = Keys::from(&credentials.keeping(LegacyCredentials::Password, "secret"));
        let read = keys.clone().read(&account).unwrap();
        assert!(read.digest.is_some() && read.zero_k.is_some());
        keys.zero_k = Some("broken".into());
        assert!(keys.read(&account).is_err());
    }
}
