//! The chores of the workspace: check, test, tidy, play with real clients, measure.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod bench;
mod check;
mod clients;
mod count;
mod draft;
mod faults;
mod fuzz;
mod hostile;
mod install;
mod models;
mod process;
mod scenes;
mod servers;
mod tally;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};
use tally::Tally;

const HELP: &str = "\
cargo xtask: the chores of the workspace

  check     formatting, clippy, all tests and scenes, tidy, the draft's table, bad input: before every commit
  test      check, the scenes over TCP, count, the models, the fuzz targets for a moment, the real clients; installs what they need
            (Debian packages, Python)
  tidy      only the rules that no compiler knows: crate directions, extensions, forbidden words, links, generated files
  draft     writes docs/jabber-2000.md: the draft of 2000, sentence by sentence, and the tests of each; tells what has none
  clients   only the real clients, against the server built from here
              --against prosody          another server, to see that the plays themselves are right
              --against PATH             a yatter that is built already
              --only NAME                plays whose name holds NAME; may be repeated
              --list                     their names
  scenes    the scenes of crates/*/scenes, in one process
              --against yatter           over TCP, against the server built from here
              --against prosody          against another server (also: ejabberd, the path of a yatter that is built,
                                         or HOST:PORT, which must serve the scenes' hosts and let anybody register)
              --only NAME                scenes whose name holds NAME
  faults    power cuts at random moments of a mixed load, 1,000 runs; afterwards all that was acknowledged has to be there
              --runs 1000                how many
              --seed S                   where to begin; alone: one run, to see it again
              --kill 200                 instead: `kill -9` of the real program under load, so many times
              --all                      the disk refuses also while subscriptions change (docs/design/007-durability.md)
  models    the heart with every order of its threads' steps, as far as dice find them (docs/design/011-interleavings.md)
              --runs 20000               how often each model is played
              --seed S                   where to begin; the same seed and number of runs do the same again
              --only NAME                models whose name holds NAME
  hostile   bad input at every door, each case with the answer that the standard wants (docs/hostile.md)
              --against prosody          another server (also: ejabberd, and the path of a yatter built before)
              --only NAME                cases whose name holds NAME; may be repeated
              --list                     their names, sources and occasions
  fuzz      the fuzz targets, one after the other; what they find stays in target/fuzz/found
              --seconds 60               how long each
              --only NAME                targets whose name holds NAME
  bench     the server beside ejabberd, Prosody and a bare relay, in turns: docs/benchmarks.md
              --turns 5 --seconds 1.5    how often and how long
              --servers relay,yatter     which (also: ejabberd, prosody, and the path of a yatter built before)
              --rows NAME                rows whose name holds NAME; may be repeated
              --sessions 10000           how many the rows of idle sessions go up to
              --accounts 100000          how many there are when the server starts with many
  count     instructions and allocations of what is done for every stanza, beside those in crates/counts/baseline.toml
              --update                   keeps what was counted there
              --only NAME                things whose name holds NAME; may be repeated
";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all is well.
fn run() -> Result<bool> {
    let mut words = std::env::args().skip(1);
    let what = words.next();
    let rest: Vec<String> = words.collect();
    let mut tally = Tally::default();
    match what.as_deref() {
        Some("check") => check::run(&mut tally)?,
        Some("test") => {
            check::run(&mut tally)?;
            scenes::against("yatter", None, &mut tally)?;
            count::run(&[], &mut tally)?;
            models::play(models::SHORT, None, None, &mut tally)?;
            fuzz::run(fuzz::BRIEFLY, &[], &mut tally)?;
            clients::run(&[], &mut tally)?;
        }
        Some("tidy") => tidy::run(&mut tally)?,
        Some("draft") => draft::run(&rest, &mut tally)?,
        Some("scenes") => scenes::run(&rest, &mut tally)?,
        Some("clients") => clients::run(&rest, &mut tally)?,
        Some("faults") => return faults::run(&rest),
        Some("count") => count::run(&rest, &mut tally)?,
        Some("fuzz") => fuzz::command(&rest, &mut tally)?,
        Some("models") => models::run(&rest, &mut tally)?,
        Some("hostile") => hostile::run(&rest, &mut tally)?,
        Some("bench") => return bench::run(&rest).map(|()| true),
        None | Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            return Ok(true);
        }
        Some(other) => bail!("there is no chore `{other}`\n\n{HELP}"),
    }
    Ok(tally.finish())
}
