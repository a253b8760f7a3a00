//! What is due when: one queue, ordered by time, for all sessions that wait for their clients to come back, and one task that looks at it.
use crate::atomic::{AtomicUsize, Ordering};
use crate::hub::Hub;
use crate::session::Session;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Notify;

/// The sessions that sleep, by the time at which they end.
pub(crate) struct Timers {
    due: Mutex<Due>,
    bell: Notify,
    /// What all of them hold together.
    bytes: AtomicUsize,
    bytes_max: usize,
}

#[derive(Default)]
struct Due {
    at: BTreeMap<Alarm, Weak<Session>>,
    last: u64,
}

/// The place of one session: a time of the hub's clock, and a number, since many may be due at once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Alarm(Duration, u64);

impl Alarm {
    /// Greater than that of every alarm that was set earlier.
    pub(crate) fn number(&self) -> u64 {
        self.1
    }
}

impl Timers {
    pub(crate) fn new(bytes_max: usize) -> Arc<Timers> {
        Arc::new(Timers { due: Mutex::default(), bell: Notify::new(), bytes: AtomicUsize::new(0), bytes_max })
    }

    /// Has `session` end at `at`.
    pub(crate) fn set(&self, at: Duration, session: &Arc<Session>) -> Alarm {
        let mut due = self.due.lock();
        due.last += 1;
        let alarm = Alarm(at, due.last);
        let first = due.at.first_key_value().is_none_or(|(first, _)| alarm < *first);
        due.at.insert(alarm, Arc::downgrade(session));
        drop(due);
        if first {
            self.bell.notify_one();
        }
        alarm
    }

    pub(crate) fn cancel(&self, alarm: &Alarm) {
        self.due.lock().at.remove(alarm);
    }

    /// Not later, but now.
    pub(crate) fn hasten(&self, alarm: &mut Alarm) {
        let mut due = self.due.lock();
        if let Some(session) = due.at.remove(alarm) {
            alarm.0 = Duration::ZERO;
            due.at.insert(*alarm, session);
        }
        drop(due);
        self.bell.notify_one();
    }

    /// Counts what a sleeping session holds; false, and not counted, when that is too much.
    pub(crate) fn hold(&self, bytes: usize) -> bool {
        let fits = |held: usize| Some(held.saturating_add(bytes)).filter(|sum| *sum <= self.bytes_max);
        self.bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).is_ok()
    }

    pub(crate) fn let_go(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
    }

    fn take(&self, now: Duration) -> Result<Weak<Session>, Option<Duration>> {
        let mut due = self.due.lock();
        match due.at.first_entry() {
            Some(first) if first.key().0 <= now => Ok(first.remove()),
            Some(first) => Err(Some(first.key().0)),
            None => Err(None),
        }
    }
}

impl Hub {
    /// One task ends the sessions whose clients did not come back in time.
    pub(crate) fn start_timers(&self) {
        let hub = self.clone();
        tokio::spawn(async move {
            loop {
                let bell = hub.timers().bell.notified();
                match hub.timers().take(hub.clock().elapsed()) {
                    Ok(session) => {
                        if let Some(session) = session.upgrade() {
                            let busy = hub.begin();
                            // One that cannot be ended shall not keep all others.
                            let end = || session.home().with(&hub, |within| within.lapse(&session));
                            drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(end)));
                            drop(busy);
                        }
                        tokio::task::yield_now().await;
                    }
                    Err(None) => bell.await,
                    Err(Some(next)) => {
                        tokio::select! {
                            () = bell => {}
                            () = hub.clock().until(next) => {}
                        }
                    }
                }
            }
        });
    }
}
