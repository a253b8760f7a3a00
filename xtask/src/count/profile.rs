//! How the program that is counted is built: our crates as for a release, what they stand on as the tests have it.
//!
//! Optimised dependencies are there already when the tests have been built, and a second set would take minutes. What
//! differs from a release is that they check their own assertions.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::workspace::{Workspace, cargo};

/// The program that does one thing at a time.
const PROGRAM: &str = "yatter-counts";

/// What a release is built with and the tests are not. In one unit, since how a crate is cut into several changes what is
/// inlined whenever anything else in it changes; the builds that are handed out are made so, too.
const AS_RELEASED: [&str; 4] = ["opt-level=3", "debug-assertions=false", "overflow-checks=false", "codegen-units=1"];

/// Builds the program; where it is.
pub(super) fn build(workspace: &Workspace) -> Result<PathBuf> {
    let mut command = cargo();
    // Incremental builds are cut into units of their own.
    command.env("CARGO_INCREMENTAL", "0").args(["build", "--quiet", "--package", PROGRAM]);
    let ours = workspace.packages.iter().filter(|package| package.folder.starts_with(workspace.root.join("crates")));
    for package in ours {
        for setting in AS_RELEASED {
            command.args(["--config", &format!("profile.dev.package.{}.{setting}", package.name)]);
        }
    }
    println!("builds {PROGRAM} with {}", AS_RELEASED.join(", "));
    ensure!(command.status()?.success(), "{PROGRAM} could not be built");
    Ok(workspace.program("debug", PROGRAM))
}
