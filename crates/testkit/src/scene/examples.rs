//! One scene for many cases: a table, of which each row fills `{column}` everywhere in the file.

use super::lines::{Block, blocks, columns};

/// One case: the words that tell it from its neighbours, and the whole text with its values filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Case {
    /// The row's first cells, as far as it takes to be unique; `None` for a scene without examples.
    pub(super) name: Option<String>,
    /// The scene's text; the same number of lines as in the file.
    pub(super) text: String,
}

/// Takes the table `examples` out of a scene's text and makes a text of each of its rows.
pub(super) fn cases(text: &str) -> Result<Vec<Case>, (usize, String)> {
    let blocks = blocks(text).map_err(|line| (line, "an indented line stands before any other".to_owned()))?;
    let Some(table) = blocks.iter().find(|block| block.head == "examples") else {
        return Ok(vec![Case { name: None, text: text.to_owned() }]);
    };
    let Some((head, rows)) = table.body.split_first() else {
        return Err((table.line, "examples need a line of column names and at least one row".to_owned()));
    };
    let (names, outline) = (columns(&head.text), without(text, table));
    let rows: Vec<(usize, Vec<&str>)> = rows.iter().map(|row| (row.number, cells(&row.text, names.len()))).collect();
    if let Some((line, row)) = rows.iter().find(|(_, row)| row.len() != names.len()) {
        return Err((*line, format!("this row has {} cells, the table {} columns", row.len(), names.len())));
    }
    let cells: Vec<&Vec<&str>> = rows.iter().map(|(_, row)| row).collect();
    Ok(cells.iter().map(|row| Case { name: Some(case_name(row, &cells)), text: fill(&outline, &names, row) }).collect())
}

/// A row's cells; the last one may be missing, and is empty then.
fn cells(row: &str, count: usize) -> Vec<&str> {
    let mut cells = columns(row);
    if cells.len() + 1 == count {
        cells.push("");
    }
    cells
}

/// The text with the table's lines left blank, so that line numbers stay true.
fn without(text: &str, table: &Block) -> String {
    let last = table.body.last().map_or(table.line, |line| line.number);
    let kept = text.lines().enumerate().map(|(index, line)| match (table.line..=last).contains(&(index + 1)) {
        true => "",
        false => line,
    });
    kept.collect::<Vec<_>>().join("\n")
}

fn fill(outline: &str, names: &[&str], row: &[&str]) -> String {
    names.iter().zip(row).fold(outline.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// As many of the row's cells as no other row begins with.
fn case_name(row: &[&str], rows: &[&Vec<&str>]) -> String {
    let unique = |count: &usize| rows.iter().filter(|other| other[..*count] == row[..*count]).count() == 1;
    let count = (1..=row.len()).find(unique).unwrap_or(row.len());
    row[..count].join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "examples\n  state  verb\n  To  subscribe\n  To  unsubscribe\n  Both  subscribe\n\nRomeo sends\n  {verb} {state} {id}";

    #[test]
    fn each_row_is_a_case() {
        let cases = cases(TEXT).unwrap();
        let names: Vec<_> = cases.iter().filter_map(|case| case.name.as_deref()).collect();
        assert_eq!(names, ["To, subscribe", "To, unsubscribe", "Both"]);
        assert_eq!(cases[1].text.lines().nth(7), Some("  unsubscribe To {id}"));
        assert_eq!(cases[1].text.lines().next(), Some(""));
    }

    #[test]
    fn rows_must_be_full() {
        assert_eq!(cases("examples\n  a\n  1  2\n"), Err((3, "this row has 2 cells, the table 1 columns".to_owned())));
    }

    #[test]
    fn the_last_cell_may_be_empty() {
        assert_eq!(cases("examples\n  a  b\n  1\n\n{a}[{b}]").unwrap()[0].text.lines().last(), Some("1[]"));
    }

    #[test]
    fn a_scene_without_a_table_is_one_case() {
        assert_eq!(cases("Romeo sends"), Ok(vec![Case { name: None, text: "Romeo sends".into() }]));
    }
}
