//! A disk that fails every write says so once a minute, not a thousand times a second.

use std::time::{Duration, Instant};

/// How long the same trouble is not told again.
const SILENCE: Duration = Duration::from_secs(60);

/// What has been said of a trouble, and how much of it has not.
#[derive(Debug, Default)]
pub(crate) struct Complaint {
    said: Option<(Instant, String)>,
    /// Happened since, and not told yet.
    untold: usize,
}

impl Complaint {
    /// It happened `count` times more. `Some`: that is to be said now, of so many; another trouble than the last is said at once.
    pub(crate) fn again(&mut self, trouble: &str, count: usize, now: Instant) -> Option<usize> {
        self.untold += count;
        let silent = self.said.as_ref().is_some_and(|(at, what)| what == trouble && now.duration_since(*at) < SILENCE);
        if silent {
            return None;
        }
        self.said = Some((now, trouble.to_owned()));
        Some(std::mem::take(&mut self.untold))
    }

    /// It works again. `Some`: that is to be said, with how often it happened that nobody was told of.
    pub(crate) fn over(&mut self) -> Option<usize> {
        self.said.take().map(|_| std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_a_minute_and_when_it_is_over() {
        let (mut complaint, start) = (Complaint::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(complaint.over(), None);
        assert_eq!(complaint.again("full", 3, start), Some(3));
        assert_eq!(complaint.again("full", 2, after(30)), None);
        assert_eq!(complaint.again("full", 5, after(59)), None);
        assert_eq!(complaint.again("full", 1, after(60)), Some(8));
        assert_eq!(complaint.again("full", 4, after(70)), None);
        assert_eq!(complaint.again("damaged", 1, after(80)), Some(5), "another trouble is news");
        assert_eq!(complaint.again("damaged", 1, after(90)), None);
        assert_eq!(complaint.over(), Some(1));
        assert_eq!(complaint.over(), None);
        assert_eq!(complaint.again("damaged", 1, after(91)), Some(1), "and so is its return");
    }
}
