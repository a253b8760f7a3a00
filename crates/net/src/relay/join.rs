//! Two connections that were joined: what one says the other hears, at the account's rate, until both have ended.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::ledger::Account;
use super::{RelayLimits, Side};
use crate::Counter;

/// What is carried at a time, in each direction.
const PART_BYTES: usize = 16 * 1024;

/// Carries in both directions until both sides have ended, one breaks, nothing moves for too long, or the account has used up its day.
pub(super) async fn carry(
    first: Side,
    second: Side,
    account: &Account,
    limits: &RelayLimits,
    bytes: &Counter,
) -> io::Result<()> {
    let ((from, to), (back_from, back_to)) = (first.socket.into_split(), second.socket.into_split());
    let patience = Duration::from_secs(limits.idle_s.into());
    let moved = watch::Sender::new(Instant::now());
    let there = one_way(first.said, from, back_to, account, patience, &moved, bytes);
    let back = one_way(second.said, back_from, to, account, patience, &moved, bytes);
    tokio::select! {
        both = async { tokio::try_join!(there, back).map(drop) } => both,
        () = silence(&moved, patience) => Err(io::ErrorKind::TimedOut.into()),
    }
}

async fn one_way(
    said: Vec<u8>,
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    account: &Account,
    patience: Duration,
    moved: &watch::Sender<Instant>,
    bytes: &Counter,
) -> io::Result<()> {
    let (mut count, mut part) = (said.len(), said);
    part.resize(PART_BYTES, 0);
    loop {
        if count == 0 {
            count = from.read(&mut part).await?;
        }
        if count == 0 {
            return to.shutdown().await;
        }
        let pause = account.carry(count).ok_or(io::ErrorKind::QuotaExceeded)?;
        timeout(patience, to.write_all(&part[..count])).await??;
        bytes.add(count as u64);
        count = 0;
        // Whoever waits for the account's rate is not silent, however long that takes.
        let until = Instant::now() + pause;
        moved.send_modify(|moved| *moved = until.max(*moved));
        sleep_until(until).await;
    }
}

/// Resolves when nothing has moved for so long.
async fn silence(moved: &watch::Sender<Instant>, patience: Duration) {
    loop {
        let due = *moved.borrow() + patience;
        if due <= Instant::now() {
            return;
        }
        sleep_until(due).await;
    }
}
