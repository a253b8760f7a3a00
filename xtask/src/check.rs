//! The fast part of the tests: formatting, clippy, every test and scene, tidy, the draft's table, bad input.

use std::process::Stdio;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::draft;
use crate::hostile;
use crate::process;
use crate::tally::Tally;
use crate::tidy;
use crate::workspace::cargo;

/// With nothing printed for so long, a test hangs.
const SILENCE: Duration = Duration::from_secs(300);

/// Runs every step, also after one that failed, so that one run shows all there is to mend.
pub(crate) fn run(tally: &mut Tally) -> Result<()> {
    tally.record("cargo fmt --check", process::succeeds(cargo().args(["fmt", "--all", "--check"]))?);
    tidy::run(tally)?;
    draft::check(tally)?;
    let clippy = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"];
    tally.record("cargo clippy", process::succeeds(cargo().args(clippy))?);
    tests(tally)?;
    hostile::run(&[], tally)
}

/// `cargo test` over the workspace, counted line by line while it prints.
fn tests(tally: &mut Tally) -> Result<()> {
    let failures_before = tally.failures();
    let passed = process::succeeds(cargo().args(["test", "--quiet", "--workspace", "--no-run"]))? && run_tests(tally)?;
    if !passed && tally.failures() == failures_before {
        tally.record("cargo test", false);
    }
    Ok(())
}

fn run_tests(tally: &mut Tally) -> Result<bool> {
    let mut command = cargo();
    command.args(["test", "--workspace", "--no-fail-fast"]).stdout(Stdio::piped());
    process::say(&command);
    let mut child = command.spawn().context("cannot start cargo test")?;
    let lines = process::lines(child.stdout.take().context("no output of cargo test")?);
    loop {
        match lines.recv_timeout(SILENCE) {
            Ok(line) => {
                println!("{line}");
                tally.read_cargo_line(&line);
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(child.wait()?.success()),
            Err(RecvTimeoutError::Timeout) => {
                println!("no test has ended for {SILENCE:?}: given up");
                process::kill_tree(child.id());
                child.wait()?;
                return Ok(false);
            }
        }
    }
}
