//! Files of people: too large for the database, written once, read in parts, removed whole.
//!
//! A [`Blob`] is opened by name as the other shapes are, but it takes no part in batches: bytes come first, and what tells that they are there
//! (a row of another shape) is judged by whoever keeps it. What was begun and not finished is never seen, and is gone when the store is opened again.
//!
//! All of it blocks on the disk: not for a thread that serves others.

#[cfg(feature = "sqlite")]
mod folder;
mod memory;

use std::sync::Arc;

use crate::store::Inner;
use crate::{Error, Faults};

#[cfg(feature = "sqlite")]
pub(crate) use folder::Folder;
pub(crate) use memory::Memory;

/// The blobs of one name. A key is 3 to 64 of the letters `a` to `z` and digits, chosen so that nobody can guess it.
#[derive(Clone)]
pub struct Blob {
    pub(crate) inner: Arc<Inner>,
    pub(crate) name: &'static str,
}

/// Where the blobs of a store are.
pub(crate) enum Place {
    Memory(Memory),
    #[cfg(feature = "sqlite")]
    Folder(Folder),
}

/// A blob that is being written. Dropped before [`Writing::finish`], nothing of it stays.
pub struct Writing {
    pen: Box<dyn Pen>,
    faults: Option<Faults>,
    bytes: u64,
    written: u64,
}

/// An engine's side of a blob that is being written.
pub(crate) trait Pen: Send {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Error>;
    /// Makes it visible, all at once, and durable; it is both when this has succeeded, and taken away again when it fails.
    fn finish(self: Box<Self>) -> Result<(), Error>;
}

impl Blob {
    /// Begins a blob of exactly `bytes` bytes.
    ///
    /// # Errors
    /// [`Error::Exists`] when there is one of this key or one is being written, [`Error::BadKey`], and what the disk says.
    pub fn begin(&self, key: &str, bytes: u64) -> Result<Writing, Error> {
        let faults = self.inner.faults().cloned();
        check(key)?;
        refused(faults.as_ref())?;
        let pen: Box<dyn Pen> = match &self.inner.blobs {
            Place::Memory(memory) => Box::new(memory.begin(self.name, key)?),
            #[cfg(feature = "sqlite")]
            Place::Folder(folder) => Box::new(folder.begin(self.name, key)?),
        };
        Ok(Writing { pen, faults, bytes, written: 0 })
    }

    /// How many bytes the blob has; `None` when there is none.
    ///
    /// # Errors
    /// What the disk says.
    pub fn size(&self, key: &str) -> Result<Option<u64>, Error> {
        check(key)?;
        match &self.inner.blobs {
            Place::Memory(memory) => Ok(memory.size(self.name, key)),
            #[cfg(feature = "sqlite")]
            Place::Folder(folder) => folder.size(self.name, key),
        }
    }

    /// Whether a blob of this key is being written now.
    pub fn is_begun(&self, key: &str) -> bool {
        match &self.inner.blobs {
            Place::Memory(memory) => memory.is_begun(self.name, key),
            #[cfg(feature = "sqlite")]
            Place::Folder(folder) => check(key).is_ok() && folder.is_begun(self.name, key),
        }
    }

    /// At most `limit` bytes from `offset` on, fewer only at the end; `None` when there is no such blob.
    ///
    /// # Errors
    /// What the disk says.
    pub fn read(&self, key: &str, offset: u64, limit: usize) -> Result<Option<Vec<u8>>, Error> {
        check(key)?;
        match &self.inner.blobs {
            Place::Memory(memory) => Ok(memory.read(self.name, key, offset, limit)),
            #[cfg(feature = "sqlite")]
            Place::Folder(folder) => folder.read(self.name, key, offset, limit),
        }
    }

    /// Removes a blob; false when there is none.
    ///
    /// # Errors
    /// What the disk says.
    pub fn remove(&self, key: &str) -> Result<bool, Error> {
        check(key)?;
        refused(self.inner.faults())?;
        match &self.inner.blobs {
            Place::Memory(memory) => Ok(memory.remove(self.name, key)),
            #[cfg(feature = "sqlite")]
            Place::Folder(folder) => folder.remove(self.name, key),
        }
    }

    /// Keys that sort after `after` (from the start: `""`), sorted, at most `limit`.
    ///
    /// # Errors
    /// What the disk says.
    pub fn keys(&self, after: &str, limit: usize) -> Result<Vec<String>, Error> {
        match &self.inner.blobs {
            Place::Memory(memory) => Ok(memory.keys(self.name, after, limit)),
            #[cfg(feature = "sqlite")]
            Place::Folder(folder) => folder.keys(self.name, after, limit),
        }
    }
}

impl std::fmt::Debug for Blob {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Blob({})", self.name)
    }
}

impl Writing {
    /// Adds bytes at the end.
    ///
    /// # Errors
    /// [`Error::WrongLength`] when they are more than were announced, and what the disk says.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        refused(self.faults.as_ref())?;
        let written = self.written.saturating_add(bytes.len() as u64);
        if written > self.bytes {
            return Err(Error::WrongLength { announced: self.bytes, found: written });
        }
        self.pen.write(bytes)?;
        self.written = written;
        Ok(())
    }

    /// Makes the blob visible to everybody, all at once, and durable: a reader may find it shortly before this returns. When this fails, it is taken
    /// away again.
    ///
    /// # Errors
    /// [`Error::WrongLength`] when bytes are missing, and what the disk says.
    pub fn finish(self) -> Result<(), Error> {
        refused(self.faults.as_ref())?;
        if self.written != self.bytes {
            return Err(Error::WrongLength { announced: self.bytes, found: self.written });
        }
        self.pen.finish()
    }
}

/// A key becomes a file's name: nothing but letters and digits may be in it.
fn check(key: &str) -> Result<(), Error> {
    let plain = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if plain && (3..=64).contains(&key.len()) { Ok(()) } else { Err(Error::BadKey) }
}

fn refused(faults: Option<&Faults>) -> Result<(), Error> {
    faults.and_then(Faults::blob_fault).map_or(Ok(()), Err)
}
