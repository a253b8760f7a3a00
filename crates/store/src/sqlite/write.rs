//! Each change of a batch as SQL.

use std::collections::HashMap;

use rusqlite::{CachedStatement, Connection, params};

use crate::batch::Op;
use crate::{Batch, History};

/// The numbers of names, as the connection that holds this has seen them.
#[derive(Default)]
pub(super) struct Names(HashMap<&'static str, i64>);

impl Names {
    /// The number of a name, given to it now if it is new. Unknown again after a rollback: call [`Names::forget`].
    fn of(&mut self, connection: &Connection, name: &'static str) -> rusqlite::Result<i64> {
        if let Some(id) = self.0.get(name) {
            return Ok(*id);
        }
        connection.prepare_cached("INSERT OR IGNORE INTO names (name) VALUES (?1)")?.execute([name])?;
        let id = connection.query_row("SELECT id FROM names WHERE name = ?1", [name], |row| row.get(0))?;
        self.0.insert(name, id);
        Ok(id)
    }

    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

/// Whether everything that the batch expects to be absent is.
pub(super) fn all_absent(connection: &Connection, batch: &Batch) -> rusqlite::Result<bool> {
    for (name, owner) in &batch.absent {
        let mut statement = connection
            .prepare_cached("SELECT 1 FROM keys WHERE name = (SELECT id FROM names WHERE name = ?1) AND owner = ?2")?;
        if statement.exists(params![name, &**owner])? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The statement that ran last in a transaction: what a group of batches does is mostly the same again and again, and finding a
/// statement in the cache costs a fifth of running it.
pub(super) struct Statements<'c> {
    connection: &'c Connection,
    last: Option<(&'static str, CachedStatement<'c>)>,
}

impl<'c> Statements<'c> {
    pub(super) fn new(connection: &'c Connection) -> Statements<'c> {
        Statements { connection, last: None }
    }

    fn run(&mut self, sql: &'static str, values: &[&dyn rusqlite::ToSql]) -> rusqlite::Result<()> {
        let statement = match &mut self.last {
            Some((known, statement)) if *known == sql => statement,
            last => &mut last.insert((sql, self.connection.prepare_cached(sql)?)).1,
        };
        statement.execute(values).map(drop)
    }
}

/// Applies one change inside the current transaction.
pub(super) fn apply(statements: &mut Statements<'_>, names: &mut Names, op: &Op) -> rusqlite::Result<()> {
    let connection = statements.connection;
    let mut run = |sql, values: &[&dyn rusqlite::ToSql]| statements.run(sql, values);
    let mut number = |name: &'static str| names.of(connection, name);
    match op {
        Op::Put { name, owner, bytes } => run(
            "INSERT INTO keys (name, owner, value) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET value = excluded.value",
            params![number(name)?, &**owner, bytes],
        ),
        Op::Delete { name, owner } => {
            run("DELETE FROM keys WHERE name = ?1 AND owner = ?2", params![number(name)?, &**owner])
        }
        Op::PutIn { name, owner, key, bytes } => run(
            "INSERT INTO maps (name, owner, key, value) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET value = excluded.value",
            params![number(name)?, &**owner, key, bytes],
        ),
        Op::DeleteIn { name, owner, key } => {
            run("DELETE FROM maps WHERE name = ?1 AND owner = ?2 AND key = ?3", params![number(name)?, &**owner, key])
        }
        Op::Clear { name, owner } => {
            run("DELETE FROM maps WHERE name = ?1 AND owner = ?2", params![number(name)?, &**owner])
        }
        Op::Log { name, owner, id, bytes } => run(
            "INSERT INTO logs (name, owner, id, value) VALUES (?1, ?2, ?3, ?4)",
            params![number(name)?, &**owner, signed(*id), bytes],
        ),
        Op::Trim { name, owner, up_to } => run(
            "DELETE FROM logs WHERE name = ?1 AND owner = ?2 AND id <= ?3",
            params![number(name)?, &**owner, signed(*up_to)],
        ),
        Op::Unlog { name, owner, id } => run(
            "DELETE FROM logs WHERE name = ?1 AND owner = ?2 AND id = ?3",
            params![number(name)?, &**owner, signed(*id)],
        ),
        Op::Append { name, owner, row } => run(
            "INSERT INTO archives (name, owner, id, time_ms, peer, undelivered, value)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![number(name)?, &**owner, signed(row.id), row.time_ms, row.with, row.undelivered, row.bytes],
        ),
        Op::Delivered { name, owner, ids, history } => {
            run(delivered(*history), params![number(name)?, &**owner, signed(*ids.start()), signed(*ids.end())])
        }
        Op::Erase { owner } => ERASE.iter().try_for_each(|sql| run(sql, params![&**owner])),
    }
}

/// By the index of those that wait: rows that were delivered long ago may lie between, and are not even looked at.
fn delivered(history: History) -> &'static str {
    match history {
        History::Keep => {
            "UPDATE archives INDEXED BY archives_undelivered SET undelivered = 0
             WHERE name = ?1 AND owner = ?2 AND id BETWEEN ?3 AND ?4 AND undelivered = 1"
        }
        History::Remove => {
            "DELETE FROM archives INDEXED BY archives_undelivered
             WHERE name = ?1 AND owner = ?2 AND id BETWEEN ?3 AND ?4 AND undelivered = 1"
        }
    }
}

/// Every table is keyed by name first, so that each of these is a few look-ups, not a scan.
const ERASE: [&str; 4] = [
    "DELETE FROM keys WHERE name IN (SELECT id FROM names) AND owner = ?1",
    "DELETE FROM maps WHERE name IN (SELECT id FROM names) AND owner = ?1",
    "DELETE FROM logs WHERE name IN (SELECT id FROM names) AND owner = ?1",
    "DELETE FROM archives WHERE name IN (SELECT id FROM names) AND owner = ?1",
];

/// No epoch above this has written.
pub(super) fn floor(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row("SELECT floor FROM epochs", [], |row| row.get(0)).map(i64::cast_unsigned)
}

pub(super) fn raise_floor(connection: &Connection, floor: u64) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE epochs SET floor = ?1")?.execute([floor.cast_signed()]).map(drop)
}

/// An id as SQLite has it. Larger ones were refused when they were to be written, so the end is the end.
pub(super) fn signed(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}
