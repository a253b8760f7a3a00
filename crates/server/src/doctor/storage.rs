//! Whether the data folder can be used, and whether what is stored in it can be opened.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Finding;
use crate::config::{Config, Engine};
use crate::wire::{self, Opened};

/// The folder: there or makeable, writable, closed to others.
pub(super) fn folder(data: &Path) -> Vec<Finding> {
    let Ok(metadata) = fs::metadata(data) else { return vec![missing(data)] };
    let shown = data.display();
    if !metadata.is_dir() {
        return vec![Finding::fail("data folder", format!("{shown} is a file: name a folder with `data` or --data"))];
    }
    let mut findings = Vec::new();
    match probe(data) {
        Ok(()) => findings.push(Finding::ok("data folder", format!("{shown} can be written"))),
        Err(error) => findings.push(Finding::fail(
            "data folder",
            format!("{shown} cannot be written ({error}): run as its owner, or give this user the folder"),
        )),
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let advice = format!("{shown} is open to other users (mode {mode:o}): chmod 700 {shown}");
        findings.push(Finding::warn("data folder", advice));
    }
    findings
}

/// A folder that is not there yet is made at the first start, if its nearest ancestor allows it.
fn missing(data: &Path) -> Finding {
    let ancestor = data.ancestors().skip(1).find(|folder| folder.is_dir());
    match ancestor.map(|folder| (folder, probe(folder))) {
        Some((_, Ok(()))) => Finding::ok("data folder", format!("{} will be made at the first start", data.display())),
        Some((folder, Err(error))) => Finding::fail(
            "data folder",
            format!(
                "{} is not there and cannot be made, since {} cannot be written ({error}): make it, and give it to the server's user",
                data.display(),
                folder.display()
            ),
        ),
        None => Finding::fail("data folder", format!("{} has no folder above it", data.display())),
    }
}

/// Writes a file and removes it again.
fn probe(folder: &Path) -> std::io::Result<()> {
    let file = probe_file(folder);
    fs::write(&file, b"yatter check\n")?;
    fs::remove_file(&file)
}

/// The name of a file that no other process writes.
pub(super) fn probe_file(folder: &Path) -> std::path::PathBuf {
    folder.join(format!(".yatter-check-{}", std::process::id()))
}

/// Opens the storage as the server would, unless a server has it open.
pub(super) fn opens(config: &Config, running: bool) -> Option<Finding> {
    if config.storage.url == Engine::Memory {
        return Some(Finding::warn("storage", "\"memory\": everything is forgotten when the server stops"));
    }
    if running {
        return Some(Finding::ok("storage", "in use by the running server"));
    }
    // A storage that was never made needs no opening, and a check makes none.
    let bytes = fs::metadata(config.data.join(wire::DATABASE)).ok()?.len();
    let verify = bytes <= VERIFY_BYTES_MAX;
    Some(match wire::open_store(config, verify) {
        Ok(Opened::Store(store)) => {
            drop(store);
            Finding::ok("storage", if verify { "opens, and every byte of it is sound" } else { "opens" })
        }
        Ok(Opened::Busy(sentence)) => Finding::warn("storage", sentence),
        Err(failure) => Finding::fail("storage", failure.to_string().trim_start_matches("yatter: ")),
    })
}

/// Databases up to this size are read whole; a larger one would keep a person waiting.
const VERIFY_BYTES_MAX: u64 = 1_073_741_824;
