//! Whether the write-ahead log has lost something that was committed.
//!
//! SQLite reads its log up to the first frame whose checksum is wrong, and takes no notice of the rest: right after a power cut, when the rest was never
//! acknowledged, and wrong when a page in the middle of the log went bad. Every commit is synced before the next is written, so a power cut leaves at most
//! one commit behind such a frame. More than one means damage. Format: https://sqlite.org/fileformat2.html#walformat.

use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The last bit says in which order the checksums read their words.
const MAGIC: u32 = 0x377f_0682;

/// What is wrong with a log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// Where it begins, bytes.
    pub(super) at: usize,
    /// Commits behind it, which nobody can read any more.
    pub(super) commits: usize,
}

/// Looks through the log of `database` before SQLite does, and keeps a copy of a damaged one beside it. Says so; what can be read is used all the same.
pub(super) fn inspect(database: &Path) {
    let log = beside(database, "-wal");
    let found = File::open(&log).and_then(|file| damage(&mut BufReader::with_capacity(1 << 20, file)));
    match found {
        Ok(None) => {}
        Ok(Some(Damage { at, commits })) => {
            let kept = beside(database, "-wal.damaged");
            let copied = fs::copy(&log, &kept).map(|_| kept.display().to_string());
            tracing::error!(
                log = %log.display(),
                at,
                commits,
                copy = copied.unwrap_or_else(|error| format!("none: {error}")),
                "the write-ahead log is damaged: commits behind the damage are lost; check the disk, and restore the last backup if too much is missing"
            );
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        // SQLite will say what it thinks of it.
        Err(error) => tracing::warn!(log = %log.display(), %error, "the write-ahead log cannot be looked through"),
    }
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// The damage in a log, if there is more than a power cut explains.
fn damage(log: &mut impl Read) -> io::Result<Option<Damage>> {
    let mut header = [0; HEADER];
    if !fill(log, &mut header)? {
        return Ok(None);
    }
    let big_endian = word(&header, 0) & 1 == 1;
    let mut sum = (0, 0);
    checksum(&header[..24], big_endian, &mut sum);
    let page_bytes = word(&header, 8) as usize;
    let is_header = word(&header, 0) & !1 == MAGIC && (512..=65_536).contains(&page_bytes);
    if !is_header || sum != (word(&header, 24), word(&header, 28)) {
        return of_headless(log);
    }
    let mut frame = vec![0; FRAME_HEADER + page_bytes];
    let (mut at, mut broken, mut commits) = (HEADER, None, 0);
    while fill(log, &mut frame)? {
        let is_of_this_log = frame[8..16] == header[16..24];
        if broken.is_none() {
            checksum(&frame[..8], big_endian, &mut sum);
            checksum(&frame[FRAME_HEADER..], big_endian, &mut sum);
            if !is_of_this_log || sum != (word(&frame, 16), word(&frame, 20)) {
                broken = Some(at);
            }
        }
        let commits_something = word(&frame, 4) != 0;
        commits += usize::from(broken.is_some() && is_of_this_log && commits_something);
        at += frame.len();
    }
    Ok(broken.filter(|_| commits > 1).map(|at| Damage { at, commits }))
}

/// A log without a header that can be read: it is synced before the first frame is written, so there should be nothing behind it. How many commits there
/// are is not known; one at least, if anything is.
fn of_headless(log: &mut impl Read) -> io::Result<Option<Damage>> {
    let (mut rest, mut any) = (vec![0; 64 * 1024], false);
    loop {
        let count = log.read(&mut rest)?;
        if count == 0 {
            return Ok(any.then_some(Damage { at: 0, commits: 1 }));
        }
        any |= rest[..count].iter().any(|byte| *byte != 0);
    }
}

/// Fills the buffer; false at the end, where a part of a frame is none.
fn fill(log: &mut impl Read, into: &mut [u8]) -> io::Result<bool> {
    match log.read_exact(into) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |word, byte| (word << 8) | u32::from(*byte))
}

fn checksum(bytes: &[u8], big_endian: bool, sum: &mut (u32, u32)) {
    for pair in bytes.chunks_exact(8) {
        let (mut one, mut other) = (word(pair, 0), word(pair, 4));
        if !big_endian {
            (one, other) = (one.swap_bytes(), other.swap_bytes());
        }
        sum.0 = sum.0.wrapping_add(one).wrapping_add(sum.1);
        sum.1 = sum.1.wrapping_add(other).wrapping_add(sum.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::tests::Scratch;
    use rusqlite::Connection;

    /// A log of `commits` commits of a frame or two each, and where each ends.
    fn log(commits: usize) -> (Vec<u8>, Vec<usize>) {
        let scratch = Scratch::new();
        fs::create_dir_all(scratch.path()).unwrap();
        let database = scratch.path().join("database");
        let connection = Connection::open(&database).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0").unwrap();
        connection.execute_batch("CREATE TABLE numbers (number)").unwrap();
        let path = beside(&database, "-wal");
        let mut ends = Vec::new();
        for _ in 1..commits {
            connection.execute_batch("INSERT INTO numbers VALUES (randomblob(1000))").unwrap();
            ends.push(fs::metadata(&path).unwrap().len() as usize);
        }
        (fs::read(&path).unwrap(), ends)
    }

    fn found(log: &[u8]) -> Option<Damage> {
        damage(&mut &log[..]).unwrap()
    }

    #[test]
    fn a_whole_log_and_a_torn_end_are_not_damaged() {
        let (log, ends) = log(10);
        assert_eq!(found(&log), None);
        assert_eq!(found(&[]), None);
        // The last commit may be there in part, in any order, as after a power cut.
        let last = ends[ends.len() - 2];
        for at in (last..log.len()).step_by(97) {
            let mut torn = log.clone();
            torn[at] ^= 1;
            assert_eq!(found(&torn), None, "at {at}");
            assert_eq!(found(&log[..at]), None, "until {at}");
        }
    }

    #[test]
    fn a_bad_page_in_the_middle_is_damage() {
        let (log, ends) = log(10);
        for (place, end) in ends.iter().enumerate().take(ends.len() - 2) {
            let mut bad = log.clone();
            bad[end + FRAME_HEADER + 100] ^= 1;
            let damage = found(&bad).unwrap();
            assert_eq!(damage.at, *end);
            assert_eq!(damage.commits, ends.len() - 1 - place);
        }
    }

    #[test]
    fn a_bad_header_hides_everything() {
        let (mut log, _) = log(3);
        log[20] ^= 1;
        assert_eq!(found(&log), Some(Damage { at: 0, commits: 1 }));
        assert_eq!(found(&log[..HEADER]), None);
        log[HEADER..].fill(0);
        assert_eq!(found(&log), None, "nothing was ever written there");
    }

    #[test]
    fn what_was_written_before_the_log_began_anew_is_none_of_it() {
        let scratch = Scratch::new();
        fs::create_dir_all(scratch.path()).unwrap();
        let database = scratch.path().join("database");
        let connection = Connection::open(&database).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0").unwrap();
        connection.execute_batch("CREATE TABLE numbers (number)").unwrap();
        for _ in 0..20 {
            connection.execute_batch("INSERT INTO numbers VALUES (randomblob(1000))").unwrap();
        }
        connection.execute_batch("PRAGMA wal_checkpoint(RESTART); INSERT INTO numbers VALUES (1)").unwrap();
        assert_eq!(found(&fs::read(beside(&database, "-wal")).unwrap()), None);
    }
}
