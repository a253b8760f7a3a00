//! The server beside a bare relay, in turns in one run: what a delivered message and a quiet session cost.
//!
//! Absolute figures of a shared machine mean little; the ratio between neighbours of the same turn means a lot. So every
//! turn measures all servers, one after the other, and the table shows medians with their spread.

mod row;
mod table;

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use row::Row;
use serde_json::{Value, json};

use crate::process;
use crate::servers::{self, Profile, STOP_LIMIT, Server, Stage, User};
use crate::workspace::{Workspace, cargo};

/// The host name that the load logs in at.
const HOST: &str = "localhost";

/// The password of the load's accounts.
const PASSWORD: &str = "secret";

/// What the command line asks for.
struct Wish {
    turns: usize,
    seconds: f64,
    servers: Vec<String>,
    rows: Vec<String>,
}

/// The figures of one row: for each server one value per turn.
struct Measured {
    row: &'static Row,
    /// In the order of the servers.
    values: Vec<Vec<f64>>,
    raw: Vec<Vec<Value>>,
}

/// Builds, measures, prints the table and keeps it as JSON in `target/bench`.
pub(crate) fn run(words: &[String]) -> Result<()> {
    let wish = read_wish(words)?;
    let workspace = Workspace::read()?;
    process::must(cargo().args(["build", "--release", "--package", "yatter-load"]))?;
    let servers: Vec<Box<dyn Server>> =
        wish.servers.iter().map(|name| servers::by_name(name, &workspace, "release")).collect::<Result<_>>()?;
    servers.iter().try_for_each(|server| server.obtain())?;
    let rows: Vec<&Row> = row::ROWS
        .iter()
        .filter(|row| wish.rows.is_empty() || wish.rows.iter().any(|part| row.name.contains(part)))
        .collect();
    let accounts = rows.iter().map(|row| row.accounts()).max().context("no row has such a name")?;
    let stages =
        servers.iter().map(|server| prepare(server.as_ref(), &workspace, accounts)).collect::<Result<Vec<_>>>()?;
    let mut measured: Vec<Measured> = rows.into_iter().map(|row| Measured::nothing(row, servers.len())).collect();
    for turn in 1..=wish.turns {
        for row in &mut measured {
            for (index, server) in servers.iter().enumerate() {
                let result = measure(server.as_ref(), &stages[index], row.row, &wish, &workspace)
                    .with_context(|| format!("{}, {}", row.row.name, server.name()))?;
                let value = row.row.value(&result)?;
                eprintln!("turn {turn}  {:<28} {:<8} {value:>10.3} {}", row.row.name, server.name(), row.row.unit());
                row.values[index].push(value);
                row.raw[index].push(result);
            }
        }
    }
    let names: Vec<&str> = servers.iter().map(|server| server.name()).collect();
    print!("{}", table::table(&names, &measured));
    keep(&workspace, &names, &measured)
}

fn read_wish(words: &[String]) -> Result<Wish> {
    let mut wish =
        Wish { turns: 5, seconds: 3.0, servers: vec!["relay".to_owned(), "yatter".to_owned()], rows: Vec::new() };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let value = words.next().with_context(|| format!("{word} needs a value"))?;
        let bad = || format!("{word} {value}: not a number");
        match word.as_str() {
            "--turns" => wish.turns = value.parse().with_context(bad)?,
            "--seconds" => wish.seconds = value.parse().with_context(bad)?,
            "--servers" => wish.servers = value.split(',').map(str::to_owned).collect(),
            "--rows" => wish.rows.push(value.clone()),
            other => bail!("`{other}`: expected --turns, --seconds, --servers or --rows"),
        }
    }
    ensure!(wish.turns > 0, "--turns must be at least 1");
    Ok(wish)
}

/// Sets a server up once; its accounts stay for all turns.
fn prepare(server: &dyn Server, workspace: &Workspace, accounts: usize) -> Result<Stage> {
    let stage = Stage::set(workspace.target.join("bench").join(server.name()), HOST)?.with_profile(Profile::Bare);
    let users: Vec<User> =
        (0..accounts).map(|number| User { name: format!("u{number}"), password: PASSWORD.to_owned() }).collect();
    eprintln!("{}: {accounts} accounts", server.name());
    server.prepare(&stage, &users)?;
    Ok(stage)
}

/// One row of one server in one turn: a fresh start, one run of the load, a stop.
fn measure(server: &dyn Server, stage: &Stage, row: &Row, wish: &Wish, workspace: &Workspace) -> Result<Value> {
    let mut running = server.start(stage)?;
    let mut load = pinned(&workspace.program("release", "yatter-load"));
    load.args(row.arguments(wish.seconds));
    load.args(["--to", &format!("127.0.0.1:{}", stage.doors.plain), "--domain", HOST, "--password", PASSWORD]);
    load.args(["--speak", if server.speaks_xmpp() { "xmpp" } else { "bytes" }]);
    load.args(["--cpu-of", &running.id().to_string()]);
    let printed = process::output(&mut load)?;
    if server.speaks_xmpp() {
        running.stop(STOP_LIMIT)?;
    } else {
        running.kill();
    }
    serde_json::from_str(&printed).context("the load printed no JSON")
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

fn keep(workspace: &Workspace, names: &[&str], measured: &[Measured]) -> Result<()> {
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let rows: Vec<Value> = measured
        .iter()
        .map(|row| {
            let servers: serde_json::Map<String, Value> =
                names.iter().zip(&row.raw).map(|(name, runs)| ((*name).to_owned(), json!(runs))).collect();
            json!({ "row": row.row.name, "unit": row.row.unit(), "turns": servers })
        })
        .collect();
    let text = serde_json::to_string_pretty(&json!({ "unix_time_s": seconds, "rows": rows }))?;
    let folder = workspace.target.join("bench");
    let path = folder.join(format!("{seconds}.json"));
    fs::write(&path, &text)?;
    fs::write(folder.join("latest.json"), text)?;
    println!("kept as {}", path.display());
    Ok(())
}

impl Measured {
    fn nothing(row: &'static Row, servers: usize) -> Measured {
        Measured { row, values: vec![Vec::new(); servers], raw: vec![Vec::new(); servers] }
    }
}
