//! Processor time and memory of a process and all its children, as the kernel counts them.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::args::Args;

/// The kernel's clock ticks per second in `/proc/PID/stat`: fixed at 100 for user space on every Linux architecture.
const TICKS_PER_SECOND: u64 = 100;

/// A process and everything below it.
#[derive(Clone, Copy)]
pub(crate) struct Tree {
    root: u32,
}

struct Stat {
    parent: u32,
    ended_children_ticks: u64,
}

/// What a tree has used and holds at this moment.
pub(crate) fn weigh(args: &Args) -> Result<Value> {
    let tree = Tree::of(args.number("cpu-of", std::process::id())?);
    Ok(json!({ "cpu_us": tree.cpu()?.as_micros() as u64, "resident_bytes": tree.resident()? }))
}

impl Tree {
    pub(crate) fn of(root: u32) -> Tree {
        Tree { root }
    }

    /// User + system time of the tree so far, ended children included.
    pub(crate) fn cpu(self) -> Result<Duration> {
        let members = self.members()?;
        let ended_ticks: u64 = members.values().map(|stat| stat.ended_children_ticks).sum();
        let living: Duration = members.keys().filter_map(|pid| cpu_clock(*pid)).sum();
        Ok(living + Duration::from_millis(ended_ticks * 1000 / TICKS_PER_SECOND))
    }

    /// Resident memory of the tree in bytes; pages shared between its processes are split between them.
    pub(crate) fn resident(self) -> Result<u64> {
        self.members()?.keys().map(|pid| proportional_bytes(*pid)).sum()
    }

    fn members(self) -> Result<BTreeMap<u32, Stat>> {
        let mut all: BTreeMap<u32, Stat> = fs::read_dir("/proc")?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
            .filter_map(|pid| Some((pid, read_stat(pid)?)))
            .collect();
        let mut tree = BTreeMap::new();
        let mut next = vec![self.root];
        while let Some(pid) = next.pop() {
            let Some(stat) = all.remove(&pid) else { continue };
            next.extend(all.iter().filter(|(_, child)| child.parent == pid).map(|(child, _)| *child));
            tree.insert(pid, stat);
        }
        anyhow::ensure!(!tree.is_empty(), "process {} is gone", self.root);
        Ok(tree)
    }
}

/// `None` when the process ended meanwhile.
fn read_stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may itself hold spaces and parentheses; the numbers start after the last one.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat { parent: u32::try_from(number(1)?).ok()?, ended_children_ticks: number(13)? + number(14)? })
}

/// The processor time of all threads of a process, ended ones too, by its own clock: `/proc` counts in hundredths of a
/// second, too coarse for some thousand messages. `None` when it ended meanwhile.
fn cpu_clock(pid: u32) -> Option<Duration> {
    let clock = clock_getcpuclockid(Pid::from_raw(i32::try_from(pid).ok()?)).ok()?;
    clock.now().ok().map(Duration::from)
}

fn proportional_bytes(pid: u32) -> Result<u64> {
    let text =
        fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).with_context(|| format!("memory of process {pid}"))?;
    let kibibytes = text
        .lines()
        .find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok())
        .with_context(|| format!("no Pss line for process {pid}"))?;
    Ok(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_this_process_and_its_children() {
        let mut child = std::process::Command::new("sleep").arg("30").spawn().unwrap();
        let tree = Tree::of(std::process::id());
        let members = tree.members().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(members.contains_key(&child.id()) && members.contains_key(&std::process::id()));
        assert!(tree.resident().unwrap() > 100_000);
        tree.cpu().unwrap();
    }
}
