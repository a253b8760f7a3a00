//! The figures that were committed, and what they were made with.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Count;
use crate::process;

/// The committed figures.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Baseline {
    pub(super) made_with: MadeWith,
    /// Instructions and allocations of doing it once.
    counts: BTreeMap<String, [f64; 2]>,
}

/// What the figures depend on besides our code.
#[derive(Clone, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct MadeWith {
    rustc: String,
    valgrind: String,
    /// The C library, which copies and allocates.
    libc: String,
    /// The widest registers that copying and checking of UTF-8 can use under the tool.
    registers: String,
}

impl MadeWith {
    pub(super) fn this_machine() -> Result<MadeWith> {
        let first_line = |program: &str, argument: &str| -> Result<String> {
            let printed = process::output(Command::new(program).arg(argument))?;
            Ok(printed.lines().next().unwrap_or_default().trim().to_owned())
        };
        let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let registers =
            ["avx2", "avx"].into_iter().find(|width| processor.split_whitespace().any(|word| word == *width));
        Ok(MadeWith {
            rustc: first_line("rustc", "--version")?,
            valgrind: first_line("valgrind", "--version")?,
            libc: first_line("getconf", "GNU_LIBC_VERSION")?,
            registers: registers.unwrap_or("sse2").to_owned(),
        })
    }
}

impl fmt::Display for MadeWith {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}, {}", self.rustc, self.valgrind, self.libc, self.registers)
    }
}

impl Baseline {
    /// Reads what was committed; nothing was, before the first time.
    pub(super) fn read(path: &Path) -> Result<Baseline> {
        if !path.exists() {
            return Ok(Baseline::default());
        }
        let text = fs::read_to_string(path)?;
        toml::from_str(&text).with_context(|| format!("{} is not readable", path.display()))
    }

    pub(super) fn of(&self, name: &str) -> Option<Count> {
        self.counts.get(name).map(|&[instructions, allocations]| Count { instructions, allocations })
    }

    /// Takes new figures. When they are all that there are, names that are gone go.
    pub(super) fn update(&mut self, counted: Vec<(String, Count)>, now: MadeWith, all: bool) {
        self.made_with = now;
        if all {
            self.counts.clear();
        }
        self.counts.extend(counted.into_iter().map(|(name, count)| (name, [count.instructions, count.allocations])));
    }

    pub(super) fn to_text(&self) -> Result<String> {
        let MadeWith { rustc, valgrind, libc, registers } = &self.made_with;
        let mut text = String::from(
            "# Written by `cargo xtask count --update`: instructions and allocations of doing a thing once.\n\n",
        );
        write!(
            text,
            "[made-with]\nrustc = \"{rustc}\"\nvalgrind = \"{valgrind}\"\nlibc = \"{libc}\"\nregisters = \"{registers}\"\n\n[counts]\n"
        )?;
        for (name, [instructions, allocations]) in &self.counts {
            writeln!(text, "\"{name}\" = [{instructions:.1}, {allocations:.2}]")?;
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut baseline = Baseline::default();
        let now =
            MadeWith { rustc: "rustc 1".into(), valgrind: "v".into(), libc: "g".into(), registers: "avx2".into() };
        let count = Count { instructions: 6870.2, allocations: 1.0 };
        baseline.update(vec![("xml/parse".to_owned(), count)], now.clone(), true);
        let again: Baseline = toml::from_str(&baseline.to_text().unwrap()).unwrap();
        assert_eq!(again.of("xml/parse"), Some(count));
        assert!(again.made_with == now && again.of("xml/other").is_none());
    }
}
