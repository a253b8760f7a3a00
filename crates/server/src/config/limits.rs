//! Every bound of the server, by name, with its unit in the name.

use super::declare::section;

section! {
    /// Every bound of the server; the unit is in the name (`_bytes`, `_s` for seconds), a name without one is a count.
    pub struct Limits {
        /// The largest stanza of a client that has logged in.
        pub stanza_bytes: u64 = 262_144, 10_000..=16_777_216;
        /// The largest stanza, or part of the negotiation, of a client that has not logged in yet.
        pub login_stanza_bytes: u64 = 16_384, 10_000..=262_144;
        /// Elements, texts and attributes that one stanza may consist of.
        pub stanza_nodes: u64 = 8_192, 64..=65_536;
        /// How deep the elements of one stanza may be nested.
        pub stanza_depth: u64 = 64, 8..=1_024;
        /// Attributes that one element may have.
        pub stanza_attributes: u64 = 64, 16..=1_024;
        /// Seconds from connecting to being logged in.
        pub login_s: u64 = 60, 1..=3_600;
        /// Connections at the same time, all doors together.
        pub connections: u64 = 100_000, 1..=10_000_000;
        /// Connections at the same time from one IP address (from one /64 with IPv6).
        pub connections_per_address: u64 = 1_000, 1..=10_000_000;
    }
}
