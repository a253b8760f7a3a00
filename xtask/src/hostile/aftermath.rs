//! What a case does to another server beyond its answer: it may end, take too much memory, or answer nobody any more. Ours may do nothing of this, and
//! is looked at otherwise.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::memory;
use crate::process;

/// Another server that takes more is ended, bytes.
const MEMORY: usize = 1 << 30;

/// How often its memory is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// A server that has worked longer on a case may work on after it.
const MUCH_WORK: Duration = Duration::from_secs(1);

/// How long it may do so until it is started again.
const WORKS_ON: Duration = Duration::from_secs(5);

/// Looks at the memory of a process, and ends it when that is too much.
pub(super) struct Watch {
    /// None is watched while this is 0.
    process: Arc<AtomicU32>,
    has_ended_it: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn begin() -> Watch {
        let (process, has_ended_it, over) =
            (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (watched, ended, stop) = (process.clone(), has_ended_it.clone(), over.clone());
        let thread = thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                thread::sleep(LOOK);
                let process = watched.load(Ordering::Relaxed);
                let taken = if process == 0 { 0 } else { memory::of(process).map_or(0, |memory| memory.resident) };
                if taken > MEMORY {
                    process::kill_tree(process);
                    ended.store(true, Ordering::Relaxed);
                    watched.store(0, Ordering::Relaxed);
                }
            }
        });
        Watch { process, has_ended_it, over, thread: Some(thread) }
    }

    /// From now on it is this process.
    pub(super) fn look_at(&self, process: u32) {
        self.process.store(process, Ordering::Relaxed);
    }

    /// Whether the process took too much since this was last asked.
    pub(super) fn has_ended_it(&self) -> bool {
        self.has_ended_it.swap(false, Ordering::Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // It has nothing to say.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// What a case did to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Harm {
    TooMuchMemory,
    Ended,
    /// The two who talk meanwhile hear nothing more.
    Deaf,
    /// It works on, though nobody asks it for anything.
    Busy,
}

impl Harm {
    /// How an answer goes on that had this behind it. What only costs the server time is no answer.
    pub(super) fn words(self) -> &'static str {
        match self {
            Harm::TooMuchMemory => ", and the server takes more than 1 GiB",
            Harm::Ended => ", and the server ends",
            Harm::Deaf => ", and nobody else is answered",
            Harm::Busy => "",
        }
    }
}

/// The processor time that a process has had.
pub(super) fn work_of(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // Behind the name, which may hold anything: the 14th and 15th field are user and system time in hundredths of a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Whether a server that has worked much on a case does not leave off in time.
pub(super) fn works_on(process: u32, before: Duration) -> bool {
    if work_of(process).saturating_sub(before) < MUCH_WORK {
        return false;
    }
    let until = Instant::now() + WORKS_ON;
    let window = Duration::from_millis(200);
    while Instant::now() < until {
        let before = work_of(process);
        thread::sleep(window);
        // The two who talk all the while keep it a little busy.
        if work_of(process).saturating_sub(before) < window / 2 {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_work_is_counted() {
        let process = std::process::id();
        let (before, began) = (work_of(process), Instant::now());
        while work_of(process) < before + Duration::from_millis(20) {
            assert!(began.elapsed() < Duration::from_secs(60), "no work is counted");
        }
        assert!(!works_on(process, work_of(process)));
    }
}
