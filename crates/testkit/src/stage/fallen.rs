//! What has to be true when the member with the homes has died: told from what was durable before.

use super::StageError;
use super::life::failed;
use crate::scene::Scene;
use im::Hub;
use im::roster::Roster;
use im::subscription::State;
use std::collections::BTreeMap;
use xmpp::Jid;

/// What is durable of the accounts of a scene.
#[derive(Debug, Default)]
pub(super) struct Durable {
    accounts: BTreeMap<Jid, Kept>,
    /// Something waits for the disk: nobody was told of it, and it may be there afterwards or not.
    unsettled: bool,
}

/// What is durable of one account.
#[derive(Debug)]
struct Kept {
    /// What its clients see of its contacts: name and subscription.
    contacts: BTreeMap<Jid, (Option<String>, State)>,
    roster: Roster,
    /// Messages that wait for it.
    waiting: u64,
}

impl Durable {
    /// Reads it past every home.
    pub(super) async fn read(hub: &Hub, scene: &Scene, unsettled: bool) -> Result<Durable, StageError> {
        let mut all = BTreeMap::new();
        for member in scene.cast.iter().filter(|member| member.account) {
            let account = Jid::parse(&member.bare()).map_err(failed)?;
            if let Some(roster) = hub.stored_roster(&account).await.map_err(failed)? {
                let items = roster.iter().map(|item| (item.jid.clone(), (item.name.clone(), item.state)));
                let contacts = items.collect();
                let waiting = hub.shapes().archive.count_undelivered(account.as_str()).await.map_err(failed)?;
                all.insert(account, Kept { contacts, roster, waiting });
            }
        }
        Ok(Durable { accounts: all, unsettled })
    }

    /// The accounts.
    pub(super) fn accounts(&self) -> impl Iterator<Item = &Jid> {
        self.accounts.keys()
    }

    /// Compares it with what is durable after a death that came over these words: why it is not as it should be.
    pub(super) fn compare(&self, after: &Durable, words: &str) -> Result<(), String> {
        let says = |what: &[&str]| what.iter().any(|what| words.contains(what));
        if says(&["jabber:iq:register"]) {
            return Ok(());
        }
        for (account, before) in &self.accounts {
            let now = after.accounts.get(account).ok_or_else(|| format!("{account} is gone"))?;
            if before.contacts != now.contacts && !self.unsettled && !says(&["jabber:iq:roster", "subscribe"]) {
                return Err(format!("the roster of {account} was {:?}, is {:?}", before.contacts, now.contacts));
            }
            // Whoever comes gets what waits; nobody else lets it be less.
            if now.waiting < before.waiting && !says(&["<presence"]) {
                return Err(format!("{} messages waited for {account}, now {}", before.waiting, now.waiting));
            }
        }
        for (one, other) in self.accounts().flat_map(|one| self.accounts().map(move |other| (one, other))) {
            if self.agrees(one, other) && !after.agrees(one, other) {
                let (there, back) = (after.state(one, other), after.state(other, one));
                return Err(format!("{one} has {there:?} with {other}, which has {back:?}"));
            }
        }
        Ok(())
    }

    fn state(&self, owner: &Jid, contact: &Jid) -> State {
        self.accounts.get(owner).map_or(State::None, |kept| kept.roster.state(contact))
    }

    /// Whether both rosters say the same of one direction.
    fn agrees(&self, one: &Jid, other: &Jid) -> bool {
        let (there, back) = (self.state(one, other), self.state(other, one));
        there.sees_contact() == back.seen_by_contact() && there.pending_out() == back.pending_in()
    }
}

/// Wakes the accounts on the survivor. What it writes for them is taken, what the dead one still writes is refused.
pub(super) async fn wake_elsewhere(durable: &Durable, survivor: &Hub, dead: &Hub) -> Result<(), String> {
    for account in durable.accounts() {
        let woken = survivor.wake(account).await.map_err(|fault| format!("{account}: {fault}"))?;
        let Some(home) = woken else { continue };
        let old = dead.homes().into_iter().find(|home| home.jid() == account);
        if let Some(old) = old
            && write(&old, dead).await.is_ok()
        {
            return Err(format!("the dead member wrote for {account}"));
        }
        write(&home, survivor).await.map_err(|error| format!("the survivor could not write for {account}: {error}"))?;
    }
    Ok(())
}

async fn write(home: &std::sync::Arc<im::Home>, hub: &Hub) -> Result<(), store::Error> {
    let written = home.with(hub, |within| {
        let marks = within.hub().store().keys("mark");
        let batch = within.batch().put(&marks, within.account.jid().as_str(), b"mark".to_vec());
        within.write(batch)
    });
    written.await
}
