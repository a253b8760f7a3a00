//! The fast part of the tests: formatting, clippy, every test and scene, tidy.

use std::process::Stdio;

use anyhow::{Context, Result};

use crate::process;
use crate::tally::Tally;
use crate::tidy;
use crate::workspace::cargo;

/// Runs every step, also after one that failed, so that one run shows all there is to mend.
pub(crate) fn run(tally: &mut Tally) -> Result<()> {
    tally.record("cargo fmt --check", process::succeeds(cargo().args(["fmt", "--all", "--check"]))?);
    tidy::run(tally)?;
    let clippy = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"];
    tally.record("cargo clippy", process::succeeds(cargo().args(clippy))?);
    tests(tally)
}

/// `cargo test` over the workspace, counted line by line while it prints.
fn tests(tally: &mut Tally) -> Result<()> {
    let mut command = cargo();
    command.args(["test", "--workspace", "--no-fail-fast"]).stdout(Stdio::piped());
    process::say(&command);
    let mut child = command.spawn().context("cannot start cargo test")?;
    let failures_before = tally.failures();
    for line in process::lines(child.stdout.take().context("no output of cargo test")?) {
        println!("{line}");
        tally.read_cargo_line(&line);
    }
    let passed = child.wait()?.success();
    if !passed && tally.failures() == failures_before {
        tally.record("cargo test", false);
    }
    Ok(())
}
