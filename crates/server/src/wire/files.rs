//! How many files, and so connections, the system allows this process.

use crate::cli::{Origin, Setup};
use crate::events;

/// Files that the server needs beside its connections: databases, sockets, certificates while they are read.
pub const BESIDE_CONNECTIONS: u64 = 64;

/// Raises the soft limit of open files to the hard one; the limit in force.
pub(super) fn raise_limit() -> u64 {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => {
            events::open_files(limit);
            limit
        }
        // Without the right to raise it, the limit stays what it is.
        Err(_) => rlimit::Resource::NOFILE.get_soft().unwrap_or(1_024),
    }
}

/// Warns when the system allows fewer connections than the operator; a trial start needs few.
pub(super) fn warn_if_few(setup: &Setup, open_files: u64) {
    let wanted = setup.config.limits.connections;
    if setup.origin != Origin::Development && open_files.saturating_sub(BESIDE_CONNECTIONS) < wanted {
        events::few_open_files(open_files, wanted);
    }
}
