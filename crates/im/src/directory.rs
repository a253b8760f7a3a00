//! Which accounts are awake, and how they come to be.
//!
//! Shards of maps from bare JID to home. A lookup hands out a clone, so that no guard outlives it. An account that nobody needs is put to sleep when the
//! number of awake ones passes the bound, those that were not entered for longest first: a hand goes round the shards, takes away a mark that each
//! entering leaves, and puts to sleep whom it finds without.
use crate::atomic::{AtomicUsize, Ordering};
use crate::home::Home;
use crate::route::Known;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use parking_lot::RwLock;
use std::hash::BuildHasher;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Who waits for an account to wake.
pub(crate) enum Waiter {
    /// A home whose outbox is parked.
    Parked(Arc<Home>),
    /// A task.
    Task(oneshot::Sender<Known>),
}

enum Place {
    Awake(Arc<Home>),
    Waking(Vec<Waiter>),
}

/// An account in its shard.
struct Resident {
    bare: Arc<str>,
    place: Place,
}

/// What a lookup found.
pub(crate) enum Found {
    Awake(Arc<Home>),
    Asleep,
}

const SHARDS: usize = 64;

pub(crate) struct Directory {
    hasher: RandomState,
    shards: Vec<RwLock<HashTable<Resident>>>,
    awake: AtomicUsize,
    awake_max: usize,
    /// Where the last thinning out stopped.
    thinned: AtomicUsize,
}

impl Directory {
    pub(crate) fn new(awake_max: usize) -> Directory {
        let shards = (0..SHARDS).map(|_| RwLock::default()).collect();
        let (awake, thinned) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Directory { hasher: RandomState::default(), shards, awake, awake_max, thinned }
    }

    /// The hash of a name and its shard. The upper half picks the shard, since the table inside uses the lower one.
    fn shard(&self, bare: &str) -> (u64, &RwLock<HashTable<Resident>>) {
        let hash = self.hasher.hash_one(bare);
        (hash, &self.shards[(hash >> 57) as usize % SHARDS])
    }

    pub(crate) fn find(&self, bare: &str) -> Found {
        let (hash, shard) = self.shard(bare);
        match shard.read().find(hash, |resident| *resident.bare == *bare) {
            Some(Resident { place: Place::Awake(home), .. }) => Found::Awake(home.clone()),
            _ => Found::Asleep,
        }
    }

    /// Runs `f` with an account's entry, taken or not.
    fn entry<R>(&self, bare: &str, f: impl FnOnce(Entry<'_, Resident>) -> R) -> R {
        let (hash, shard) = self.shard(bare);
        let known = |resident: &Resident| *resident.bare == *bare;
        f(shard.write().entry(hash, known, |resident| self.hasher.hash_one(&*resident.bare)))
    }

    /// Adds a waiter. `Err` gives it back when the account is awake after all; `Ok(true)` makes the caller the one who wakes it.
    pub(crate) fn await_waking(&self, bare: &str, waiter: Waiter) -> Result<bool, (Waiter, Arc<Home>)> {
        self.entry(bare, |entry| match entry {
            Entry::Occupied(mut taken) => match &mut taken.get_mut().place {
                Place::Awake(home) => Err((waiter, home.clone())),
                Place::Waking(waiters) => {
                    waiters.push(waiter);
                    Ok(false)
                }
            },
            Entry::Vacant(free) => {
                free.insert(Resident { bare: Arc::from(bare), place: Place::Waking(vec![waiter]) });
                Ok(true)
            }
        })
    }

    /// The account is awake (or does not exist): gives back who waited for it.
    pub(crate) fn settle(&self, bare: &str, home: Option<Arc<Home>>) -> Vec<Waiter> {
        let before = self.entry(bare, |entry| match (entry, home) {
            (Entry::Occupied(mut taken), Some(home)) => {
                self.awake.fetch_add(1, Ordering::Relaxed);
                Some(std::mem::replace(&mut taken.get_mut().place, Place::Awake(home)))
            }
            (Entry::Vacant(free), Some(home)) => {
                self.awake.fetch_add(1, Ordering::Relaxed);
                free.insert(Resident { bare: Arc::from(bare), place: Place::Awake(home) });
                None
            }
            (Entry::Occupied(taken), None) => Some(taken.remove().0.place),
            (Entry::Vacant(_), None) => None,
        });
        match before {
            Some(Place::Waking(waiters)) => waiters,
            _ => Vec::new(),
        }
    }

    /// Forgets an account's home; used when the account is removed.
    pub(crate) fn forget(&self, bare: &str) {
        self.entry(bare, |entry| {
            if let Entry::Occupied(taken) = entry
                && let (Resident { place: Place::Awake(_), .. }, _) = taken.remove()
            {
                self.awake.fetch_sub(1, Ordering::Relaxed);
            }
        });
    }

    /// Puts accounts to sleep that nobody needs, when more are awake than the bound allows. `slept` hears of each.
    pub(crate) fn thin_out(&self, mut slept: impl FnMut(&Home)) {
        let awake = self.awake();
        if awake <= self.awake_max {
            return;
        }
        // Where the hand comes round too slowly, the bound goes before.
        let any = awake > self.awake_max + self.awake_max / 4;
        let start = self.thinned.fetch_add(4, Ordering::Relaxed);
        for shard in self.shards.iter().cycle().skip(start % SHARDS).take(4) {
            shard.write().retain(|resident| {
                let Place::Awake(home) = &resident.place else { return true };
                // Two owners would mean that somebody has just looked it up.
                let idle = (!home.was_used() || any) && Arc::strong_count(home) == 1 && home.may_sleep();
                if idle {
                    slept(home);
                    self.awake.fetch_sub(1, Ordering::Relaxed);
                }
                !idle
            });
        }
    }

    /// Every awake home.
    pub(crate) fn all(&self) -> Vec<Arc<Home>> {
        let awake = |resident: &Resident| match &resident.place {
            Place::Awake(home) => Some(home.clone()),
            Place::Waking(_) => None,
        };
        self.shards.iter().flat_map(|shard| shard.read().iter().filter_map(awake).collect::<Vec<_>>()).collect()
    }

    /// How many accounts are awake.
    pub(crate) fn awake(&self) -> usize {
        self.awake.load(Ordering::Relaxed)
    }
}
