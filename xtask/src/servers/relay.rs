//! The bare TCP relay of `yatter-load`: what carrying the bytes costs when nobody looks at them.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::{Server, Stage, User, wait_for_line};
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

    fn prepare(&self, _: &Stage, _: &[User]) -> Result<()> {
        Ok(())
    }

    fn start(&self, stage: &Stage) -> Result<Background> {
        let mut command = Command::new(&self.program);
        command.args(["relay", "--listen", &format!("127.0.0.1:{}", stage.doors.plain)]).stderr(stage.log()?);
        let mut relay = Background::start("relay", &mut command)?;
        wait_for_line(&mut relay, "ready", stage)?;
        Ok(relay)
    }

    fn add_user(&self, _: &Stage, _: &User) -> Result<()> {
        bail!("a relay has no accounts")
    }

    fn speaks_xmpp(&self) -> bool {
        false
    }
}
