//! The system's and SQLite's errors, told apart by what an operator has to do.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use rusqlite::ErrorCode;

use crate::Error;

/// Makes errors of one folder.
#[derive(Debug, Clone)]
pub(crate) struct Fault(pub(super) Arc<str>);

impl Fault {
    pub(crate) fn of_folder(path: &Path) -> Fault {
        Fault(path.to_string_lossy().into())
    }

    pub(super) fn of(&self, error: rusqlite::Error) -> Error {
        let (folder, detail) = (self.0.to_string(), error.to_string());
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Error::DiskFull { folder },
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                Error::ReadOnly { folder, detail }
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Error::Corrupt { folder, detail },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                self.other("another program keeps the database locked; end it")
            }
            _ => Error::Io { folder, detail },
        }
    }

    pub(crate) fn of_io(&self, error: &io::Error) -> Error {
        let (folder, detail) = (self.0.to_string(), error.to_string());
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::DiskFull { folder },
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Error::ReadOnly { folder, detail },
            _ => Error::Io { folder, detail },
        }
    }

    pub(super) fn other(&self, detail: &str) -> Error {
        Error::Io { folder: self.0.to_string(), detail: detail.to_owned() }
    }

    pub(super) fn corrupt(&self, detail: String) -> Error {
        Error::Corrupt { folder: self.0.to_string(), detail }
    }
}

/// Whether a statement failed because an id is taken, which concerns its batch alone.
pub(super) fn is_constraint(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

/// Whether what a statement needed cannot be read any more.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_apart_by_what_to_do() {
        let fault = Fault("data".into());
        let io = |kind: ErrorKind| fault.of_io(&kind.into());
        assert!(matches!(io(ErrorKind::StorageFull), Error::DiskFull { .. }));
        assert!(matches!(io(ErrorKind::ReadOnlyFilesystem), Error::ReadOnly { .. }));
        assert!(matches!(io(ErrorKind::PermissionDenied), Error::ReadOnly { .. }));
        assert!(matches!(io(ErrorKind::NotADirectory), Error::Io { .. }));
        let sqlite = |code| fault.of(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None));
        assert!(matches!(sqlite(rusqlite::ffi::SQLITE_FULL), Error::DiskFull { .. }));
        assert!(matches!(sqlite(rusqlite::ffi::SQLITE_READONLY), Error::ReadOnly { .. }));
        assert!(matches!(sqlite(rusqlite::ffi::SQLITE_CORRUPT), Error::Corrupt { .. }));
        assert!(matches!(sqlite(rusqlite::ffi::SQLITE_IOERR), Error::Io { .. }));
    }
}
