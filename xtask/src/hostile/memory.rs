//! The memory of the attacked server as the system counts it, over the whole family of its processes.

use std::fs;

use anyhow::{Context, Result};

/// What the system tells of one process and its children, bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Memory {
    pub(super) resident: usize,
    /// The most since [`forget_peak`].
    pub(super) peak: usize,
}

/// What is resident now, and was at most.
pub(super) fn of(process: u32) -> Result<Memory> {
    let mut sum = Memory::default();
    for process in family(process) {
        // A child may have gone.
        let Ok(status) = fs::read_to_string(format!("/proc/{process}/status")) else { continue };
        let figure = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok()).unwrap_or(0) * 1024
        };
        sum.resident += figure("VmRSS:");
        sum.peak += figure("VmHWM:");
    }
    Ok(sum)
}

/// The peak begins anew.
pub(super) fn forget_peak(process: u32) -> Result<()> {
    for (index, process) in family(process).into_iter().enumerate() {
        let forgotten = fs::write(format!("/proc/{process}/clear_refs"), "5");
        if index == 0 {
            forgotten.context("the peak of the server's memory cannot be reset")?;
        }
    }
    Ok(())
}

fn family(root: u32) -> Vec<u32> {
    let mut family = vec![root];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        family.extend(crate::process::children(parent));
        next += 1;
    }
    family
}
