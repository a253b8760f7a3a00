//! The one clock hand that ends whatever takes too long: logins, handshakes, readers that stopped, silence.
//!
//! **Keeps** one entry of 32 bytes per connection. A stream has no timer of its own: it sets its [`Alarm`] and is woken
//! when [`Wheel::tick`] passes it. Time is what `tick` is told, so tests turn it by hand.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;

/// The wheel's resolution: a time-out comes at most this much later than asked for, and never early.
pub const TICK: Duration = Duration::from_millis(250);

/// Slots of the wheel; an alarm further away than one turn is passed by until its turn comes.
const SLOTS: usize = 512;

/// Points nowhere, in the lists below.
const NONE: u32 = u32::MAX;

/// A moment on the wheel, counted in [`TICK`]s since the clock's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tick(u32);

impl Tick {
    /// The first tick that is certainly `after` from this one.
    pub fn plus(self, after: Duration) -> Tick {
        let ticks = after.as_millis().div_ceil(TICK.as_millis()) + 1;
        Tick(self.0.saturating_add(u32::try_from(ticks).unwrap_or(NONE)).min(NONE - 1))
    }

    /// Microseconds since the clock's start.
    pub fn as_micros(self) -> u64 {
        u64::from(self.0) * u64::try_from(TICK.as_micros()).unwrap_or(0)
    }
}

/// All time-outs of the server's doors.
pub struct Wheel {
    now: AtomicU32,
    inner: Mutex<Inner>,
}

struct Inner {
    /// Heads of the slots' lists.
    slots: Box<[u32; SLOTS]>,
    entries: Vec<Entry>,
    /// Head of the list of unused entries, through `next`.
    unused: u32,
    /// The last tick whose slot was emptied.
    swept: u32,
    /// Who is to be woken; kept between sweeps for its allocation.
    due: Vec<Waker>,
}

struct Entry {
    waker: Option<Waker>,
    at: u32,
    /// The slot it is in, or NONE while it is not set.
    slot: u32,
    previous: u32,
    next: u32,
}

impl Wheel {
    /// A wheel at time zero.
    pub fn new() -> Arc<Wheel> {
        let inner =
            Inner { slots: Box::new([NONE; SLOTS]), entries: Vec::new(), unused: NONE, swept: 0, due: Vec::new() };
        Arc::new(Wheel { now: AtomicU32::new(0), inner: Mutex::new(inner) })
    }

    /// Turns the wheel to `elapsed` since the clock's start and wakes everybody whose alarm has passed.
    pub fn tick(&self, elapsed: Duration) {
        let now = u32::try_from(elapsed.as_millis() / TICK.as_millis()).unwrap_or(NONE - 1);
        let mut inner = self.inner.lock();
        if now <= inner.swept {
            return;
        }
        self.now.store(now, Ordering::Relaxed);
        inner.sweep(now);
        let mut due = std::mem::take(&mut inner.due);
        drop(inner);
        due.drain(..).for_each(Waker::wake);
        due.shrink_to(1024);
        self.inner.lock().due = due;
    }

    /// The tick that was told last.
    pub fn now(&self) -> Tick {
        Tick(self.now.load(Ordering::Relaxed))
    }

    /// The first tick that is certainly `after` from now.
    pub fn after(&self, after: Duration) -> Tick {
        self.now().plus(after)
    }

    /// A new alarm, not set.
    pub fn alarm(self: &Arc<Self>) -> Alarm {
        Alarm { key: self.inner.lock().take_entry(), wheel: self.clone() }
    }

    /// Waits by the wheel, for at least `time`.
    pub fn sleep(self: &Arc<Self>, time: Duration) -> Sleep {
        Sleep { until: self.after(time), alarm: self.alarm() }
    }

    /// Wakes everybody who has set an alarm, without ringing it: something else has changed for all.
    pub fn wake_all(&self) {
        let wakers: Vec<_> = self.inner.lock().entries.iter().filter_map(|entry| entry.waker.clone()).collect();
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// One connection's place on the wheel. Dropping it takes the place back.
pub struct Alarm {
    wheel: Arc<Wheel>,
    key: u32,
}

impl Alarm {
    /// Wakes `waker` when the wheel passes `at`; instead of what was set before.
    pub fn set(&mut self, at: Tick, waker: &Waker) {
        let mut inner = self.wheel.inner.lock();
        inner.unlink(self.key);
        let entry = &mut inner.entries[self.key as usize];
        entry.at = at.0;
        match &mut entry.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        inner.link(self.key);
    }

    /// Wakes nobody any more.
    pub fn clear(&mut self) {
        let mut inner = self.wheel.inner.lock();
        inner.unlink(self.key);
        inner.entries[self.key as usize].waker = None;
    }

    /// The wheel it is on.
    pub fn wheel(&self) -> &Arc<Wheel> {
        &self.wheel
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.wheel.inner.lock().give_entry_back(self.key);
    }
}

/// Waits until a tick; made by [`Wheel::sleep`].
pub struct Sleep {
    until: Tick,
    alarm: Alarm,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.alarm.wheel.now() >= self.until {
            return Poll::Ready(());
        }
        let until = self.until;
        self.alarm.set(until, cx.waker());
        // The wheel may have passed while the alarm was being set.
        if self.alarm.wheel.now() >= until { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Inner {
    fn take_entry(&mut self) -> u32 {
        if self.unused == NONE {
            self.entries.push(Entry { waker: None, at: 0, slot: NONE, previous: NONE, next: NONE });
            return (self.entries.len() - 1) as u32;
        }
        let key = self.unused;
        self.unused = self.entries[key as usize].next;
        self.entries[key as usize].next = NONE;
        key
    }

    fn give_entry_back(&mut self, key: u32) {
        self.unlink(key);
        let entry = &mut self.entries[key as usize];
        entry.waker = None;
        entry.next = self.unused;
        self.unused = key;
    }

    /// Puts an entry into its slot; one that has passed already, into the slot that is swept next.
    fn link(&mut self, key: u32) {
        let at = self.entries[key as usize].at.max(self.swept + 1);
        let slot = at as usize % SLOTS;
        let head = self.slots[slot];
        if head != NONE {
            self.entries[head as usize].previous = key;
        }
        let entry = &mut self.entries[key as usize];
        (entry.slot, entry.previous, entry.next) = (slot as u32, NONE, head);
        self.slots[slot] = key;
    }

    fn unlink(&mut self, key: u32) {
        let Entry { slot, previous, next, .. } = self.entries[key as usize];
        if slot == NONE {
            return;
        }
        match previous {
            NONE => self.slots[slot as usize] = next,
            previous => self.entries[previous as usize].next = next,
        }
        if next != NONE {
            self.entries[next as usize].previous = previous;
        }
        let entry = &mut self.entries[key as usize];
        (entry.slot, entry.previous, entry.next) = (NONE, NONE, NONE);
    }

    /// Empties the slots from the last sweep to `now` of what is due; at most one turn of them.
    fn sweep(&mut self, now: u32) {
        let first = (self.swept + 1).max(now.saturating_sub(SLOTS as u32 - 1));
        self.swept = now;
        for tick in first..=now {
            let mut key = self.slots[tick as usize % SLOTS];
            while key != NONE {
                let Entry { at, next, .. } = self.entries[key as usize];
                if at <= now {
                    self.unlink(key);
                    self.due.extend(self.entries[key as usize].waker.take());
                }
                key = next;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Bell(AtomicUsize);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Bell {
        fn rung(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn bell() -> (Arc<Bell>, Waker) {
        let bell = Arc::new(Bell::default());
        (bell.clone(), Waker::from(bell))
    }

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn rings_once_never_early_and_at_most_a_tick_and_a_half_late() {
        let wheel = Wheel::new();
        wheel.tick(seconds(3.1));
        let (bell, waker) = bell();
        let mut alarm = wheel.alarm();
        alarm.set(wheel.after(seconds(5.0)), &waker);
        wheel.tick(seconds(8.05));
        assert_eq!(bell.rung(), 0);
        wheel.tick(seconds(8.5));
        assert_eq!(bell.rung(), 1);
        wheel.tick(seconds(800.0));
        assert_eq!(bell.rung(), 1);
    }

    #[test]
    fn waits_more_than_one_turn() {
        let wheel = Wheel::new();
        let (bell, waker) = bell();
        let mut alarm = wheel.alarm();
        alarm.set(wheel.after(seconds(1000.0)), &waker);
        for second in 1..=1000 {
            wheel.tick(seconds(f64::from(second)));
            assert_eq!(bell.rung(), 0, "{second}");
        }
        wheel.tick(seconds(1000.5));
        assert_eq!(bell.rung(), 1);
    }

    #[test]
    fn a_leap_of_days_rings_everything_due() {
        let wheel = Wheel::new();
        let (bell, waker) = bell();
        let alarms: Vec<_> = (0..2000)
            .map(|n| {
                let mut alarm = wheel.alarm();
                alarm.set(wheel.after(seconds(f64::from(n))), &waker);
                alarm
            })
            .collect();
        wheel.tick(seconds(1_000_000.0));
        assert_eq!(bell.rung(), 2000);
        drop(alarms);
    }

    #[test]
    fn set_again_and_clear_and_drop() {
        let wheel = Wheel::new();
        let (bell, waker) = bell();
        let mut moved = wheel.alarm();
        moved.set(wheel.after(seconds(1.0)), &waker);
        moved.set(wheel.after(seconds(10.0)), &waker);
        let mut cleared = wheel.alarm();
        cleared.set(wheel.after(seconds(1.0)), &waker);
        cleared.clear();
        let mut dropped = wheel.alarm();
        dropped.set(wheel.after(seconds(1.0)), &waker);
        drop(dropped);
        wheel.tick(seconds(5.0));
        assert_eq!(bell.rung(), 0);
        wheel.tick(seconds(11.0));
        assert_eq!(bell.rung(), 1);
        let reused = wheel.alarm();
        assert_eq!(wheel.inner.lock().entries.len(), 3);
        drop(reused);
    }

    #[test]
    fn an_alarm_in_the_past_rings_at_the_next_tick() {
        let wheel = Wheel::new();
        wheel.tick(seconds(100.0));
        let (bell, waker) = bell();
        let mut alarm = wheel.alarm();
        alarm.set(Tick(3), &waker);
        wheel.tick(seconds(100.25));
        assert_eq!(bell.rung(), 1);
    }

    #[test]
    fn wake_all_reaches_those_who_wait() {
        let wheel = Wheel::new();
        let (bell, waker) = bell();
        let mut set = wheel.alarm();
        set.set(wheel.after(seconds(50.0)), &waker);
        let _unset = wheel.alarm();
        wheel.wake_all();
        assert_eq!(bell.rung(), 1);
    }

    #[test]
    fn an_entry_is_small() {
        assert!(size_of::<Entry>() <= 32);
    }
}
