//! The engine that remembers: one SQLite file, one writer thread that commits in groups, a few readers.

mod checkpoint;
mod fault;
mod folder;
mod query;
mod readers;
mod schema;
mod wal;
mod write;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::epoch::Claims;
use crate::queue::Queue;
use crate::read::{Read, Source};
use crate::sqlite::checkpoint::Checkpointer;
pub(crate) use crate::sqlite::fault::Fault;
use crate::sqlite::folder::Folder;
pub(crate) use crate::sqlite::folder::{create_folder, private_file, sync_folder};
use crate::sqlite::readers::Readers;
use crate::sqlite::writer::Writer;
use crate::store::{HARD_BYTES, SOFT_BYTES};
use crate::{Error, Faults, Ticket};

/// How a database is opened.
#[derive(Clone)]
pub struct SqliteOptions {
    /// Threads that read. Two are enough for two cores.
    pub readers: usize,
    /// Waiting bytes from which [`Backlog::is_full`](crate::Backlog::is_full) says so.
    pub backlog_soft_bytes: usize,
    /// Waiting bytes at which batches are refused.
    pub backlog_hard_bytes: usize,
    /// The database's file never grows above this; what would need more fails as on a full disk.
    pub file_bytes_max: Option<u64>,
    /// Reads the whole file and checks it before anything else. Minutes on large ones: for a doctor, not for every start.
    pub verify: bool,
    /// Misbehaves as told, for tests.
    pub faults: Option<Faults>,
    /// The name of the file system through which SQLite reaches the disk, when it is not the system's own: for tests that cut its power.
    pub file_system: Option<String>,
}

impl Default for SqliteOptions {
    fn default() -> SqliteOptions {
        SqliteOptions {
            readers: 2,
            backlog_soft_bytes: SOFT_BYTES,
            backlog_hard_bytes: HARD_BYTES,
            file_bytes_max: None,
            verify: false,
            faults: None,
            file_system: None,
        }
    }
}

/// An open database: its threads, and how to stop them.
pub(crate) struct Sqlite {
    queue: Arc<Queue>,
    readers: Arc<Readers>,
    writer: Mutex<Option<JoinHandle<()>>>,
    closed: Ticket,
}

impl Sqlite {
    pub(crate) fn open(path: &Path, options: SqliteOptions) -> Result<(Arc<Queue>, Sqlite), Error> {
        let folder = Folder::open(path, options.file_system.as_deref())?;
        let fault = folder.fault();
        folder.create(&folder.database())?;
        wal::inspect(&folder.database());
        let mut connection = folder.connect()?;
        schema::check_ownership(&connection, &folder)?;
        prepare_for_writing(&connection, &options, &fault)?;
        if options.verify {
            schema::verify(&connection, &fault)?;
        }
        schema::migrate(&mut connection, &folder, schema::STEPS)?;
        let floor = write::floor(&connection).map_err(|error| fault.of(error))?;

        let (soft_bytes, hard_bytes) = (options.backlog_soft_bytes, options.backlog_hard_bytes);
        let queue = Queue::new(Claims::above(floor), options.faults, soft_bytes, hard_bytes);
        let readers = Readers::start(&folder, options.readers.max(1))?;
        let (promise, closed) = Ticket::pair();
        let started = Checkpointer::start(&folder, &mut connection).and_then(|checkpointer| {
            let writer = Writer::new(connection, queue.clone(), floor, folder, readers.clone(), checkpointer);
            spawn("store-writer", move || writer.run(promise)).map_err(|error| fault.of_io(&error))
        });
        let writer = Mutex::new(Some(started.inspect_err(|_| readers.stop())?));
        Ok((queue.clone(), Sqlite { queue, readers, writer, closed }))
    }

    pub(crate) fn read<T, Q>(&self, question: Q) -> Read<T>
    where
        T: Send + 'static,
        Q: FnOnce(&mut dyn Source) -> Result<T, Error> + Send + 'static,
    {
        self.readers.read(question)
    }

    pub(crate) fn close(&self) -> Ticket {
        self.queue.close();
        self.closed.clone()
    }
}

impl Drop for Sqlite {
    /// Writes what waits (what a fault holds is given up, as in a crash) and frees the folder for the next to open it.
    fn drop(&mut self) {
        if self.queue.faults.as_ref().is_some_and(Faults::is_holding) {
            self.queue.abandon();
        }
        self.queue.close();
        let writer = self.writer.lock().take();
        // A callback may drop the last handle: the writer cannot wait for itself.
        if let Some(writer) = writer.filter(|writer| writer.thread().id() != thread::current().id()) {
            let _ = writer.join();
        }
    }
}

/// How long a connection waits for another program that has the database locked (a shell, a backup).
const BUSY: Duration = Duration::from_secs(10);
/// Statements that a connection keeps prepared; there are fewer.
const STATEMENTS: usize = 48;

fn prepare_for_writing(connection: &Connection, options: &SqliteOptions, fault: &Fault) -> Result<(), Error> {
    let mode: rusqlite::Result<String> =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0));
    let mode = mode.map_err(|error| fault.of(error))?;
    if mode != "wal" {
        return Err(fault.other("this file system has no shared memory for a write-ahead log: use a local disk"));
    }
    settle_writer(connection, options).map_err(|error| fault.of(error))
}

fn settle_writer(connection: &Connection, options: &SqliteOptions) -> rusqlite::Result<()> {
    // Group commit pays the price of FULL once for many; fullfsync is what macOS calls a real one.
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA wal_autocheckpoint = 0;
         PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192;",
    )?;
    if let Some(bytes) = options.file_bytes_max {
        let page_bytes: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page_bytes;
        connection.pragma_update(None, "max_page_count", pages.clamp(1, i64::from(u32::MAX) - 1))?;
    }
    Ok(())
}

/// A connection used by one thread only.
fn connect(path: &Path, file_system: Option<&str>) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match file_system {
        None => Connection::open_with_flags(path, flags),
        Some(name) => Connection::open_with_flags_and_vfs(path, flags, name),
    }?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Without it a statement is prepared anew whenever another value is bound to its LIMIT: the planner looks at it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.into()).spawn(body)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A folder that is gone after the test.
    pub(crate) struct Scratch(PathBuf);

    impl Scratch {
        pub(crate) fn new() -> Scratch {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            Scratch(std::env::temp_dir().join(format!("yatter-store-{}-{number}", std::process::id())))
        }

        pub(crate) fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}
