//! Moves what is committed from the write-ahead log into the database's file, beside the writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use rusqlite::Connection;

use crate::Error;
use crate::complaint::Complaint;
use crate::sqlite::folder::Folder;
use crate::sqlite::spawn;

/// New pages in the log after which they are moved.
const PAGES: i64 = 1_000;
/// Pages in the log (64 MiB) above which the writer has to stand still for the rest of it: under a writer that never
/// rests the log would grow for ever.
const PAGES_MAX: i64 = 16_384;

/// How long the writer may have to stand still for a reader that keeps an old state open.
const PATIENCE: Duration = Duration::from_millis(500);

/// The thread that moves pages.
pub(super) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    call: Mutex<Call>,
    called: Condvar,
    /// Length of the log at which the next call is due, pages.
    due: AtomicI64,
    /// Held by the writer while it writes.
    gate: Mutex<()>,
}

#[derive(Default)]
struct Call {
    due: bool,
    stop: bool,
}

impl Checkpointer {
    /// Starts the thread; `writer` calls it from now on when its commits have made the log long.
    pub(super) fn start(folder: &Folder, writer: &mut Connection) -> Result<Checkpointer, Error> {
        let fault = folder.fault();
        let connection = folder.connect()?;
        connection.busy_timeout(PATIENCE).map_err(|error| fault.of(error))?;
        // What is moved has to be as durable as what was written, or the log would be started over too early.
        let durable = "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON;";
        connection.execute_batch(durable).map_err(|error| fault.of(error))?;
        let shared = Arc::new(Shared { due: AtomicI64::new(PAGES), ..Shared::default() });
        let caller = shared.clone();
        let hook = move |_: &mut rusqlite::hooks::Wal, pages| {
            caller.committed(i64::from(pages));
            Ok(())
        };
        writer.wal_hook(Some(hook)).map_err(|error| fault.of(error))?;
        let body = shared.clone();
        let thread = spawn("store-checkpoint", move || body.run(&connection)).map_err(|error| fault.of_io(&error))?;
        Ok(Checkpointer { shared, thread: Some(thread) })
    }

    /// The writer's turn: the log is not cut while this is held.
    pub(super) fn gate(&self) -> MutexGuard<'_, ()> {
        self.shared.gate.lock()
    }

    pub(super) fn stop(&mut self) {
        self.shared.call.lock().stop = true;
        self.shared.called.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn committed(&self, pages: i64) {
        if pages >= self.due.load(Ordering::Relaxed) {
            self.call.lock().due = true;
            self.called.notify_one();
        }
    }

    fn run(&self, connection: &Connection) {
        let mut complaint = Complaint::default();
        while self.wait() {
            let moved = checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)").and_then(|left| match left {
                Left { pages, .. } if pages > PAGES_MAX => {
                    let _gate = self.gate.lock();
                    checkpoint(connection, "PRAGMA wal_checkpoint(TRUNCATE)")
                }
                left => Ok(left),
            });
            match moved {
                // All moved: the writer starts the log over. Else it grows on from here.
                Ok(Left { pages, moved }) if moved >= pages => self.due.store(PAGES, Ordering::Relaxed),
                Ok(Left { pages, .. }) => self.due.store(pages + PAGES, Ordering::Relaxed),
                Err(error) => {
                    if let Some(times) = complaint.again(&error.to_string(), 1, Instant::now()) {
                        tracing::warn!(%error, times, "the write-ahead log could not be moved into the database; it grows on");
                    }
                    self.due.fetch_add(PAGES, Ordering::Relaxed);
                }
            }
        }
    }

    /// False: time to stop.
    fn wait(&self) -> bool {
        let mut call = self.call.lock();
        while !call.due && !call.stop {
            self.called.wait(&mut call);
        }
        call.due = false;
        !call.stop
    }
}

/// How long the log is, and how much of it is in the file, pages.
struct Left {
    pages: i64,
    moved: i64,
}

fn checkpoint(connection: &Connection, sql: &str) -> rusqlite::Result<Left> {
    connection.query_row(sql, [], |row| Ok(Left { pages: row.get(1)?, moved: row.get(2)? }))
}
