//! Who may write for a home: the one that claimed it last, and only while none of its writes was lost.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::{Batch, Error};

/// The number under which a home writes from when it wakes until it sleeps or loses a write. Later claims are higher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// The epoch of this number, as a cluster's lease may give it.
    pub fn new(number: u64) -> Epoch {
        Epoch(number)
    }

    /// Its number.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// The epochs of the homes that are awake. Homes that sleep have no entry: one counter for the whole store makes every
/// claim higher than all before it, so an old epoch of a forgotten home can never be mistaken for a valid one.
pub(crate) struct Claims(Mutex<Table>);

struct Table {
    highest: u64,
    homes: HashMap<Arc<str>, Claim>,
}

struct Claim {
    epoch: Epoch,
    /// Batches submitted from this sequence number on are refused.
    fenced_from: Option<u64>,
    /// Batches of this epoch between submission and settlement.
    waiting: usize,
    /// The home sleeps; the entry goes with the last waiting batch.
    released: bool,
}

impl Claims {
    /// Claims are above `highest`, the highest epoch that any earlier run may have written under.
    pub(crate) fn above(highest: u64) -> Claims {
        Claims(Mutex::new(Table { highest, homes: HashMap::new() }))
    }

    pub(crate) fn claim(&self, home: &str, minimum: Epoch) -> Epoch {
        let mut table = self.0.lock();
        table.highest = minimum.0.max(table.highest.saturating_add(1));
        let epoch = Epoch(table.highest);
        table.homes.insert(home.into(), Claim { epoch, fenced_from: None, waiting: 0, released: false });
        epoch
    }

    pub(crate) fn release(&self, home: &str, epoch: Epoch) {
        let mut table = self.0.lock();
        if let Some(claim) = table.claim(home, epoch) {
            claim.released = true;
            table.forget_if_idle(home);
        }
    }

    /// At submission: counts the batch in, or says why not.
    pub(crate) fn enter(&self, batch: &Batch, sequence: u64) -> Result<(), Error> {
        let mut table = self.0.lock();
        table.check(batch, sequence)?;
        match table.claim(&batch.home, batch.epoch) {
            Some(claim) if !claim.released => claim.waiting += 1,
            _ => return Err(Error::StaleEpoch),
        }
        Ok(())
    }

    /// Right before the batch is written: whether that is still allowed.
    pub(crate) fn check(&self, batch: &Batch, sequence: u64) -> Result<(), Error> {
        self.0.lock().check(batch, sequence)
    }

    /// A write of this home is lost: nothing that was submitted from `from` on may be written under this epoch.
    pub(crate) fn fence(&self, batch: &Batch, from: u64) {
        if let Some(claim) = self.0.lock().claim(&batch.home, batch.epoch) {
            claim.fenced_from = Some(claim.fenced_from.map_or(from, |earlier| earlier.min(from)));
        }
    }

    /// The batch that [`Claims::enter`] counted in is settled.
    pub(crate) fn leave(&self, batch: &Batch) {
        let mut table = self.0.lock();
        if let Some(claim) = table.claim(&batch.home, batch.epoch) {
            claim.waiting -= 1;
            table.forget_if_idle(&batch.home);
        }
    }
}

impl Table {
    fn claim(&mut self, home: &str, epoch: Epoch) -> Option<&mut Claim> {
        self.homes.get_mut(home).filter(|claim| claim.epoch == epoch)
    }

    fn check(&mut self, batch: &Batch, sequence: u64) -> Result<(), Error> {
        let claim = self.claim(&batch.home, batch.epoch).ok_or(Error::StaleEpoch)?;
        match claim.fenced_from {
            Some(from) if sequence >= from => Err(Error::Fenced),
            _ => Ok(()),
        }
    }

    fn forget_if_idle(&mut self, home: &str) {
        if self.homes.get(home).is_some_and(|claim| claim.released && claim.waiting == 0) {
            self.homes.remove(home);
        }
    }
}
