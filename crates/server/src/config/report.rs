//! What is wrong in a configuration file, said so that a person can mend it: file, line, column, key, and what to write.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// One mistake in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file as it was named on the command line.
    pub file: PathBuf,
    /// Line, counted from 1; 0 when the file could not be read at all.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// The key with its table, such as `limits.stanza_bytes`; empty for a mistake of the TOML language.
    pub key: String,
    /// What is wrong.
    pub problem: Problem,
}

/// The kinds of mistakes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// The file is not TOML.
    #[error("not TOML: {0}")]
    Syntax(String),
    /// A key that no version knows.
    #[error("no such key{}", did_you_mean(.nearest))]
    UnknownKey {
        /// The key that was probably meant.
        nearest: Option<String>,
    },
    /// A value of another type than the key takes.
    #[error("expects {expected}, not {found}")]
    WrongType {
        /// What the key takes.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A word that is not among the ones the key takes.
    #[error("`{word}` is not among its values ({}){}", .allowed.join(", "), did_you_mean(.nearest))]
    UnknownWord {
        /// What stands there.
        word: String,
        /// What may stand there.
        allowed: Vec<&'static str>,
        /// The word that was probably meant.
        nearest: Option<String>,
    },
    /// Something that a later version brings.
    #[error("{what} is not in this version of Yatter; {instead}")]
    NotInThisVersion {
        /// The thing.
        what: String,
        /// What to write today.
        instead: String,
    },
    /// A value that cannot be, or that disagrees with another.
    #[error("{0}")]
    Invalid(String),
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|word| format!("; did you mean `{word}`?")).unwrap_or_default()
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// Every mistake of one file, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, error) in self.0.iter().enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

/// Collects the mistakes while a file is read, so that a person meets all of them at once.
pub struct Report<'t> {
    file: &'t Path,
    text: &'t str,
    path: Vec<String>,
    found: Vec<(usize, ConfigError)>,
}

impl<'t> Report<'t> {
    /// A report on `text`, which was read from `file`.
    pub fn new(file: &'t Path, text: &'t str) -> Self {
        Report { file, text, path: Vec::new(), found: Vec::new() }
    }

    /// Reads something below `key`; what is reported inside names the key.
    pub fn under<T>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(key.to_owned());
        let value = read(self);
        self.path.pop();
        value
    }

    /// The name of the key being read, without its table.
    pub fn key(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// Notes a mistake at a byte range of the text, about the key being read.
    pub fn fail(&mut self, at: Range<usize>, problem: Problem) {
        let (line, column) = position(self.text, at.start);
        let key = self.path.join(".");
        self.found.push((at.start, ConfigError { file: self.file.to_owned(), line, column, key, problem }));
    }

    /// The mistakes found, or nothing.
    pub fn finish(mut self) -> Result<(), ConfigErrors> {
        if self.found.is_empty() {
            return Ok(());
        }
        self.found.sort_by_key(|(at, _)| *at);
        Err(ConfigErrors(self.found.into_iter().map(|(_, error)| error).collect()))
    }
}

/// Line and column, both from 1, of a byte of the text.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The candidate that `word` was probably meant to be: at most a third of its letters differ.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<String> {
    let far = (word.chars().count() / 3).max(1);
    let measured = candidates.into_iter().map(|candidate| (distance(word, candidate), candidate));
    let (distance, candidate) = measured.min_by_key(|(distance, _)| *distance)?;
    (distance <= far).then(|| candidate.to_owned())
}

/// Letters to insert, remove, change or swap with their neighbour to make `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut above: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (i, letter) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, other) in b.iter().enumerate() {
            let changed = row[j] + usize::from(letter != *other);
            let mut least = changed.min(row[j + 1] + 1).min(next[j] + 1);
            if j > 0 && previous == Some(*other) && letter == b[j - 1] {
                least = least.min(above[j - 1] + 1);
            }
            next.push(least);
        }
        above = std::mem::replace(&mut row, next);
        previous = Some(letter);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_suggested_and_a_far_one_is_not() {
        let keys = ["stanza_bytes", "login_s", "hosts"];
        for (word, expected) in [
            ("stanza_byte", Some("stanza_bytes")),
            ("stanzabytes", Some("stanza_bytes")),
            ("host", Some("hosts")),
            ("hsots", Some("hosts")),
            ("colour", None),
        ] {
            assert_eq!(nearest(word, keys).as_deref(), expected, "{word}");
        }
    }

    #[test]
    fn positions_count_characters_from_one() {
        assert_eq!(position("a\nbé = 1", 2), (2, 1));
        assert_eq!(position("a\nbé = 1", 5), (2, 3));
    }
}
