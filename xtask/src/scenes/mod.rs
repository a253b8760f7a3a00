//! The scenes, in one process or over TCP against a server: ours, somebody else's, or one that runs already.

mod house;
mod judged;
mod results;

use std::fs;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::process::{self, Background};
use crate::servers::{self, STOP_LIMIT, Server};
use crate::tally::Tally;
use crate::workspace::{Workspace, cargo};
use house::House;
use results::Results;

/// Reads the command line and plays.
pub(crate) fn run(words: &[String], tally: &mut Tally) -> Result<()> {
    let (mut server, mut only) = (None, None);
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "--against" => server = Some(words.next().context("--against needs a server")?),
            "--only" => only = Some(words.next().context("--only needs a part of a name")?),
            other => bail!("`{other}`: expected --against SERVER or --only NAME"),
        }
    }
    match server {
        Some(server) => against(server, only, tally),
        None => in_process(only, tally),
    }
}

fn in_process(only: Option<&str>, tally: &mut Tally) -> Result<()> {
    let mut test = cargo();
    test.args(["test", "--package", "yatter-testkit", "--test", "scenes", "--"]).args(only);
    process::say(&test);
    let mut child = test.stdout(Stdio::piped()).spawn().context("cannot start cargo test")?;
    let before = tally.failures();
    for line in process::lines(child.stdout.take().context("no output of cargo test")?) {
        println!("{line}");
        tally.read_cargo_line(&line);
    }
    if !child.wait()?.success() && tally.failures() == before {
        tally.record("scenes", false);
    }
    Ok(())
}

/// Plays over TCP. What differs is played again on a fresh server with more patience, and told if it differs again.
pub(crate) fn against(name: &str, only: Option<&str>, tally: &mut Tally) -> Result<()> {
    let workspace = Workspace::read()?;
    process::must(cargo().args(["build", "--package", "yatter-testkit", "--bin", "yatter-scenes"]))?;
    let began = Instant::now();
    let address = running(name);
    let server = match address {
        Some(_) => None,
        None => Some(servers::by_name(name, &workspace, "debug")?),
    };
    let title = server.as_ref().map_or(name, |server| server.name());
    let player = Player { workspace: &workspace, folder: workspace.target.join("scenes").join(folder(title)) };
    let results = match (&server, address) {
        (Some(server), _) => player.set_up_and_play(server.as_ref(), only)?,
        (None, Some(address)) => player.play_there(address, only)?,
        (None, None) => bail!("no server is called `{name}`"),
    };
    let judged = judged::of(title, &workspace.root)?;
    results.tell(title, &judged, tally);
    let file = workspace.target.join("scenes").join(format!("{}.json", folder(title)));
    fs::write(&file, results.to_json(title)).with_context(|| format!("cannot write {}", file.display()))?;
    println!("{} ({:.0} s)", file.display(), began.elapsed().as_secs_f64());
    Ok(())
}

fn folder(name: &str) -> String {
    name.chars().map(|sign| if sign.is_ascii_alphanumeric() { sign } else { '-' }).collect()
}

/// `HOST:PORT` as an address.
fn running(name: &str) -> Option<SocketAddr> {
    let (_, port) = name.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    name.to_socket_addrs().ok()?.next()
}

/// Where `yatter-scenes` is called, and with what.
struct Player<'a> {
    workspace: &'a Workspace,
    folder: PathBuf,
}

impl Player<'_> {
    fn set_up_and_play(&self, server: &dyn Server, only: Option<&str>) -> Result<Results> {
        server.obtain()?;
        let house = House::of(server);
        let plan = self.plan(&house)?;
        let names = wanted(&plan, only)?;
        let mut results = self.play_on_fresh(server, &house, &plan, &names)?;
        let again = results.differing();
        if !again.is_empty() {
            println!("{} scenes again, with more patience", again.len());
            results.replace(self.play_on_fresh(server, &house.patient(), &plan, &again)?);
        }
        Ok(results)
    }

    fn play_there(&self, address: SocketAddr, only: Option<&str>) -> Result<Results> {
        fs::create_dir_all(&self.folder)?;
        let house = House::at(address);
        let plan = self.plan(&house)?;
        self.play(&house, &wanted(&plan, only)?)
    }

    /// Sets the server up with what the scenes need, plays, and stops it.
    fn play_on_fresh(&self, server: &dyn Server, house: &House, plan: &Value, names: &[String]) -> Result<Results> {
        let stage = house.stage(&self.folder, plan, names)?;
        server.configure(&stage)?;
        server.add_accounts(&stage, &house::accounts(plan, names))?;
        let mut running = server.start(&stage)?;
        house::wait_for_hosts(&stage)?;
        let results = self.play(&house.with_doors(&stage), names);
        let stopped = running.stop(STOP_LIMIT)?;
        ensure!(stopped || !server.is_yatter(), "the server did not end well:\n{}", stage.last_log_lines(20));
        results
    }

    /// What the scenes need of this house: their names, and the hosts and accounts of those that it can be asked for.
    fn plan(&self, house: &House) -> Result<Value> {
        let text = process::output(&mut self.command("plan", &house.write(&self.folder, &[])?))?;
        serde_json::from_str(&text).context("yatter-scenes made no plan")
    }

    fn play(&self, house: &House, names: &[String]) -> Result<Results> {
        let mut command = self.command("play", &house.write(&self.folder, names)?);
        process::say(&command);
        let mut player = Background::start("yatter-scenes", command.stdout(Stdio::piped()))?;
        let output = player.child().stdout.take().context("no output of yatter-scenes")?;
        let mut results = Results::default();
        for line in process::lines(output) {
            results.add(&line)?;
        }
        let status = player.wait(STOP_LIMIT)?;
        ensure!(status.is_some_and(|status| status.success()), "yatter-scenes did not end well");
        Ok(results)
    }

    fn command(&self, what: &str, house: &std::path::Path) -> Command {
        let mut command = Command::new(self.workspace.program("debug", "yatter-scenes"));
        command.arg(what).arg(&self.workspace.root).arg(house);
        command
    }
}

/// The names of the scenes that are asked for.
fn wanted(plan: &Value, only: Option<&str>) -> Result<Vec<String>> {
    let names = plan["scenes"].as_array().context("the plan names no scenes")?.iter().filter_map(Value::as_str);
    let wanted: Vec<String> =
        names.filter(|name| only.is_none_or(|part| name.contains(part))).map(str::to_owned).collect();
    ensure!(!wanted.is_empty(), "no scene has such a name");
    Ok(wanted)
}
