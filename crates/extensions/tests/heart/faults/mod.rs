//! Nothing acknowledged is lost: people do everything that is kept, the power is cut, the server starts again on what the disk may have left, and whatever
//! somebody was told before the cut has to be there.
//!
//! A run is some lives one after the other, all of it made from a seed: what people do, what the disk does with writes that were not synced, when the
//! power is cut (also while the server starts). Threads make two runs of one seed differ a little, so a run that fails keeps what the disk had left.

mod check;
mod ears;
mod known;
mod life;
mod load;

use disk::{Dice, Remains};
use known::Known;
use life::Life;
use std::path::{Path, PathBuf};

/// Runs in the test suite. `cargo xtask faults` says how many it wants, and where to begin.
const RUNS: u64 = 25;
const RUNS_WANTED: &str = "YATTER_FAULTS_RUNS";
const SEED_WANTED: &str = "YATTER_FAULTS_SEED";
/// Also what is known to go wrong.
const ALL_WANTED: &str = "YATTER_FAULTS_ALL";

#[derive(Default)]
struct Tally {
    cuts: usize,
    acknowledged: usize,
}

/// Folders of a run; gone with it unless it failed.
struct Folders(PathBuf);

impl Folders {
    fn new(seed: u64, lies: bool) -> Folders {
        let path = std::env::temp_dir().join(format!(
            "yatter-faults-{}-{seed}{}",
            std::process::id(),
            if lies { "-lies" } else { "" }
        ));
        let _ = std::fs::remove_dir_all(&path);
        Folders(path)
    }

    fn life(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    }
}

/// What a life leaves to the next.
struct Legacy {
    known: Known,
    dice: Dice,
    moment: usize,
    number: usize,
    remains: Remains,
}

fn run(seed: u64, lies: bool, tally: &mut Tally) -> Result<(), String> {
    let mut dice = Dice::new(seed);
    let folders = Folders::new(seed, lies);
    let lives = 2 + dice.below(3);
    let remains = Remains(Vec::new());
    let mut legacy = Legacy { known: Known::default(), dice, moment: 0, number: 0, remains };
    for number in 0..lives {
        let runtime = match seed % 4 {
            3 => tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build(),
            _ => tokio::runtime::Builder::new_current_thread().enable_all().build(),
        };
        // One to live in, and one to look at if something is wrong.
        let (folder, left) = (folders.life(&number.to_string()), folders.life(&format!("{number}-as-left")));
        legacy.remains.put_into(&folder).unwrap();
        legacy.remains.put_into(&left).unwrap();
        let last = number + 1 == lives;
        let all = std::env::var_os(ALL_WANTED).is_some();
        let lived = runtime.unwrap().block_on(live(&folder, legacy, number, last, lies, all, tally));
        legacy = match lived {
            Ok(legacy) => legacy,
            Err(wrong) => {
                if lies {
                    // As expected: nobody wants to look at it.
                    std::fs::remove_dir_all(&folders.0).unwrap();
                }
                return Err(format!("seed {seed}, life {number}, files in {}:\n{wrong}", left.display()));
            }
        };
    }
    std::fs::remove_dir_all(&folders.0).unwrap();
    Ok(())
}

/// One life, from the start to the cut of its power.
async fn live(
    folder: &Path,
    legacy: Legacy,
    number: usize,
    last: bool,
    lies: bool,
    breaks_subscriptions: bool,
    tally: &mut Tally,
) -> Result<Legacy, String> {
    let Legacy { known, mut dice, moment, number: counted, .. } = legacy;
    let mut life = Life::begin(folder, known, Dice::new(dice.any()), counted, breaks_subscriptions).await?;
    let broken = life.known.broken;
    let mut wrong = if number == 0 { Vec::new() } else { life.check(moment).await };
    if !last && wrong.is_empty() {
        if lies {
            life.disk.lie();
        }
        life.play().await?;
        wrong.append(&mut life.wrong);
    }
    if !wrong.is_empty() {
        wrong.push(format!(
            "(the power was cut at {moment}{})",
            if broken { ", the disk had refused before" } else { "" }
        ));
        return Err(wrong.join("\n"));
    }
    // Most of what happens at a start is at the beginning.
    let end = life.disk.now();
    let moment = if dice.once_in(8) { dice.below(end.min(60) + 1) } else { dice.below(end + 1) };
    let remains = life.disk.power_cut(moment, &mut dice);
    tally.cuts += 1;
    tally.acknowledged += life.acknowledged;
    let Life { known, number, .. } = life;
    Ok(Legacy { known, dice, moment, number, remains })
}

fn wanted(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let (runs, first) = (wanted(RUNS_WANTED).unwrap_or(RUNS), wanted(SEED_WANTED).unwrap_or(1));
    let (mut tally, mut failed) = (Tally::default(), Vec::new());
    for seed in first..first + runs {
        if let Err(wrong) = run(seed, false, &mut tally) {
            println!("{wrong}\n");
            failed.push(seed);
        }
    }
    println!("{runs} runs, {} power cuts, {} acknowledgements; failed: {failed:?}", tally.cuts, tally.acknowledged);
    assert!(failed.is_empty(), "seeds {failed:?}");
}

/// The same on a disk that does not do what it says: what would be lost has to be noticed.
#[test]
fn a_disk_that_lies_is_found_out() {
    let caught = (1..=20).filter(|seed| run(*seed, true, &mut Tally::default()).is_err()).count();
    assert!(caught >= 8, "only {caught} of 20 runs noticed that acknowledged things are gone");
}
