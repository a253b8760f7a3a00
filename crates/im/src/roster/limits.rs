//! How large one account's roster may grow.

/// Bounds of one roster. What a client may not exceed is told to it; what a stranger may not exceed is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Items that clients see.
    pub items: usize,
    /// Text of all items that clients see, in bytes: addresses, names, groups, extras.
    pub bytes: usize,
    /// Items in one set of a J-client; an X-client may send one.
    pub set_items: usize,
    /// Bytes of a name.
    pub name_bytes: usize,
    /// Groups of one item.
    pub groups: usize,
    /// Bytes of the name of a group.
    pub group_bytes: usize,
    /// Bytes of memory of what a J-client stores in one item beside its groups; more is not kept.
    pub extras_bytes: usize,
    /// Requests that wait for the user's answer.
    pub requests: usize,
    /// Bytes of memory of a request that is kept whole; of a larger one only the fact is kept.
    pub request_bytes: usize,
    /// Removed items that are remembered, so that a client which was away hears of them without the whole roster.
    pub removals: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            items: 4_000,
            bytes: 1_048_576,
            set_items: 256,
            name_bytes: 1_023,
            groups: 64,
            group_bytes: 1_023,
            extras_bytes: 2_048,
            requests: 256,
            request_bytes: 8_192,
            removals: 100,
        }
    }
}
