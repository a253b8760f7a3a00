//! Servers beside each other and beside a bare relay, in turns in one run: what messages, logins and quiet sessions cost.
//!
//! Absolute figures of a shared machine mean little; the ratio between neighbours of the same turn means a lot. So every
//! turn measures all servers, row by row, and the table shows medians with their spread.

mod field;
mod figures;
mod keep;
mod picture;
mod row;
mod table;

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use field::Field;
use row::{Load, Row};
use serde_json::Value;

use crate::process;
use crate::servers::{self, Server};
use crate::workspace::{Workspace, cargo};

/// What the command line asks for.
pub(crate) struct Wish {
    turns: usize,
    seconds: f64,
    servers: Vec<String>,
    rows: Vec<String>,
    /// Sessions of the idle rows.
    sessions: usize,
    /// Accounts of the start with many.
    accounts: usize,
}

/// The figures of one row: for each server, in their order, one value per run.
struct Measured {
    row: &'static Row,
    values: Vec<Vec<f64>>,
    raw: Vec<Vec<Value>>,
}

/// Builds, measures, prints the table and keeps everything in `target/bench`.
pub(crate) fn run(words: &[String]) -> Result<()> {
    let wish = read_wish(words)?;
    let workspace = Workspace::read()?;
    // Servers of ten thousand sessions inherit the limit; one that cannot be raised shows itself as refused connections.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    process::must(cargo().args(["build", "--release", "--package", "yatter-load"]))?;
    let servers: Vec<Box<dyn Server>> =
        wish.servers.iter().map(|name| servers::by_name(name, &workspace, "release")).collect::<Result<_>>()?;
    servers.iter().try_for_each(|server| server.obtain())?;
    let wanted = |row: &Row| wish.rows.is_empty() || wish.rows.iter().any(|part| row.name.contains(part.as_str()));
    let loads: Vec<&'static Load> =
        row::LOADS.iter().chain([&row::SIZE]).filter(|load| load.rows.iter().any(wanted)).collect();
    ensure!(!loads.is_empty(), "no row has such a name");
    let mut measured: Vec<Measured> =
        loads.iter().flat_map(|load| load.rows).map(|row| Measured::nothing(row, servers.len())).collect();
    let began = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut field = Field::new(&workspace, &wish, &servers, &loads);
    field.prepare_all()?;
    for turn in 1..=wish.turns {
        for load in &loads {
            for _ in 0..load.rounds {
                run_load(load, turn, &servers, &mut field, &mut measured)?;
            }
        }
        field.stop_all()?;
        // After every turn, so that a run which is ended early leaves what it has.
        let names: Vec<&str> = servers.iter().map(|server| server.name()).collect();
        let mut text = keep::circumstances(&workspace, &wish, turn, &servers, &field)?;
        text += &table::table(&names, &measured);
        text += "\nnot in this table\n";
        row::NOT_HERE.iter().for_each(|line| text += &format!("  {line}\n"));
        keep::keep(&workspace, began, &text, &names, &measured)?;
        if turn == wish.turns {
            print!("{text}");
        }
    }
    println!("\nkept as {}", workspace.target.join(format!("bench/{began}.{{txt,json,svg}}")).display());
    Ok(())
}

/// One run of a load on every server that it fits.
fn run_load(
    load: &'static Load,
    turn: usize,
    servers: &[Box<dyn Server>],
    field: &mut Field<'_>,
    measured: &mut [Measured],
) -> Result<()> {
    for step in 0..servers.len() {
        // Everybody is first once.
        let index = (step + turn - 1) % servers.len();
        let server = servers[index].as_ref();
        if !load.fits(server) || !load.is_run_in(turn, server) {
            continue;
        }
        let Some(result) =
            field.measure(load, index).with_context(|| format!("{}, {}", load.rows[0].name, server.name()))?
        else {
            continue;
        };
        for row in load.rows {
            let value = row.value(&result)?;
            eprintln!("turn {turn}  {:<30} {:<10} {value:>10.3} {}", row.name, server.name(), row.unit);
            let place = measured.iter_mut().find(|one| std::ptr::eq(one.row, row)).context("a row without a place")?;
            place.values[index].push(value);
            place.raw[index].push(result.clone());
        }
    }
    Ok(())
}

fn read_wish(words: &[String]) -> Result<Wish> {
    let servers = ["relay", "yatter", "ejabberd", "prosody"].map(str::to_owned).to_vec();
    let mut wish = Wish { turns: 5, seconds: 1.5, servers, rows: Vec::new(), sessions: 10_000, accounts: 100_000 };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let value = words.next().with_context(|| format!("{word} needs a value"))?;
        let bad = || format!("{word} {value}: not a number");
        match word.as_str() {
            "--turns" => wish.turns = value.parse().with_context(bad)?,
            "--seconds" => wish.seconds = value.parse().with_context(bad)?,
            "--sessions" => wish.sessions = value.parse().with_context(bad)?,
            "--accounts" => wish.accounts = value.parse().with_context(bad)?,
            "--servers" => wish.servers = value.split(',').map(str::to_owned).collect(),
            "--rows" => wish.rows.push(value.clone()),
            other => bail!("`{other}`: expected --turns, --seconds, --servers, --rows, --sessions or --accounts"),
        }
    }
    ensure!(wish.turns > 0, "--turns must be at least 1");
    ensure!(wish.sessions >= 20 && wish.sessions.is_multiple_of(20), "--sessions must be a multiple of 20");
    ensure!(wish.accounts > 0, "--accounts must be at least 1");
    Ok(wish)
}

/// The load on the last core only, so that it takes the same place in every run; without `taskset`, anywhere.
fn pinned(program: &std::path::Path) -> Command {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let can_pin = cores > 1 && Command::new("taskset").arg("--version").output().is_ok();
    if !can_pin {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &(cores - 1).to_string()]).arg(program);
    command
}

/// Whether the budgets speak of this server: ours, in whatever build.
fn is_judged(name: &str) -> bool {
    name.contains("yatter")
}

impl Measured {
    fn nothing(row: &'static Row, servers: usize) -> Measured {
        Measured { row, values: vec![Vec::new(); servers], raw: vec![Vec::new(); servers] }
    }
}
