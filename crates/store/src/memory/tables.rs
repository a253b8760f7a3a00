//! The shapes as ordered maps, and what each change does to them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound::{Excluded, Unbounded};
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::batch::Op;
use crate::read::{Collect, Shape, Source};
use crate::{Batch, Error, History, Row};

/// Everything, by name, then by owner.
#[derive(Default)]
pub(crate) struct Tables {
    keys: Named<Vec<u8>>,
    maps: Named<BTreeMap<String, Vec<u8>>>,
    logs: Named<BTreeMap<u64, Vec<u8>>>,
    archives: Named<Rows>,
}

type Named<T> = HashMap<&'static str, BTreeMap<Arc<str>, T>>;

#[derive(Default)]
struct Rows {
    rows: BTreeMap<u64, Row>,
    undelivered: BTreeSet<u64>,
}

impl Tables {
    /// Whether the batch can be applied whole. After this, [`Tables::apply`] cannot fail.
    pub(crate) fn check(&self, batch: &Batch) -> Result<(), Error> {
        let exists = |(name, owner): &(&str, Arc<str>)| find(&self.keys, name, owner).is_some();
        if batch.absent.iter().any(exists) {
            return Err(Error::Exists);
        }
        for (position, op) in batch.ops.iter().enumerate() {
            let Some(slot) = Slot::appended(op) else { continue };
            let before = batch.ops[..position].iter().fold(self.taken(&slot), |taken, op| slot.after(taken, op));
            if before.is_some() {
                return Err(Error::Duplicate);
            }
        }
        Ok(())
    }

    pub(crate) fn apply(&mut self, op: Op) {
        match op {
            Op::Put { name, owner, bytes } => {
                self.keys.entry(name).or_default().insert(owner, bytes);
            }
            Op::Delete { name, owner } => forget(&mut self.keys, name, &owner),
            Op::PutIn { name, owner, key, bytes } => {
                of(&mut self.maps, name, owner).insert(key, bytes);
            }
            Op::DeleteIn { name, owner, key } => shrink(&mut self.maps, name, &owner, |map| {
                map.remove(&key);
                map.is_empty()
            }),
            Op::Clear { name, owner } => forget(&mut self.maps, name, &owner),
            Op::Log { name, owner, id, bytes } => {
                of(&mut self.logs, name, owner).insert(id, bytes);
            }
            Op::Trim { name, owner, up_to } => shrink(&mut self.logs, name, &owner, |log| {
                *log = up_to.checked_add(1).map(|next| log.split_off(&next)).unwrap_or_default();
                log.is_empty()
            }),
            Op::Unlog { name, owner, id } => shrink(&mut self.logs, name, &owner, |log| {
                log.remove(&id);
                log.is_empty()
            }),
            Op::Append { name, owner, row } => of(&mut self.archives, name, owner).append(row),
            Op::Delivered { name, owner, ids, history } => {
                shrink(&mut self.archives, name, &owner, |rows| rows.delivered(ids, history))
            }
            Op::Erase { owner } => self.erase(&owner),
        }
    }

    fn erase(&mut self, owner: &str) {
        self.keys.values_mut().for_each(|owners| drop(owners.remove(owner)));
        self.maps.values_mut().for_each(|owners| drop(owners.remove(owner)));
        self.logs.values_mut().for_each(|owners| drop(owners.remove(owner)));
        self.archives.values_mut().for_each(|owners| drop(owners.remove(owner)));
    }

    fn taken(&self, slot: &Slot<'_>) -> Option<Taken> {
        match slot.shape {
            Shape::Logs => find(&self.logs, slot.name, slot.owner)?.get(&slot.id).map(|_| Taken { waits: false }),
            _ => {
                let row = find(&self.archives, slot.name, slot.owner)?.rows.get(&slot.id)?;
                Some(Taken { waits: row.undelivered })
            }
        }
    }
}

impl Rows {
    fn append(&mut self, row: Row) {
        if row.undelivered {
            self.undelivered.insert(row.id);
        }
        self.rows.insert(row.id, row);
    }

    /// True when nothing is left.
    fn delivered(&mut self, ids: RangeInclusive<u64>, history: History) -> bool {
        let waiting: Vec<u64> =
            if ids.is_empty() { Vec::new() } else { self.undelivered.range(ids).copied().collect() };
        for id in waiting {
            self.undelivered.remove(&id);
            if history == History::Remove {
                self.rows.remove(&id);
            } else if let Some(row) = self.rows.get_mut(&id) {
                row.undelivered = false;
            }
        }
        self.rows.is_empty()
    }
}

/// What is in a place that is taken.
#[derive(Clone, Copy)]
struct Taken {
    /// A row that bears the undelivered mark.
    waits: bool,
}

/// The place that an appended entry takes.
struct Slot<'a> {
    shape: Shape,
    name: &'static str,
    owner: &'a str,
    id: u64,
}

impl<'a> Slot<'a> {
    fn appended(op: &'a Op) -> Option<Slot<'a>> {
        match op {
            Op::Log { name, owner, id, .. } => Some(Slot { shape: Shape::Logs, name, owner, id: *id }),
            Op::Append { name, owner, row } => Some(Slot { shape: Shape::Archives, name, owner, id: row.id }),
            _ => None,
        }
    }

    /// What is in the place after this change.
    fn after(&self, taken: Option<Taken>, op: &Op) -> Option<Taken> {
        if Slot::appended(op).is_some_and(|other| other.id == self.id && other.is_beside(self)) {
            return Some(Taken { waits: matches!(op, Op::Append { row, .. } if row.undelivered) });
        }
        let goes = match op {
            Op::Erase { owner } => **owner == *self.owner,
            Op::Trim { name, owner, up_to } => self.is_in(Shape::Logs, name, owner) && self.id <= *up_to,
            Op::Unlog { name, owner, id } => self.is_in(Shape::Logs, name, owner) && self.id == *id,
            Op::Delivered { name, owner, ids, history } if self.is_in(Shape::Archives, name, owner) => {
                let struck = ids.contains(&self.id) && taken.is_some_and(|taken| taken.waits);
                if struck && *history == History::Keep {
                    return Some(Taken { waits: false });
                }
                struck
            }
            _ => false,
        };
        taken.filter(|_| !goes)
    }

    fn is_beside(&self, other: &Slot<'_>) -> bool {
        self.is_in(other.shape, other.name, other.owner)
    }

    fn is_in(&self, shape: Shape, name: &str, owner: &str) -> bool {
        self.shape == shape && self.name == name && self.owner == owner
    }
}

impl Source for Tables {
    fn key(&mut self, name: &str, owner: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(find(&self.keys, name, owner).cloned())
    }

    fn map_key(&mut self, name: &str, owner: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(find(&self.maps, name, owner).and_then(|map| map.get(key)).cloned())
    }

    fn map(&mut self, name: &str, owner: &str) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let map = find(&self.maps, name, owner).into_iter().flatten();
        Ok(map.map(|(key, bytes)| (key.clone(), bytes.clone())).collect())
    }

    fn log(&mut self, name: &str, owner: &str, from: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        let log = find(&self.logs, name, owner).into_iter().flat_map(|log| log.range(from..));
        let mut found = Collect::new();
        log.take(limit).all(|(id, bytes)| found.add((*id, bytes.clone()), bytes.len()));
        Ok(found.rows)
    }

    fn log_last(&mut self, name: &str, owner: &str) -> Result<Option<u64>, Error> {
        Ok(find(&self.logs, name, owner).and_then(|log| log.last_key_value()).map(|(id, _)| *id))
    }

    fn rows(&mut self, name: &str, owner: &str, after: u64, limit: usize) -> Result<Vec<Row>, Error> {
        let rows = find(&self.archives, name, owner).into_iter();
        Ok(collect(rows.flat_map(|rows| rows.rows.range((Excluded(after), Unbounded))).map(|(_, row)| row), limit))
    }

    fn undelivered(&mut self, name: &str, owner: &str, after: u64, limit: usize) -> Result<Vec<Row>, Error> {
        let rows = find(&self.archives, name, owner).into_iter();
        let waiting = rows
            .flat_map(|rows| rows.undelivered.range((Excluded(after), Unbounded)).filter_map(|id| rows.rows.get(id)));
        Ok(collect(waiting, limit))
    }

    fn undelivered_count(&mut self, name: &str, owner: &str) -> Result<u64, Error> {
        Ok(find(&self.archives, name, owner).map_or(0, |rows| rows.undelivered.len() as u64))
    }

    fn row_last(&mut self, name: &str, owner: &str) -> Result<Option<u64>, Error> {
        Ok(find(&self.archives, name, owner).and_then(|rows| rows.rows.last_key_value()).map(|(id, _)| *id))
    }

    fn owners(&mut self, shape: Shape, name: &str, after: &str, limit: usize) -> Result<Vec<String>, Error> {
        Ok(match shape {
            Shape::Keys => owners(&self.keys, name, after, limit),
            Shape::Maps => owners(&self.maps, name, after, limit),
            Shape::Logs => owners(&self.logs, name, after, limit),
            Shape::Archives => owners(&self.archives, name, after, limit),
        })
    }
}

fn find<'a, T>(table: &'a Named<T>, name: &str, owner: &str) -> Option<&'a T> {
    table.get(name)?.get(owner)
}

fn of<'a, T: Default>(table: &'a mut Named<T>, name: &'static str, owner: Arc<str>) -> &'a mut T {
    table.entry(name).or_default().entry(owner).or_default()
}

fn forget<T>(table: &mut Named<T>, name: &str, owner: &str) {
    table.get_mut(name).map(|owners| owners.remove(owner));
}

/// Changes what an owner has; an owner who has nothing left goes from the list of owners.
fn shrink<T>(table: &mut Named<T>, name: &str, owner: &str, change: impl FnOnce(&mut T) -> bool) {
    let Some(owners) = table.get_mut(name) else { return };
    if owners.get_mut(owner).is_some_and(change) {
        owners.remove(owner);
    }
}

fn owners<T>(table: &Named<T>, name: &str, after: &str, limit: usize) -> Vec<String> {
    let owners = table.get(name).into_iter();
    let later = owners.flat_map(|owners| owners.range::<str, _>((Excluded(after), Unbounded)));
    later.take(limit).map(|(owner, _)| owner.to_string()).collect()
}

fn collect<'a>(rows: impl Iterator<Item = &'a Row>, limit: usize) -> Vec<Row> {
    let mut found = Collect::new();
    rows.take(limit).all(|row| found.add(row.clone(), row.bytes.len()));
    found.rows
}
