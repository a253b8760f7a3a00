//! The thread that writes: all that waits becomes one transaction, one wait for the disk, many answers.

use std::sync::Arc;
use std::time::Instant;

use rusqlite::Connection;

use crate::complaint::Complaint;
use crate::queue::{Entry, GroupLimit, Queue};
use crate::sqlite::checkpoint::Checkpointer;
use crate::sqlite::fault::{Fault, is_constraint, is_damage};
use crate::sqlite::folder::Folder;
use crate::sqlite::readers::Readers;
use crate::sqlite::write::{self, Names, Statements};
use crate::ticket::Promise;
use crate::{Batch, Error, Faults, Outcome};

/// What one transaction takes at most: beyond this, more gains nothing and makes the first of the group wait.
const GROUP: GroupLimit = GroupLimit { batches: 1_000, bytes: 8 * 1024 * 1024 };

/// Epochs that are reserved at once, so that few commits have to write the floor.
const EPOCHS: u64 = 1_024;

/// Everything the thread owns. The folder is last: it is freed when all else is shut.
pub(super) struct Writer {
    connection: Connection,
    queue: Arc<Queue>,
    names: Names,
    /// What the database has as its floor of epochs.
    floor: u64,
    fault: Fault,
    readers: Arc<Readers>,
    checkpointer: Checkpointer,
    complaint: Complaint,
    _folder: Folder,
}

/// Why a transaction was given up.
enum Failure {
    /// One batch cannot be applied; the others may be.
    Alone(rusqlite::Error),
    /// The batch at this place of the group met a damaged page, after which SQLite takes nothing more in this transaction; the others may have no business
    /// there.
    Damaged(usize, rusqlite::Error),
    /// The disk or the database failed everybody.
    All(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Failure {
        if is_constraint(&error) { Failure::Alone(error) } else { Failure::All(error) }
    }
}

impl Failure {
    /// The same of the batch at this place.
    fn of(self, at: usize) -> Failure {
        match self {
            Failure::All(error) if is_damage(&error) => Failure::Damaged(at, error),
            other => other,
        }
    }
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        queue: Arc<Queue>,
        floor: u64,
        folder: Folder,
        readers: Arc<Readers>,
        checkpointer: Checkpointer,
    ) -> Writer {
        let (names, fault, complaint) = (Names::default(), folder.fault(), Complaint::default());
        Writer { connection, queue, names, floor, fault, readers, checkpointer, complaint, _folder: folder }
    }

    /// Writes until the store is closed and nothing waits, then shuts the database and keeps the promise.
    pub(super) fn run(mut self, closed: Promise) {
        let _abandon = AbandonOnExit(self.queue.clone());
        let mut group = Vec::new();
        while self.queue.wait_and_take(GROUP, &mut group) {
            let outcomes = self.commit(&group);
            let settled = group.drain(..).zip(outcomes).map(|(entry, outcome)| self.queue.settle(entry, outcome));
            let told: Vec<_> = settled.collect();
            told.into_iter().for_each(|told| told.run());
        }
        let outcome = self.shut();
        closed.settle(outcome).run();
    }

    /// One outcome for each entry, in order. Nothing of it is pending in the database when this returns.
    fn commit(&mut self, group: &[Entry]) -> Vec<Outcome> {
        if group.iter().all(|entry| entry.batch.is_none()) {
            return vec![Ok(()); group.len()];
        }
        let failed = match self.queue.faults.as_ref().and_then(Faults::commit_fault) {
            Some(error) => error,
            None => match self.attempt_all(group) {
                Ok(outcomes) => {
                    self.tell(&outcomes);
                    return outcomes;
                }
                Err(error) => self.fault.of(error),
            },
        };
        self.complain(&failed, group.iter().filter(|entry| entry.batch.is_some()).count());
        group.iter().map(|entry| if entry.batch.is_some() { Err(failed.clone()) } else { Ok(()) }).collect()
    }

    /// Says what the disk did to single batches, or that it takes them again.
    fn tell(&mut self, outcomes: &[Outcome]) {
        let damaged = |outcome: &&Outcome| matches!(outcome, Err(Error::Corrupt { .. }));
        let mut lost = outcomes.iter().filter(damaged).filter_map(|outcome| outcome.as_ref().err());
        if let Some(error) = lost.next() {
            self.complain(error, 1 + lost.count());
        } else if outcomes.iter().any(Result::is_ok)
            && let Some(batches) = self.complaint.over()
        {
            tracing::info!(batches, "writes are kept again; so many were lost since the last line that said so");
        }
    }

    fn complain(&mut self, error: &Error, batches: usize) {
        if let Some(batches) = self.complaint.again(&error.to_string(), batches, Instant::now()) {
            tracing::error!(%error, batches, "writes were lost; said once a minute while it goes on");
        }
    }

    /// First without savepoints, which nearly always is enough; again with them if a batch cannot be applied, and without those that meet damage.
    fn attempt_all(&mut self, group: &[Entry]) -> rusqlite::Result<Vec<Outcome>> {
        let (mut savepoints, mut damaged) = (false, vec![None; group.len()]);
        loop {
            match self.attempt(group, savepoints, &damaged) {
                Ok(outcomes) => return Ok(outcomes),
                Err(Failure::Alone(_)) if !savepoints => savepoints = true,
                Err(Failure::Damaged(at, error)) => {
                    damaged[at] = Some(self.fault.of(error));
                    // Now, so that what the same home wrote after it is refused in the next attempt.
                    let Entry { batch, sequence, .. } = &group[at];
                    batch.iter().for_each(|batch| self.queue.claims.fence(batch, *sequence));
                }
                Err(Failure::Alone(error) | Failure::All(error)) => return Err(error),
            }
        }
    }

    fn attempt(
        &mut self,
        group: &[Entry],
        savepoints: bool,
        damaged: &[Option<Error>],
    ) -> Result<Vec<Outcome>, Failure> {
        let gate = self.checkpointer.gate();
        let outcomes = transact(&self.connection, || {
            let mut floor = self.floor;
            let mut outcomes = Vec::with_capacity(group.len());
            let mut place = Place {
                connection: &self.connection,
                statements: Statements::new(&self.connection),
                queue: &self.queue,
                savepoints,
            };
            for (at, entry) in group.iter().enumerate() {
                let outcome = match &entry.batch {
                    _ if damaged[at].is_some() => damaged[at].clone().map_or(Ok(()), Err),
                    Some(batch) => {
                        place.write_one(&mut self.names, batch, entry.sequence).map_err(|failure| failure.of(at))?
                    }
                    None => Ok(()),
                };
                floor = floor.max(written_epoch(entry, &outcome));
                outcomes.push(outcome);
            }
            if floor > self.floor {
                floor = floor.saturating_add(EPOCHS);
                write::raise_floor(&self.connection, floor)?;
            }
            Ok((outcomes, floor))
        });
        drop(gate);
        match outcomes {
            Ok((outcomes, floor)) => {
                self.floor = floor;
                Ok(outcomes)
            }
            Err(failure) => {
                self.names.forget();
                Err(failure)
            }
        }
    }

    /// Everything that waits has been written: leave one clean file behind.
    fn shut(mut self) -> Outcome {
        self.readers.stop();
        self.checkpointer.stop();
        let moved = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        moved.map_err(|error| self.fault.of(error))?;
        self.connection.close().map_err(|(_, error)| self.fault.of(error))
    }
}

/// Runs `body` in a transaction of its own; after an error nothing of it is left.
fn transact<T>(connection: &Connection, body: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let outcome = body().and_then(|value| {
        connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(value)
    });
    // Some errors (a full disk) end the transaction by themselves.
    if outcome.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    outcome
}

/// Where a batch is written.
struct Place<'a> {
    connection: &'a Connection,
    statements: Statements<'a>,
    queue: &'a Queue,
    /// A batch that cannot be applied is refused alone.
    savepoints: bool,
}

impl Place<'_> {
    /// Applies one batch, or says why it alone is refused.
    fn write_one(&mut self, names: &mut Names, batch: &Batch, sequence: u64) -> Result<Outcome, Failure> {
        if let Err(refusal) = self.queue.claims.check(batch, sequence) {
            return Ok(Err(refusal));
        }
        if self.savepoints {
            self.connection.prepare_cached("SAVEPOINT batch")?.execute([])?;
        }
        match self.apply(names, batch) {
            Ok(outcome) => {
                if self.savepoints {
                    self.connection.execute_batch("RELEASE batch")?;
                }
                Ok(outcome)
            }
            Err(error) if self.savepoints && is_constraint(&error) => {
                self.connection.execute_batch("ROLLBACK TO batch; RELEASE batch")?;
                names.forget();
                // Now, not when it is settled: later batches of this home may be in the same group.
                self.queue.claims.fence(batch, 0);
                Ok(Err(Error::Duplicate))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn apply(&mut self, names: &mut Names, batch: &Batch) -> rusqlite::Result<Outcome> {
        if !write::all_absent(self.connection, batch)? {
            return Ok(Err(Error::Exists));
        }
        batch.ops.iter().try_for_each(|op| write::apply(&mut self.statements, names, op))?;
        Ok(Ok(()))
    }
}

fn written_epoch(entry: &Entry, outcome: &Outcome) -> u64 {
    match &entry.batch {
        Some(batch) if outcome.is_ok() => batch.epoch.number(),
        _ => 0,
    }
}

/// However the thread ends, nobody waits for it in vain.
struct AbandonOnExit(Arc<Queue>);

impl Drop for AbandonOnExit {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
