//! The fuzz targets, each for a while: a few seconds in every run of the tests, as long as one likes by hand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process;
use crate::tally::Tally;
use crate::workspace::{Workspace, cargo};

/// How long each target runs among the tests.
pub(crate) const BRIEFLY: u64 = 3;

/// What precedes a seed: as choices of the targets that begin with some they mean plain bytes, to others they are white
/// space around an element.
const CHOICES: &str = "         ";

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
    let seeds = target.join("seeds");
    write_seeds(&workspace.root.join("crates"), &seeds)?;
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
        fuzzer.arg(format!("-dict={}", folder.join("xml.dict").display())).arg(corpus).arg(&seeds);
        one(&name, &mut fuzzer, tally)?;
    }
    Ok(())
}

/// Runs one target to its end. What it prints is shown when it finds something, its count of inputs otherwise.
fn one(name: &str, fuzzer: &mut Command, tally: &mut Tally) -> Result<()> {
    process::say(fuzzer);
    let mut child = fuzzer.stderr(Stdio::piped()).spawn().with_context(|| format!("cannot start {name}"))?;
    let said: Vec<String> = process::lines(child.stderr.take().context("no output of a fuzzer")?).into_iter().collect();
    let passed = child.wait()?.success();
    if !passed {
        said.iter().for_each(|line| println!("{line}"));
    }
    let inputs = said.iter().find_map(|line| line.strip_prefix("stat::number_of_executed_units:")).unwrap_or(" ?");
    println!("fuzz {name} ... {}, {} inputs", if passed { "ok" } else { "FAILED" }, inputs.trim());
    // Behind the trace comes a summary of what is known already.
    tally.record_words(&format!("fuzz {name}"), passed, &said);
    Ok(())
}

/// What is said in the scenes is what the fuzzers begin with: each run of lines with XML is a file.
fn write_seeds(crates: &Path, seeds: &Path) -> Result<()> {
    fs::create_dir_all(seeds)?;
    let mut number = 0;
    for scene in scenes(crates)? {
        let text = fs::read_to_string(&scene).with_context(|| scene.display().to_string())?;
        let lines: Vec<&str> = text.lines().collect();
        for said in lines.split(|line| !line.starts_with(' ')) {
            let said: Vec<&str> = said.iter().map(|line| line.trim()).collect();
            if said.first().is_some_and(|line| line.starts_with('<')) {
                fs::write(seeds.join(format!("{number:04}")), format!("{CHOICES}{}", said.concat()))?;
                number += 1;
            }
        }
    }
    Ok(())
}

/// The files of all scenes, in order.
fn scenes(crates: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(crates)? {
        // A crate without scenes has none to give.
        let Ok(folder) = fs::read_dir(entry?.path().join("scenes")) else { continue };
        let paths = folder.filter_map(|file| Some(file.ok()?.path()));
        files.extend(paths.filter(|path| path.extension().is_some_and(|extension| extension == "scene")));
    }
    files.sort();
    Ok(files)
}

/// The targets, by the files that hold them.
fn names(folder: &Path) -> Result<Vec<String>> {
    let files = fs::read_dir(folder.join("targets"))?.filter_map(|entry| entry.ok());
    let stem = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
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
