//! Whether the machine allows what the configuration wants: open files and a sane clock.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::Finding;
use super::storage::probe_file;
use crate::config::Limits;

/// The server raises its own limit as far as the system allows; whether that is enough.
pub(super) fn open_files(limits: &Limits) -> Finding {
    let hard = rlimit::Resource::NOFILE.get_hard().unwrap_or(0);
    let room = hard.saturating_sub(crate::wire::BESIDE_CONNECTIONS);
    if room >= limits.connections {
        return Finding::ok("open files", format!("{hard} allowed, enough for {} connections", limits.connections));
    }
    Finding::warn(
        "open files",
        format!(
            "{hard} allowed, so only {room} connections instead of {}: raise LimitNOFILE (systemd) or `ulimit -Hn`, or \
             lower limits.connections",
            limits.connections
        ),
    )
}

/// No server of this version can run before this moment: 2025-01-01.
const EARLIEST: Duration = Duration::from_secs(1_735_689_600);

/// Whether the clock can be right: not before this version was made, and not behind what the data folder has seen.
pub(super) fn clock(data: &Path) -> Finding {
    let now = SystemTime::now();
    if now.duration_since(SystemTime::UNIX_EPOCH).is_ok_and(|since| since < EARLIEST) {
        return Finding::fail(
            "clock",
            "it is years behind: set it (chrony, systemd-timesyncd), or certificates and stamps are wrong",
        );
    }
    if let Some(ahead) = newest(data).and_then(|newest| newest.duration_since(now).ok()).filter(|ahead| *ahead > SLACK)
    {
        let advice =
            format!("files in the data folder are {} s in the future: the clock went back, set it", ahead.as_secs());
        return Finding::warn("clock", advice);
    }
    match folder_is_off(data, now) {
        Some(off) => Finding::warn(
            "clock",
            format!("the data folder's clock is off by {} s: is it on a server with another clock?", off.as_secs()),
        ),
        None => Finding::ok("clock", "plausible"),
    }
}

/// What two clocks may differ by before it is worth a word.
const SLACK: Duration = Duration::from_secs(60);

/// The time of the newest file in the folder.
fn newest(data: &Path) -> Option<SystemTime> {
    let files = fs::read_dir(data).ok()?;
    files.filter_map(|file| file.ok()?.metadata().ok()?.modified().ok()).max()
}

/// How far the clock that stamps the folder's files is from ours; a folder on another machine has its own.
fn folder_is_off(data: &Path, now: SystemTime) -> Option<Duration> {
    let file = probe_file(data);
    fs::write(&file, b"").ok()?;
    let stamp = fs::metadata(&file).and_then(|metadata| metadata.modified());
    // The next check replaces a file that stays.
    let _ = fs::remove_file(&file);
    let stamp = stamp.ok()?;
    let off = stamp.duration_since(now).or_else(|_| now.duration_since(stamp)).ok()?;
    (off > SLACK).then_some(off)
}
