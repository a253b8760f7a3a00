//! The page that is written from it all.

use std::fmt::Write as _;

use super::found::Found;
use super::sentences::{Chapter, Sentences};

const HEAD: &str = "\
# The draft of 2000, sentence by sentence

\"Jabber Architecture\" (June 2000) was the first description of the protocol. This page says for each of its chapters what it asks for, in our words, what
can go wrong with that, and which tests show that it does not: scenes of `crates/*/scenes`, tests in Rust, plays of real clients, cases of bad input.

`cargo xtask draft` writes it from the names and first lines of the tests; `cargo xtask check` fails when a line has no test, or when the page is stale.
";

pub(super) fn write(sentences: &Sentences, found: &Found) -> String {
    let mut page = HEAD.to_owned();
    let traps = sentences.traps().count();
    let waiting = sentences.traps().filter(|trap| trap.later.is_some()).count();
    let _ = write!(page, "\nOf {traps} lines, {waiting} wait for a part of the server that does not exist yet.\n");
    for chapter in &sentences.chapters {
        write_chapter(&mut page, chapter, found);
    }
    page
}

fn write_chapter(page: &mut String, chapter: &Chapter, found: &Found) {
    let Chapter { number, name, says, traps } = chapter;
    let _ = write!(page, "\n## {number} {name}\n\n{says}\n");
    let whole = format!("T-{number}");
    let of_whole = if traps.iter().any(|trap| trap.number == whole) { Vec::new() } else { found.of(&whole) };
    if traps.is_empty() && of_whole.is_empty() {
        return;
    }
    page.push_str("\n| | what must be so | shown by |\n|---|---|---|\n");
    for trap in traps {
        let shown = match &trap.later {
            Some(part) => format!("*waits for {part}*"),
            None => tests(&found.of(&trap.number)),
        };
        let _ = writeln!(page, "| {} | {} | {shown} |", trap.number, trap.words);
    }
    if !of_whole.is_empty() {
        let _ = writeln!(page, "| | the chapter as a whole | {} |", tests(&of_whole));
    }
}

fn tests(tests: &[&str]) -> String {
    if tests.is_empty() {
        return "**nothing**".to_owned();
    }
    let shown = tests.iter().map(|test| {
        let (kind, name) = test.split_once(' ').unwrap_or(("", test));
        format!("{kind} `{name}`")
    });
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests_of_page {
    use super::*;

    #[test]
    fn a_chapter_is_a_table() {
        let list = "[4.2] Messages\nThey arrive.\nT-4.2.1  at the best\nT-4.2.6  once  | later: federation\n";
        let mut found = Found::default();
        found.add("T-4.2.1".to_owned(), "scene best".to_owned());
        found.add("T-4.2".to_owned(), "test all".to_owned());
        let page = write(&Sentences::read(list).unwrap(), &found);
        assert!(page.contains("Of 2 lines, 1 wait for"));
        assert!(page.ends_with(
            "## 4.2 Messages\n\nThey arrive.\n\n| | what must be so | shown by |\n|---|---|---|\n\
             | T-4.2.1 | at the best | scene `best` |\n| T-4.2.6 | once | *waits for federation* |\n\
             | | the chapter as a whole | test `all` |\n"
        ));
    }
}
