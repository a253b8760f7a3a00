//! The engine that forgets: for tests, trials and what need not outlive the process.

mod tables;

use parking_lot::Mutex;

use crate::Outcome;
use crate::memory::tables::Tables;
use crate::queue::{Entry, GroupLimit, Queue};
use crate::read::Source;

/// All shapes under one lock. Whoever submits commits, in the order of the line.
#[derive(Default)]
pub(crate) struct Memory {
    tables: Mutex<Tables>,
}

impl Memory {
    /// Commits what waits and may pass. Tickets are settled under the lock, so that a batch which another thread
    /// commits for us is settled when we get here; waiters are told outside of it.
    pub(crate) fn drain(&self, queue: &Queue) {
        let mut told = Vec::new();
        let mut group = Vec::new();
        let mut tables = self.tables.lock();
        loop {
            queue.take(ONE, &mut group);
            if group.is_empty() {
                break;
            }
            for mut entry in group.drain(..) {
                let outcome = commit(&mut tables, queue, &mut entry);
                told.push(queue.settle(entry, outcome));
            }
        }
        drop(tables);
        told.into_iter().for_each(|told| told.run());
    }

    pub(crate) fn read<T>(&self, question: impl FnOnce(&mut dyn Source) -> T) -> T {
        question(&mut *self.tables.lock())
    }
}

const ONE: GroupLimit = GroupLimit { batches: 1, bytes: usize::MAX };

fn commit(tables: &mut Tables, queue: &Queue, entry: &mut Entry) -> Outcome {
    let Some(batch) = &mut entry.batch else { return Ok(()) };
    queue.claims.check(batch, entry.sequence)?;
    tables.check(batch)?;
    if let Some(error) = queue.faults.as_ref().and_then(|faults| faults.commit_fault()) {
        return Err(error);
    }
    for op in std::mem::take(&mut batch.ops) {
        tables.apply(op);
    }
    Ok(())
}
