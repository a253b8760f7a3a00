//! The fuzz targets, each for a while: a few seconds in every run of the tests, as long as one likes by hand.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::tally::Tally;
use crate::workspace::{Workspace, cargo};

/// How long each target runs among the tests.
pub(crate) const BRIEFLY: u64 = 3;

/// What the fuzzer may take, MiB.
const MEMORY_MIB: u32 = 2048;

/// The longest input, bytes.
const LONGEST: u32 = 65_536;

/// Reads `--seconds N` and `--only NAME`, and runs.
pub(crate) fn command(words: &[String], tally: &mut Tally) -> Result<()> {
    let (mut seconds, mut only) = (60, Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let value = words.next().with_context(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--seconds" => seconds = value.parse().with_context(|| format!("--seconds {value}: not a number"))?,
            "--only" => only.push(value.as_str()),
            other => bail!("`{other}`: expected --seconds N or --only NAME"),
        }
    }
    run(seconds, &only, tally)
}

/// Builds the targets and runs each for so many seconds.
pub(crate) fn run(seconds: u64, only: &[&str], tally: &mut Tally) -> Result<()> {
    let workspace = Workspace::read()?;
    let folder = workspace.root.join("fuzz");
    // libFuzzer is C++.
    crate::install::debian(&["g++"])?;
    let target = workspace.target.join("fuzz");
    let mut build = cargo();
    build.current_dir(&folder).args(["build", "--release", "--bins", "--target-dir"]).arg(&target);
    process::must(&mut build)?;
    let programs = target.join(host()?).join("release");
    for name in names(&folder)? {
        if !only.is_empty() && !only.iter().any(|part| name.contains(part)) {
            continue;
        }
        let (corpus, found) = (target.join("corpus").join(&name), target.join("found").join(&name));
        fs::create_dir_all(&corpus)?;
        fs::create_dir_all(&found)?;
        let mut fuzzer = Command::new(programs.join(&name));
        fuzzer.arg(format!("-max_total_time={seconds}")).arg(format!("-rss_limit_mb={MEMORY_MIB}"));
        fuzzer.arg(format!("-max_len={LONGEST}")).arg(format!("-artifact_prefix={}/", found.display()));
        fuzzer.args(["-timeout=20", "-verbosity=0", "-print_final_stats=1"]);
        fuzzer.arg(format!("-dict={}", folder.join("xml.dict").display())).arg(corpus);
        let passed = process::succeeds(&mut fuzzer)?;
        println!("fuzz {name} ... {}", if passed { "ok" } else { "FAILED" });
        tally.record(&format!("fuzz {name}"), passed);
    }
    Ok(())
}

/// The targets, by the files that hold them.
fn names(folder: &std::path::Path) -> Result<Vec<String>> {
    let files = fs::read_dir(folder.join("targets"))?.filter_map(|entry| entry.ok());
    let stem = |path: std::path::PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let mut names: Vec<String> = files.filter_map(|entry| stem(entry.path())).collect();
    names.sort();
    Ok(names)
}

/// The triple of this machine, below which cargo puts what is built for a named target.
fn host() -> Result<String> {
    let version = process::output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say what machine this is")?.to_owned())
}
