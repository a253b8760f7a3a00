//! The data folder: readable by its owner only, and written by one process at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::Error;
use crate::sqlite::fault::Fault;

/// A folder that is ours as long as this lives.
pub(super) struct Folder {
    path: PathBuf,
    file_system: Option<String>,
    _lock: File,
}

impl Folder {
    /// Creates the folder (0700) if need be, and locks it. SQLite reaches it through the file system of this name, else through its own.
    pub(super) fn open(path: &Path, file_system: Option<&str>) -> Result<Folder, Error> {
        let fault = Fault(path.to_string_lossy().into());
        create_folder(path).map_err(|error| fault.of_io(&error))?;
        let mut lock = private_file(&path.join("lock")).map_err(|error| fault.of_io(&error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Locked { folder: path.to_string_lossy().into(), by: holder(&mut lock) });
            }
            Err(TryLockError::Error(error)) => return Err(fault.of_io(&error)),
        }
        say_who(&mut lock).map_err(|error| fault.of_io(&error))?;
        Ok(Folder { path: path.to_owned(), file_system: file_system.map(str::to_owned), _lock: lock })
    }

    pub(super) fn fault(&self) -> Fault {
        Fault(self.path.to_string_lossy().into())
    }

    pub(super) fn database(&self) -> PathBuf {
        self.path.join("yatter.sqlite")
    }

    /// Where migrations are tried first.
    pub(super) fn trial(&self) -> PathBuf {
        self.path.join("trial.sqlite")
    }

    /// Makes sure that a file is there and private; SQLite gives its companions the same mode.
    pub(super) fn create(&self, path: &Path) -> Result<(), Error> {
        let durable = private_file(path).and_then(|_| sync_folder(&self.path));
        durable.map_err(|error| self.fault().of_io(&error))
    }

    /// Opens the database, whose file has to be there.
    pub(super) fn connect(&self) -> Result<Connection, Error> {
        self.connect_to(&self.database())
    }

    pub(super) fn connect_to(&self, path: &Path) -> Result<Connection, Error> {
        super::connect(path, self.file_system.as_deref()).map_err(|error| self.fault().of(error))
    }
}

pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    if path.is_dir() {
        return Ok(());
    }
    builder.recursive(true).create(path)?;
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync_folder)
}

/// Makes the names in a folder survive a power cut.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

pub(crate) fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.read(true).write(true).create(true).truncate(false).open(path)
}

fn say_who(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.write_all(format!("process {}\n", std::process::id()).as_bytes())
}

fn holder(lock: &mut File) -> String {
    let mut said = String::new();
    match lock.take(64).read_to_string(&mut said) {
        Ok(_) if !said.trim().is_empty() => said.trim().to_owned(),
        _ => "another process".to_owned(),
    }
}
