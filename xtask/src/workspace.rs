//! Where things are: the checkout, the target folder, the crates that cargo knows.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;

/// What cargo says of the workspace.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// One crate of the workspace.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line under `[dependencies]` or `[dev-dependencies]`.
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) for_tests_only: bool,
}

impl Workspace {
    pub(crate) fn read() -> Result<Workspace> {
        let output = process::output(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
        let metadata: Value = serde_json::from_str(&output).context("cargo metadata is not JSON")?;
        let path = |key: &str| metadata[key].as_str().map(PathBuf::from).with_context(|| format!("no {key}"));
        let packages = metadata["packages"].as_array().context("no packages")?;
        Ok(Workspace {
            root: path("workspace_root")?,
            target: path("target_directory")?,
            packages: packages.iter().filter_map(read_package).collect(),
        })
    }

    /// A program that was built in this profile ("debug" or "release").
    pub(crate) fn program(&self, profile: &str, name: &str) -> PathBuf {
        self.target.join(profile).join(name)
    }

    /// The text files that git tracks or would track, relative to the root.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>> {
        let mut git = Command::new("git");
        git.current_dir(&self.root).args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]);
        let listed = process::output(&mut git)?;
        let existing = listed.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from);
        Ok(existing.filter(|path| self.root.join(path).is_file()).collect())
    }
}

fn read_package(package: &Value) -> Option<Package> {
    let dependencies = package["dependencies"].as_array()?;
    Some(Package {
        name: package["name"].as_str()?.to_owned(),
        folder: Path::new(package["manifest_path"].as_str()?).parent()?.to_owned(),
        dependencies: dependencies.iter().filter_map(read_dependency).collect(),
    })
}

fn read_dependency(dependency: &Value) -> Option<Dependency> {
    Some(Dependency {
        name: dependency["name"].as_str()?.to_owned(),
        for_tests_only: dependency["kind"].as_str() == Some("dev"),
    })
}

/// Cargo, the one that runs us.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
