//! How much memory the server takes under attack, as the system counts it.

use std::fs;
use std::thread;
use std::time::Duration;

/// 1 MiB.
pub(crate) const MIB: usize = 1024 * 1024;

/// An attacked process, and what was wrong so far.
pub(crate) struct Siege {
    process: u32,
    /// What was resident at the start, bytes.
    start: usize,
    complaints: Vec<String>,
}

impl Siege {
    pub(crate) fn begin(process: u32) -> Siege {
        let mut siege = Siege { process, start: 0, complaints: Vec::new() };
        siege.start = siege.figure("VmRSS:");
        siege
    }

    pub(crate) fn note(&mut self, complaints: impl IntoIterator<Item = String>) {
        self.complaints.extend(complaints);
    }

    /// Attacks, and looks at the most that was resident meanwhile beyond what was before, bytes.
    pub(crate) fn within<T>(&mut self, name: &str, limit: usize, attack: impl FnOnce() -> T) -> T {
        // The peak begins anew.
        fs::write(format!("/proc/{}/clear_refs", self.process), "5").unwrap();
        let before = self.figure("VmRSS:");
        let done = attack();
        let taken = self.figure("VmHWM:").saturating_sub(before);
        if taken > limit {
            self.complaints.push(format!("{name}: {} KiB were taken, not {}", taken / 1024, limit / 1024));
        }
        done
    }

    /// After a moment no more than this is left of what was taken, bytes.
    pub(crate) fn settles(&mut self, name: &str, limit: usize) {
        let left = || self.figure("VmRSS:").saturating_sub(self.start);
        for _ in 0..60 {
            if left() <= limit {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        let left = left() / 1024;
        self.complaints.push(format!("{name}: {left} KiB are left beside {} at the start", self.start / 1024));
    }

    /// Nothing was wrong.
    pub(crate) fn end(self) {
        let count = self.complaints.len();
        assert!(count == 0, "{count} complaints:\n{}", self.complaints.join("\n"));
    }

    fn figure(&self, name: &str) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }
}
