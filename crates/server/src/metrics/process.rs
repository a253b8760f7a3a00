//! What the system says about this process, read from `/proc`; 0 where there is none.

use std::fs;

/// The process at one moment.
pub struct Process {
    /// Memory in RAM, bytes.
    pub resident_bytes: f64,
    /// Open file descriptors.
    pub open_files: f64,
    /// User and system time, seconds.
    pub cpu_seconds: f64,
}

/// Pages of memory have this size on every machine that this server is built for.
const PAGE_BYTES: f64 = 4_096.0;

/// Ticks of processor time a second, fixed by Linux for `/proc`.
const TICKS_PER_SECOND: f64 = 100.0;

impl Process {
    /// Reads the figures of this moment.
    pub fn read() -> Self {
        let pages = fs::read_to_string("/proc/self/statm").ok();
        let resident = pages.and_then(|pages| pages.split_whitespace().nth(1)?.parse::<f64>().ok());
        let open = fs::read_dir("/proc/self/fd").map(|files| files.count());
        Process {
            resident_bytes: resident.unwrap_or(0.0) * PAGE_BYTES,
            open_files: open.unwrap_or(0) as f64,
            cpu_seconds: cpu_ticks().unwrap_or(0.0) / TICKS_PER_SECOND,
        }
    }
}

fn cpu_ticks() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in parentheses, may contain spaces.
    let after_name = stat.rsplit_once(')')?.1;
    let ticks = |nth| after_name.split_whitespace().nth(nth)?.parse::<f64>().ok();
    Some(ticks(11)? + ticks(12)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_open_files() {
        let process = Process::read();
        assert!(process.resident_bytes > 100_000.0, "{}", process.resident_bytes);
        assert!(process.open_files >= 3.0);
    }
}
