//! Why something was not kept or cannot be read, in one sentence that says what to do.

/// A fault of the store, or a batch that it had to refuse. Cheap to clone, so that every waiter of a group has it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// [`Batch::expect_absent`](crate::Batch::expect_absent) found an entry. The only failure that the caller asked for.
    #[error("there is such an entry already")]
    Exists,
    /// An id that is appended is taken; the home's counter is wrong, so it must load its state anew.
    #[error("an appended id is in use already; the home has to load its state anew")]
    Duplicate,
    /// An id of 0 or above `i64::MAX`.
    #[error("the id {0} is out of range: ids are 1 to {max}", max = i64::MAX)]
    BadId(u64),
    /// A blob's key has other signs than `a` to `z` and digits, or is too short or too long.
    #[error("a key of 3 to 64 letters and digits was expected")]
    BadKey,
    /// A blob got more or fewer bytes than were announced.
    #[error("{announced} bytes were announced, and there are {found}")]
    WrongLength {
        /// What was announced, bytes.
        announced: u64,
        /// What there would have been, bytes.
        found: u64,
    },
    /// The home never claimed this epoch, or somebody claimed a newer one.
    #[error("the home is written from elsewhere by now (its epoch is old)")]
    StaleEpoch,
    /// An earlier batch of this epoch was lost; claim anew and load what is really stored.
    #[error("an earlier write of this home was lost; it has to load its state anew")]
    Fenced,
    /// More waits to be written than the store holds in memory.
    #[error("{waiting_bytes} bytes wait to be written already (the limit is {limit_bytes}); the disk is too slow")]
    Overloaded {
        /// Bytes that wait in the writer.
        waiting_bytes: usize,
        /// The hard bound, bytes.
        limit_bytes: usize,
    },
    /// One batch is larger than [`BATCH_BYTES`](crate::BATCH_BYTES).
    #[error("one write of {bytes} bytes is above the limit of {limit_bytes}")]
    TooBig {
        /// Size of the batch, bytes.
        bytes: usize,
        /// The bound, bytes.
        limit_bytes: usize,
    },
    /// The store was closed, or its writer stopped.
    #[error("the store is closed")]
    Closed,
    /// No space left on the device, or the file's own bound reached.
    #[error("the disk under {folder} is full: free some space there")]
    DiskFull {
        /// The data folder.
        folder: String,
    },
    /// The folder or a file in it may not be written.
    #[error("{folder} cannot be written ({detail}): give this user write access to the folder and the files in it")]
    ReadOnly {
        /// The data folder.
        folder: String,
        /// The system's words.
        detail: String,
    },
    /// The file is damaged, or is no database at all.
    #[error("the database in {folder} is damaged ({detail}): restore the last backup, and check the disk")]
    Corrupt {
        /// The data folder.
        folder: String,
        /// What the check found.
        detail: String,
    },
    /// The file is a database of another program.
    #[error("{path} belongs to another program: choose another data folder")]
    Foreign {
        /// The database's file.
        path: String,
    },
    /// Another process writes in this folder.
    #[error("{folder} is in use by {by}: stop it first, or use its administration commands while it runs")]
    Locked {
        /// The data folder.
        folder: String,
        /// Who has it: `process 1234`.
        by: String,
    },
    /// The data was written by a newer version.
    #[error(
        "{folder} was written by a newer version (schema {found}, this one knows {known}): use that version, or restore a backup made before the upgrade"
    )]
    NewerSchema {
        /// The data folder.
        folder: String,
        /// Number of the newest migration that was applied.
        found: u32,
        /// Number of the newest that this binary has.
        known: u32,
    },
    /// A migration failed: on the copy (then nothing was touched) or for real (then the steps before it stand).
    #[error("the upgrade of {folder} stopped at step {step} ({detail}): nothing of that step was kept; report it so")]
    Migration {
        /// The data folder.
        folder: String,
        /// Number of the step.
        step: u32,
        /// Why.
        detail: String,
    },
    /// Anything else that the disk or the database says.
    #[error("the storage in {folder} failed: {detail}")]
    Io {
        /// The data folder, or `memory`.
        folder: String,
        /// The system's words.
        detail: String,
    },
}

impl Error {
    /// Whether a batch that fails so takes its home's epoch with it: the home believes in a write that is not there.
    pub(crate) fn fences(&self) -> bool {
        !matches!(self, Error::Exists | Error::StaleEpoch | Error::Fenced | Error::Closed)
    }
}
