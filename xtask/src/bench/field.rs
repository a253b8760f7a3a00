//! The field on which servers are measured: their folders, their accounts, and which of them run.
//!
//! Making accounts takes some servers minutes, so that it is done once: `target/bench/accounts` keeps the data folder of
//! a server that has them and nothing else, and every run starts from a copy.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::row::{Accounts, Kind, Load};
use super::{Wish, pinned};
use crate::process::{self, Background};
use crate::servers::{Profile, STOP_LIMIT, Server, Stage, User};
use crate::workspace::Workspace;

/// The host name that the load logs in at.
const HOST: &str = "localhost";

/// The password of the load's accounts.
const PASSWORD: &str = "secret";

/// One place where a server stands: which server, its profile, what it is for.
type Place = (usize, &'static str, Purpose);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Purpose {
    /// Runs all turn long.
    Shared,
    /// Started and stopped for one run.
    Alone,
    EmptyStart,
    ManyStart,
}

pub(super) struct Field<'a> {
    workspace: &'a Workspace,
    wish: &'a Wish,
    servers: &'a [Box<dyn Server>],
    loads: &'a [&'static Load],
    stages: BTreeMap<Place, Stage>,
    running: BTreeMap<Place, Background>,
    /// Each server's configuration, for those who read the figures.
    configurations: Vec<(String, PathBuf)>,
}

impl<'a> Field<'a> {
    pub(super) fn new(
        workspace: &'a Workspace,
        wish: &'a Wish,
        servers: &'a [Box<dyn Server>],
        loads: &'a [&'static Load],
    ) -> Field<'a> {
        let (stages, running) = (BTreeMap::new(), BTreeMap::new());
        Field { workspace, wish, servers, loads, stages, running, configurations: Vec::new() }
    }

    /// Sets up every server at every place where a load will want it.
    pub(super) fn prepare_all(&mut self) -> Result<()> {
        for load in self.loads.iter().filter(|load| load.kind != Kind::Size) {
            for index in 0..self.servers.len() {
                let place = place(load, index);
                if load.fits(self.servers[index].as_ref()) && !self.stages.contains_key(&place) {
                    let stage = self.set(place, load.profile)?;
                    self.stages.insert(place, stage);
                }
            }
        }
        Ok(())
    }

    /// Where the configurations are, by server and profile.
    pub(super) fn configurations(&self) -> &[(String, PathBuf)] {
        &self.configurations
    }

    fn set(&mut self, place: Place, profile: Profile) -> Result<Stage> {
        let (index, profile_name, purpose) = place;
        let server = self.servers[index].as_ref();
        let purpose_name = match purpose {
            Purpose::Shared => "",
            Purpose::Alone => "-alone",
            Purpose::EmptyStart => "-empty",
            Purpose::ManyStart => "-many",
        };
        let folder = self.folder().join(format!("{}-{profile_name}{purpose_name}", server.name()));
        let stage = Stage::set(folder, HOST)?.with_profile(profile);
        let configuration = server.configure(&stage)?;
        if server.speaks_xmpp() {
            copy_folder(&self.accounts(server, self.accounts_at(purpose))?, &stage.path("data"))?;
            self.keep_configuration(server.name(), profile_name, &configuration)?;
        }
        Ok(stage)
    }

    fn accounts_at(&self, purpose: Purpose) -> usize {
        match purpose {
            Purpose::EmptyStart => 1,
            Purpose::ManyStart => self.wish.accounts,
            Purpose::Shared | Purpose::Alone => {
                let others = self.loads.iter().filter(|load| !matches!(load.kind, Kind::Start(_)));
                others.map(|load| load.accounts(self.wish)).max().unwrap_or(1)
            }
        }
    }

    /// A data folder with so many accounts; made once for all runs.
    fn accounts(&self, server: &dyn Server, count: usize) -> Result<PathBuf> {
        let folder = self.folder().join("accounts").join(format!("{}-{count}", server.name()));
        let (data, mark) = (folder.join("data"), folder.join("complete"));
        if !mark.is_file() {
            eprintln!("{}: {count} accounts", server.name());
            let user = |number| User { name: format!("u{number}"), password: PASSWORD.to_owned() };
            let users: Vec<User> = (0..count).map(user).collect();
            server.prepare(&Stage::set(folder, HOST)?, &users)?;
            fs::write(mark, "")?;
        }
        Ok(data)
    }

    fn keep_configuration(&mut self, server: &str, profile: &str, file: &Path) -> Result<()> {
        let name = format!("{server} {profile}");
        if self.configurations.iter().any(|(known, _)| *known == name) {
            return Ok(());
        }
        let folder = self.folder().join("configurations");
        fs::create_dir_all(&folder)?;
        let ending = file.file_name().unwrap_or_default().to_string_lossy();
        let kept = folder.join(format!("{server}-{profile}-{ending}"));
        fs::copy(file, &kept).with_context(|| format!("cannot keep {}", file.display()))?;
        self.configurations.push((name, kept));
        Ok(())
    }

    fn folder(&self) -> PathBuf {
        self.workspace.target.join("bench")
    }

    /// One run of the load; `None` when there is nothing to measure on this server.
    pub(super) fn measure(&mut self, load: &Load, index: usize) -> Result<Option<Value>> {
        if load.kind == Kind::Size {
            let program = self.servers[index].program();
            return program.map(|program| self.stripped_size(program)).transpose();
        }
        let place = place(load, index);
        if let Kind::Start(accounts) = load.kind {
            return self.measure_start(place, load, accounts).map(Some);
        }
        if !load.wants_fresh_server() {
            if !self.running.contains_key(&place) {
                let server = self.servers[index].start(self.stage(place)?)?;
                self.running.insert(place, server);
            }
            let pid = self.running.get(&place).map(Background::id).context("a server that does not run")?;
            return self.run(place, load, pid, &[]).map(Some);
        }
        let mut server = self.servers[index].start(self.stage(place)?)?;
        let result = self.run(place, load, server.id(), &[])?;
        self.stop(index, &mut server)?;
        Ok(Some(result))
    }

    fn measure_start(&self, place: Place, load: &Load, accounts: Accounts) -> Result<Value> {
        let (stage, server) = (self.stage(place)?, self.servers[place.0].as_ref());
        if accounts == Accounts::One {
            // As it is before the first start ever, without what that start makes.
            copy_folder(&self.accounts(server, 1)?, &stage.path("data"))?;
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
        let mut running = server.launch(stage)?;
        let result = self.run(place, load, running.id(), &["--since-us", &since.to_string()])?;
        server.wait_until_ready(&mut running, stage)?;
        self.stop(place.0, &mut running)?;
        Ok(result)
    }

    fn run(&self, place: Place, load: &Load, pid: u32, more: &[&str]) -> Result<Value> {
        let (stage, server) = (self.stage(place)?, self.servers[place.0].as_ref());
        let port = if load.tls { stage.doors.direct } else { stage.doors.plain };
        let mut command = pinned(&self.workspace.program("release", "yatter-load"));
        command.args(load.arguments(self.wish)).args(more);
        command.args(["--to", &format!("127.0.0.1:{port}"), "--domain", HOST, "--password", PASSWORD]);
        command.args(["--tls", if load.tls { "direct" } else { "none" }]);
        command.args(["--speak", if server.speaks_xmpp() { "xmpp" } else { "bytes" }]);
        command.args(["--sm", if load.profile == Profile::Full { "on" } else { "off" }]);
        command.args(["--cpu-of", &pid.to_string()]);
        command.arg("--keys").arg(self.folder().join(format!("keys-{}.txt", server.name())));
        let printed = process::output(&mut command)
            .with_context(|| format!("the server's last words:\n{}", stage.last_log_lines(10)))?;
        serde_json::from_str(&printed).context("the load printed no JSON")
    }

    fn stage(&self, place: Place) -> Result<&Stage> {
        self.stages.get(&place).context("a place that nobody has set up")
    }

    fn stop(&self, index: usize, server: &mut Background) -> Result<()> {
        if self.servers[index].speaks_xmpp() {
            server.stop(STOP_LIMIT)?;
        } else {
            server.kill();
        }
        Ok(())
    }

    /// Ends whatever still runs.
    pub(super) fn stop_all(&mut self) -> Result<()> {
        for ((index, ..), mut server) in std::mem::take(&mut self.running) {
            self.stop(index, &mut server)?;
        }
        Ok(())
    }

    fn stripped_size(&self, program: &Path) -> Result<Value> {
        let stripped = self.folder().join("stripped");
        process::output(Command::new("strip").arg("-o").arg(&stripped).arg(program))?;
        Ok(json!({ "bytes": fs::metadata(stripped)?.len() }))
    }
}

fn place(load: &Load, index: usize) -> Place {
    let profile = match load.profile {
        Profile::Bare => "bare",
        Profile::Full => "full",
        Profile::Scenes => "scenes",
    };
    let purpose = match load.kind {
        Kind::Start(Accounts::One) => Purpose::EmptyStart,
        Kind::Start(Accounts::Many) => Purpose::ManyStart,
        _ if load.wants_fresh_server() => Purpose::Alone,
        _ => Purpose::Shared,
    };
    (index, profile, purpose)
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to).with_context(|| format!("cannot empty {}", to.display()))?;
    }
    process::output(Command::new("cp").arg("--archive").arg(from).arg(to)).map(drop)
}
