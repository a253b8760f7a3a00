//! The threads that answer questions while the writer writes.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::Error;
use crate::read::{Read, Source};
use crate::sqlite::folder::Folder;
use crate::sqlite::query::Reader;
use crate::sqlite::spawn;

/// Questions that wait in the line of the readers; further ones wait in their askers' futures.
const QUEUED: usize = 64;

type Question = Box<dyn FnOnce(&mut dyn Source) + Send>;

/// The line in front of the readers, and the threads.
pub(super) struct Readers {
    line: Mutex<Line>,
    more: Condvar,
    room: Arc<Semaphore>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<(Question, OwnedSemaphorePermit)>,
    stopped: bool,
}

impl Readers {
    pub(super) fn start(folder: &Folder, threads: usize) -> Result<Arc<Readers>, Error> {
        let readers = Arc::new(Readers {
            line: Mutex::default(),
            more: Condvar::new(),
            room: Arc::new(Semaphore::new(QUEUED)),
            threads: Mutex::default(),
        });
        for _ in 0..threads {
            let started = readers.start_one(folder);
            started.inspect_err(|_| readers.stop())?;
        }
        Ok(readers)
    }

    /// Puts a question in the line; while there is no room, its future waits for some.
    pub(super) fn read<T, Q>(self: &Arc<Readers>, question: Q) -> Read<T>
    where
        T: Send + 'static,
        Q: FnOnce(&mut dyn Source) -> Result<T, Error> + Send + 'static,
    {
        let (asker, answer) = oneshot::channel();
        let question: Question = Box::new(move |source| {
            if !asker.is_closed() {
                let _ = asker.send(question(source));
            }
        });
        let question = match self.room.clone().try_acquire_owned() {
            Ok(room) => {
                self.push(question, room);
                None
            }
            Err(_) => Some((self.clone(), question)),
        };
        Read::running(async move {
            if let Some((readers, question)) = question {
                let room = readers.room.clone().acquire_owned().await.map_err(|_| Error::Closed)?;
                readers.push(question, room);
            }
            answer.await.unwrap_or(Err(Error::Closed))
        })
    }

    /// Lets the readers finish what they read; what waits fails with [`Error::Closed`].
    pub(super) fn stop(&self) {
        self.room.close();
        let mut line = self.line.lock();
        line.stopped = true;
        let waiting = std::mem::take(&mut line.waiting);
        drop(line);
        drop(waiting);
        self.more.notify_all();
        let threads = std::mem::take(&mut *self.threads.lock());
        threads.into_iter().for_each(|thread| drop(thread.join()));
    }

    fn start_one(self: &Arc<Readers>, folder: &Folder) -> Result<(), Error> {
        let fault = folder.fault();
        let connection = folder.connect()?;
        connection.pragma_update(None, "query_only", true).map_err(|error| fault.of(error))?;
        let (readers, reader) = (self.clone(), Reader::new(connection, fault.clone()));
        let thread = spawn("store-reader", move || readers.answer(reader)).map_err(|error| fault.of_io(&error))?;
        self.threads.lock().push(thread);
        Ok(())
    }

    fn push(&self, question: Question, room: OwnedSemaphorePermit) {
        let mut line = self.line.lock();
        if !line.stopped {
            line.waiting.push_back((question, room));
            self.more.notify_one();
        }
    }

    fn answer(&self, mut reader: Reader) {
        while let Some((question, room)) = self.next() {
            // A question that panics leaves its asker without an answer, which is an error there; the others go on.
            if catch_unwind(AssertUnwindSafe(|| question(&mut reader))).is_err() {
                tracing::error!("a read of the store panicked");
            }
            drop(room);
        }
    }

    fn next(&self) -> Option<(Question, OwnedSemaphorePermit)> {
        let mut line = self.line.lock();
        loop {
            if line.stopped {
                return None;
            }
            if let Some(next) = line.waiting.pop_front() {
                return Some(next);
            }
            self.more.wait(&mut line);
        }
    }
}
