//! Medians, their spread, and whether a budget is kept.

use super::Measured;
use super::row::Budget;

/// Median, least and greatest of some turns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) greatest: f64,
    pub(super) count: usize,
}

/// A budget beside what was measured.
pub(super) struct Judged {
    /// "relay", "1/50 of ejabberd", … and the limit in words.
    pub(super) limit: String,
    /// Yatter's figure as the budget counts it: a ratio turn by turn, or the plain value.
    pub(super) value: Spread,
    /// What the plain value may be at most, by the medians of this run.
    pub(super) most: f64,
    pub(super) kept: bool,
    /// True when the value is a ratio to a peer, better shown as one part of so many.
    pub(super) is_part: bool,
}

/// `None` without a single turn.
pub(super) fn spread(values: &[f64]) -> Option<Spread> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let (least, greatest) = (*sorted.first()?, *sorted.last()?);
    let middle = sorted.len() / 2;
    let median = if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) };
    Some(Spread { median, least, greatest, count: sorted.len() })
}

/// Turn by turn: neighbours in time saw the same machine.
fn ratios(values: &[f64], reference: &[f64]) -> Option<Spread> {
    let ratios: Vec<f64> = values.iter().zip(reference).map(|(value, reference)| value / reference).collect();
    spread(&ratios)
}

/// The figures of a server against a budget; `None` when what it is compared with was not measured.
pub(super) fn judge(budget: Budget, server: usize, names: &[&str], measured: &Measured) -> Option<Judged> {
    let values = &measured.values[server];
    let of = |name: &str| names.iter().position(|other| *other == name).map(|index| &measured.values[index]);
    let part = |peer: &str, parts: f64| {
        let reference = of(peer)?;
        let (value, most) = (ratios(values, reference)?, spread(reference)?.median / parts);
        let limit = format!("<= 1/{parts} of {peer}");
        Some(Judged { limit, value, most, kept: value.median <= 1.0 / parts, is_part: true })
    };
    match budget {
        Budget::TimesRelay(times) => {
            let relay = of("relay")?;
            let (value, most) = (ratios(values, relay)?, spread(relay)?.median * times);
            let limit = format!("<= {times} x relay");
            Some(Judged { limit, value, most, kept: value.median <= times, is_part: false })
        }
        Budget::PartOf(peer, parts) => part(peer, parts),
        Budget::PartOfBetterPeer(parts) => {
            let median = |peer: &&str| of(peer).and_then(|values| spread(values)).map(|spread| spread.median);
            let peers = ["ejabberd", "prosody"].into_iter().filter(|peer| median(peer).is_some());
            let better = peers.min_by(|one, other| {
                f64::total_cmp(&median(one).unwrap_or(f64::MAX), &median(other).unwrap_or(f64::MAX))
            })?;
            part(better, parts)
        }
        Budget::AtMost(limit) => {
            let value = spread(values)?;
            let words = format!("<= {limit}");
            Some(Judged { limit: words, value, most: limit, kept: value.median <= limit, is_part: false })
        }
    }
}

/// Three digits that count.
pub(super) fn short(value: f64) -> String {
    let digits = match value.abs() {
        large if large >= 100.0 => 0,
        middle if middle >= 10.0 => 1,
        small if small >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

impl Judged {
    /// The value and its spread as a person reads it.
    pub(super) fn shown(&self) -> String {
        let Spread { median, least, greatest, .. } = self.value;
        if self.is_part {
            let part = |value: f64| short(1.0 / value);
            format!("1/{} (1/{} to 1/{})", part(median), part(least), part(greatest))
        } else {
            format!("{} ({} to {})", short(median), short(least), short(greatest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::{LOADS, Row};
    use super::*;

    fn measured(values: Vec<Vec<f64>>) -> Measured {
        let row: &'static Row = &LOADS[0].rows[0];
        let raw = values.iter().map(|_| Vec::new()).collect();
        Measured { row, values, raw }
    }

    #[test]
    fn the_middle_of_odd_and_even() {
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, least: 1.0, greatest: 3.0, count: 3 }));
        assert_eq!(spread(&[4.0, 1.0]).unwrap().median, 2.5);
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn a_budget_is_kept_or_missed() {
        let names = ["relay", "ejabberd", "prosody", "yatter"];
        let measured = measured(vec![vec![1.0, 1.0], vec![100.0], vec![50.0], vec![4.0, 5.0]]);
        let judge = |budget| judge(budget, 3, &names, &measured).unwrap();
        let relay = judge(Budget::TimesRelay(5.0));
        assert!(relay.kept && relay.value.median == 4.5 && relay.most == 5.0);
        assert!(!judge(Budget::TimesRelay(4.0)).kept);
        let part = judge(Budget::PartOf("ejabberd", 20.0));
        assert!(part.kept && part.shown().starts_with("1/25.0 "));
        let better = judge(Budget::PartOfBetterPeer(20.0));
        assert!(!better.kept && better.limit == "<= 1/20 of prosody" && better.most == 2.5);
        assert!(judge(Budget::AtMost(4.5)).kept);
    }

    #[test]
    fn without_the_other_there_is_no_verdict() {
        assert!(judge(Budget::PartOf("ejabberd", 2.0), 0, &["yatter"], &measured(vec![vec![1.0]])).is_none());
    }
}
