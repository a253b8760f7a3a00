//! What is remembered of a slot, and how it is found.

use super::{Room, path};
use im::{Fault, Hub};
use serde::{Deserialize, Serialize};
use store::{Blob, KeyValue, Map};
use xmpp::Timestamp;

/// A slot and, once it was uploaded, its file. Written once.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// As the client called the file.
    pub(super) name: String,
    /// The media type that the client announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<String>,
    /// Bytes.
    pub(super) size: u64,
    pub(super) given_ms: i64,
    /// Until when the upload may begin.
    pub(super) put_until_ms: i64,
    /// Until when the file is there.
    pub(super) expires_ms: i64,
}

/// Whose a slot is.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub(super) struct Owner {
    /// The account's bare JID.
    pub(super) account: String,
    /// The media type of the upload, where the slot names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<String>,
}

/// A day.
pub(super) const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

impl Record {
    pub(super) fn bytes(&self) -> Vec<u8> {
        // Strings and numbers: there is nothing in it that could fail to be written.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Whether its file can still be had.
    pub(super) fn is_alive(&self, now: Timestamp) -> bool {
        now.as_millis() < self.expires_ms
    }

    /// Whether nothing counts it any more: its file has expired, and so has the day on which it was uploaded.
    pub(super) fn is_forgotten(&self, now: Timestamp) -> bool {
        !self.is_alive(now) && now.as_millis() >= self.given_ms.saturating_add(DAY_MS)
    }

    /// Whether its upload may still begin.
    pub(super) fn is_open(&self, now: Timestamp) -> bool {
        now.as_millis() < self.put_until_ms && self.is_alive(now)
    }
}

impl Owner {
    pub(super) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// The slots of accounts.
pub(super) fn slots(hub: &Hub) -> Map {
    hub.store().map("uploads")
}

/// Whose slots are.
pub(super) fn owners(hub: &Hub) -> KeyValue {
    hub.store().keys("upload_owners")
}

/// The files.
pub(super) fn files(hub: &Hub) -> Blob {
    hub.store().blobs("uploads")
}

/// A slot that was found by its path.
pub(super) struct Found {
    pub(super) id: String,
    pub(super) owner: Owner,
    pub(super) record: Record,
}

/// Finds the slot of a path; `None` when there is none whose file can still be had.
pub(super) async fn find(hub: &Hub, path: &str) -> Result<Option<Found>, store::Error> {
    let Some((id, name)) = path::read(path) else { return Ok(None) };
    let Some(owner) = owner(hub, id).await? else { return Ok(None) };
    let Some(record) = slots(hub).get(&owner.account, id).await?.and_then(|bytes| read(&bytes)) else { return Ok(None) };
    let there = record.name == name && record.is_alive(hub.clock().now());
    Ok(there.then(|| Found { id: id.to_owned(), owner, record }))
}

/// Whose a slot is.
pub(super) async fn owner(hub: &Hub, id: &str) -> Result<Option<Owner>, store::Error> {
    Ok(owners(hub).get(id).await?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// All slots of an account.
pub(super) async fn of_account(hub: &Hub, account: &str) -> Result<Vec<(String, Record)>, store::Error> {
    let all = slots(hub).all(account).await?;
    Ok(all.into_iter().filter_map(|(id, bytes)| Some((id, read(&bytes)?))).collect())
}

fn read(bytes: &[u8]) -> Option<Record> {
    let read = serde_json::from_slice(bytes);
    if let Err(error) = &read {
        let (what, owner) = ("uploads", "an account".to_owned());
        Fault::Unreadable { what, owner, why: error.to_string() }.tell();
    }
    read.ok()
}

impl Room {
    /// How many bytes a file has, if it was uploaded.
    pub(super) async fn size(&self, hub: &Hub, id: &str) -> Result<Option<u64>, store::Error> {
        let (files, id) = (files(hub), id.to_owned());
        self.blocking(move || files.size(&id)).await
    }
}
