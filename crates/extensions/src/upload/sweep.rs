//! What has expired is removed: files first, then what is remembered of them, so that a crash in between leaves nothing that is not looked for again.

use super::Room;
use super::record::{self, Record};
use im::{Erasure, Fault, Hub};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use store::{Batch, Error};
use xmpp::Jid;

/// Owners or files that are looked at together.
const PAGE: usize = 256;

/// The hourly round of one host.
pub(super) async fn all(room: Arc<Room>, hub: Hub, host: Jid) {
    let mut swept = slots(&room, &hub, &host).await;
    if swept.is_ok() && !room.looked.swap(true, Ordering::AcqRel) {
        swept = strays(&room, &hub, &host).await;
    }
    if let Err(error) = swept {
        Fault::from(error).tell();
    }
}

/// Looks at the slots of every account of this host, and counts what is left.
async fn slots(room: &Room, hub: &Hub, host: &Jid) -> Result<(), Error> {
    let (mut after, mut used) = (String::new(), 0_u64);
    loop {
        let accounts = record::slots(hub).owners(&after, PAGE).await?;
        let Some(last) = accounts.last() else { break };
        after.clone_from(last);
        for name in accounts.iter().filter(|name| is_of(name, host)) {
            used = used.saturating_add(account(room, hub, name).await?);
        }
    }
    room.used.store(used, Ordering::Relaxed);
    Ok(())
}

/// Removes what has expired of one account; how many bytes are left.
pub(super) async fn account(room: &Room, hub: &Hub, account: &str) -> Result<u64, Error> {
    let now = hub.clock().now();
    let (mut forgotten, mut used) = (Vec::new(), 0_u64);
    for (id, slot) in record::of_account(hub, account).await? {
        if !slot.is_alive(now) {
            remove(room, hub, &id).await?;
            if slot.is_forgotten(now) {
                forgotten.push(id);
            }
        } else if is_unused(room, hub, &id, &slot).await? {
            forgotten.push(id);
        } else {
            used = used.saturating_add(slot.size);
        }
    }
    forget(hub, account, &forgotten).await?;
    Ok(used)
}

/// Whether a slot has become too old without an upload.
async fn is_unused(room: &Room, hub: &Hub, id: &str, slot: &Record) -> Result<bool, Error> {
    if slot.is_open(hub.clock().now()) || record::files(hub).is_begun(id) {
        return Ok(false);
    }
    Ok(room.size(hub, id).await?.is_none())
}

/// What a crash, or an account that was removed, can have left: files that nobody remembers, and owners without a slot.
async fn strays(room: &Room, hub: &Hub, host: &Jid) -> Result<(), Error> {
    let mut after = String::new();
    loop {
        let (files, from) = (record::files(hub), after.clone());
        let ids = room.blocking(move || files.keys(&from, PAGE)).await?;
        let Some(last) = ids.last() else { break };
        after.clone_from(last);
        for id in &ids {
            if record::owner(hub, id).await?.is_none() && !record::files(hub).is_begun(id) {
                remove(room, hub, id).await?;
            }
        }
    }
    after.clear();
    loop {
        let ids = record::owners(hub).owners(&after, PAGE).await?;
        let Some(last) = ids.last() else { return Ok(()) };
        after.clone_from(last);
        for id in ids {
            let owner = record::owner(hub, &id).await?.filter(|owner| is_of(&owner.account, host));
            let Some(owner) = owner else { continue };
            if record::slots(hub).get(&owner.account, &id).await?.is_none() {
                remove(room, hub, &id).await?;
                forget(hub, &owner.account, &[id]).await?;
            }
        }
    }
}

/// With an account go its files: what tells of them in the same commit, they themselves right after it.
pub(super) async fn erase(room: Arc<Room>, hub: Hub, account: Jid) -> Result<Erasure, Fault> {
    let slots = record::of_account(&hub, account.as_str()).await?;
    let ids: Vec<String> = slots.into_iter().map(|(id, _)| id).collect();
    let values = ids.iter().map(|id| (record::owners(&hub), id.clone())).collect();
    let then = async move {
        for id in ids {
            if let Err(error) = remove(&room, &hub, &id).await {
                Fault::from(error).tell();
            }
        }
    };
    Ok(Erasure { values, then: Some(Box::pin(then)) })
}

async fn remove(room: &Room, hub: &Hub, id: &str) -> Result<(), Error> {
    let (files, id) = (record::files(hub), id.to_owned());
    room.blocking(move || files.remove(&id)).await.map(drop)
}

/// Removes what is remembered of slots.
async fn forget(hub: &Hub, account: &str, ids: &[String]) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let home = format!("uploads of {account}");
    let epoch = hub.store().claim(&home);
    let (slots, owners) = (record::slots(hub), record::owners(hub));
    let strike = |batch: Batch, id: &String| batch.delete_in(&slots, account, id).delete(&owners, id);
    let written = hub.store().submit(ids.iter().fold(Batch::new(&home, epoch), strike)).await;
    hub.store().release(&home, epoch);
    written
}

fn is_of(account: &str, host: &Jid) -> bool {
    account.rsplit_once('@').is_some_and(|(_, domain)| domain == host.as_str())
}
