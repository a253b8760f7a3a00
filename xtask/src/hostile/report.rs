//! The results: a table to read, and JSON to compare.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::case::{Case, Occasion};
use super::conversation::Heard;

/// What one case on one occasion came to.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) case: String,
    pub(super) source: String,
    pub(super) occasion: Occasion,
    pub(super) expected: String,
    pub(super) answer: String,
    pub(super) heard: String,
    pub(super) verdict: Verdict,
    pub(super) took: Duration,
    /// Bytes that were resident before, at most meanwhile, and after.
    pub(super) memory: [usize; 3],
    /// The control conversation meanwhile.
    pub(super) talk: Heard,
    /// What is wrong besides the answer.
    pub(super) complaints: Vec<String>,
}

/// How an answer compares with the expected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// It is the one.
    Right,
    /// The standard lets a server say that instead.
    Allowed,
    /// It is another one.
    Differs,
}

impl Verdict {
    pub(super) fn of(case: &Case, occasion: Occasion, answer: &str) -> Verdict {
        let j = occasion.answers_as_in_2000();
        let expected = if j { &case.in_2000 } else { &case.today };
        let holds = |list: &Option<super::case::Expected>| list.as_ref().is_some_and(|list| list.holds(answer));
        if holds(expected) {
            Verdict::Right
        } else if holds(&case.allowed) || (j && holds(&case.today)) {
            // No standard asks for the words of 2000: those of RFC 6120 are as right on a stream without a version.
            Verdict::Allowed
        } else {
            Verdict::Differs
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Verdict::Right => "right",
            Verdict::Allowed => "allowed",
            Verdict::Differs => "DIFFERS",
        }
    }
}

fn kib(bytes: usize) -> usize {
    bytes / 1024
}

impl Row {
    /// Bytes that were taken beyond what was resident before.
    pub(super) fn taken(&self) -> usize {
        self.memory[1].saturating_sub(self.memory[0])
    }

    /// What is wrong with it, line by line.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words = self.complaints.clone();
        if self.verdict == Verdict::Differs {
            words.push(format!("answered: {}", self.answer));
            words.push(format!("expected: {}", self.expected));
            words.push(format!("heard: {}", self.heard));
        }
        words
    }

    fn to_json(&self) -> Value {
        json!({
            "case": self.case,
            "source": self.source,
            "way": self.occasion.way.name(),
            "moment": self.occasion.moment.name(),
            "expected": self.expected,
            "answer": self.answer,
            "verdict": self.verdict.name(),
            "ms": self.took.as_secs_f64() * 1000.0,
            "resident_before_kib": kib(self.memory[0]),
            "resident_peak_kib": kib(self.memory[1]),
            "resident_after_kib": kib(self.memory[2]),
            "conversation_messages": self.talk.messages,
            "conversation_longest_ms": self.talk.longest.as_secs_f64() * 1000.0,
            "conversation_lost": self.talk.lost,
            "complaints": self.complaints,
        })
    }
}

/// One line for each case: verdicts, and the worst of its occasions.
pub(super) fn table(rows: &[Row]) -> String {
    let mut cases: Vec<(&str, Vec<&Row>)> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        let place = *places.entry(&row.case).or_insert_with(|| {
            cases.push((&row.case, Vec::new()));
            cases.len() - 1
        });
        cases[place].1.push(row);
    }
    let mut text =
        format!("{:<58} {:>4} {:>9} {:>9} {:>8}  answer\n", "case", "runs", "took KiB", "left KiB", "delay ms");
    for (name, rows) in cases {
        let taken = rows.iter().map(|row| row.taken()).max().unwrap_or(0);
        let left = rows.iter().map(|row| row.memory[2].saturating_sub(row.memory[0])).max().unwrap_or(0);
        let delay = rows.iter().map(|row| row.talk.longest).max().unwrap_or_default();
        let worst = rows.iter().map(|row| row.verdict).max().unwrap_or(Verdict::Right);
        let mut answers: Vec<&str> = rows.iter().map(|row| row.answer.as_str()).collect();
        answers.dedup();
        text += &format!(
            "{:<58} {:>4} {:>9} {:>9} {:>8.1}  {}{}\n",
            cut(name, 58),
            rows.len(),
            kib(taken),
            kib(left),
            delay.as_secs_f64() * 1000.0,
            if worst == Verdict::Differs { "DIFFERS: " } else { "" },
            cut(&answers.join(" / "), 120),
        );
    }
    text
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.to_owned() } else { text.chars().take(most - 1).collect::<String>() + "…" }
}

/// Keeps the results as JSON.
pub(super) fn keep(path: &PathBuf, server: &str, summary: &Value, rows: &[Row]) -> Result<()> {
    let rows: Vec<Value> = rows.iter().map(Row::to_json).collect();
    let text = serde_json::to_string_pretty(&json!({ "server": server, "summary": summary, "rows": rows }))?;
    Ok(fs::write(path, text)?)
}
