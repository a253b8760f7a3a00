//! Opens the data folder and what is stored in it.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use store::{SqliteOptions, Store};

use super::limits::for_store;
use crate::config::{Config, Engine};
use crate::failure::Failure;

/// What came of opening the storage.
pub enum Opened {
    /// It is open, and nobody else can open it.
    Store(Store),
    /// Another process has it; the sentence says which.
    Busy(String),
}

/// Opens the storage that the configuration names; makes the data folder, for its owner only, where there is none.
/// With `verify` every byte of the database is read and checked first, which takes long when it is large.
///
/// # Errors
/// One sentence on what is in the way: no right to write, a full disk, a damaged or newer database.
pub fn open(config: &Config, verify: bool) -> Result<Opened, Failure> {
    make_folder(&config.data)?;
    refuse_others(&config.data.join(DATABASE))?;
    match config.storage.url {
        Engine::Memory => Ok(Opened::Store(Store::memory())),
        Engine::Sqlite => match Store::sqlite(&config.data, SqliteOptions { verify, ..for_store(&config.limits) }) {
            Ok(store) => Ok(Opened::Store(store)),
            Err(error @ store::Error::Locked { .. }) => Ok(Opened::Busy(error.to_string())),
            Err(error) => Err(Failure::new(error)),
        },
    }
}

/// The file that every SQLite storage has.
pub const DATABASE: &str = "yatter.sqlite";

/// Refuses a database of another user: root can open it, but what root then writes its owner cannot.
fn refuse_others(database: &Path) -> Result<(), Failure> {
    let owner = |path: &Path| fs::metadata(path).ok().map(|metadata| metadata.uid());
    let (Some(theirs), Some(ours)) = (owner(database), owner(Path::new("/proc/self"))) else { return Ok(()) };
    if theirs == ours {
        return Ok(());
    }
    let database = database.display();
    Err(Failure::new(format!("{database} belongs to user {theirs}, and this is user {ours}: run it as that user")))
}

fn make_folder(data: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(data);
    made.map_err(|error| {
        let folder = data.display();
        Failure::new(match error.kind() {
            std::io::ErrorKind::PermissionDenied => format!(
                "the data folder {folder} cannot be made: run as a user who may write there, or name another with --data"
            ),
            std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotADirectory => {
                format!("the data folder {folder} cannot be made: a file is in the way")
            }
            _ => format!("the data folder {folder} cannot be made: {error}"),
        })
    })
}
