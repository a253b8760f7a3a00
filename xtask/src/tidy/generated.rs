//! Files that a command writes must be as that command writes them today.

use std::fs;

use anyhow::Result;

use crate::process;
use crate::workspace::{Workspace, cargo};

/// A file and the command of ours whose output it is.
struct Generated {
    file: &'static str,
    command: &'static [&'static str],
}

const FILES: [Generated; 1] = [Generated {
    file: "docs/protocols.md",
    command: &["run", "--quiet", "--package", "yatter-server", "--", "protocols", "--markdown"],
}];

pub(super) fn offences(workspace: &Workspace) -> Result<Vec<String>> {
    let mut offences = Vec::new();
    for Generated { file, command } in FILES {
        let Ok(kept) = fs::read_to_string(workspace.root.join(file)) else { continue };
        match process::output(cargo().current_dir(&workspace.root).args(command)) {
            Ok(fresh) if kept.trim_end() == fresh.trim_end() => {}
            Ok(_) => offences.push(format!("{file} is stale: cargo {} > {file}", command.join(" "))),
            Err(error) => offences.push(format!("{file} cannot be compared: {error:#}")),
        }
    }
    Ok(offences)
}
