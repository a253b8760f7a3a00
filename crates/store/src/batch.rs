//! Changes that belong together: all of them are kept, or none.

use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::{Archive, Epoch, Error, KeyValue, Log, Map};

/// The largest batch, in bytes as [`Batch::bytes`] counts them.
pub const BATCH_BYTES: usize = 16 * 1024 * 1024;

/// What each change costs in memory beside its own bytes (names, enum, allocation), for the backlog's bound.
const OVERHEAD_BYTES: usize = 128;

/// One row of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Chosen by the home: 1 to `i64::MAX`, unique in the owner's archive, growing with time.
    pub id: u64,
    /// When it happened, milliseconds since 1970 UTC.
    pub time_ms: i64,
    /// The other side of the conversation.
    pub with: String,
    /// Waits for the owner to come: what other servers call the offline queue.
    pub undelivered: bool,
    /// What is kept.
    pub bytes: Vec<u8>,
}

/// What becomes of an archive's row once it is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// It stays, without the undelivered mark.
    Keep,
    /// It goes.
    Remove,
}

/// Changes over any shapes that are committed together, in the order in which they were added.
#[derive(Debug)]
pub struct Batch {
    pub(crate) home: Arc<str>,
    pub(crate) epoch: Epoch,
    pub(crate) absent: Vec<(&'static str, Arc<str>)>,
    pub(crate) ops: Vec<Op>,
    bytes: usize,
    bad_id: Option<u64>,
    pub(crate) unhurried: bool,
}

/// One change.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Put { name: &'static str, owner: Arc<str>, bytes: Vec<u8> },
    Delete { name: &'static str, owner: Arc<str> },
    PutIn { name: &'static str, owner: Arc<str>, key: String, bytes: Vec<u8> },
    DeleteIn { name: &'static str, owner: Arc<str>, key: String },
    Clear { name: &'static str, owner: Arc<str> },
    Log { name: &'static str, owner: Arc<str>, id: u64, bytes: Vec<u8> },
    Trim { name: &'static str, owner: Arc<str>, up_to: u64 },
    Unlog { name: &'static str, owner: Arc<str>, id: u64 },
    Append { name: &'static str, owner: Arc<str>, row: Row },
    Delivered { name: &'static str, owner: Arc<str>, ids: RangeInclusive<u64>, history: History },
    Erase { owner: Arc<str> },
}

impl Batch {
    /// An empty batch of `home`, made under the epoch that it claimed.
    pub fn new(home: &str, epoch: Epoch) -> Batch {
        Batch {
            home: home.into(),
            epoch,
            absent: Vec::new(),
            ops: Vec::new(),
            bytes: OVERHEAD_BYTES,
            bad_id: None,
            unhurried: false,
        }
    }

    /// Sets the owner's bytes.
    pub fn put(self, keys: &KeyValue, owner: &str, bytes: impl Into<Vec<u8>>) -> Batch {
        let (owner, bytes) = (self.owner(owner), bytes.into());
        self.add(bytes.len(), Op::Put { name: keys.name, owner, bytes })
    }

    /// Removes the owner's bytes.
    pub fn delete(self, keys: &KeyValue, owner: &str) -> Batch {
        let owner = self.owner(owner);
        self.add(0, Op::Delete { name: keys.name, owner })
    }

    /// Sets the bytes of one key of the owner.
    pub fn put_in(self, map: &Map, owner: &str, key: &str, bytes: impl Into<Vec<u8>>) -> Batch {
        let (owner, bytes) = (self.owner(owner), bytes.into());
        self.add(key.len() + bytes.len(), Op::PutIn { name: map.name, owner, key: key.into(), bytes })
    }

    /// Removes one key of the owner.
    pub fn delete_in(self, map: &Map, owner: &str, key: &str) -> Batch {
        let owner = self.owner(owner);
        self.add(key.len(), Op::DeleteIn { name: map.name, owner, key: key.into() })
    }

    /// Removes all keys of the owner.
    pub fn clear(self, map: &Map, owner: &str) -> Batch {
        let owner = self.owner(owner);
        self.add(0, Op::Clear { name: map.name, owner })
    }

    /// Appends to the owner's archive. A row of this id fails the batch with [`Error::Duplicate`].
    pub fn append(self, archive: &Archive, owner: &str, row: Row) -> Batch {
        let owner = self.owner(owner);
        let bytes = row.with.len() + row.bytes.len();
        self.with_id(row.id).add(bytes, Op::Append { name: archive.name, owner, row })
    }

    /// Takes the undelivered mark from the rows of these ids that bear it, or removes those rows. The others stay as they are.
    pub fn delivered(self, archive: &Archive, owner: &str, ids: RangeInclusive<u64>, history: History) -> Batch {
        let owner = self.owner(owner);
        self.add(0, Op::Delivered { name: archive.name, owner, ids, history })
    }

    /// Appends to the owner's log. An entry of this id fails the batch with [`Error::Duplicate`].
    pub fn log(self, log: &Log, owner: &str, id: u64, bytes: impl Into<Vec<u8>>) -> Batch {
        let (owner, bytes) = (self.owner(owner), bytes.into());
        self.with_id(id).add(bytes.len(), Op::Log { name: log.name, owner, id, bytes })
    }

    /// Removes what the owner's log has up to this id, itself included.
    pub fn trim(self, log: &Log, owner: &str, up_to: u64) -> Batch {
        let owner = self.owner(owner);
        self.add(0, Op::Trim { name: log.name, owner, up_to })
    }

    /// Removes one entry of the owner's log.
    pub fn unlog(self, log: &Log, owner: &str, id: u64) -> Batch {
        let owner = self.owner(owner);
        self.add(0, Op::Unlog { name: log.name, owner, id })
    }

    /// Removes everything that any shape has of this owner: the end of an account.
    pub fn erase(self, owner: &str) -> Batch {
        let owner = self.owner(owner);
        self.add(0, Op::Erase { owner })
    }

    /// Fails the whole batch with [`Error::Exists`] if the owner has bytes there. Looked at before anything of the
    /// batch is applied, wherever in the batch it stands. Does not fence.
    pub fn expect_absent(mut self, keys: &KeyValue, owner: &str) -> Batch {
        let owner = self.owner(owner);
        self.bytes += OVERHEAD_BYTES;
        self.absent.push((keys.name, owner));
        self
    }

    /// Nobody waits for it: it may be written some milliseconds later, together with others. Its place in the order stays the same.
    pub fn unhurried(mut self) -> Batch {
        self.unhurried = true;
        self
    }

    /// Whether it changes nothing and expects nothing.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty() && self.absent.is_empty()
    }

    /// What it weighs while it waits, bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What no store can do anything about: refused before it waits.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.bad_id {
            Some(id) => Err(Error::BadId(id)),
            None if self.bytes > BATCH_BYTES => Err(Error::TooBig { bytes: self.bytes, limit_bytes: BATCH_BYTES }),
            None => Ok(()),
        }
    }

    /// Shares the home's string when a home writes about itself, which is nearly always.
    fn owner(&self, owner: &str) -> Arc<str> {
        if *owner == *self.home { self.home.clone() } else { owner.into() }
    }

    fn with_id(mut self, id: u64) -> Batch {
        if id == 0 || id > i64::MAX as u64 {
            self.bad_id = Some(id);
        }
        self
    }

    fn add(mut self, bytes: usize, op: Op) -> Batch {
        self.bytes += OVERHEAD_BYTES + bytes;
        self.ops.push(op);
        self
    }
}
