//! What each account has relayed: streams now, bytes today, and how far ahead of its rate it is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use xmpp::Jid;

use super::RelayLimits;

/// How long bytes count.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Accounts beyond which those that are done with their day are forgotten.
const PRUNE: usize = 1_024;

/// The books of all accounts.
pub(super) struct Ledger {
    limits: RelayLimits,
    accounts: Arc<Mutex<HashMap<Jid, Book>>>,
}

struct Book {
    streams: usize,
    /// When the day began on which these bytes were carried.
    since: Instant,
    bytes: u64,
    /// When all that was carried would have been carried at exactly the rate.
    due: Instant,
}

/// One stream of an account; dropped, the stream is over.
pub(super) struct Account {
    jid: Jid,
    limits: RelayLimits,
    accounts: Arc<Mutex<HashMap<Jid, Book>>>,
}

impl Ledger {
    pub(super) fn new(limits: RelayLimits) -> Ledger {
        Ledger { limits, accounts: Arc::default() }
    }

    /// Begins a stream; `None` when the account has as many, or has carried as much, as it may.
    pub(super) fn open(&self, jid: &Jid) -> Option<Account> {
        let now = Instant::now();
        let mut accounts = self.accounts.lock();
        if accounts.len() >= PRUNE {
            accounts.retain(|_, book| book.streams > 0 || now.duration_since(book.since) < DAY);
        }
        let book = accounts.entry(jid.clone()).or_insert(Book { streams: 0, since: now, bytes: 0, due: now });
        book.turn_page(now);
        if book.streams >= self.limits.streams_per_account || book.bytes >= self.limits.account_bytes_per_day {
            return None;
        }
        book.streams += 1;
        Some(Account { jid: jid.clone(), limits: self.limits, accounts: self.accounts.clone() })
    }
}

impl Book {
    fn turn_page(&mut self, now: Instant) {
        if now.duration_since(self.since) >= DAY {
            (self.since, self.bytes) = (now, 0);
        }
    }
}

impl Account {
    /// Counts bytes; how long to wait before more are carried, or `None` when the day's bytes are used up.
    pub(super) fn carry(&self, bytes: usize) -> Option<Duration> {
        let now = Instant::now();
        let mut accounts = self.accounts.lock();
        let book = accounts.get_mut(&self.jid)?;
        book.turn_page(now);
        book.bytes = book.bytes.saturating_add(bytes as u64);
        if book.bytes > self.limits.account_bytes_per_day {
            return None;
        }
        let micros = (bytes as u64).saturating_mul(1_000_000).checked_div(self.limits.account_bytes_per_s).unwrap_or(0);
        book.due = book.due.max(now) + Duration::from_micros(micros);
        // One second's worth may go at once.
        Some(book.due.duration_since(now).saturating_sub(Duration::from_secs(1)))
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if let Some(book) = self.accounts.lock().get_mut(&self.jid) {
            book.streams -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> Ledger {
        Ledger::new(RelayLimits {
            streams_per_account: 2,
            account_bytes_per_s: 100,
            account_bytes_per_day: 1_000,
            ..RelayLimits::default()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_has_so_many_streams() {
        let (ledger, amy) = (ledger(), Jid::parse("amy@example.org").unwrap());
        let first = ledger.open(&amy).unwrap();
        let _second = ledger.open(&amy).unwrap();
        assert!(ledger.open(&amy).is_none());
        assert!(ledger.open(&Jid::parse("bob@example.org").unwrap()).is_some());
        drop(first);
        assert!(ledger.open(&amy).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn its_streams_share_a_rate_and_a_day() {
        let (ledger, amy) = (ledger(), Jid::parse("amy@example.org").unwrap());
        let (first, second) = (ledger.open(&amy).unwrap(), ledger.open(&amy).unwrap());
        assert_eq!(first.carry(100), Some(Duration::ZERO));
        assert_eq!(second.carry(200), Some(Duration::from_secs(2)));
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(first.carry(100), Some(Duration::ZERO));
        assert_eq!(first.carry(600), Some(Duration::from_secs(6)));
        assert_eq!(second.carry(1), None, "a thousand bytes a day");
        drop((first, second));
        assert!(ledger.open(&amy).is_none());
        tokio::time::advance(DAY).await;
        assert!(ledger.open(&amy).is_some());
    }
}
