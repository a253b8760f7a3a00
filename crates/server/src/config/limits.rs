//! Every bound of the server, by name, with its unit in the name.

use super::declare::section;

section! {
    /// Every bound of the server; the unit is in the name (`_bytes`, `_s` for seconds, `_ms` for milliseconds), a name
    /// without one is a count.
    pub struct Limits {
        /// Connections of all clients together.
        pub connections: u64 = 100_000, 1..=10_000_000;
        /// Connections from one IP address (from one /64 with IPv6); this machine itself is exempt.
        pub connections_per_address: u64 = 500, 1..=10_000_000;
        /// From connecting to being logged in.
        pub login_s: u64 = 60, 1..=3_600;
        /// From connecting, or from asking for TLS, to an encrypted stream.
        pub handshake_s: u64 = 20, 1..=3_600;
        /// Questions that a client may ask before it has logged in.
        pub login_questions: u64 = 50, 1..=10_000;
        /// Failed logins, and failed resumptions, after which a stream is closed.
        pub login_attempts: u64 = 5, 1..=1_000;
        /// How long the answer to a failed login is held back.
        pub failure_delay_ms: u64 = 500, 0..=60_000;
        /// The largest element of a stream before login.
        pub login_bytes: u64 = 16_384, 10_000..=262_144;
        /// The largest opening tag of a stream.
        pub header_bytes: u64 = 8_192, 1_024..=65_536;
        /// Stanzas that a client of 2000 may send ahead of its login.
        pub early_stanzas: u64 = 32, 0..=1_024;
        /// Bytes of these.
        pub early_bytes: u64 = 65_536, 0..=1_048_576;
        /// The largest stanza of a session; RFC 6120 demands at least 10,000.
        pub stanza_bytes: u64 = 262_144, 10_000..=16_777_216;
        /// Elements, texts and attributes of one stanza.
        pub stanza_nodes: u64 = 8_192, 64..=65_536;
        /// Elements within elements of one stanza.
        pub stanza_depth: u64 = 64, 8..=1_024;
        /// Attributes of one element.
        pub stanza_attributes: u64 = 64, 16..=1_024;
        /// What a session may send per second, beyond a burst of ten seconds' worth; more is read later. 0: as much as it likes.
        pub stream_bytes_per_s: u64 = 1_048_576, 0..=1_099_511_627_776;
        /// The same, counted in stanzas.
        pub stream_stanzas_per_s: u64 = 1_000, 0..=1_000_000_000;
        /// Silence after which a space is sent, to keep the way open and to notice the dead.
        pub idle_s: u64 = 240, 10..=86_400;
        /// How long sent bytes may stay unacknowledged before a connection counts as lost.
        pub dead_s: u64 = 60, 5..=86_400;
        /// How long a client may take nothing of what waits for it.
        pub stuck_s: u64 = 60, 1..=3_600;
        /// How long the server waits for the other side's goodbye.
        pub linger_s: u64 = 3, 0..=60;
        /// Sessions of one account.
        pub sessions_per_account: u64 = 32, 1..=10_000;
        /// What may wait for one session before it counts as a reader that is too slow.
        pub session_queue_bytes: u64 = 4_194_304, 65_536..=1_073_741_824;
        /// How long a session whose connection is lost waits for its client to come back; 0: not at all.
        pub hibernate_s: u64 = 300, 0..=86_400;
        /// Sessions of one account that wait in this way; one more, and the oldest ends.
        pub hibernating_per_account: u64 = 8, 1..=1_000;
        /// What all waiting sessions together may hold; one that would hold more ends.
        pub hibernating_bytes: u64 = 67_108_864, 0..=1_099_511_627_776;
        /// Addresses to which one session may have sent its presence directly.
        pub directed_presences: u64 = 1_000, 1..=100_000;
        /// Accounts that are made from clients in one hour at one host, where that is allowed.
        pub registrations_per_hour: u64 = 60, 0..=1_000_000;
        /// The same from one IP address (from one /64 with IPv6); this machine itself is exempt.
        pub registrations_per_hour_per_address: u64 = 5, 0..=1_000_000;
        /// Messages kept for an account until it comes back.
        pub offline_messages: u64 = 1_000, 0..=1_000_000;
        /// Elements that an account may keep in its private XML storage.
        pub private_elements: u64 = 200, 0..=10_000;
        /// Bytes of these together.
        pub private_bytes: u64 = 1_048_576, 0..=1_073_741_824;
        /// Privacy lists of one account.
        pub privacy_lists: u64 = 32, 0..=1_000;
        /// Rules in all of them together; each blocked address is one.
        pub privacy_rules: u64 = 2_000, 0..=100_000;
        /// Bytes of these rules together.
        pub privacy_bytes: u64 = 262_144, 0..=16_777_216;
        /// Rules by which an account has its messages filtered.
        pub filter_rules: u64 = 100, 0..=10_000;
        /// Bytes of these together.
        pub filter_bytes: u64 = 65_536, 0..=16_777_216;
        /// Messages that such rules may forward for one account in a minute.
        pub filter_forwards_per_minute: u64 = 60, 0..=100_000;
        /// Contacts in one roster.
        pub roster_items: u64 = 4_000, 1..=100_000;
        /// Text of one roster: addresses, names, groups.
        pub roster_bytes: u64 = 1_048_576, 1_024..=67_108_864;
        /// Contacts that a client of 2000 may change at once.
        pub roster_set_items: u64 = 256, 1..=10_000;
        /// The name that a user gives a contact.
        pub roster_name_bytes: u64 = 1_023, 64..=65_536;
        /// Groups that one contact is in.
        pub roster_groups: u64 = 64, 1..=1_000;
        /// The name of one group.
        pub roster_group_bytes: u64 = 1_023, 64..=65_536;
        /// What a client of 2000 may store beside one contact.
        pub roster_extras_bytes: u64 = 2_048, 0..=65_536;
        /// Strangers who wait for the user's answer.
        pub roster_requests: u64 = 256, 1..=100_000;
        /// A request that is kept whole until it is answered; of a larger one only the fact is kept.
        pub roster_request_bytes: u64 = 8_192, 0..=262_144;
        /// Removed contacts that are remembered, so that a client which was away need not fetch the whole roster.
        pub roster_removals: u64 = 100, 0..=10_000;
        /// HTTP connections together.
        pub http_connections: u64 = 10_000, 1..=10_000_000;
        /// HTTP connections from one IP address (from one /64 with IPv6); this machine itself is exempt.
        pub http_connections_per_address: u64 = 100, 1..=10_000_000;
        /// From connecting with HTTP, or from the last answer, to the end of a request's header.
        pub http_header_s: u64 = 15, 1..=3_600;
        /// The largest header of an HTTP request.
        pub http_header_bytes: u64 = 16_384, 8_192..=1_048_576;
        /// How long an HTTP client may send, or take, nothing in the middle of a file.
        pub http_stall_s: u64 = 30, 1..=3_600;
        /// What an HTTP client must send per second on average, in bytes, once it has been waited for so long.
        pub http_body_bytes_per_s: u64 = 1_024, 1..=1_073_741_824;
        /// Accounts that are kept in memory without need.
        pub accounts_awake: u64 = 10_000, 1..=10_000_000;
        /// Passwords that are checked at the same time.
        pub password_checks: u64 = 4, 1..=1_024;
        /// Bytes that wait for the disk from which on clients are slowed down.
        pub backlog_soft_bytes: u64 = 16_777_216, 65_536..=17_179_869_184;
        /// Bytes that wait for the disk from which on nothing more is taken.
        pub backlog_hard_bytes: u64 = 67_108_864, 1_048_576..=17_179_869_184;
        /// How large the database may become, after which it behaves as on a full disk; 0 is as large as the disk allows.
        pub database_bytes: u64 = 0, 0..=1_125_899_906_842_624;
    }
}
