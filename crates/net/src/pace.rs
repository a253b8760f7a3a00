//! How fast one connection may send: a sustained rate, and a burst above it.
//!
//! Whoever sends faster is not refused: his connection is read later. **Keeps** sixteen bytes per connection.

use std::time::Duration;

use crate::options::Limits;
use crate::wheel::Tick;

/// What may be sent at once by somebody who has been silent: the rate times so long.
const BURST: Duration = Duration::from_secs(10);

/// What one connection has used of its rates: for each the time, in microseconds of the wheel's clock, at which all that was sent would have come at
/// exactly the rate.
#[derive(Default)]
pub(crate) struct Pace {
    bytes_due_us: u64,
    stanzas_due_us: u64,
}

impl Pace {
    /// Counts bytes that were read.
    pub(crate) fn bytes(&mut self, now: Tick, count: usize, limits: &Limits) {
        self.bytes_due_us =
            self.bytes_due_us.max(now.as_micros()).saturating_add(time_of(count, limits.stream_bytes_per_s));
    }

    /// Counts stanzas that were understood.
    pub(crate) fn stanzas(&mut self, now: Tick, count: usize, limits: &Limits) {
        let cost = time_of(count, limits.stream_stanzas_per_s);
        self.stanzas_due_us = self.stanzas_due_us.max(now.as_micros()).saturating_add(cost);
    }

    /// How long nothing more should be read. `None`: go on.
    pub(crate) fn wait(&self, now: Tick) -> Option<Duration> {
        let burst = u64::try_from(BURST.as_micros()).unwrap_or(u64::MAX);
        let due = self.bytes_due_us.max(self.stanzas_due_us);
        let ahead = due.saturating_sub(now.as_micros().saturating_add(burst));
        (ahead > 0).then(|| Duration::from_micros(ahead))
    }
}

/// How many microseconds so much takes at this rate per second; a rate of zero is none.
fn time_of(count: usize, per_s: u64) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(1_000_000).checked_div(per_s).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wheel::Wheel;

    fn limits() -> Limits {
        Limits { stream_bytes_per_s: 1000, stream_stanzas_per_s: 10, ..Limits::default() }
    }

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let (wheel, mut pace) = (Wheel::new(), Pace::default());
        pace.bytes(wheel.now(), 10_000, &limits());
        assert_eq!(pace.wait(wheel.now()), None);
        pace.bytes(wheel.now(), 2_000, &limits());
        assert_eq!(pace.wait(wheel.now()), Some(Duration::from_secs(2)));
        wheel.tick(Duration::from_secs(2));
        assert_eq!(pace.wait(wheel.now()), None);
    }

    #[test]
    fn many_small_stanzas_count_too() {
        let (wheel, mut pace) = (Wheel::new(), Pace::default());
        pace.stanzas(wheel.now(), 101, &limits());
        assert_eq!(pace.wait(wheel.now()), Some(Duration::from_millis(100)));
    }

    #[test]
    fn silence_saves_up_no_more_than_one_burst() {
        let (wheel, mut pace) = (Wheel::new(), Pace::default());
        wheel.tick(Duration::from_secs(3600));
        pace.bytes(wheel.now(), 10_001, &limits());
        assert_eq!(pace.wait(wheel.now()), Some(Duration::from_millis(1)));
    }

    #[test]
    fn a_rate_of_zero_is_none() {
        let (wheel, mut pace) = (Wheel::new(), Pace::default());
        let limits = Limits { stream_bytes_per_s: 0, stream_stanzas_per_s: 0, ..Limits::default() };
        pace.bytes(wheel.now(), usize::MAX, &limits);
        pace.stanzas(wheel.now(), usize::MAX, &limits);
        assert_eq!(pace.wait(wheel.now()), None);
    }
}
