//! Invitations: tokens that make a bounded number of accounts, and can be shown for a bounded time.
//!
//! Of a token only a digest is kept. Whatever changes how often one may be used is done one at a time for each host, so that a token is used as often as
//! was said and no oftener, and counts as used once the account is there (XEP-0445 §4).

use std::time::Duration;

use im::{Fault, Hub};
use serde::{Deserialize, Serialize};
use store::Batch;
use xmpp::sasl::digest::digest;
use xmpp::{Jid, Timestamp};

/// An invitation that was made just now.
pub struct Invitation {
    /// What the invited one shows; it is kept nowhere.
    pub token: String,
    /// From then on it is refused.
    pub until: Timestamp,
}

/// Why nobody can be invited.
#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    /// The host has as many invitations as it may have.
    #[error("there are {MOST} open invitations already; they have to be used or to expire first")]
    TooMany,
    /// Our own failure.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<store::Error> for InviteError {
    fn from(error: store::Error) -> Self {
        InviteError::Fault(error.into())
    }
}

/// What is kept of an invitation.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// How many accounts it still makes.
    left: u32,
    /// Milliseconds of Unix time.
    until_ms: i64,
}

/// Invitations of one host that are open at the same time.
const MOST: usize = 10_000;

/// Who has shown a token in time may take so long to register: longer than any stream may be without a login.
const GRACE_MS: i64 = 24 * 3_600_000;

/// What somebody who wants to register shows.
#[derive(Clone, Debug)]
pub(super) enum Pass {
    /// A token with the form.
    Token(String),
    /// A token that was shown earlier on this stream, by its key: that it has expired since does not matter (XEP-0445 §4).
    Shown(String),
}

/// Makes an invitation for so many accounts of the host.
pub async fn invite(hub: &Hub, host: &Jid, uses: u32, lasts: Duration) -> Result<Invitation, InviteError> {
    let token = hub.random_token()?;
    let now_ms = hub.clock().now().as_millis();
    let until_ms = now_ms.saturating_add(i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX));
    let _turn = hub.turn(&home(host)).await;
    let map = hub.store().map(NAME);
    let open = map.all(host.as_str()).await?;
    let is_over = |bytes: &[u8]| read(bytes).is_none_or(|kept| now_ms >= kept.until_ms.saturating_add(GRACE_MS));
    let (over, open): (Vec<_>, Vec<_>) = open.into_iter().partition(|(_, bytes)| is_over(bytes));
    if open.len() >= MOST {
        return Err(InviteError::TooMany);
    }
    let new = Kept { left: uses, until_ms };
    write(hub, host, |batch| {
        let batch = over.iter().fold(batch, |batch, (key, _)| batch.delete_in(&map, host.as_str(), key));
        batch.put_in(&map, host.as_str(), &key(host, &token), bytes(&new))
    })
    .await?;
    Ok(Invitation { token, until: Timestamp::from_millis(until_ms) })
}

/// The key under which a token is known here, if it can still be used.
pub(super) async fn find(hub: &Hub, host: &Jid, pass: &Pass) -> Result<Option<String>, Fault> {
    let key = match pass {
        Pass::Token(token) => key(host, token),
        Pass::Shown(key) => key.clone(),
    };
    let kept = hub.store().map(NAME).get(host.as_str(), &key).await?.and_then(|bytes| read(&bytes));
    let now_ms = hub.clock().now().as_millis();
    let in_time = |kept: &Kept| matches!(pass, Pass::Shown(_)) || now_ms < kept.until_ms;
    Ok(kept.filter(|kept| kept.left > 0 && in_time(kept)).map(|_| key))
}

/// Counts one use of the token with this key. For whoever has the turn since it was found.
pub(super) async fn spend(hub: &Hub, host: &Jid, key: &str) -> Result<(), Fault> {
    let map = hub.store().map(NAME);
    let Some(mut kept) = map.get(host.as_str(), key).await?.and_then(|bytes| read(&bytes)) else { return Ok(()) };
    kept.left = kept.left.saturating_sub(1);
    let spent = |batch: Batch| match kept.left {
        0 => batch.delete_in(&map, host.as_str(), key),
        _ => batch.put_in(&map, host.as_str(), key, bytes(&kept)),
    };
    Ok(write(hub, host, spent).await?)
}

/// The name of the turn in which the invitations of a host are changed, and of the home that writes them.
pub(super) fn home(host: &Jid) -> String {
    format!("invitations of {host}")
}

const NAME: &str = "invitations";

async fn write(hub: &Hub, host: &Jid, add: impl FnOnce(Batch) -> Batch) -> Result<(), store::Error> {
    let home = home(host);
    let epoch = hub.store().claim(&home);
    let written = hub.store().submit(add(Batch::new(&home, epoch))).await;
    hub.store().release(&home, epoch);
    written
}

fn key(host: &Jid, token: &str) -> String {
    digest(host.as_str(), token)
}

fn read(bytes: &[u8]) -> Option<Kept> {
    serde_json::from_slice(bytes).ok()
}

fn bytes(kept: &Kept) -> Vec<u8> {
    // Two numbers: there is nothing in it that could fail to be written.
    serde_json::to_vec(kept).unwrap_or_default()
}
