//! Blobs that are forgotten with the process.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Pen;
use crate::Error;

type Key = (&'static str, String);

/// Every blob of a store in memory.
#[derive(Default)]
pub(crate) struct Memory(Arc<Mutex<BTreeMap<Key, Entry>>>);

enum Entry {
    /// One is being written under this key.
    Begun,
    Done(Arc<[u8]>),
}

/// A blob on its way.
pub(crate) struct Sheet {
    all: Arc<Mutex<BTreeMap<Key, Entry>>>,
    key: Key,
    bytes: Vec<u8>,
}

impl Memory {
    pub(super) fn begin(&self, name: &'static str, key: &str) -> Result<Sheet, Error> {
        let key = (name, key.to_owned());
        let mut all = self.0.lock();
        if all.contains_key(&key) {
            return Err(Error::Exists);
        }
        all.insert(key.clone(), Entry::Begun);
        Ok(Sheet { all: self.0.clone(), key, bytes: Vec::new() })
    }

    pub(super) fn is_begun(&self, name: &'static str, key: &str) -> bool {
        matches!(self.0.lock().get(&(name, key.to_owned())), Some(Entry::Begun))
    }

    pub(super) fn size(&self, name: &'static str, key: &str) -> Option<u64> {
        self.find(name, key).map(|bytes| bytes.len() as u64)
    }

    pub(super) fn read(&self, name: &'static str, key: &str, offset: u64, limit: usize) -> Option<Vec<u8>> {
        let bytes = self.find(name, key)?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let end = start.saturating_add(limit).min(bytes.len());
        Some(bytes[start..end].to_vec())
    }

    pub(super) fn remove(&self, name: &'static str, key: &str) -> bool {
        let key = (name, key.to_owned());
        let mut all = self.0.lock();
        let done = matches!(all.get(&key), Some(Entry::Done(_)));
        done && all.remove(&key).is_some()
    }

    pub(super) fn keys(&self, name: &'static str, after: &str, limit: usize) -> Vec<String> {
        let all = self.0.lock();
        let from = Bound::Excluded((name, after.to_owned()));
        let rest = all.range((from, Bound::Unbounded)).take_while(|((other, _), _)| *other == name);
        let done = rest.filter(|(_, entry)| matches!(entry, Entry::Done(_)));
        done.take(limit).map(|((_, key), _)| key.clone()).collect()
    }

    fn find(&self, name: &'static str, key: &str) -> Option<Arc<[u8]>> {
        match self.0.lock().get(&(name, key.to_owned())) {
            Some(Entry::Done(bytes)) => Some(bytes.clone()),
            _ => None,
        }
    }
}

impl Pen for Sheet {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        let bytes = std::mem::take(&mut self.bytes);
        self.all.lock().insert(self.key.clone(), Entry::Done(bytes.into()));
        Ok(())
    }
}

impl Drop for Sheet {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        if matches!(all.get(&self.key), Some(Entry::Begun)) {
            all.remove(&self.key);
        }
    }
}
