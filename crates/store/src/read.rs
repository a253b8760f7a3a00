//! The answer to a question to the store, on its way.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::{Error, Row};

/// Reads of many rows stop once their bytes pass this, after at least one row.
pub const READ_BYTES: usize = 1024 * 1024;

/// A read that has been started. Awaited by any runtime; dropping it gives the question up.
#[must_use = "a read does nothing for nobody"]
pub struct Read<T>(Stage<T>);

enum Stage<T> {
    Ready(Option<Result<T, Error>>),
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "memory answers at once"))]
    Running(Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>),
}

impl<T> Read<T> {
    pub(crate) fn ready(answer: Result<T, Error>) -> Read<T> {
        Read(Stage::Ready(Some(answer)))
    }

    #[cfg(feature = "sqlite")]
    pub(crate) fn running(answer: impl Future<Output = Result<T, Error>> + Send + 'static) -> Read<T> {
        Read(Stage::Running(Box::pin(answer)))
    }
}

impl<T: Unpin> Future for Read<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Stage::Ready(answer) => Poll::Ready(answer.take().unwrap_or(Err(Error::Closed))),
            Stage::Running(answer) => answer.as_mut().poll(context),
        }
    }
}

/// Which shape a question about owners is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Keys,
    Maps,
    Logs,
    Archives,
}

/// What an engine can be asked. Names that nobody wrote to have no rows.
pub(crate) trait Source {
    fn key(&mut self, name: &str, owner: &str) -> Result<Option<Vec<u8>>, Error>;
    fn map_key(&mut self, name: &str, owner: &str, key: &str) -> Result<Option<Vec<u8>>, Error>;
    fn map(&mut self, name: &str, owner: &str) -> Result<Vec<(String, Vec<u8>)>, Error>;
    fn log(&mut self, name: &str, owner: &str, from: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, Error>;
    fn log_last(&mut self, name: &str, owner: &str) -> Result<Option<u64>, Error>;
    fn rows(&mut self, name: &str, owner: &str, after: u64, limit: usize) -> Result<Vec<Row>, Error>;
    fn undelivered(&mut self, name: &str, owner: &str, after: u64, limit: usize) -> Result<Vec<Row>, Error>;
    fn undelivered_count(&mut self, name: &str, owner: &str) -> Result<u64, Error>;
    fn row_last(&mut self, name: &str, owner: &str) -> Result<Option<u64>, Error>;
    fn owners(&mut self, shape: Shape, name: &str, after: &str, limit: usize) -> Result<Vec<String>, Error>;
}

/// Collects rows until [`READ_BYTES`] are passed; false says that it is enough.
pub(crate) struct Collect<T> {
    pub(crate) rows: Vec<T>,
    bytes: usize,
}

impl<T> Collect<T> {
    pub(crate) fn new() -> Collect<T> {
        Collect { rows: Vec::new(), bytes: 0 }
    }

    pub(crate) fn add(&mut self, row: T, bytes: usize) -> bool {
        self.rows.push(row);
        self.bytes += bytes;
        self.bytes <= READ_BYTES
    }
}
