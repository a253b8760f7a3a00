//! The models of `crates/models`: the heart built so that a scheduler chooses which thread goes next.

use std::process::Stdio;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::tally::Tally;
use crate::workspace::{Workspace, cargo};

/// With nothing printed for so long, a model hangs.
const SILENCE: Duration = Duration::from_secs(600);

/// How often each model is played in the whole test run, and when nobody says otherwise.
pub(crate) const SHORT: u64 = 300;
const LONG: u64 = 20_000;

/// What the command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wish {
    runs: Option<u64>,
    seed: Option<u64>,
    only: Option<String>,
}

fn read_wish(words: &[String]) -> Result<Wish> {
    let mut wish = Wish::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let value = words.next().with_context(|| format!("{word} wants a word after it"));
        let number = |text: &String| text.parse().with_context(|| format!("{text} is no number"));
        match word.as_str() {
            "--runs" => wish.runs = Some(number(value?)?),
            "--seed" => wish.seed = Some(number(value?)?),
            "--only" => wish.only = Some(value?.clone()),
            other => bail!("there is no option `{other}` here"),
        }
    }
    Ok(wish)
}

/// Plays the models that the command line asks for.
pub(crate) fn run(words: &[String], tally: &mut Tally) -> Result<()> {
    let wish = read_wish(words)?;
    play(wish.runs.unwrap_or(LONG), wish.seed, wish.only.as_deref(), tally)
}

/// Builds the models in a folder of their own, since everything below them is built anew, and plays each so many times.
pub(crate) fn play(runs: u64, seed: Option<u64>, only: Option<&str>, tally: &mut Tally) -> Result<()> {
    let folder = Workspace::read()?.target.join("models");
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    let mut command = cargo();
    command
        .args(["test", "--package", "yatter-models", "--target-dir"])
        .arg(folder)
        .args(["--", "--nocapture"])
        .args(only);
    command.env("RUSTFLAGS", format!("{flags} --cfg shuttle").trim());
    command.env("YATTER_MODELS_RUNS", runs.to_string()).env("RUST_BACKTRACE", "0").stdout(Stdio::piped());
    if let Some(seed) = seed {
        command.env("YATTER_MODELS_SEED", seed.to_string());
    }
    process::say(&command);
    let failures = tally.failures();
    let mut child = command.spawn().context("cannot start cargo test")?;
    let lines = process::lines(child.stdout.take().context("no output of cargo test")?);
    loop {
        match lines.recv_timeout(SILENCE) {
            Ok(line) => {
                println!("{line}");
                tally.read_cargo_line(&line);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                println!("no model has ended for {SILENCE:?}: given up");
                process::kill_tree(child.id());
                break;
            }
        }
    }
    if !process::succeeds_within(Duration::from_secs(10), child)? && tally.failures() == failures {
        tally.record("models", false);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_have_values() {
        let read = |text: &str| read_wish(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(read("").unwrap(), Wish::default());
        let all = Wish { runs: Some(5), seed: Some(7), only: Some("waking".to_owned()) };
        assert_eq!(read("--runs 5 --seed 7 --only waking").unwrap(), all);
        assert!(read("--runs").is_err() && read("--runs many").is_err() && read("--run 5").is_err());
    }
}
