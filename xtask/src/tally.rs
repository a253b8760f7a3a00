//! Counts what passed and what failed, over cargo's tests, our own checks and the plays of clients.

/// The sum of a run.
#[derive(Default, Debug)]
pub(crate) struct Tally {
    passed: u64,
    failed: Vec<String>,
    failed_tests: u64,
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

    /// Takes in a line that cargo's test harness printed; true when it was a summary.
    pub(crate) fn read_cargo_line(&mut self, line: &str) -> bool {
        let Some(summary) = line.trim().strip_prefix("test result: ") else { return false };
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
        assert!(tally.read_cargo_line("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured"));
        tally.record("a play", true);
        tally.record("another", false);
        assert_eq!((tally.passed, tally.failures()), (16, 3));
    }
}
