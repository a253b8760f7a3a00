//! The table that a person reads: for each row medians and their spread, and every budget beside what was measured.

use std::fmt::Write;

use super::Measured;
use super::figures::{self, short};

/// How the columns stand.
const NAME: usize = 30;
const CELL: usize = 25;

pub(super) fn table(names: &[&str], measured: &[Measured]) -> String {
    let mut out = String::new();
    let _ = write!(out, "\n{:<NAME$}", "median (least to greatest)");
    for name in names {
        let _ = write!(out, "{name:<CELL$}");
    }
    let _ = writeln!(out);
    for one in measured {
        let _ = write!(out, "\n{:<NAME$}", one.row.name);
        for values in &one.values {
            let _ = write!(out, "{:<CELL$}", cell(values));
        }
        let _ = writeln!(out, "{}", one.row.unit);
        verdicts(&mut out, names, one);
    }
    out
}

fn cell(values: &[f64]) -> String {
    let Some(spread) = figures::spread(values) else { return "-".to_owned() };
    if spread.count == 1 {
        return short(spread.median);
    }
    format!("{} ({} to {})", short(spread.median), short(spread.least), short(spread.greatest))
}

/// One line per budget and server that is judged by it.
fn verdicts(out: &mut String, names: &[&str], one: &Measured) {
    for (server, name) in names.iter().enumerate().filter(|(_, name)| super::is_judged(name)) {
        for budget in one.row.budgets {
            let Some(judged) = figures::judge(*budget, server, names, one) else { continue };
            let verdict = match one.row.unjudged {
                Some(_) => "not judged",
                None if judged.kept => "kept",
                None => "MISSED",
            };
            let value = format!("{name}: {}", judged.shown());
            let _ = writeln!(out, "  {:<28}{value:<50}{verdict}", judged.limit);
        }
    }
    if let Some(reason) = one.row.unjudged {
        let _ = writeln!(out, "  not judged: {reason}");
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::LOADS;
    use super::*;

    #[test]
    fn a_row_shows_its_figures_and_its_budgets() {
        let values = vec![vec![1.0, 2.0, 3.0], vec![2.0, 4.0, 60.0]];
        let measured = Measured { row: &LOADS[0].rows[0], values, raw: vec![Vec::new(); 2] };
        let text = table(&["relay", "yatter"], &[measured]);
        assert!(text.contains("2.00 (1.00 to 3.00)"), "{text}");
        assert!(text.contains("<= 5 x relay") && text.contains("yatter: 2.00 (2.00 to 20.0)"), "{text}");
        assert!(text.contains("kept") && !text.contains("ejabberd"), "{text}");
    }
}
