//! The control socket: how the command line reaches a running server, one JSON object a line in each direction.
//!
//! **Keeps** `control` in the data folder, mode 0600; only the server's own user and root are answered.

mod client;
mod server;

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::operations::{Answer, Ask};

pub use client::Client;
pub use server::ControlSocket;

/// The version of the protocol; a server answers no other.
pub const VERSION: u32 = 1;

/// The longest line that a server reads, in bytes.
pub const ASK_BYTES_MAX: usize = 1_048_576;

/// The longest line that a client reads, in bytes.
pub const ANSWER_BYTES_MAX: usize = 67_108_864;

/// A line from the command line to the server.
#[derive(Debug, Serialize, Deserialize)]
struct AskLine {
    /// The protocol's version.
    v: u32,
    /// What is asked.
    #[serde(flatten)]
    ask: Ask,
}

/// A line from the server to the command line.
#[derive(Debug, Serialize, Deserialize)]
struct AnswerLine {
    /// The protocol's version.
    v: u32,
    /// What came of it.
    #[serde(flatten)]
    answer: Answer,
}

/// Only the version, which is looked at before anything else.
#[derive(Deserialize)]
struct Versioned {
    v: u32,
}

/// The socket's address. One in a folder of a long name is reached through the folder's descriptor, since the system
/// allows 107 bytes.
struct Address {
    path: PathBuf,
    /// Keeps the descriptor open while the path through it is in use.
    _folder: Option<File>,
}

impl Address {
    fn of(data: &Path, name: &str) -> io::Result<Self> {
        let path = data.join(name);
        if path.as_os_str().len() <= 100 {
            return Ok(Address { path, _folder: None });
        }
        let folder = File::open(data)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()));
        Ok(Address { path, _folder: Some(folder) })
    }
}

/// The socket's name in the data folder.
const NAME: &str = "control";
