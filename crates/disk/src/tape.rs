//! Everything that happened to the files of a disk, in order, and how the disk behaves.

use std::time::Duration;

use parking_lot::Mutex;

use crate::dice::Dice;
use crate::remains::Remains;
use crate::{Refusal, remains};

/// A file by its place in the tape's list.
pub(crate) type FileId = usize;

#[derive(Default)]
pub(crate) struct Tape {
    recorded: Mutex<Recorded>,
    manners: Mutex<Manners>,
}

#[derive(Default)]
pub(crate) struct Recorded {
    pub(crate) files: Vec<File>,
    pub(crate) events: Vec<Event>,
}

pub(crate) struct File {
    pub(crate) path: String,
    /// What it held when it was first opened; `None`: it was not there.
    pub(crate) base: Option<Vec<u8>>,
}

pub(crate) enum Event {
    Created {
        file: FileId,
    },
    Written {
        file: FileId,
        at: usize,
        bytes: Box<[u8]>,
    },
    Shortened {
        file: FileId,
        length: usize,
    },
    /// What happened to the file before the event `up_to` is durable, its name too.
    Synced {
        file: FileId,
        up_to: usize,
    },
    Deleted {
        file: FileId,
        durable: bool,
    },
}

/// How a disk behaves.
#[derive(Default)]
pub(crate) struct Manners {
    pub(crate) refusal: Option<Refusal>,
    pub(crate) failing_syncs: usize,
    pub(crate) sync_takes: Duration,
    pub(crate) lies: bool,
}

impl Tape {
    pub(crate) fn len(&self) -> usize {
        self.recorded.lock().events.len()
    }

    pub(crate) fn behave(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.manners.lock());
    }

    /// Why a write is refused now, if it is.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.manners.lock().refusal
    }

    /// The file of this path, which is there, is about to be opened.
    pub(crate) fn open(&self, path: &str) -> FileId {
        let mut recorded = self.recorded.lock();
        recorded.find(path).unwrap_or_else(|| recorded.add(path, std::fs::read(path).ok()))
    }

    /// The file of this path was not there, and was made just now.
    pub(crate) fn create(&self, path: &str) -> FileId {
        let mut recorded = self.recorded.lock();
        let file = recorded.find(path).unwrap_or_else(|| recorded.add(path, None));
        recorded.events.push(Event::Created { file });
        file
    }

    pub(crate) fn written(&self, file: FileId, at: usize, bytes: &[u8]) {
        self.recorded.lock().events.push(Event::Written { file, at, bytes: bytes.into() });
    }

    pub(crate) fn shortened(&self, file: FileId, length: usize) {
        self.recorded.lock().events.push(Event::Shortened { file, length });
    }

    /// Takes as long as a sync takes; false: it failed.
    pub(crate) fn sync(&self, file: FileId) -> bool {
        let up_to = self.len();
        let mut manners = self.manners.lock();
        let fails = manners.failing_syncs > 0;
        manners.failing_syncs = manners.failing_syncs.saturating_sub(1);
        let (takes, lies) = (manners.sync_takes, manners.lies);
        drop(manners);
        if !takes.is_zero() {
            std::thread::sleep(takes);
        }
        if !fails && !lies {
            self.recorded.lock().events.push(Event::Synced { file, up_to });
        }
        !fails
    }

    pub(crate) fn deleted(&self, path: &str, durable: bool) {
        let mut recorded = self.recorded.lock();
        if let Some(file) = recorded.find(path) {
            recorded.events.push(Event::Deleted { file, durable });
        }
    }

    pub(crate) fn remains(&self, moment: usize, dice: &mut Dice) -> Remains {
        remains::of(&self.recorded.lock(), moment, dice)
    }
}

impl Recorded {
    fn find(&self, path: &str) -> Option<FileId> {
        self.files.iter().position(|file| file.path == path)
    }

    fn add(&mut self, path: &str, base: Option<Vec<u8>>) -> FileId {
        self.files.push(File { path: path.to_owned(), base });
        self.files.len() - 1
    }
}
