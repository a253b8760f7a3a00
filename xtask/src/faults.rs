//! Power cuts and kills by the hundred: whatever was acknowledged must be there afterwards.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process;
use crate::workspace::cargo;

/// With nothing printed for so long, a run hangs.
const SILENCE: Duration = Duration::from_secs(600);

/// What the command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wish {
    runs: Option<u64>,
    kills: Option<u64>,
    seed: Option<u64>,
    all: bool,
}

fn read_wish(words: &[String]) -> Result<Wish> {
    let mut wish = Wish::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut number = || {
            let value = words.next().with_context(|| format!("{word} wants a number"))?;
            value.parse().map(Some).with_context(|| format!("{value} is no number"))
        };
        match word.as_str() {
            "--runs" => wish.runs = number()?,
            "--kill" => wish.kills = number()?,
            "--seed" => wish.seed = number()?,
            "--all" => wish.all = true,
            other => bail!("there is no option `{other}` here"),
        }
    }
    Ok(wish)
}

/// Whether nothing was lost.
pub(crate) fn run(words: &[String]) -> Result<bool> {
    let wish = read_wish(words)?;
    // A seed alone is a run to be seen again.
    let runs = wish.runs.unwrap_or(if wish.seed.is_some() { 1 } else { 1_000 });
    if let Some(kills) = wish.kills {
        let package = ["--package", "yatter-server", "--test", "cli", "killed::"];
        return repeat(&package, "YATTER_KILLS", kills, &wish);
    }
    let package = ["--package", "yatter-extensions", "--test", "heart", "faults::a_power_cut"];
    repeat(&package, "YATTER_FAULTS_RUNS", runs, &wish)
}

fn repeat(test: &[&str], count_name: &str, count: u64, wish: &Wish) -> Result<bool> {
    let started = Instant::now();
    let mut command = cargo();
    command.args(["test", "--quiet"]).args(test).args(["--", "--nocapture"]).env(count_name, count.to_string());
    if let Some(seed) = wish.seed {
        command.env("YATTER_FAULTS_SEED", seed.to_string());
    }
    if wish.all {
        command.env("YATTER_FAULTS_ALL", "1");
    }
    command.env("RUST_BACKTRACE", "0").stdout(Stdio::piped());
    process::say(&command);
    let mut child = command.spawn().context("cannot start cargo test")?;
    let lines = process::lines(child.stdout.take().context("no output of cargo test")?);
    while let Ok(line) = lines.recv_timeout(SILENCE) {
        println!("{line}");
    }
    let ended = process::succeeds_within(Duration::from_secs(10), child)?;
    println!(
        "{} in {:.1} s",
        if ended { "nothing was lost" } else { "something is wrong" },
        started.elapsed().as_secs_f32()
    );
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_numbers() {
        let read = |text: &str| read_wish(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(read("").unwrap(), Wish::default());
        let all = Wish { runs: Some(5), kills: Some(2), seed: Some(7), all: true };
        assert_eq!(read("--runs 5 --kill 2 --all --seed 7").unwrap(), all);
        assert!(read("--runs").is_err() && read("--runs many").is_err() && read("--run 5").is_err());
    }
}
