//! Does one thing that the server does for every stanza, so many times and no more, for a tool that counts instructions.
//!
//! `cargo xtask count` runs it under callgrind, which collects what happens inside [`counted`]. Everything is done by one thread
//! over memory, on a clock that stands still.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod absence;
mod addresses;
mod case;
mod client;
mod dialects;
mod doors;
mod elements;
mod heart;
mod samples;
mod stanzas;
mod world;

use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use case::Case;

const HELP: &str = "\
yatter-counts: one thing at a time, for a tool that counts instructions (`cargo xtask count`)

  yatter-counts list         the names, each with how often it is done
  yatter-counts run NAME     does it: some times to warm up, then so often inside the function `counted`
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("yatter-counts: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["list"] => cases().for_each(|case| println!("{} {}", case.name, case.times)),
        ["run", name] => {
            let case = cases().find(|case| case.name == name).with_context(|| format!("there is no {name}"))?;
            let mut work = (case.make)()?;
            let done = warm_up(case.warm_up, &mut *work) + counted(case.times, &mut *work);
            ensure!(done == case.warm_up + case.times, "{name} succeeded {done} times only");
        }
        _ => bail!("{HELP}"),
    }
    Ok(())
}

fn cases() -> impl Iterator<Item = Case> {
    [elements::CASES, addresses::CASES, stanzas::CASES, heart::CASES, absence::CASES, dialects::CASES, doors::CASES]
        .into_iter()
        .flatten()
        .copied()
}

/// What comes first. The tool knows this function by its name, too: it forgets what was counted when it ends.
#[inline(never)]
fn warm_up(times: usize, work: &mut dyn FnMut() -> bool) -> usize {
    (0..times).map(|_| usize::from(work())).sum()
}

/// What is counted: the tool knows this function by its name.
#[inline(never)]
fn counted(times: usize, work: &mut dyn FnMut() -> bool) -> usize {
    let mut done = 0;
    for _ in 0..times {
        done += usize::from(work());
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_counted_works() {
        for case in cases() {
            let mut work = (case.make)().unwrap_or_else(|error| panic!("{}: {error:#}", case.name));
            assert_eq!(counted(2, &mut *work), 2, "{}", case.name);
        }
    }

    #[test]
    fn names_are_different() {
        let mut names: Vec<_> = cases().map(|case| case.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
