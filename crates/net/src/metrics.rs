//! Counters of the doors, for the operator's graphs. They only grow; what is open now is a difference.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts one.
    pub fn one(&self) {
        self.add(1);
    }

    /// Counts several.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// What was counted since the start.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Everything that is counted at the doors. One for all listeners.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Connections accepted.
    pub connections_opened: Counter,
    /// Connections ended.
    pub connections_closed: Counter,
    /// Connections turned away because of a limit.
    pub connections_refused: Counter,
    /// TLS handshakes finished.
    pub handshakes: Counter,
    /// TLS handshakes that failed or took too long.
    pub handshakes_failed: Counter,
    /// Sessions bound on J-streams without and with TLS.
    pub legacy_streams: ByTls,
    /// Sessions bound on X-streams without and with TLS.
    pub xmpp_streams: ByTls,
    /// Logins that succeeded.
    pub logins: Counter,
    /// Logins that failed.
    pub logins_failed: Counter,
    /// Stanzas read from sessions.
    pub stanzas_in: Counter,
    /// Stanzas written to sessions.
    pub stanzas_out: Counter,
    /// Bytes of streams read, without TLS.
    pub bytes_in: Counter,
    /// Bytes of streams written, without TLS.
    pub bytes_out: Counter,
    /// Stream errors told to clients, by condition.
    pub stream_errors: ByCondition,
}

/// A counter apart for encrypted streams.
#[derive(Debug, Default)]
pub struct ByTls {
    /// Unencrypted.
    pub plain: Counter,
    /// Encrypted.
    pub encrypted: Counter,
}

impl ByTls {
    /// Counts one.
    pub fn one(&self, encrypted: bool) {
        if encrypted { self.encrypted.one() } else { self.plain.one() }
    }
}

/// A counter for each condition that has occurred. The conditions are RFC 6120's, so there are few.
#[derive(Debug, Default)]
pub struct ByCondition(Mutex<Vec<(&'static str, u64)>>);

impl ByCondition {
    /// Counts one.
    pub fn one(&self, condition: &'static str) {
        let mut counts = self.0.lock();
        match counts.iter_mut().find(|(name, _)| *name == condition) {
            Some((_, count)) => *count += 1,
            None => counts.push((condition, 1)),
        }
    }

    /// What was counted since the start, by condition.
    pub fn values(&self) -> Vec<(&'static str, u64)> {
        self.0.lock().clone()
    }
}
