//! The rules of the house that no compiler knows.

mod directions;
mod documents;
mod extensions;
mod generated;
mod source;

use anyhow::Result;

use crate::tally::Tally;
use crate::workspace::Workspace;

/// One rule: its name, and what offends against it.
type Rule = (&'static str, fn(&Workspace) -> Result<Vec<String>>);

const RULES: [Rule; 9] = [
    ("crates depend in one direction", directions::offences),
    ("every extension is in the box and says what it is", extensions::offences),
    ("no forbidden words in product code", source::forbidden_words),
    ("no state hidden in statics", source::hidden_state),
    ("every module opens with a sentence", source::missing_sentences),
    ("no absolute paths", source::absolute_paths),
    ("every crate forbids unsafe code", source::unsafe_code),
    ("links and paths in documents exist", documents::offences),
    ("generated files are fresh", generated::offences),
];

/// How long a source file may be before a review asks why it is still one thing.
const LONG_FILE: usize = 600;

/// Checks every rule, prints what offends, and records each rule.
pub(crate) fn run(tally: &mut Tally) -> Result<()> {
    let workspace = Workspace::read()?;
    for (name, offences) in RULES {
        let found = offences(&workspace)?;
        println!("tidy: {name} ... {}", if found.is_empty() { "ok" } else { "FAILED" });
        found.iter().for_each(|offence| println!("  {offence}"));
        tally.record(&format!("tidy: {name}"), found.is_empty());
    }
    for file in source::longer_than(&workspace, LONG_FILE)? {
        println!("tidy: past {LONG_FILE} lines, is it still one thing? {file}");
    }
    Ok(())
}
