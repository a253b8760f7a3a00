//! The draft of 2000, sentence by sentence: what each says, what can go wrong with it, and which tests show that it does not.
//!
//! `docs/jabber-2000.md` is written from a list of sentences and from the names and sources of all tests, so that it says what there is.

mod found;
mod page;
mod sentences;

use std::fs;

use anyhow::{Result, bail};

use crate::tally::Tally;
use crate::workspace::Workspace;
use found::Found;
use sentences::Sentences;

const SENTENCES: &str = "xtask/src/draft/sentences.txt";
const PAGE: &str = "docs/jabber-2000.md";

/// `cargo xtask draft`: writes the page, and tells what no test shows.
pub(crate) fn run(words: &[String], tally: &mut Tally) -> Result<()> {
    if let Some(word) = words.first() {
        bail!("`{word}`: there is nothing to say beside `draft`");
    }
    let workspace = Workspace::read()?;
    let (sentences, found) = read(&workspace)?;
    fs::write(workspace.root.join(PAGE), page::write(&sentences, &found))?;
    judge(&sentences, &found, tally);
    Ok(())
}

/// Part of `cargo xtask check`: every number has its test, and the page says so.
pub(crate) fn check(tally: &mut Tally) -> Result<()> {
    let workspace = Workspace::read()?;
    let (sentences, found) = read(&workspace)?;
    judge(&sentences, &found, tally);
    let kept = fs::read_to_string(workspace.root.join(PAGE)).unwrap_or_default();
    let fresh = kept == page::write(&sentences, &found);
    if !fresh {
        println!("draft: {PAGE} is stale: cargo xtask draft");
    }
    tally.record(&format!("draft: {PAGE} is fresh"), fresh);
    Ok(())
}

fn read(workspace: &Workspace) -> Result<(Sentences, Found)> {
    let sentences = Sentences::read(&fs::read_to_string(workspace.root.join(SENTENCES))?)?;
    Ok((sentences, Found::scan(workspace)?))
}

fn judge(sentences: &Sentences, found: &Found, tally: &mut Tally) {
    let offences = offences(sentences, found);
    for offence in &offences {
        println!("draft: {offence}");
    }
    tally.record("draft: every number is shown by a test, or belongs to what is not there yet", offences.is_empty());
}

fn offences(sentences: &Sentences, found: &Found) -> Vec<String> {
    let mut offences = Vec::new();
    for trap in sentences.traps() {
        match (&trap.later, found.of(&trap.number).is_empty()) {
            (None, true) => offences.push(format!("{} has no test: {}", trap.number, trap.words)),
            (Some(part), false) => offences.push(format!("{} has a test, and does not wait for {part}", trap.number)),
            _ => {}
        }
    }
    let unknown = found.numbers().filter(|number| !sentences.knows(number));
    offences.extend(unknown.map(|number| format!("{number} is in no sentence of {SENTENCES}")));
    offences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_stale_reasons_and_unknown_numbers_are_told() {
        let list = "[2.1] Tiers\nEverything is something.\nT-2.1.1  a\nT-2.1.2  b\nT-2.1.3  c  | later: rooms\nT-2.1.4  d  | later: rooms\n";
        let sentences = Sentences::read(list).unwrap();
        let mut found = Found::default();
        for number in ["T-2.1.1", "T-2.1.3", "T-2.1.9", "T-2.1"] {
            found.add(number.to_owned(), "scene x".to_owned());
        }
        let told = offences(&sentences, &found);
        assert_eq!(
            told,
            [
                "T-2.1.2 has no test: b",
                "T-2.1.3 has a test, and does not wait for rooms",
                "T-2.1.9 is in no sentence of xtask/src/draft/sentences.txt",
            ]
        );
    }
}
