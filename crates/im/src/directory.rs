//! Which accounts are awake, and how they come to be.
//!
//! Shards of maps from bare JID to home. A lookup hands out a clone, so that no guard outlives it. An account that nobody needs is put to sleep when the
//! number of awake ones passes the bound, those that were not entered for longest first: a hand goes round the shards, takes away a mark that each
//! entering leaves, and puts to sleep whom it finds without.
use crate::atomic::{AtomicUsize, Ordering};
use crate::home::Home;
use crate::route::Known;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
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

/// What a lookup found.
pub(crate) enum Found {
    Awake(Arc<Home>),
    Asleep,
}

const SHARDS: usize = 64;

pub(crate) struct Directory {
    hasher: RandomState,
    shards: Vec<RwLock<HashMap<Arc<str>, Place, RandomState>>>,
    awake: AtomicUsize,
    awake_max: usize,
    /// Where the last thinning out stopped.
    thinned: AtomicUsize,
}

impl Directory {
    pub(crate) fn new(awake_max: usize) -> Directory {
        let hasher = RandomState::default();
        let shards = (0..SHARDS).map(|_| RwLock::new(HashMap::with_hasher(hasher.clone()))).collect();
        Directory { hasher, shards, awake: AtomicUsize::new(0), awake_max, thinned: AtomicUsize::new(0) }
    }

    fn shard(&self, bare: &str) -> &RwLock<HashMap<Arc<str>, Place, RandomState>> {
        // The upper half picks the shard, since the map inside uses the lower one.
        let hash = self.hasher.hash_one(bare);
        &self.shards[(hash >> 57) as usize % SHARDS]
    }

    pub(crate) fn find(&self, bare: &str) -> Found {
        match self.shard(bare).read().get(bare) {
            Some(Place::Awake(home)) => Found::Awake(home.clone()),
            _ => Found::Asleep,
        }
    }

    /// Adds a waiter. `Err` gives it back when the account is awake after all; `Ok(true)` makes the caller the one who wakes it.
    pub(crate) fn await_waking(&self, bare: &str, waiter: Waiter) -> Result<bool, (Waiter, Arc<Home>)> {
        let mut shard = self.shard(bare).write();
        match shard.get_mut(bare) {
            Some(Place::Awake(home)) => Err((waiter, home.clone())),
            Some(Place::Waking(waiters)) => {
                waiters.push(waiter);
                Ok(false)
            }
            None => {
                shard.insert(Arc::from(bare), Place::Waking(vec![waiter]));
                Ok(true)
            }
        }
    }

    /// The account is awake (or does not exist): gives back who waited for it.
    pub(crate) fn settle(&self, bare: &str, home: Option<Arc<Home>>) -> Vec<Waiter> {
        let mut shard = self.shard(bare).write();
        let before = match home {
            Some(home) => {
                self.awake.fetch_add(1, Ordering::Relaxed);
                shard.insert(Arc::from(bare), Place::Awake(home))
            }
            None => shard.remove(bare),
        };
        match before {
            Some(Place::Waking(waiters)) => waiters,
            _ => Vec::new(),
        }
    }

    /// Forgets an account's home; used when the account is removed.
    pub(crate) fn forget(&self, bare: &str) {
        if let Some(Place::Awake(_)) = self.shard(bare).write().remove(bare) {
            self.awake.fetch_sub(1, Ordering::Relaxed);
        }
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
            shard.write().retain(|_, place| {
                let Place::Awake(home) = place else { return true };
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
        let awake = |place: &Place| match place {
            Place::Awake(home) => Some(home.clone()),
            Place::Waking(_) => None,
        };
        self.shards.iter().flat_map(|shard| shard.read().values().filter_map(awake).collect::<Vec<_>>()).collect()
    }

    /// How many accounts are awake.
    pub(crate) fn awake(&self) -> usize {
        self.awake.load(Ordering::Relaxed)
    }
}
