//! Instructions and allocations of one thing at a time, beside the figures that were committed.
//!
//! What else runs on the machine does not change them, and a run repeats them to the instruction, or nearly. callgrind
//! runs `yatter-counts` once for each name; the functions `warm_up` and `counted` there are known by their names here.

mod baseline;
mod profile;
mod table;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use std::{fs, thread};

use anyhow::{Context, Result, bail, ensure};
use baseline::{Baseline, MadeWith};

use crate::tally::Tally;
use crate::workspace::Workspace;
use crate::{install, process};

/// The figures that were committed, in the checkout.
const BASELINE: &str = "crates/counts/baseline.toml";

/// What doing a thing once takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Count {
    instructions: f64,
    allocations: f64,
}

/// What the command line asks for.
#[derive(Default)]
struct Wish {
    update: bool,
    only: Vec<String>,
}

/// Counts, prints the table, and records whether nothing has become worse. `--update` keeps the figures instead.
pub(crate) fn run(words: &[String], tally: &mut Tally) -> Result<()> {
    let wish = read_wish(words)?;
    let workspace = Workspace::read()?;
    install::debian(&["valgrind"])?;
    let program = profile::build(&workspace)?;
    let began = Instant::now();
    let counted = count_all(&workspace, &program, &wish)?;
    let path = workspace.root.join(BASELINE);
    let mut baseline = Baseline::read(&path)?;
    let now = MadeWith::this_machine()?;
    let mut said = table::print(&baseline, &counted);
    println!("counted in {:.0} s", began.elapsed().as_secs_f64());
    if wish.update {
        baseline.update(counted, now, wish.only.is_empty());
        fs::write(&path, baseline.to_text()?)?;
        println!("kept in {BASELINE}");
        return Ok(());
    }
    if baseline.made_with != now {
        println!("{BASELINE} was made with {}; here is {now}.", baseline.made_with);
        println!(
            "What differs above may be theirs and fails nothing: `cargo xtask count --update` where nothing else is changed"
        );
        said.clear();
    }
    let passed = said.is_empty();
    said.push("Meant so? `cargo xtask count --update`, committed with the change that caused it.".to_owned());
    said.push("Not meant: `callgrind_annotate` of its file in target/counts shows where it goes.".to_owned());
    tally.record_words("count", passed, &said);
    Ok(())
}

fn read_wish(words: &[String]) -> Result<Wish> {
    let mut wish = Wish::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--update" => wish.update = true,
            "--only" => wish.only.push(words.next().context("--only needs a name")?.clone()),
            other => bail!("`{other}`: expected --update or --only NAME"),
        }
    }
    Ok(wish)
}

/// Counts everything that is wished for, in the order of the program's list, one process per core.
fn count_all(workspace: &Workspace, program: &Path, wish: &Wish) -> Result<Vec<(String, Count)>> {
    let folder = workspace.target.join("counts");
    fs::create_dir_all(&folder)?;
    let listed = process::output(Command::new(program).arg("list"))?;
    let mut names = Vec::new();
    for line in listed.lines() {
        let (name, times) = line.split_once(' ').context("a name and a number")?;
        if wish.only.is_empty() || wish.only.iter().any(|part| name.contains(part)) {
            names.push((name.to_owned(), times.parse()?));
        }
    }
    ensure!(!names.is_empty(), "no name holds that");
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((name, times)) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let counted = count_one(program, &folder, name, *times);
                    results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((name, counted));
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let of = |name: &String| results.iter().position(|(counted, _)| *counted == name);
    let mut sorted: Vec<_> = results.iter().collect();
    sorted.sort_by_key(|(name, _)| names.iter().position(|(listed, _)| listed == *name));
    ensure!(names.iter().all(|(name, _)| of(name).is_some()), "a thread has died");
    sorted
        .into_iter()
        .map(|(name, counted)| match counted {
            Ok(count) => Ok(((*name).clone(), *count)),
            Err(error) => bail!("{name}: {error:#}"),
        })
        .collect()
}

fn count_one(program: &Path, folder: &Path, name: &str, times: u32) -> Result<Count> {
    let out: PathBuf = folder.join(format!("{}.callgrind", name.replace('/', "-")));
    let dumped = |number: u32| PathBuf::from(format!("{}.{number}", out.display()));
    let mut command = Command::new("valgrind");
    command.args(["--quiet", "--tool=callgrind", "--compress-strings=no"]);
    // Costs are dumped, and begin anew, at the end of each of the two.
    command.args(["--dump-after=*yatter_counts::warm_up*", "--dump-after=*yatter_counts::counted*"]);
    command.arg(format!("--callgrind-out-file={}", out.display())).arg(program).args(["run", name]);
    process::output(command.stdin(Stdio::null()))?;
    let text = fs::read_to_string(dumped(2)).context("callgrind has not seen the function `counted`")?;
    // What came before and after is in the way of whoever looks at the profile.
    for useless in [out.clone(), dumped(1)] {
        fs::remove_file(useless)?;
    }
    fs::rename(dumped(2), &out)?;
    let total = total(&text).context("callgrind gave no total")?;
    let per_turn = |number: u64| number as f64 / f64::from(times);
    Ok(Count { instructions: per_turn(total), allocations: per_turn(allocations(&text)) })
}

/// The instructions of a profile.
fn total(profile: &str) -> Option<u64> {
    profile.lines().find_map(|line| line.strip_prefix("summary: ")).and_then(|number| number.trim().parse().ok())
}

/// How often a profile called the allocator for memory.
fn allocations(profile: &str) -> u64 {
    let mut lines = profile.lines();
    let mut sum = 0;
    while let Some(line) = lines.next() {
        let Some(callee) = line.strip_prefix("cfn=") else { continue };
        if !ALLOCATORS.contains(&callee) {
            continue;
        }
        let calls = lines.next().and_then(|line| line.strip_prefix("calls="));
        sum += calls.and_then(|line| line.split(' ').next()).and_then(|calls| calls.parse::<u64>().ok()).unwrap_or(0);
    }
    sum
}

/// The functions of the C library that hand out memory.
const ALLOCATORS: [&str; 5] = ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read() {
        let profile = "summary: 631520\n\nfn=__rdl_alloc\n13 1800\ncob=libc\ncfi=malloc.c\ncfn=malloc\ncalls=756 3281 \n* 12300\n\
                       fn=other\ncfn=free\ncalls=9 1\n* 3\ncfn=realloc\ncalls=4 1\n* 3\n";
        assert_eq!(total(profile), Some(631_520));
        assert_eq!(allocations(profile), 760);
    }
}
