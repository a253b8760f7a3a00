//! The bare TCP relay of `yatter-load`: what carrying the bytes costs when nobody looks at them.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::{Account, Server, Stage, User, wait_for_line};
use crate::process::Background;
use crate::workspace::Workspace;

pub(super) struct Relay {
    program: PathBuf,
}

impl Relay {
    pub(super) fn built(workspace: &Workspace, profile: &str) -> Relay {
        Relay { program: workspace.program(profile, "yatter-load") }
    }
}

impl Server for Relay {
    fn name(&self) -> &str {
        "relay"
    }

    fn obtain(&self) -> Result<()> {
        Ok(())
    }

    fn version(&self) -> Result<String> {
        Ok("yatter-load of this checkout".to_owned())
    }

    fn configure(&self, stage: &Stage) -> Result<PathBuf> {
        stage.write("relay.txt", "it has nothing to configure\n")
    }

    fn add_accounts(&self, _: &Stage, _: &[Account]) -> Result<()> {
        Ok(())
    }

    fn launch(&self, stage: &Stage) -> Result<Background> {
        let mut command = Command::new(&self.program);
        let at = |port: u16| format!("127.0.0.1:{port}");
        command.args(["relay", "--listen", &at(stage.doors.plain), "--tls-listen", &at(stage.doors.direct)]);
        command.stderr(stage.log()?);
        Background::start("relay", &mut command)
    }

    fn wait_until_ready(&self, server: &mut Background, stage: &Stage) -> Result<()> {
        wait_for_line(server, "ready", stage).map(drop)
    }

    fn add_user(&self, _: &Stage, _: &User) -> Result<()> {
        bail!("a relay has no accounts")
    }

    fn speaks_xmpp(&self) -> bool {
        false
    }
}
