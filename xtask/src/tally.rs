//! Counts what passed and what failed, over cargo's tests, our own checks and the plays of clients.
//!
//! Whatever failed is told again at the end, so that the last screen of a long run says what there is to mend.

/// How many of its last lines are told again of something that failed.
const LAST_WORDS: usize = 40;

/// How many lines of failed tests of cargo's are told again.
const TESTS_WORDS: usize = 200;

/// The sum of a run.
#[derive(Default, Debug)]
pub(crate) struct Tally {
    passed: u64,
    failed: Vec<String>,
    failed_tests: u64,
    /// Whether cargo is now telling of the tests that failed.
    in_failures: bool,
    /// What it told.
    words: Vec<String>,
}

impl Tally {
    /// One check of our own: a play, a rule.
    pub(crate) fn record(&mut self, name: &str, passed: bool) {
        if passed {
            self.passed += 1;
        } else {
            self.failed.push(name.to_owned());
        }
    }

    /// A check of our own that has something to say when it fails.
    pub(crate) fn record_words(&mut self, name: &str, passed: bool, said: &[String]) {
        self.record(name, passed);
        if !passed {
            self.words.push(format!("---- {name} ----"));
            self.words.extend_from_slice(&said[said.len().saturating_sub(LAST_WORDS)..]);
        }
    }

    /// Takes in a line that cargo's test harness printed; true when it was a summary.
    pub(crate) fn read_cargo_line(&mut self, line: &str) -> bool {
        let Some(summary) = line.trim().strip_prefix("test result: ") else {
            self.in_failures |= line == "failures:";
            if self.in_failures && self.words.len() < TESTS_WORDS {
                self.words.push(line.to_owned());
            }
            return false;
        };
        self.in_failures = false;
        let count = |word: &str| {
            let before = summary.split_once(word)?.0.trim_end();
            before.rsplit([' ', ';', '.']).next()?.parse::<u64>().ok()
        };
        self.passed += count("passed").unwrap_or(0);
        self.failed_tests += count("failed").unwrap_or(0);
        true
    }

    /// Failures so far.
    pub(crate) fn failures(&self) -> u64 {
        self.failed_tests + self.failed.len() as u64
    }

    /// Prints the closing line; true when nothing failed.
    pub(crate) fn finish(&self) -> bool {
        println!();
        for line in &self.words {
            println!("{line}");
        }
        for name in &self.failed {
            println!("failed: {name}");
        }
        println!("{} passed, {} failed", self.passed, self.failures());
        self.failures() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_cargo_and_our_own() {
        let mut tally = Tally::default();
        assert!(!tally.read_cargo_line("running 3 tests"));
        assert!(tally.read_cargo_line("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; finished in 0.1s"));
        for line in ["test it ... FAILED", "failures:", "---- it ----", "    it"] {
            assert!(!tally.read_cargo_line(line));
        }
        assert!(tally.read_cargo_line("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured"));
        tally.record("a play", true);
        tally.record_words("another", false, &["too late".to_owned()]);
        assert_eq!(tally.words, ["failures:", "---- it ----", "    it", "---- another ----", "too late"]);
        assert_eq!((tally.passed, tally.failures()), (16, 3));
    }
}
