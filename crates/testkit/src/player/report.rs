//! How a scene failed: the line, what was expected beside what came, and everything that was said.

use super::conversation::{Conversation, Direction};
use crate::scene::Scene;
use crate::stage::StageError;
use std::fmt::Write;

/// How a scene failed, for people to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The line and what was wrong there, with both sides.
    pub first_difference: String,
    /// The scene, the first difference, and everything that was said.
    pub whole: String,
}

/// Why a scene did not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// In one sentence.
    pub(super) why: String,
    /// The stage cannot play this scene; it is left out.
    pub(super) left_out: bool,
    expected: Vec<String>,
    got: Vec<String>,
}

impl Failure {
    /// A failure of the server, or of the scene.
    pub(super) fn of(why: impl Into<String>) -> Self {
        Failure { why: why.into(), left_out: false, expected: Vec::new(), got: Vec::new() }
    }

    /// What should have come.
    pub(super) fn expected(mut self, lines: Vec<String>) -> Self {
        self.expected = lines;
        self
    }

    /// What came instead.
    pub(super) fn got(mut self, lines: Vec<String>) -> Self {
        self.got = lines;
        self
    }
}

impl From<StageError> for Failure {
    fn from(error: StageError) -> Self {
        Failure { left_out: matches!(error, StageError::Unable(_)), ..Failure::of(error.to_string()) }
    }
}

/// The whole report. `line` is where the scene stopped; `None`: before its first step.
pub(super) fn report(scene: &Scene, line: Option<usize>, failure: &Failure, said: &Conversation) -> Report {
    let mut text = format!("{}\n    {}  ({})\n\n", scene.name, scene.sentence, scene.source);
    add_scene(&mut text, scene, line);
    let place = line.map_or_else(|| "before the first step".to_owned(), |line| format!("line {line}"));
    let mut first = format!("{place}: {}\n", failure.why);
    if !failure.expected.is_empty() || !failure.got.is_empty() {
        first.push('\n');
        add_side_by_side(&mut first, &failure.expected, &failure.got);
    }
    let _ = writeln!(text, "\n{first}\nthe whole conversation:");
    add_conversation(&mut text, said);
    Report { first_difference: first, whole: text }
}

fn add_scene(text: &mut String, scene: &Scene, marked: Option<usize>) {
    for (index, line) in scene.text.iter().enumerate() {
        let number = index + 1;
        let mark = if Some(number) == marked { ">>" } else { "  " };
        let _ = writeln!(text, "{mark}{number:>4} | {line}");
    }
}

fn add_side_by_side(text: &mut String, expected: &[String], got: &[String]) {
    let width = expected.iter().map(|line| line.chars().count()).max().unwrap_or(0).clamp(20, 112);
    let _ = writeln!(text, "    {:<width$} | got", "expected");
    let _ = writeln!(text, "    {:-<width$}-+-{:-<width$}", "", "");
    for index in 0..expected.len().max(got.len()) {
        let cell = |side: &[String]| side.get(index).cloned().unwrap_or_default();
        let (left, right) = (cell(expected), cell(got));
        let mark = if left == right { ' ' } else { '≠' };
        let _ = writeln!(text, "  {mark} {left:<width$} | {right}");
    }
}

fn add_conversation(text: &mut String, said: &Conversation) {
    let width = said.entries().iter().map(|entry| entry.who.chars().count()).max().unwrap_or(0);
    for entry in said.entries() {
        let arrow = match entry.direction {
            Direction::Out => "→",
            Direction::In => "←",
            Direction::Note => "·",
        };
        let mut lines = entry.text.lines();
        let _ = writeln!(text, "    {:<width$} {arrow} {}", entry.who, lines.next().unwrap_or_default());
        for line in lines {
            let _ = writeln!(text, "    {:<width$}   {line}", "");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::parse;

    #[test]
    fn a_report_has_the_line_both_sides_and_the_conversation() {
        let text = "# A sentence.   RFC 1\ncast\n  Romeo  romeo@h\nRomeo receives\n  <presence/>\n";
        let scene = parse("light", text).unwrap().remove(0);
        let mut said = Conversation::default();
        said.add("Romeo", Direction::In, "<iq>\n  <a/>\n</iq>");
        let failure =
            Failure::of("wrong").expected(vec!["<presence/>".into()]).got(vec!["<iq>".into(), "</iq>".into()]);
        let report = report(&scene, Some(4), &failure, &said);
        assert!(report.first_difference.starts_with("line 4: wrong\n"));
        let report = report.whole;
        for wanted in [
            ">>   4 | Romeo receives",
            "line 4: wrong",
            "  ≠ <presence/>          | <iq>",
            "    Romeo ← <iq>\n              <a/>",
            "A sentence.  (RFC 1)",
        ] {
            assert!(report.contains(wanted), "{wanted} is not in\n{report}");
        }
    }
}
