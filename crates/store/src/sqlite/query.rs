//! Each question to the store as SQL.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Params, params};

use crate::read::{Collect, Shape, Source};
use crate::sqlite::fault::Fault;
use crate::sqlite::write::signed;
use crate::{Error, Row};

/// One reader's connection.
pub(super) struct Reader {
    connection: Connection,
    names: HashMap<String, i64>,
    fault: Fault,
}

impl Reader {
    pub(super) fn new(connection: Connection, fault: Fault) -> Reader {
        Reader { connection, names: HashMap::new(), fault }
    }

    /// Runs `question` with the number of the name; what nobody wrote to yet answers with nothing.
    fn ask<T: Default>(
        &mut self,
        name: &str,
        question: impl FnOnce(&Connection, i64) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let answer = match number(&self.connection, &mut self.names, name) {
            Ok(Some(number)) => question(&self.connection, number),
            Ok(None) => Ok(T::default()),
            Err(error) => Err(error),
        };
        answer.map_err(|error| self.fault.of(error))
    }

    fn page(&mut self, sql: &str, name: &str, owner: &str, after: u64, limit: usize) -> Result<Vec<Row>, Error> {
        self.ask(name, |connection, name| {
            collect(connection, sql, params![name, owner, signed(after), rows_of(limit)], |row| {
                let row = Row {
                    id: row.get::<_, i64>(0)?.cast_unsigned(),
                    time_ms: row.get(1)?,
                    with: row.get(2)?,
                    undelivered: row.get(3)?,
                    bytes: row.get(4)?,
                };
                let bytes = row.bytes.len();
                Ok((row, bytes))
            })
        })
    }

    fn highest(&mut self, sql: &str, name: &str, owner: &str) -> Result<Option<u64>, Error> {
        self.ask(name, |connection, name| {
            let mut statement = connection.prepare_cached(sql)?;
            let id: Option<i64> = statement.query_row(params![name, owner], |row| row.get(0))?;
            Ok(id.map(i64::cast_unsigned))
        })
    }
}

impl Source for Reader {
    fn key(&mut self, name: &str, owner: &str) -> Result<Option<Vec<u8>>, Error> {
        self.ask(name, |connection, name| {
            let sql = "SELECT value FROM keys WHERE name = ?1 AND owner = ?2";
            connection.prepare_cached(sql)?.query_row(params![name, owner], |row| row.get(0)).optional()
        })
    }

    fn map_key(&mut self, name: &str, owner: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.ask(name, |connection, name| {
            let sql = "SELECT value FROM maps WHERE name = ?1 AND owner = ?2 AND key = ?3";
            connection.prepare_cached(sql)?.query_row(params![name, owner, key], |row| row.get(0)).optional()
        })
    }

    fn map(&mut self, name: &str, owner: &str) -> Result<Vec<(String, Vec<u8>)>, Error> {
        self.ask(name, |connection, name| {
            let sql = "SELECT key, value FROM maps WHERE name = ?1 AND owner = ?2 ORDER BY key";
            let mut statement = connection.prepare_cached(sql)?;
            statement.query_map(params![name, owner], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    }

    fn log(&mut self, name: &str, owner: &str, from: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        self.ask(name, |connection, name| {
            let sql = "SELECT id, value FROM logs WHERE name = ?1 AND owner = ?2 AND id >= ?3 ORDER BY id LIMIT ?4";
            collect(connection, sql, params![name, owner, signed(from), rows_of(limit)], |row| {
                let value: Vec<u8> = row.get(1)?;
                let bytes = value.len();
                Ok(((row.get::<_, i64>(0)?.cast_unsigned(), value), bytes))
            })
        })
    }

    fn log_last(&mut self, name: &str, owner: &str) -> Result<Option<u64>, Error> {
        self.highest("SELECT max(id) FROM logs WHERE name = ?1 AND owner = ?2", name, owner)
    }

    fn rows(&mut self, name: &str, owner: &str, after: u64, limit: usize) -> Result<Vec<Row>, Error> {
        let sql = "SELECT id, time_ms, peer, undelivered, value FROM archives
                   WHERE name = ?1 AND owner = ?2 AND id > ?3 ORDER BY id LIMIT ?4";
        self.page(sql, name, owner, after, limit)
    }

    // Without statistics SQLite may take the larger index and step over every delivered row: say which.
    fn undelivered(&mut self, name: &str, owner: &str, after: u64, limit: usize) -> Result<Vec<Row>, Error> {
        let sql = "SELECT id, time_ms, peer, undelivered, value FROM archives INDEXED BY archives_undelivered
                   WHERE name = ?1 AND owner = ?2 AND id > ?3 AND undelivered = 1 ORDER BY id LIMIT ?4";
        self.page(sql, name, owner, after, limit)
    }

    fn undelivered_count(&mut self, name: &str, owner: &str) -> Result<u64, Error> {
        self.ask(name, |connection, name| {
            let sql = "SELECT count(*) FROM archives INDEXED BY archives_undelivered
                       WHERE name = ?1 AND owner = ?2 AND undelivered = 1";
            let count = connection.prepare_cached(sql)?.query_row(params![name, owner], |row| row.get::<_, i64>(0));
            count.map(i64::cast_unsigned)
        })
    }

    fn row_last(&mut self, name: &str, owner: &str) -> Result<Option<u64>, Error> {
        self.highest("SELECT max(id) FROM archives WHERE name = ?1 AND owner = ?2", name, owner)
    }

    fn owners(&mut self, shape: Shape, name: &str, after: &str, limit: usize) -> Result<Vec<String>, Error> {
        let next = match shape {
            Shape::Keys => "SELECT min(owner) FROM keys WHERE name = ?1 AND owner > ?2",
            Shape::Maps => "SELECT min(owner) FROM maps WHERE name = ?1 AND owner > ?2",
            Shape::Logs => "SELECT min(owner) FROM logs WHERE name = ?1 AND owner > ?2",
            Shape::Archives => "SELECT min(owner) FROM archives WHERE name = ?1 AND owner > ?2",
        };
        self.ask(name, |connection, name| {
            // One look-up for each owner, however many rows each has.
            let mut statement = connection.prepare_cached(next)?;
            let mut owners: Vec<String> = Vec::new();
            while owners.len() < limit {
                let last = owners.last().map_or(after, String::as_str);
                match statement.query_row(params![name, last], |row| row.get(0))? {
                    Some(owner) => owners.push(owner),
                    None => break,
                }
            }
            Ok(owners)
        })
    }
}

fn number(connection: &Connection, names: &mut HashMap<String, i64>, name: &str) -> rusqlite::Result<Option<i64>> {
    if let Some(number) = names.get(name) {
        return Ok(Some(*number));
    }
    let mut statement = connection.prepare_cached("SELECT id FROM names WHERE name = ?1")?;
    let number = statement.query_row([name], |row| row.get(0)).optional()?;
    if let Some(number) = number {
        names.insert(name.to_owned(), number);
    }
    Ok(number)
}

/// Rows until there are enough of them, or of their bytes.
fn collect<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    read: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<(T, usize)>,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    let mut found = Collect::new();
    while let Some(row) = rows.next()? {
        let (row, bytes) = read(row)?;
        if !found.add(row, bytes) {
            break;
        }
    }
    Ok(found.rows)
}

fn rows_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
