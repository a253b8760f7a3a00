//! One play: a fresh server, a script that leads the clients, and the word between the two.
//!
//! The script asks on its standard output for what only its keeper can do: `@kill` ends the server as a power cut would
//! and starts it again; `@restart` stops it politely first. It is answered `ready` on its standard input.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::Play;
use crate::process::{self, Background};
use crate::servers::{STOP_LIMIT, Server, Stage, User};
use crate::workspace::Workspace;

/// No play may take longer.
const LIMIT: Duration = Duration::from_secs(90);

/// The host of every play is the one of the draft's examples.
const HOST: &str = "example.org";

/// Everybody's password: with what XML, SASL and old digests get wrong first.
const PASSWORD: &str = "pa ss&<'\">=,é";

impl Play {
    /// Whether the play went as written, and in `said` what was said. Errors are about the stage, not about what was
    /// played.
    pub(super) fn run(
        &self,
        workspace: &Workspace,
        server: &dyn Server,
        python: &Path,
        said: &mut Vec<String>,
    ) -> Result<bool> {
        let mut stage = Stage::set(workspace.target.join("clients").join(self.folder()), HOST)?.with_files(self.files);
        stage.keeps = self.keeps;
        let user = |name: &str| User { name: name.to_owned(), password: self.password().to_owned() };
        server.prepare(&stage, &[user("amy")])?;
        let running = server.start(&stage)?;
        server.add_user(&stage, &user("bob"))?;
        let script = workspace.root.join("xtask/clients/plays").join(self.script);
        let mut command = Command::new(python);
        command.arg("-B").arg(script).args(self.arguments).process_group(0);
        self.tell(&mut command, &stage);
        command.env("PLAY_SERVER", if server.is_yatter() { "yatter" } else { server.name() });
        let mut performance = Performance { server, stage, running, said };
        let passed = performance.follow(&mut Background::start("the play", &mut command)?)?;
        if !passed {
            let last = performance.stage.last_log_lines(15);
            performance.said.push("the server's last words:".to_owned());
            performance.said.extend(last.lines().map(str::to_owned));
        }
        ensure!(performance.running.stop(STOP_LIMIT)? || !server.is_yatter(), "the server did not end well");
        Ok(passed)
    }

    /// What 7.1 types is in the draft; everybody else has the hard one.
    fn password(&self) -> &'static str {
        if self.only_yatter { "pw" } else { PASSWORD }
    }

    fn folder(&self) -> String {
        self.name.chars().map(|sign| if sign.is_ascii_alphanumeric() { sign } else { '-' }).collect()
    }

    fn tell(&self, command: &mut Command, stage: &Stage) {
        let doors = stage.doors;
        command.env("PLAY_HOST", HOST).env("PLAY_PASSWORD", self.password()).env("PLAY_FOLDER", &stage.folder);
        command.env("PLAY_KEEPS", self.keeps).env("PLAY_LIMIT", LIMIT.as_secs().to_string());
        for (name, port) in [
            ("STARTTLS", doors.starttls),
            ("DIRECT", doors.direct),
            ("PLAIN", doors.plain),
            ("LEGACY", doors.legacy),
            ("LEGACY_DIRECT", doors.legacy_direct),
        ] {
            command.env(format!("PLAY_PORT_{name}"), port.to_string());
        }
    }
}

struct Performance<'a> {
    server: &'a dyn Server,
    stage: Stage,
    running: Background,
    said: &'a mut Vec<String>,
}

impl Performance<'_> {
    /// Passes on what the script says until it ends; true when it ended with success.
    fn follow(&mut self, script: &mut Background) -> Result<bool> {
        let group = format!("-{}", script.id());
        let followed = self.listen(script);
        let ended = followed.and_then(|()| script.wait(Duration::from_secs(5)));
        // Whatever happened, nobody whom the script started stays behind.
        process::signal("KILL", &group);
        Ok(ended?.is_some_and(|status| status.success()))
    }

    fn listen(&mut self, script: &mut Background) -> Result<()> {
        let lines = process::lines(script.child().stdout.take().context("no output")?);
        let end = Instant::now() + LIMIT;
        loop {
            match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) if line.starts_with('@') => self.obey(&line, script)?,
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => bail!("not done after {LIMIT:?}: ended"),
            }
        }
    }

    fn obey(&mut self, order: &str, script: &mut Background) -> Result<()> {
        match order {
            "@kill" => self.running.kill(),
            "@restart" => ensure!(self.running.stop(STOP_LIMIT)?, "the server did not stop well"),
            other => bail!("the script said {other}"),
        }
        self.running = self.server.start(&self.stage)?;
        script.child().stdin.as_mut().context("no input")?.write_all(b"ready\n")?;
        Ok(())
    }
}
