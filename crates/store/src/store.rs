//! One store for the whole server: shapes by name, writes in batches, one engine below.

use std::future::Future;
#[cfg(feature = "sqlite")]
use std::path::Path;
use std::sync::Arc;

use crate::blob::{self, Place};
use crate::epoch::Claims;
use crate::memory::Memory;
use crate::queue::Queue;
use crate::read::Source;
#[cfg(feature = "sqlite")]
use crate::sqlite::{Fault, Sqlite, SqliteOptions};
use crate::{Archive, Backlog, Batch, Blob, Epoch, Error, Faults, KeyValue, Log, Map, Outcome, Read, Ticket};

/// From this many waiting bytes on callers should push back, unless an engine is told otherwise.
pub(crate) const SOFT_BYTES: usize = 16 * 1024 * 1024;
/// At this many waiting bytes a batch is refused, unless an engine is told otherwise.
pub(crate) const HARD_BYTES: usize = 64 * 1024 * 1024;

/// A handle to the store. Clones are the same store.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

/// What all handles share.
pub(crate) struct Inner {
    pub(crate) queue: Arc<Queue>,
    engine: Engine,
    pub(crate) blobs: Place,
}

enum Engine {
    Memory(Memory),
    #[cfg(feature = "sqlite")]
    Sqlite(Sqlite),
}

impl Store {
    /// A store that forgets everything when its last handle goes. Batches are committed before `submit` returns.
    pub fn memory() -> Store {
        Store::in_memory(Queue::new(Claims::above(0), None, SOFT_BYTES, HARD_BYTES))
    }

    /// A store in memory that misbehaves as it is told.
    pub fn memory_with(faults: &Faults) -> Store {
        let queue = Queue::new(Claims::above(0), Some(faults.clone()), SOFT_BYTES, HARD_BYTES);
        Store::in_memory(queue)
    }

    /// Opens or creates the database in `folder` and locks the folder against every other process.
    ///
    /// Blocks: reads and, if it has to, upgrades the database. Each error says what to do about it.
    #[cfg(feature = "sqlite")]
    pub fn sqlite(folder: &Path, options: SqliteOptions) -> Result<Store, Error> {
        let (queue, engine) = Sqlite::open(folder, options)?;
        // After the folder is locked: what it has begun belongs to nobody else.
        let blobs = Place::Folder(blob::Folder::open(folder, Fault::of_folder(folder))?);
        Ok(Store::new(queue, Engine::Sqlite(engine), blobs))
    }

    /// The values of this name.
    pub fn keys(&self, name: &'static str) -> KeyValue {
        KeyValue { inner: self.0.clone(), name }
    }

    /// The maps of this name.
    pub fn map(&self, name: &'static str) -> Map {
        Map { inner: self.0.clone(), name }
    }

    /// The logs of this name.
    pub fn log(&self, name: &'static str) -> Log {
        Log { inner: self.0.clone(), name }
    }

    /// The archives of this name.
    pub fn archive(&self, name: &'static str) -> Archive {
        Archive { inner: self.0.clone(), name }
    }

    /// The files of this name.
    pub fn blobs(&self, name: &'static str) -> Blob {
        Blob { inner: self.0.clone(), name }
    }

    /// Takes a batch to be committed after all that were submitted before it. Never blocks.
    ///
    /// A batch that fails, for any reason but [`Error::Exists`], fences its home: what the home submits later under
    /// the same epoch fails with [`Error::Fenced`], until it claims anew.
    pub fn submit(&self, batch: Batch) -> Ticket {
        let ticket = self.0.queue.submit(batch);
        self.0.drain();
        ticket
    }

    /// A ticket that is committed once everything submitted before it is committed or failed.
    pub fn barrier(&self) -> Ticket {
        let ticket = self.0.queue.barrier();
        self.0.drain();
        ticket
    }

    /// The epoch under which `home` writes from now on; older ones are refused, also when they wait already.
    ///
    /// Needed before the first batch of a home. After a failure: claim, await [`Store::barrier`], then read; what is
    /// read then is all that there is, and nothing older can follow.
    pub fn claim(&self, home: &str) -> Epoch {
        self.claim_at_least(home, Epoch::new(0))
    }

    /// As [`Store::claim`], and at least `minimum`: for a home whose lease has a number of its own.
    pub fn claim_at_least(&self, home: &str, minimum: Epoch) -> Epoch {
        self.0.queue.claims.claim(home, minimum)
    }

    /// The home sleeps: it submits nothing more under this epoch, and the store may forget the claim.
    pub fn release(&self, home: &str, epoch: Epoch) {
        self.0.queue.claims.release(home, epoch);
    }

    /// How much waits, and the bounds at which callers should push back and batches are refused.
    pub fn backlog(&self) -> Backlog {
        self.0.queue.backlog()
    }

    /// Whether callers should push back before they submit more, as [`Backlog::is_full`] says.
    pub fn is_full(&self) -> bool {
        self.0.queue.is_full()
    }

    /// Takes nothing in any more, writes what waits, and ends when all is safe and the engine is shut.
    pub fn close(&self) -> impl Future<Output = Outcome> + Send + use<> {
        self.0.close()
    }

    fn in_memory(queue: Arc<Queue>) -> Store {
        Store::new(queue, Engine::Memory(Memory::default()), Place::Memory(blob::Memory::default()))
    }

    fn new(queue: Arc<Queue>, engine: Engine, blobs: Place) -> Store {
        let inner = Arc::new(Inner { queue, engine, blobs });
        if let Some(faults) = &inner.queue.faults {
            faults.attach(&inner);
        }
        Store(inner)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let engine = match &self.0.engine {
            Engine::Memory(_) => "memory",
            #[cfg(feature = "sqlite")]
            Engine::Sqlite(_) => "sqlite",
        };
        write!(out, "Store({engine})")
    }
}

impl Inner {
    /// Asks the engine. Starts at once; ready at once on memory.
    pub(crate) fn read<T, Q>(&self, question: Q) -> Read<T>
    where
        T: Send + 'static,
        Q: FnOnce(&mut dyn Source) -> Result<T, Error> + Send + 'static,
    {
        if let Some(error) = self.queue.faults.as_ref().and_then(Faults::read_fault) {
            return Read::ready(Err(error));
        }
        match &self.engine {
            Engine::Memory(_) if self.queue.is_closed() => Read::ready(Err(Error::Closed)),
            Engine::Memory(memory) => Read::ready(memory.read(question)),
            #[cfg(feature = "sqlite")]
            Engine::Sqlite(sqlite) => sqlite.read(question),
        }
    }

    pub(crate) fn faults(&self) -> Option<&Faults> {
        self.queue.faults.as_ref()
    }

    /// A fault was lifted: what was held may go on.
    pub(crate) fn nudge(&self) {
        self.queue.nudge();
        self.drain();
    }

    /// Memory has no writer thread: whoever submits commits.
    fn drain(&self) {
        match &self.engine {
            Engine::Memory(memory) => memory.drain(&self.queue),
            #[cfg(feature = "sqlite")]
            Engine::Sqlite(_) => {}
        }
    }

    fn close(&self) -> Ticket {
        match &self.engine {
            Engine::Memory(memory) => {
                let flushed = if self.queue.is_closed() { Ticket::committed() } else { self.queue.barrier() };
                self.queue.close();
                memory.drain(&self.queue);
                flushed
            }
            #[cfg(feature = "sqlite")]
            Engine::Sqlite(sqlite) => sqlite.close(),
        }
    }
}
