//! The database's tables through the years: numbered steps, each tried on a copy before it touches what people have.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, TransactionBehavior, params};

use crate::Error;
use crate::sqlite::fault::Fault;
use crate::sqlite::folder::Folder;

/// One change of the tables. A step that was released is never edited again.
pub(super) struct Step {
    name: &'static str,
    sql: &'static str,
}

/// All steps; the first has number 1.
pub(super) const STEPS: &[Step] = &[Step { name: "shapes", sql: include_str!("migrations/0001-shapes.sql") }];

/// `Yatr`, which tells our files from those of others.
const APPLICATION: i32 = 0x5961_7472;

/// Refuses a database of another program, before anything of it is changed.
pub(super) fn check_ownership(connection: &Connection, folder: &Folder) -> Result<(), Error> {
    let ours = || -> rusqlite::Result<bool> {
        let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if application == 0 && tables == 0 {
            connection.pragma_update(None, "application_id", APPLICATION)?;
            return Ok(true);
        }
        Ok(application == APPLICATION)
    };
    match ours() {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::Foreign { path: folder.database().display().to_string() }),
        Err(error) => Err(folder.fault().of(error)),
    }
}

/// Reads the whole file and says what is wrong with it.
pub(super) fn verify(connection: &Connection, fault: &Fault) -> Result<(), Error> {
    let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match found.map_err(|error| fault.of(error))?.as_str() {
        "ok" => Ok(()),
        damage => Err(fault.corrupt(damage.to_owned())),
    }
}

/// Brings the tables to the newest step.
pub(super) fn migrate(connection: &mut Connection, folder: &Folder, steps: &[Step]) -> Result<(), Error> {
    let applied = applied(connection).map_err(|error| folder.fault().of(error))?;
    let known = steps.len();
    if applied.len() > known {
        let folder = folder.fault().0.to_string();
        return Err(Error::NewerSchema { folder, found: applied.len() as u32, known: known as u32 });
    }
    for (number, (step, checksum)) in (1..).zip(steps.iter().zip(&applied)) {
        if checksum_of(step.sql) != *checksum {
            return Err(failed(folder, number, format!("\"{}\" is not what was applied here", step.name)));
        }
    }
    if applied.is_empty() || applied.len() == known {
        return run(connection, folder, steps, applied.len());
    }
    tracing::info!(from = applied.len(), to = known, "upgrading the database, on a copy first");
    try_on_copy(connection, folder, steps, applied.len())?;
    run(connection, folder, steps, applied.len())
}

/// Checksums of the steps that this database has had, in order.
fn applied(connection: &Connection) -> rusqlite::Result<Vec<i64>> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS migrations (
             number   INTEGER PRIMARY KEY,
             name     TEXT NOT NULL,
             checksum INTEGER NOT NULL,
             applied  INTEGER NOT NULL -- seconds since 1970 UTC
         ) STRICT",
    )?;
    let mut statement = connection.prepare("SELECT checksum FROM migrations ORDER BY number")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

fn run(connection: &mut Connection, folder: &Folder, steps: &[Step], done: usize) -> Result<(), Error> {
    for (number, step) in (1..).zip(steps).skip(done) {
        apply(connection, number, step).map_err(|error| match folder.fault().of(error) {
            Error::Io { detail, .. } => failed(folder, number, detail),
            other => other,
        })?;
    }
    Ok(())
}

fn apply(connection: &mut Connection, number: u32, step: &Step) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(step.sql)?;
    transaction.execute(
        "INSERT INTO migrations (number, name, checksum, applied) VALUES (?1, ?2, ?3, unixepoch())",
        params![number, step.name, checksum_of(step.sql)],
    )?;
    transaction.commit()
}

fn try_on_copy(connection: &Connection, folder: &Folder, steps: &[Step], done: usize) -> Result<(), Error> {
    let path = folder.trial();
    let trial = || {
        remove_trial(&path).map_err(|error| folder.fault().of_io(&error))?;
        folder.create(&path)?;
        let mut copy = folder.connect_to(&path)?;
        copy_into(connection, &mut copy).map_err(|error| folder.fault().of(error))?;
        run(&mut copy, folder, steps, done)?;
        verify(&copy, &folder.fault())
    };
    let outcome = trial();
    if let Err(error) = remove_trial(&path) {
        tracing::warn!(%error, "the copy on which the upgrade was tried is still there");
    }
    outcome
}

fn copy_into(connection: &Connection, copy: &mut Connection) -> rusqlite::Result<()> {
    Backup::new(connection, copy)?.run_to_completion(4096, Duration::ZERO, None)?;
    copy.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;")
}

fn remove_trial(path: &Path) -> std::io::Result<()> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut companion = path.as_os_str().to_owned();
        companion.push(suffix);
        match fs::remove_file(companion) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn failed(folder: &Folder, step: u32, detail: String) -> Error {
    Error::Migration { folder: folder.fault().0.to_string(), step, detail }
}

/// FNV-1a: enough to notice that a released step was edited.
fn checksum_of(sql: &str) -> i64 {
    let hash = sql
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    hash.cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::tests::Scratch;

    const FIRST: Step =
        Step { name: "first", sql: "CREATE TABLE people (name TEXT); INSERT INTO people VALUES ('Romeo')" };
    const SECOND: Step = Step { name: "second", sql: "ALTER TABLE people ADD COLUMN house TEXT" };
    const WRONG: Step = Step { name: "wrong", sql: "DELETE FROM people; DROP TABLE houses" };

    fn create(scratch: &Scratch) -> (Folder, Connection) {
        let folder = Folder::open(scratch.path(), None).unwrap();
        folder.create(&folder.database()).unwrap();
        let connection = folder.connect().unwrap();
        (folder, connection)
    }

    fn open(scratch: &Scratch) -> (Folder, Connection) {
        let (folder, connection) = create(scratch);
        check_ownership(&connection, &folder).unwrap();
        (folder, connection)
    }

    fn people(connection: &Connection) -> u32 {
        connection.query_row("SELECT count(*) FROM people", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn steps_are_applied_once_and_the_copy_goes() {
        let scratch = Scratch::new();
        let (folder, mut connection) = open(&scratch);
        migrate(&mut connection, &folder, &[FIRST]).unwrap();
        migrate(&mut connection, &folder, &[FIRST, SECOND]).unwrap();
        migrate(&mut connection, &folder, &[FIRST, SECOND]).unwrap();
        assert_eq!(people(&connection), 1);
        connection.execute("UPDATE people SET house = 'Montague'", []).unwrap();
        assert!(!folder.trial().exists());
    }

    #[test]
    fn a_step_that_fails_leaves_everything_as_it_was() {
        let scratch = Scratch::new();
        let (folder, mut connection) = open(&scratch);
        migrate(&mut connection, &folder, &[FIRST]).unwrap();
        let error = migrate(&mut connection, &folder, &[FIRST, SECOND, WRONG]).unwrap_err();
        assert!(matches!(error, Error::Migration { step: 3, .. }), "{error}");
        assert_eq!(people(&connection), 1);
        assert!(connection.prepare("SELECT house FROM people").is_err(), "the second step ran on the copy only");
        assert!(!folder.trial().exists());
        migrate(&mut connection, &folder, &[FIRST]).unwrap();
    }

    #[test]
    fn newer_and_edited_schemas_are_refused() {
        let scratch = Scratch::new();
        let (folder, mut connection) = open(&scratch);
        migrate(&mut connection, &folder, &[FIRST, SECOND]).unwrap();
        let error = migrate(&mut connection, &folder, &[FIRST]).unwrap_err();
        assert!(matches!(error, Error::NewerSchema { found: 2, known: 1, .. }), "{error}");
        let edited = Step { sql: "CREATE TABLE people (nick TEXT)", ..FIRST };
        let error = migrate(&mut connection, &folder, &[edited, SECOND]).unwrap_err();
        assert!(matches!(error, Error::Migration { step: 1, .. }), "{error}");
    }

    #[test]
    fn a_database_of_another_program_is_left_alone() {
        let scratch = Scratch::new();
        let (folder, connection) = create(&scratch);
        connection.execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
        assert!(matches!(check_ownership(&connection, &folder), Err(Error::Foreign { .. })));
    }
}
