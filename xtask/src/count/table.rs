//! The table that a person reads, and the verdict on each line.

use super::Count;
use super::baseline::Baseline;

/// A change of so many hundredths is worth a word. A run repeats another one far more closely.
const NOISE: f64 = 0.03;

/// More than so many hundredths on top is a regression: beyond what another order of the linker or other seeds of hash
/// tables could do.
const REGRESSION: f64 = 0.10;

/// A whole allocation more or less, in all but a few of the times that a thing is done.
const ALLOCATION_NOISE: f64 = 0.5;

/// What a change means.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Same,
    /// More, and not enough to fail.
    More,
    Worse,
    Better,
    New,
}

/// Prints every line; the lines that have become a regression or are not in the baseline.
pub(super) fn print(baseline: &Baseline, counted: &[(String, Count)]) -> Vec<String> {
    println!("\n{:<28} {:>12} {:>12} {:>9} {:>10} {:>10}", "", "baseline", "now", "change", "allocated", "before");
    let (mut verdicts, mut bad) = (Vec::new(), Vec::new());
    for (name, now) in counted {
        let before = baseline.of(name);
        let verdict = verdict(before, *now);
        verdicts.push(verdict);
        let line = line(name, before, *now, verdict);
        println!("{line}");
        if matches!(verdict, Verdict::Worse | Verdict::New) {
            bad.push(line);
        }
    }
    if verdicts.contains(&Verdict::Better) {
        println!("some take less than the baseline says: cargo xtask count --update, in the same commit");
    }
    bad
}

fn line(name: &str, before: Option<Count>, now: Count, verdict: Verdict) -> String {
    let was = |figure: fn(Count) -> f64, digits: usize| {
        before.map_or_else(|| "-".to_owned(), |before| format!("{:.digits$}", figure(before)))
    };
    let change = before.map_or_else(String::new, |before| format!("{:+.1} %", 100.0 * change(before, now)));
    let line = format!(
        "{name:<28} {:>12} {:>12.0} {change:>9} {:>10.2} {:>10}  {}",
        was(|count| count.instructions, 0),
        now.instructions,
        now.allocations,
        was(|count| count.allocations, 2),
        words(verdict)
    );
    line.trim_end().to_owned()
}

fn verdict(before: Option<Count>, now: Count) -> Verdict {
    let Some(before) = before else { return Verdict::New };
    let (change, allocations) = (change(before, now), now.allocations - before.allocations);
    let allocates_more = allocations > ALLOCATION_NOISE;
    if change > REGRESSION || allocates_more && allocations > REGRESSION * before.allocations {
        Verdict::Worse
    } else if change > NOISE || allocates_more {
        Verdict::More
    } else if change < -NOISE || allocations < -ALLOCATION_NOISE {
        Verdict::Better
    } else {
        Verdict::Same
    }
}

fn change(before: Count, now: Count) -> f64 {
    now.instructions / before.instructions - 1.0
}

fn words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Same => "",
        Verdict::More => "more",
        Verdict::Worse => "WORSE",
        Verdict::Better => "better: update the baseline",
        Verdict::New => "NOT IN THE BASELINE",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(instructions: f64, allocations: f64) -> Count {
        Count { instructions, allocations }
    }

    #[test]
    fn more_than_noise_is_told() {
        let before = Some(count(1000.0, 2.0));
        let rows = [
            (count(1000.0, 2.0), Verdict::Same),
            (count(1029.0, 2.02), Verdict::Same),
            (count(1031.0, 2.0), Verdict::More),
            (count(1099.0, 2.0), Verdict::More),
            (count(1101.0, 2.0), Verdict::Worse),
            (count(971.0, 2.0), Verdict::Same),
            (count(969.0, 2.0), Verdict::Better),
            (count(1000.0, 3.0), Verdict::Worse),
            (count(1000.0, 1.0), Verdict::Better),
            (count(900.0, 3.0), Verdict::Worse),
        ];
        for (now, expected) in rows {
            assert_eq!(verdict(before, now), expected, "{now:?}");
        }
        assert_eq!(verdict(Some(count(1000.0, 200.0)), count(1000.0, 201.0)), Verdict::More);
        assert_eq!(verdict(None, count(1.0, 0.0)), Verdict::New);
    }
}
