//! The table that a person reads: medians, their spread, the ratio to the relay, the budget.

use std::fmt::Write;

use super::Measured;
use super::row::Budget;

/// Median, least and greatest of a row's turns.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    median: f64,
    least: f64,
    greatest: f64,
}

pub(super) fn table(names: &[&str], measured: &[Measured]) -> String {
    let mut out = String::new();
    let columns = ["row", "server", "median", "least", "greatest", "x relay", "budget"];
    let [row, server, median, least, greatest, ratio, budget] = columns;
    let _ = writeln!(out, "\n{row:<28} {server:<8} {median:>9} {least:>9} {greatest:>9} {ratio:>8}  {budget:<22} unit");
    let relay = names.iter().position(|name| *name == "relay");
    for one in measured {
        let reference = relay.map(|index| &one.values[index]);
        for (name, values) in names.iter().zip(&one.values) {
            let Spread { median, least, greatest } = spread(values);
            let ratio = reference.map(|relay| spread(&ratios(values, relay)).median);
            let shown_ratio = ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
            let verdict = if name.contains("yatter") { verdict(&one.row.budget, median, ratio) } else { String::new() };
            let _ = writeln!(
                out,
                "{:<28} {name:<8} {median:>9.3} {least:>9.3} {greatest:>9.3} {shown_ratio:>8}  {verdict:<22} {}",
                one.row.name,
                one.row.unit()
            );
        }
    }
    out
}

/// Turn by turn: neighbours in time saw the same machine.
fn ratios(values: &[f64], reference: &[f64]) -> Vec<f64> {
    values.iter().zip(reference).map(|(value, reference)| value / reference).collect()
}

fn verdict(budget: &Budget, median: f64, ratio: Option<f64>) -> String {
    let (limit, value, form) = match budget {
        Budget::TimesRelay(limit) => (*limit, ratio, "x relay"),
        Budget::AtMost(limit) => (*limit, Some(median), ""),
    };
    let word = match value {
        None => "?",
        Some(value) if value <= limit => "ok",
        Some(_) => "MISSED",
    };
    format!("<= {limit} {form}").trim_end().to_owned() + " " + word
}

fn spread(values: &[f64]) -> Spread {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let median = match sorted.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => sorted[middle],
        _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
    };
    let end = |value: Option<&f64>| value.copied().unwrap_or(f64::NAN);
    Spread { median, least: end(sorted.first()), greatest: end(sorted.last()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_odd_and_even() {
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Spread { median: 2.0, least: 1.0, greatest: 3.0 });
        assert_eq!(spread(&[4.0, 1.0]).median, 2.5);
    }

    #[test]
    fn a_budget_is_kept_or_missed() {
        assert_eq!(verdict(&Budget::TimesRelay(5.0), 9.0, Some(4.9)), "<= 5 x relay ok");
        assert_eq!(verdict(&Budget::AtMost(4.0), 4.1, None), "<= 4 MISSED");
    }
}
