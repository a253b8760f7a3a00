//! One store to test, and what tests say often.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use store::{Batch, Epoch, Faults, Outcome, Row, Store};

pub(crate) struct Bed {
    pub(crate) store: Store,
    pub(crate) faults: Faults,
    #[cfg(feature = "sqlite")]
    _scratch: Option<Scratch>,
}

impl Bed {
    pub(crate) fn memory() -> Bed {
        let faults = Faults::new();
        let store = Store::memory_with(&faults);
        Bed {
            store,
            faults,
            #[cfg(feature = "sqlite")]
            _scratch: None,
        }
    }

    #[cfg(feature = "sqlite")]
    pub(crate) fn sqlite() -> Bed {
        let (scratch, faults) = (Scratch::new(), Faults::new());
        let options = store::SqliteOptions { faults: Some(faults.clone()), ..Default::default() };
        let store = Store::sqlite(scratch.path(), options).unwrap();
        Bed { store, faults, _scratch: Some(scratch) }
    }

    /// Commits one batch of a home that is claimed for it alone.
    pub(crate) fn write(&self, home: &str, fill: impl FnOnce(Batch) -> Batch) -> Outcome {
        self.write_as(home, self.store.claim(home), fill)
    }

    pub(crate) fn write_as(&self, home: &str, epoch: Epoch, fill: impl FnOnce(Batch) -> Batch) -> Outcome {
        wait(self.store.submit(fill(Batch::new(home, epoch))))
    }
}

pub(crate) fn row(id: u64, text: &str) -> Row {
    Row {
        id,
        time_ms: (id % 1_000) as i64 - 500,
        with: "juliet@verona.example".into(),
        undelivered: false,
        bytes: text.into(),
    }
}

pub(crate) fn waiting_row(id: u64, text: &str) -> Row {
    Row { undelivered: true, ..row(id, text) }
}

pub(crate) fn ids(rows: Vec<Row>) -> Vec<u64> {
    rows.into_iter().map(|row| row.id).collect()
}

/// The smallest runtime: nothing here needs another.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// The answer of a read that works.
pub(crate) fn ask<T>(read: impl Future<Output = Result<T, store::Error>>) -> T {
    wait(read).unwrap()
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A folder that is gone after the test.
#[cfg(feature = "sqlite")]
pub(crate) struct Scratch(std::path::PathBuf);

#[cfg(feature = "sqlite")]
impl Scratch {
    pub(crate) fn new() -> Scratch {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Scratch(std::env::temp_dir().join(format!("yatter-contract-{}-{number}", std::process::id())))
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        &self.0
    }
}

#[cfg(feature = "sqlite")]
impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
