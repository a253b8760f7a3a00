//! A disk whose power can be cut: SQLite writes through it to real files, and it remembers every write and every sync, so that what a power cut at any
//! moment could have left behind can be made afterwards. It can also be full, broken, slow, or a liar. For tests only; no part of the server knows it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod dice;
mod remains;
mod shim;
mod tape;

pub use dice::Dice;
pub use remains::Remains;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tape::Tape;

/// A disk below one or more databases in one folder. Clones are the same disk.
#[derive(Clone)]
pub struct Disk {
    tape: Arc<Tape>,
    name: Arc<str>,
}

/// What is wrong with a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing more fits: writes fail with `SQLITE_FULL`.
    Full,
    /// Writes fail with `SQLITE_IOERR_WRITE`, as on a file system that became read-only or a disk that died.
    Broken,
}

impl Disk {
    /// A disk that works. What the files hold when SQLite opens them counts as durable.
    ///
    /// About 500 bytes of it stay for the life of the process, since SQLite may hold on to them for as long.
    pub fn new() -> Disk {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("yatter-disk-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let tape = Arc::<Tape>::default();
        shim::register(&name, tape.clone());
        Disk { tape, name: name.into() }
    }

    /// The name under which SQLite knows it: what `Connection::open_with_flags_and_vfs` wants.
    pub fn vfs(&self) -> &str {
        &self.name
    }

    /// Now, as a number of things that have happened to the files: a moment for [`Disk::power_cut`].
    pub fn now(&self) -> usize {
        self.tape.len()
    }

    /// What a power cut at `moment` may have left: all that was synced by then, and of the rest what `dice` say: nothing, all, a part in order, or any
    /// sectors in any order.
    pub fn power_cut(&self, moment: usize, dice: &mut Dice) -> Remains {
        self.tape.remains(moment, dice)
    }

    /// From now on writes are refused, or (`None`) no longer.
    pub fn refuse(&self, refusal: Option<Refusal>) {
        self.tape.behave(|manners| manners.refusal = refusal);
    }

    /// The next `count` syncs fail with `SQLITE_IOERR_FSYNC`; what they were to make durable is not.
    pub fn fail_syncs(&self, count: usize) {
        self.tape.behave(|manners| manners.failing_syncs = count);
    }

    /// How long each sync takes from now on.
    pub fn slow_down(&self, sync: Duration) {
        self.tape.behave(|manners| manners.sync_takes = sync);
    }

    /// From now on it says that it has synced, and has not: to see that a test would notice.
    pub fn lie(&self) {
        self.tape.behave(|manners| manners.lies = true);
    }
}

impl Default for Disk {
    fn default() -> Disk {
        Disk::new()
    }
}
