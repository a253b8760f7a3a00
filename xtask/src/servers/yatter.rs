//! Yatter itself, as a person starts it: a configuration file, a data folder, `user add`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Account, Server, Stage, User, text, wait_for_line};
use crate::process::{self, Background};
use crate::workspace::{Workspace, cargo};

/// How long a command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// How much longer for each account that it adds: stretching a password takes milliseconds, more in a debug build.
const TIME_PER_ACCOUNT: Duration = Duration::from_millis(20);

pub(super) struct Yatter {
    name: String,
    program: PathBuf,
    /// `None`: it is there already.
    profile: Option<String>,
}

impl Yatter {
    pub(super) fn built(workspace: &Workspace, profile: &str) -> Yatter {
        let program = workspace.program(profile, "yatter");
        Yatter { name: "yatter".to_owned(), program, profile: Some(profile.to_owned()) }
    }

    pub(super) fn ready(path: &str) -> Yatter {
        let name = path.trim_matches(['.', '/']).replace('/', "-");
        Yatter { name, program: path.into(), profile: None }
    }

    fn command(&self, stage: &Stage) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(stage.path("yatter.toml")).arg("--data").arg(data(stage)?);
        command.stderr(stage.log()?);
        Ok(command)
    }
}

fn data(stage: &Stage) -> Result<String> {
    Ok(text(&stage.path("data"))?.to_owned())
}

impl Server for Yatter {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_yatter(&self) -> bool {
        true
    }

    fn obtain(&self) -> Result<()> {
        let Some(profile) = &self.profile else {
            ensure!(self.program.is_file(), "there is no {}", self.program.display());
            return Ok(());
        };
        let mut build = cargo();
        build.args(["build", "--package", "yatter-server", "--bin", "yatter"]);
        if profile == "release" {
            build.arg("--release");
        }
        process::must(&mut build)
    }

    fn program(&self) -> Option<&Path> {
        Some(&self.program)
    }

    fn version(&self) -> Result<String> {
        Ok(process::output(Command::new(&self.program).arg("--version"))?.trim().to_owned())
    }

    fn configure(&self, stage: &Stage) -> Result<PathBuf> {
        stage.write("yatter.toml", &configuration(stage))
    }

    fn add_accounts(&self, stage: &Stage, accounts: &[Account]) -> Result<()> {
        let line = |one: &Account| format!("{}@{} {}\n", one.name, one.host, one.password);
        let list: String = accounts.iter().map(line).collect();
        let list = stage.write("users.txt", &list)?;
        let mut add = self.command(stage)?;
        let child = add.args(["user", "add", "--from"]).arg(list).stdout(stage.log()?).spawn()?;
        let limit = COMMAND_LIMIT + accounts.len() as u32 * TIME_PER_ACCOUNT;
        let added = process::succeeds_within(limit, child)?;
        ensure!(added, "{} failed:\n{}", process::shown(&add), stage.last_log_lines(20));
        Ok(())
    }

    fn launch(&self, stage: &Stage) -> Result<Background> {
        Background::start("yatter", self.command(stage)?.envs(stage.environment.iter().copied()))
    }

    fn wait_until_ready(&self, server: &mut Background, stage: &Stage) -> Result<()> {
        wait_for_line(server, "ready", stage).map(drop)
    }

    fn add_user(&self, stage: &Stage, user: &User) -> Result<()> {
        let mut add = self.command(stage)?;
        add.args(["user", "add", &stage.jid(user), "--password-stdin"]).stdin(Stdio::piped()).stdout(stage.log()?);
        let mut child = add.spawn()?;
        writeln!(child.stdin.take().context("no standard input")?, "{}", user.password)?;
        let added = process::succeeds_within(COMMAND_LIMIT, child)?;
        ensure!(added, "{} failed:\n{}", process::shown(&add), stage.last_log_lines(20));
        Ok(())
    }
}

fn configuration(stage: &Stage) -> String {
    let listen = |port: u16, tls: &str, require_tls: bool, legacy: &str| {
        format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\nserves = \"clients\"\ntls = \"{tls}\"\n\
             require_tls = {require_tls}\nlegacy = \"{legacy}\"\n\n"
        )
    };
    let doors = stage.doors;
    let hosts: Vec<String> = stage.hosts().map(|host| format!("\"{host}\"")).collect();
    let open: String = stage
        .guests
        .iter()
        .filter(|guest| guest.open || guest.invites)
        .map(|guest| {
            let policy = if guest.open { "open" } else { "invitation" };
            format!("[host.\"{}\"]\nregistration = \"{policy}\"\n\n", guest.name)
        })
        .collect();
    let own = match stage.keeps {
        "none" => String::new(),
        keeps => format!("[host.\"{}\"]\nlegacy_credentials = \"{keeps}\"\n\n", stage.host),
    };
    let files = if stage.files { files(doors.http, doors.relay) } else { String::new() };
    format!("hosts = [{}]\n\n", hosts.join(", "))
        + &listen(doors.starttls, "starttls", true, "auto")
        + &listen(doors.direct, "direct", true, "auto")
        + &listen(doors.plain, "none", false, "auto")
        + &listen(doors.legacy, "none", false, "always")
        + &listen(doors.optional, "starttls", false, "auto")
        + &listen(doors.legacy_direct, "direct", true, "always")
        + &own
        + &open
        + &files
        // Load is faster than any client, and registers more; the peers' limits on rate are off, too.
        + "[limits]\nstream_bytes_per_s = 0\nstream_stanzas_per_s = 0\nregistrations_per_hour = 1_000_000\n"
}

fn files(http: u16, relay: u16) -> String {
    format!(
        "[[listen]]\naddress = \"127.0.0.1:{http}\"\nserves = \"http\"\ntls = \"none\"\n\n\
         [[listen]]\naddress = \"127.0.0.1:{relay}\"\nserves = \"bytestreams\"\n\n\
         [upload]\nurl = \"http://127.0.0.1:{http}\"\n\n[bytestreams]\nhost = \"127.0.0.1\"\n\n"
    )
}
