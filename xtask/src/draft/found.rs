//! Which tests there are for a number: what their names say, and what they name as their source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::Result;

use crate::workspace::Workspace;

/// Tests by the numbers that they are about.
#[derive(Default)]
pub(super) struct Found(BTreeMap<String, BTreeSet<String>>);

impl Found {
    /// Reads every scene, test, play and case of bad input.
    pub(super) fn scan(workspace: &Workspace) -> Result<Found> {
        let mut found = Found::default();
        for path in workspace.files()? {
            let in_draft = path.starts_with("xtask/src/draft");
            let Some(extension) = path.extension().and_then(|extension| extension.to_str()) else { continue };
            if in_draft || !["scene", "rs", "py", "case"].contains(&extension) {
                continue;
            }
            let text = fs::read_to_string(workspace.root.join(&path))?;
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            match extension {
                "scene" => found.scene(name, &text),
                "rs" => found.tests(&text),
                "py" if path.starts_with(PLAYS) => found.named(&format!("play {name}"), &text),
                "case" => found.cases(&text),
                _ => {}
            }
        }
        Ok(found)
    }

    pub(super) fn add(&mut self, number: String, test: String) {
        self.0.entry(number).or_default().insert(test);
    }

    /// The tests of a number.
    pub(super) fn of(&self, number: &str) -> Vec<&str> {
        self.0.get(number).into_iter().flatten().map(String::as_str).collect()
    }

    /// All numbers that tests name.
    pub(super) fn numbers(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    fn named(&mut self, test: &str, text: &str) {
        for number in numbers(text) {
            self.add(number, test.to_owned());
        }
    }

    /// A scene says in its name or in its first line what it is about.
    fn scene(&mut self, name: &str, text: &str) {
        let test = format!("scene {name}");
        if let Some(rest) = name.strip_prefix("t-") {
            self.named(&test, &format!("T-{rest}"));
        }
        self.named(&test, text.lines().next().unwrap_or_default());
    }

    /// A test says it in its name, in its sentence, or in a remark inside.
    fn tests(&mut self, text: &str) {
        let (mut is_test, mut remarks, mut current) = (false, String::new(), None);
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[") {
                is_test |= line.contains("test]") || line.contains("test(");
            } else if let Some(remark) = line.strip_prefix("///") {
                remarks.push_str(remark);
            } else if let Some(name) = function(line) {
                current = is_test.then(|| format!("test {name}"));
                if let Some(test) = &current {
                    self.named(test, &remarks);
                    self.named(test, &dotted(name));
                }
                (is_test, remarks) = (false, String::new());
            } else if let (Some(remark), Some(test)) = (line.strip_prefix("//"), &current) {
                self.named(test, remark);
            } else if line.is_empty() {
                remarks.clear();
            }
        }
    }

    fn cases(&mut self, text: &str) {
        let mut test = String::new();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("case ") {
                test = format!("case {name}");
            } else if line.trim_start().starts_with("source") {
                self.named(&test, line);
            }
        }
    }
}

const PLAYS: &str = "xtask/clients/plays";

/// The name of a function whose first line this is.
fn function(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("fn ")?;
    let is_head = before.split_whitespace().all(|word| word.starts_with("pub") || ["async", "const"].contains(&word));
    is_head.then(|| rest.split(['(', '<']).next().unwrap_or(rest))
}

/// `t_4_2_15_an_unknown_type` as `T-4.2.15`; nothing for names without numbers.
fn dotted(name: &str) -> String {
    let Some(rest) = name.strip_prefix("t_") else { return String::new() };
    let digits = rest.split('_').take_while(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()));
    format!("T-{}", digits.collect::<Vec<_>>().join("."))
}

/// Every `T-x.y` and `T-x.y.n` in a text.
fn numbers(text: &str) -> Vec<String> {
    let mut numbers = Vec::new();
    for (at, _) in text.match_indices("T-") {
        let rest = &text[at + 2..];
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number = rest[..end].trim_end_matches('.');
        let parts = number.split('.').count();
        if (2..=3).contains(&parts) && number.split('.').all(|part| !part.is_empty()) {
            numbers.push(format!("T-{number}"));
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_whole() {
        assert_eq!(
            numbers("T-4.2.1, T-4.2.15; T-7.1. T-x T-5 (T-6.3.40)"),
            ["T-4.2.1", "T-4.2.15", "T-7.1", "T-6.3.40"]
        );
        assert_eq!(dotted("t_4_2_15_an_unknown_type_1"), "T-4.2.15");
        assert_eq!(dotted("too_many"), "");
    }

    #[test]
    fn tests_are_known_by_name_sentence_and_remark() {
        let text = "/// T-1.1.1\nfn helper() {}\n\n/// T-2.1.1 is so.\n#[tokio::test]\nasync fn one() {\n    // T-2.1.2\n}\n\n\
                    #[test]\nfn t_2_1_3_two() {}\n\nfn three() {\n    // T-9.9.9\n}\n";
        let mut found = Found::default();
        found.tests(text);
        let all: Vec<_> = found.numbers().map(|number| (number, found.of(number))).collect();
        assert_eq!(
            all,
            [("T-2.1.1", vec!["test one"]), ("T-2.1.2", vec!["test one"]), ("T-2.1.3", vec!["test t_2_1_3_two"])]
        );
    }

    #[test]
    fn scenes_and_cases_are_known_by_name_and_source() {
        let mut found = Found::default();
        found.scene("t-4.2.10-expired", "# What is late is dropped.   T-4.2.9; XEP-0023\nT-9.9.9\n");
        found.cases("case a lot\n  source     T-3.2.3\n  sends      T-9.9.9\n");
        let all: Vec<_> = found.numbers().collect();
        assert_eq!(all, ["T-3.2.3", "T-4.2.10", "T-4.2.9"]);
        assert_eq!(found.of("T-3.2.3"), ["case a lot"]);
    }
}
