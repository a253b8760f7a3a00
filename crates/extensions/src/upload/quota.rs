//! Whether one more file is within an account's bounds, and if not, when it will be.

use super::Options;
use super::record::{DAY_MS, Record};
use xmpp::Timestamp;

/// Which bound is in the way, and until when.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) text: String,
    pub(super) retry: Timestamp,
}

/// Looks whether a file of `size` bytes, which is no larger than the largest, fits beside these slots.
pub(super) fn check(now: Timestamp, size: u64, slots: &[Record], options: &Options) -> Result<(), Refusal> {
    let now = now.as_millis();
    let day = slots.iter().map(|slot| (slot.given_ms.saturating_add(DAY_MS), slot.size));
    let kept = slots.iter().map(|slot| (slot.expires_ms, slot.size));
    // A row counts for as long as it is remembered, however soon its file is to go.
    let files = slots.iter().map(|slot| (slot.expires_ms.max(slot.given_ms.saturating_add(DAY_MS)), 1));
    let refuse = |retry: Option<i64>, what: String| match retry {
        Some(retry) => Err(Refusal { text: format!("You can {what}"), retry: Timestamp::from_millis(retry) }),
        None => Ok(()),
    };
    let Options { account_bytes_per_day: a_day, account_bytes: bytes, account_files: count, .. } = options;
    refuse(when(now, day.collect(), size, *a_day), format!("upload {a_day} bytes in 24 hours"))?;
    refuse(when(now, kept.collect(), size, *bytes), format!("keep {bytes} bytes here"))?;
    refuse(when(now, files.collect(), 1, *count), format!("keep {count} files here"))
}

/// When `more` fits into `bound` beside what counts until its time; `None`: now.
fn when(now: i64, mut counted: Vec<(i64, u64)>, more: u64, bound: u64) -> Option<i64> {
    counted.retain(|(until, _)| *until > now);
    counted.sort_unstable();
    let mut sum = counted.iter().fold(more, |sum, (_, count)| sum.saturating_add(*count));
    let mut free = None;
    for (until, count) in counted {
        if sum <= bound {
            break;
        }
        sum -= count.min(sum);
        free = Some(until);
    }
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(size: u64, given_ms: i64, expires_ms: i64) -> Record {
        Record { name: "a".into(), kind: None, size, given_ms, put_until_ms: given_ms + 1, expires_ms }
    }

    #[test]
    fn one_more_file() {
        let options = Options { account_bytes_per_day: 100, account_bytes: 300, account_files: 4, ..Options::default() };
        let now = 10 * DAY_MS;
        let old = |size, days: i64| slot(size, now - 5 * DAY_MS, now + days * DAY_MS);
        for (slots, size, expected) in [
            (vec![], 100, None),
            (vec![slot(60, now - DAY_MS + 5, now + 9)], 40, None),
            (vec![slot(60, now - DAY_MS + 5, now + 9)], 41, Some(now + 5)),
            (vec![slot(60, now - DAY_MS, now + 9)], 41, None),
            (vec![slot(50, now - 7, now + 9), slot(50, now - 9, now + 9)], 50, Some(now - 9 + DAY_MS)),
            (vec![slot(50, now - 7, now + 9), slot(50, now - 9, now + 9)], 51, Some(now - 7 + DAY_MS)),
            (vec![old(100, 1), old(100, 2), old(90, 3)], 10, None),
            (vec![old(100, 1), old(100, 2), old(90, 3)], 11, Some(now + DAY_MS)),
            (vec![old(100, 3), old(100, 2), old(100, 1), old(0, 5)], 100, Some(now + DAY_MS)),
            (vec![old(1, 4), old(1, 3), old(1, 2), old(1, 5)], 1, Some(now + 2 * DAY_MS)),
            (vec![old(100, -1), old(100, -1), old(100, -1), old(100, -1)], 100, None),
            (vec![slot(1, now - 5, now - 4); 4], 1, Some(now - 5 + DAY_MS)),
        ] {
            let checked = check(Timestamp::from_millis(now), size, &slots, &options);
            assert_eq!(checked.err().map(|refusal| refusal.retry.as_millis()), expected, "{size} beside {slots:?}");
        }
    }
}
