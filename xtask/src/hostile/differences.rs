//! Where other servers answer otherwise, and why: tables in `hostile/differences/NAME.md`, compared with what is heard.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::report::{Row, Verdict};

/// A case and what another server answers there.
type Difference = (String, String);

/// The differences that are written down for a server; each row of a table is a case and its answer.
pub(super) fn known(folder: &Path, server: &str) -> BTreeSet<Difference> {
    let text = fs::read_to_string(folder.join(format!("{server}.md"))).unwrap_or_default();
    text.lines().filter_map(row).collect()
}

fn row(line: &str) -> Option<Difference> {
    let cells = line.strip_prefix("| ")?.strip_suffix(" |")?;
    let (case, answer) = cells.split_once(" | ")?;
    (case != "case").then(|| (case.trim().to_owned(), answer.trim().to_owned()))
}

/// What is heard and not written down, and what is written down and not heard, as rows of a table.
pub(super) fn complaints(known: &BTreeSet<Difference>, rows: &[Row]) -> Vec<String> {
    let differs = rows.iter().filter(|row| row.verdict == Verdict::Differs);
    let heard: BTreeSet<Difference> = differs.map(|row| (row.case.clone(), plain(&row.answer))).collect();
    let ran: BTreeSet<&str> = rows.iter().map(|row| row.case.as_str()).collect();
    let told = |(case, answer): &Difference| format!("| {case} | {answer} |");
    let unexplained = heard.difference(known).map(|one| format!("not explained: {}", told(one)));
    let stale = known.difference(&heard).filter(|one| ran.contains(one.0.as_str()));
    unexplained.chain(stale.map(|one| format!("no longer so: {}", told(one)))).collect()
}

/// An answer in one cell of a table.
fn plain(answer: &str) -> String {
    answer.replace(['|', '\n', '\r'], " ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_tables() {
        assert_eq!(
            row("| a NUL | stream error bad-format |"),
            Some(("a NUL".into(), "stream error bad-format".into()))
        );
        for other in ["| case | answer |", "|---|---|", "## Why", "", "text"] {
            assert_eq!(row(other), None, "{other}");
        }
    }
}
