//! The shapes in which a server keeps things: one value, named values, a journal, and a history with a waiting mark.

use std::sync::Arc;

use crate::Row;
use crate::read::{Read, Shape};
use crate::store::Inner;

macro_rules! shape {
    ($(#[$doc:meta])* $shape:ident is $kind:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $shape {
            pub(crate) inner: Arc<Inner>,
            pub(crate) name: &'static str,
        }

        impl $shape {
            /// Owners that have something here and sort after `after` (from the start: `""`), at most `limit`, sorted.
            pub fn owners(&self, after: &str, limit: usize) -> Read<Vec<String>> {
                let (name, after) = (self.name, after.to_owned());
                self.inner.read(move |source| source.owners(Shape::$kind, name, &after, limit))
            }
        }

        impl std::fmt::Debug for $shape {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(out, concat!(stringify!($shape), "({})"), self.name)
            }
        }
    };
}

shape! {
    /// One value for each owner.
    KeyValue is Keys
}

shape! {
    /// Named values for each owner. Whoever writes bounds how many.
    Map is Maps
}

shape! {
    /// A journal for each owner: entries with growing ids, removed when they are dealt with.
    Log is Logs
}

shape! {
    /// A history for each owner, whose rows may wait to be delivered.
    Archive is Archives
}

impl KeyValue {
    /// The owner's bytes.
    pub fn get(&self, owner: &str) -> Read<Option<Vec<u8>>> {
        let (name, owner) = (self.name, owner.to_owned());
        self.inner.read(move |source| source.key(name, &owner))
    }
}

impl Map {
    /// The bytes of one key of the owner.
    pub fn get(&self, owner: &str, key: &str) -> Read<Option<Vec<u8>>> {
        let (name, owner, key) = (self.name, owner.to_owned(), key.to_owned());
        self.inner.read(move |source| source.map_key(name, &owner, &key))
    }

    /// All keys of the owner with their bytes, sorted by key.
    pub fn all(&self, owner: &str) -> Read<Vec<(String, Vec<u8>)>> {
        let (name, owner) = (self.name, owner.to_owned());
        self.inner.read(move |source| source.map(name, &owner))
    }
}

impl Log {
    /// Entries of the owner with ids from `from` on, itself included, oldest first. At most `limit`, and no more after
    /// [`READ_BYTES`](crate::READ_BYTES): only an empty answer is the end.
    pub fn read(&self, owner: &str, from: u64, limit: usize) -> Read<Vec<(u64, Vec<u8>)>> {
        let (name, owner) = (self.name, owner.to_owned());
        self.inner.read(move |source| source.log(name, &owner, from, limit))
    }

    /// The highest id that the owner's log has now.
    pub fn last(&self, owner: &str) -> Read<Option<u64>> {
        let (name, owner) = (self.name, owner.to_owned());
        self.inner.read(move |source| source.log_last(name, &owner))
    }
}

impl Archive {
    /// Rows of the owner that wait to be delivered, with ids after `after_id`, oldest first. At most `limit`, and no
    /// more after [`READ_BYTES`](crate::READ_BYTES): only an empty answer is the end.
    pub fn undelivered(&self, owner: &str, after_id: u64, limit: usize) -> Read<Vec<Row>> {
        let (name, owner) = (self.name, owner.to_owned());
        self.inner.read(move |source| source.undelivered(name, &owner, after_id, limit))
    }

    /// How many rows of the owner wait to be delivered.
    pub fn count_undelivered(&self, owner: &str) -> Read<u64> {
        let (name, owner) = (self.name, owner.to_owned());
        self.inner.read(move |source| source.undelivered_count(name, &owner))
    }

    /// Rows of the owner with ids after `after_id`, oldest first, bounded as [`Archive::undelivered`].
    pub fn page(&self, owner: &str, after_id: u64, limit: usize) -> Read<Vec<Row>> {
        let (name, owner) = (self.name, owner.to_owned());
        self.inner.read(move |source| source.rows(name, &owner, after_id, limit))
    }

    /// The highest id that the owner's archive has now. The next one should be above it and above the clock's
    /// microseconds, so that a row that went never lends its id to another.
    pub fn last(&self, owner: &str) -> Read<Option<u64>> {
        let (name, owner) = (self.name, owner.to_owned());
        self.inner.read(move |source| source.row_last(name, &owner))
    }
}
