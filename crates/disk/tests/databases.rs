//! SQLite on a disk whose power is cut: transactions are whole, and what was committed is there, unless the disk lies.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use disk::{Dice, Disk, Refusal};
use proptest::prelude::*;
use rusqlite::{Connection, ErrorCode, OpenFlags};

/// A folder that is gone after the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("yatter-disk-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open(folder: &Path, disk: &Disk) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags_and_vfs(folder.join("db"), flags, disk.vfs())?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;
         CREATE TABLE IF NOT EXISTS left (number INTEGER PRIMARY KEY, filler BLOB);
         CREATE TABLE IF NOT EXISTS right (number INTEGER PRIMARY KEY);",
    )?;
    Ok(connection)
}

/// What is done between two cuts.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// One more row in each table, of this size.
    Write(usize),
    Checkpoint,
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![8 => (0..20_000_usize).prop_map(Act::Write), 1 => Just(Act::Checkpoint), 1 => Just(Act::Restart)]
}

/// Writes rows; the moments at which each was committed.
fn play(connection: &Connection, disk: &Disk, acts: &[Act], first: usize) -> Vec<usize> {
    let mut committed = Vec::new();
    for act in acts {
        match act {
            Act::Write(size) => {
                let number = first + committed.len();
                connection
                    .execute_batch(&format!(
                        "BEGIN; INSERT INTO left VALUES ({number}, randomblob({size})); INSERT INTO right VALUES ({number}); COMMIT"
                    ))
                    .unwrap();
                committed.push(disk.now());
            }
            Act::Checkpoint => connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)").unwrap(),
            Act::Restart => connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap(),
        }
    }
    committed
}

/// How many rows there are; the tables agree, and the file is whole.
fn rows(connection: &Connection) -> Result<usize, String> {
    let ask =
        |sql: &str| connection.query_row(sql, [], |row| row.get::<_, String>(0)).map_err(|error| error.to_string());
    let check = ask("PRAGMA integrity_check")?;
    let (left, right) = (
        ask("SELECT count(*) || ',' || max(number) FROM left"),
        ask("SELECT count(*) || ',' || max(number) FROM right"),
    );
    let (left, right) = (left.unwrap_or_default(), right.unwrap_or_default());
    if check != "ok" || left != right {
        return Err(format!("{check}, {left} and {right} rows"));
    }
    left.split(',').next().unwrap_or_default().parse().or(Ok(0))
}

/// Several lives of one database; after each cut: what was committed, at least, and at most one more.
fn lives(seed: u64, lives: &[Vec<Act>], lies: bool) -> Result<(), String> {
    let open = |folder: &Folder, disk: &Disk| open(&folder.0, disk).map_err(|error| error.to_string());
    let mut dice = Dice::new(seed);
    let mut folder = Folder::new();
    let mut before = 0;
    for acts in lives {
        let disk = Disk::new();
        let connection = open(&folder, &disk)?;
        if lies {
            disk.lie();
        }
        let started = disk.now();
        let committed = play(&connection, &disk, acts, before);
        let moment = started + dice.below(disk.now() - started + 1);
        let acknowledged = before + committed.iter().filter(|at| **at <= moment).count();
        let remains = disk.power_cut(moment, &mut dice);
        drop(connection);
        folder = Folder::new();
        remains.put_into(&folder.0).map_err(|error| error.to_string())?;
        let found = rows(&open(&folder, &Disk::new())?)?;
        if found < acknowledged || found > acknowledged + 1 {
            return Err(format!("{found} rows, {acknowledged} acknowledged"));
        }
        before = found;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn committed_is_kept_and_nothing_is_half(seed: u64, plan in prop::collection::vec(prop::collection::vec(act(), 0..25), 1..4)) {
        prop_assert_eq!(lives(seed, &plan, false), Ok(()));
    }
}

#[test]
fn a_disk_that_lies_is_found_out() {
    let acts =
        vec![Act::Write(5_000), Act::Write(100), Act::Checkpoint, Act::Write(100), Act::Restart, Act::Write(9_000)];
    let caught = (0..100).filter(|seed| lives(*seed, std::slice::from_ref(&acts), true).is_err()).count();
    assert!(caught > 50, "caught {caught} of 100 lies");
}

#[test]
fn two_connections_and_their_shared_memory() {
    let (folder, disk) = (Folder::new(), Disk::new());
    let (writer, reader) = (open(&folder.0, &disk).unwrap(), open(&folder.0, &disk).unwrap());
    play(&writer, &disk, &[Act::Write(10); 5], 0);
    assert_eq!(rows(&reader), Ok(5));
    play(&reader, &disk, &[Act::Write(10), Act::Restart, Act::Write(10)], 5);
    assert_eq!(rows(&writer), Ok(7));
}

#[test]
fn a_disk_may_be_full_or_broken_or_fail_to_sync() {
    let (folder, disk) = (Folder::new(), Disk::new());
    let connection = open(&folder.0, &disk).unwrap();
    let write = |number: u32| {
        let done = connection.execute("INSERT INTO right VALUES (?1)", [number]);
        done.map_err(|error| error.sqlite_error_code().unwrap())
    };
    assert_eq!(write(1), Ok(1));
    disk.refuse(Some(Refusal::Full));
    assert_eq!(write(2), Err(ErrorCode::DiskFull));
    disk.refuse(Some(Refusal::Broken));
    assert_eq!(write(2), Err(ErrorCode::SystemIoFailure));
    disk.refuse(None);
    disk.fail_syncs(1);
    assert_eq!(write(2), Err(ErrorCode::SystemIoFailure));
    assert_eq!(write(3), Ok(1));
    let count: u32 = connection.query_row("SELECT sum(number) FROM right", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 4);
}
