//! A disk that stalls, fills up or breaks on demand, so that tests can see what people would notice.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::Error;
use crate::store::Inner;

/// Switches of one store's misbehaviour. Clones are the same switches.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Switches>>);

#[derive(Default)]
struct Switches {
    store: Weak<Inner>,
    hold: bool,
    /// Batches that may still pass while commits are held.
    permits: usize,
    fail: Option<(usize, Error)>,
    refuse_reads: Option<Error>,
    refuse_blobs: Option<Error>,
}

impl Faults {
    /// All off.
    pub fn new() -> Faults {
        Faults::default()
    }

    /// From now on nothing is committed until it is released.
    pub fn hold(&self) {
        let mut switches = self.0.lock();
        (switches.hold, switches.permits) = (true, 0);
    }

    /// Lets the first held batch through. False: none is held.
    pub fn release_one(&self) -> bool {
        if self.held() <= self.0.lock().permits {
            return false;
        }
        self.0.lock().permits += 1;
        self.nudge();
        true
    }

    /// Lets everything through, now and later.
    pub fn release_all(&self) {
        self.0.lock().hold = false;
        self.nudge();
    }

    /// How many batches wait.
    pub fn held(&self) -> usize {
        let store = self.0.lock().store.upgrade();
        store.map_or(0, |store| store.queue.backlog().batches)
    }

    /// The next `commits` commits (on memory: batches; on SQLite: groups) fail with `error`.
    pub fn fail_next(&self, commits: usize, error: Error) {
        self.0.lock().fail = (commits > 0).then_some((commits, error));
    }

    /// Reads fail with this error, until told otherwise.
    pub fn refuse_reads(&self, error: Option<Error>) {
        self.0.lock().refuse_reads = error;
    }

    /// Blobs are neither written nor removed but fail with this error, until told otherwise.
    pub fn refuse_blobs(&self, error: Option<Error>) {
        self.0.lock().refuse_blobs = error;
    }

    /// Sits on this store.
    pub(crate) fn attach(&self, store: &Arc<Inner>) {
        self.0.lock().store = Arc::downgrade(store);
    }

    #[cfg(feature = "sqlite")]
    pub(crate) fn is_holding(&self) -> bool {
        self.0.lock().hold
    }

    /// Whether the batch at the head of the line may go; uses a permit.
    pub(crate) fn let_pass(&self) -> bool {
        let mut switches = self.0.lock();
        if switches.hold && switches.permits == 0 {
            return false;
        }
        switches.permits = switches.permits.saturating_sub(1);
        true
    }

    /// Whether this commit has to fail.
    pub(crate) fn commit_fault(&self) -> Option<Error> {
        let mut switches = self.0.lock();
        let (left, error) = switches.fail.take()?;
        if left > 1 {
            switches.fail = Some((left - 1, error.clone()));
        }
        Some(error)
    }

    pub(crate) fn read_fault(&self) -> Option<Error> {
        self.0.lock().refuse_reads.clone()
    }

    pub(crate) fn blob_fault(&self) -> Option<Error> {
        self.0.lock().refuse_blobs.clone()
    }

    fn nudge(&self) {
        let store = self.0.lock().store.upgrade();
        if let Some(store) = store {
            store.nudge();
        }
    }
}
