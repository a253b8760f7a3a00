//! Where other servers answer otherwise, and why: tables in `hostile/differences/NAME.md`, compared with what is heard.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::case::Case;
use super::report::{Row, Verdict};

/// What stands in the second column of a case that is not run, with the reason in the third.
const NOT_RUN: &str = "not run";

/// What comes before answers that are not the same in each run.
const VARIES: &str = "varies: ";

/// Among such answers: one that the case expects or allows.
const RIGHT: &str = "right";

/// A count that is not the same in each run.
const MANY: &str = "many × ";

/// What the standard says of an answer that is not the expected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Judgement {
    /// It leaves that open.
    Free,
    /// It leaves limits to the server, and this is one.
    Limit,
    /// It forbids that.
    Fault,
}

/// One row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Difference {
    case: String,
    /// One of them is heard.
    answers: Vec<String>,
    judgement: Judgement,
}

/// What is known of another server.
#[derive(Debug, Default)]
pub(super) struct Differences {
    known: Vec<Difference>,
    /// Cases that are not run against it, with the reason.
    not_run: BTreeMap<String, String>,
}

/// What a run showed.
pub(super) struct Compared {
    /// What is heard and not written down, and what is written down and not heard.
    pub(super) complaints: Vec<String>,
    /// How many of the differences that were heard are judged how.
    pub(super) sum: String,
}

impl Differences {
    /// The differences that are written down for a server: each row of a table is a case, its answer and the judgement.
    pub(super) fn read(folder: &Path, server: &str, cases: &[String]) -> Result<Differences> {
        let path = folder.join(format!("{server}.md"));
        let text = fs::read_to_string(&path).unwrap_or_default();
        let mut all = Differences::default();
        for (number, line) in text.lines().enumerate() {
            all.take(line, cases).with_context(|| format!("{}: line {}", path.display(), number + 1))?;
        }
        Ok(all)
    }

    fn take(&mut self, line: &str, cases: &[String]) -> Result<()> {
        let Some(row) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) else { return Ok(()) };
        let cells: Vec<&str> = row.split(" | ").map(str::trim).collect();
        let [case, answer, judgement] = cells[..] else { bail!("a row has a case, an answer and a judgement") };
        if case == "case" {
            return Ok(());
        }
        ensure!(cases.iter().any(|name| name == case), "no case is called `{case}`");
        if answer == NOT_RUN {
            ensure!(!judgement.is_empty(), "no reason");
            self.not_run.insert(case.to_owned(), judgement.to_owned());
            return Ok(());
        }
        let judgement = match judgement {
            "free" => Judgement::Free,
            "limit" => Judgement::Limit,
            "fault" => Judgement::Fault,
            other => bail!("`{other}` is neither free nor limit nor fault"),
        };
        let answers = match answer.strip_prefix(VARIES) {
            Some(answers) => answers.split(" or ").map(|one| one.trim().to_owned()).collect(),
            None => vec![answer.to_owned()],
        };
        self.known.push(Difference { case: case.to_owned(), answers, judgement });
        Ok(())
    }

    /// Takes out what is not run, and says so.
    pub(super) fn leave_out(&self, cases: &mut Vec<Case>) {
        let before = cases.len();
        cases.iter_mut().for_each(Case::once_today);
        cases.retain(|case| !case.occasions.is_empty());
        println!("not run: {} cases on doors and in words that only ours has", before - cases.len());
        cases.retain(|case| match self.not_run.get(&case.name) {
            Some(why) => {
                println!("not run: {}: {why}", case.name);
                false
            }
            None => true,
        });
    }

    /// Holds what was heard against what is known.
    pub(super) fn compare(&self, rows: &[Row]) -> Compared {
        let mut heard: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for row in rows {
            let answer = if row.verdict == Verdict::Differs { plain(&row.answer) } else { RIGHT.to_owned() };
            heard.entry(&row.case).or_default().insert(answer);
        }
        let (mut complaints, mut sum) = (Vec::new(), BTreeMap::new());
        for (case, answers) in &heard {
            for answer in answers.iter().filter(|answer| *answer != RIGHT) {
                match self.of(case).find(|known| known.is(answer)) {
                    Some(known) => *sum.entry(known.judgement).or_insert(0) += 1,
                    None => complaints.push(format!("not explained: | {case} | {answer} |")),
                }
            }
            for known in self.of(case).filter(|known| !answers.iter().any(|answer| known.is(answer))) {
                complaints.push(format!("no longer so: | {case} | {} |", known.answers.join(" or ")));
            }
        }
        let count = |judgement| sum.get(&judgement).copied().unwrap_or(0);
        let [free, limit, fault] = [Judgement::Free, Judgement::Limit, Judgement::Fault].map(count);
        let all = free + limit + fault;
        let sum = format!("{all} differences are explained: {free} free, {limit} limits, {fault} faults");
        Compared { complaints, sum }
    }

    fn of<'a>(&'a self, case: &'a str) -> impl Iterator<Item = &'a Difference> {
        self.known.iter().filter(move |known| known.case == case)
    }

    /// How many cases are not run.
    pub(super) fn left_out(&self) -> usize {
        self.not_run.len()
    }
}

impl Difference {
    fn is(&self, heard: &str) -> bool {
        self.answers.iter().any(|known| known == heard || known.contains(MANY) && *known == uncounted(heard))
    }
}

/// The answer with every count in it replaced.
fn uncounted(answer: &str) -> String {
    let mut parts = answer.split(" × ");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.truncate(text.trim_end_matches(|letter: char| letter.is_ascii_digit()).len());
        text.push_str(MANY);
        text.push_str(part);
    }
    text
}

/// An answer in one cell of a table.
fn plain(answer: &str) -> String {
    answer.replace(['|', '\n', '\r'], " ").trim().to_owned()
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.complaints.iter().try_for_each(|complaint| writeln!(f, "{complaint}"))?;
        write!(f, "{}, {} complaints", self.sum, self.complaints.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostile::case::{Moment, Occasion, Way};
    use crate::hostile::conversation::Heard;

    fn read(text: &str) -> Result<Differences> {
        let names = ["a", "b", "c"].map(str::to_owned);
        let mut all = Differences::default();
        text.lines().try_for_each(|line| all.take(line, &names)).map(|()| all)
    }

    fn heard(case: &str, verdict: Verdict, answer: &str) -> Row {
        let occasion = Occasion { way: Way::PlainX, moment: Moment::Session };
        Row {
            case: case.to_owned(),
            source: String::new(),
            occasion,
            expected: String::new(),
            answer: answer.to_owned(),
            heard: String::new(),
            verdict,
            took: std::time::Duration::ZERO,
            memory: [0; 3],
            talk: Heard::default(),
            complaints: Vec::new(),
        }
    }

    #[test]
    fn what_is_heard_and_what_is_known() {
        let text = "## Why\n| case | answer | judgement |\n|---|---|---|\n| a | open | free |\n| b | varies: right or many × a, hangs up | limit |";
        let known = read(text).unwrap();
        let compare = |rows: &[Row]| known.compare(rows).to_string();
        let (right, differs) = (Verdict::Right, Verdict::Differs);
        let sum =
            |free, limit| format!("{} differences are explained: {free} free, {limit} limits, 0 faults", free + limit);
        assert_eq!(compare(&[]), sum(0, 0) + ", 0 complaints");
        assert_eq!(
            compare(&[heard("a", differs, "open"), heard("b", differs, "17 × a, hangs up")]),
            sum(1, 1) + ", 0 complaints"
        );
        assert_eq!(
            compare(&[heard("a", right, "x"), heard("b", right, "x")]),
            "no longer so: | a | open |\n".to_owned() + &sum(0, 0) + ", 1 complaints"
        );
        assert_eq!(
            compare(&[heard("b", differs, "hangs up")]),
            "not explained: | b | hangs up |\nno longer so: | b | right or many × a, hangs up |\n".to_owned()
                + &sum(0, 0)
                + ", 2 complaints"
        );
    }

    #[test]
    fn rows_that_cannot_be() {
        for text in ["| a | open | ours |", "| a | open |", "| d | open | free |", "| a | not run |  |"] {
            assert!(read(text).is_err(), "{text}");
        }
        let known = read("| a | not run | it never ends |").unwrap();
        assert_eq!((known.left_out(), known.known.len()), (1, 0));
    }
}
