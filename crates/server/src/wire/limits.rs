//! From the bounds of the configuration to those of the heart and of the doors.

use store::SqliteOptions;

use super::files::BESIDE_CONNECTIONS;
use crate::config::{Config, Limits};

/// The heart's bounds.
pub(super) fn for_hub(limits: &Limits) -> im::Limits {
    im::Limits {
        accounts_awake: size(limits.accounts_awake),
        sessions_per_account: size(limits.sessions_per_account),
        session_queue_bytes: size(limits.session_queue_bytes),
        hibernate_s: small(limits.hibernate_s),
        hibernating_per_account: size(limits.hibernating_per_account),
        hibernating_bytes: size(limits.hibernating_bytes),
        directed_presences: size(limits.directed_presences),
        password_checks: size(limits.password_checks),
        roster: for_rosters(limits),
    }
}

fn for_rosters(limits: &Limits) -> im::roster::Limits {
    im::roster::Limits {
        items: size(limits.roster_items),
        bytes: size(limits.roster_bytes),
        set_items: size(limits.roster_set_items),
        name_bytes: size(limits.roster_name_bytes),
        groups: size(limits.roster_groups),
        group_bytes: size(limits.roster_group_bytes),
        extras_bytes: size(limits.roster_extras_bytes),
        requests: size(limits.roster_requests),
        request_bytes: size(limits.roster_request_bytes),
        removals: size(limits.roster_removals),
    }
}

/// The store's bounds.
pub(super) fn for_store(limits: &Limits) -> SqliteOptions {
    SqliteOptions {
        backlog_soft_bytes: size(limits.backlog_soft_bytes),
        backlog_hard_bytes: size(limits.backlog_hard_bytes),
        file_bytes_max: (limits.database_bytes > 0).then_some(limits.database_bytes),
        ..SqliteOptions::default()
    }
}

/// The doors' bounds; no more connections than files may be open.
pub(super) fn for_doors(limits: &Limits, open_files: u64) -> net::Limits {
    let room = open_files.saturating_sub(BESIDE_CONNECTIONS).max(1);
    net::Limits {
        login_s: small(limits.login_s),
        handshake_s: small(limits.handshake_s),
        idle_s: small(limits.idle_s),
        dead_s: small(limits.dead_s),
        stuck_s: small(limits.stuck_s),
        linger_s: small(limits.linger_s),
        stanza_bytes: size(limits.stanza_bytes),
        stanza_nodes: size(limits.stanza_nodes),
        stanza_depth: size(limits.stanza_depth),
        stanza_attributes: size(limits.stanza_attributes),
        stream_bytes_per_s: limits.stream_bytes_per_s,
        stream_stanzas_per_s: limits.stream_stanzas_per_s,
        login_bytes: size(limits.login_bytes),
        header_bytes: size(limits.header_bytes),
        early_stanzas: size(limits.early_stanzas),
        early_bytes: size(limits.early_bytes),
        login_questions: small(limits.login_questions),
        login_attempts: small(limits.login_attempts),
        failure_delay_ms: small(limits.failure_delay_ms),
        connections: size(limits.connections.min(room)),
        connections_per_address: size(limits.connections_per_address),
    }
}

/// The bounds of HTTP.
pub(super) fn for_http(limits: &Limits, open_files: u64) -> net::http::HttpLimits {
    let room = open_files.saturating_sub(BESIDE_CONNECTIONS).max(1);
    net::http::HttpLimits {
        header_s: small(limits.http_header_s),
        header_bytes: size(limits.http_header_bytes),
        stall_s: small(limits.http_stall_s),
        body_bytes_per_s: limits.http_body_bytes_per_s,
        handshake_s: small(limits.handshake_s),
        linger_s: small(limits.linger_s),
        connections: size(limits.http_connections.min(room)),
        connections_per_address: size(limits.http_connections_per_address),
    }
}

/// The bounds of the relay.
pub(super) fn for_relay(config: &Config) -> net::relay::RelayLimits {
    let relay = &config.bytestreams;
    net::relay::RelayLimits {
        handshake_s: small(config.limits.handshake_s),
        wait_s: small(relay.wait_s),
        idle_s: small(relay.idle_s),
        connections: size(relay.connections),
        connections_per_address: size(relay.connections_per_address),
        streams_per_account: size(relay.account_streams),
        account_bytes_per_s: relay.account_bytes_per_s,
        account_bytes_per_day: relay.account_bytes_per_day,
    }
}

/// The ranges in the declaration fit both.
pub(super) fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_crates() {
        let limits = Limits::default();
        assert_eq!(for_doors(&limits, u64::MAX), net::Limits::default());
        assert_eq!(for_http(&limits, u64::MAX), net::http::HttpLimits::default());
        assert_eq!(for_relay(&Config::default()), net::relay::RelayLimits::default());
        assert_eq!(for_rosters(&limits), im::roster::Limits::default());
        assert_eq!(format!("{:?}", for_hub(&limits)), format!("{:?}", im::Limits::default()));
        let (store, default) = (for_store(&limits), SqliteOptions::default());
        assert_eq!(
            (store.backlog_soft_bytes, store.backlog_hard_bytes),
            (default.backlog_soft_bytes, default.backlog_hard_bytes)
        );
        assert_eq!(store.file_bytes_max, default.file_bytes_max);
    }
}
