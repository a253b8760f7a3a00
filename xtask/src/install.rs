//! Brings what the plays need: Debian's packages, and a Python environment below the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::Workspace;

/// Installs the Debian packages that are missing.
pub(crate) fn debian(packages: &[&str]) -> Result<()> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    process::must(apt_get().arg("update").stdout(Stdio::null()))?;
    process::must(apt_get().args(["install", "--yes", "--no-install-recommends"]).args(&missing).stdout(Stdio::null()))
        .with_context(|| format!("install these packages: {}", missing.join(" ")))
}

fn is_installed(package: &str) -> bool {
    let query = Command::new("dpkg-query").args(["--show", "--showformat=${db:Status-Status}", package]).output();
    query.is_ok_and(|output| output.stdout == b"installed")
}

/// `apt-get` as root: directly in a container, by `sudo` on a desk.
fn apt_get() -> Command {
    let am_root = process::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    let mut command = if am_root { Command::new("apt-get") } else { Command::new("sudo") };
    if !am_root {
        command.arg("apt-get");
    }
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// The Python of an environment that holds exactly what `requirements.txt` names; made anew when that file changes.
pub(crate) fn python(workspace: &Workspace) -> Result<PathBuf> {
    let wanted = fs::read_to_string(workspace.root.join("xtask/clients/requirements.txt"))?;
    let folder = workspace.target.join("clients/python");
    let (python, mark) = (folder.join("bin/python"), folder.join("requirements.txt"));
    let is_fresh = fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted);
    if !is_fresh || !python.is_file() {
        make_environment(&folder, &python, workspace)?;
        fs::write(mark, wanted)?;
    }
    Ok(python)
}

fn make_environment(folder: &Path, python: &Path, workspace: &Workspace) -> Result<()> {
    // Without any Python this cannot even start.
    let made = process::succeeds(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder));
    if !made.unwrap_or(false) {
        debian(&["python3-venv"])?;
        process::must(Command::new("/usr/bin/python3").args(["-m", "venv", "--clear"]).arg(folder))?;
    }
    let requirements = workspace.root.join("xtask/clients/requirements.txt");
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(requirements);
    process::must(&mut pip)
}
