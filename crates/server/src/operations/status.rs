//! How a running server is doing.

use im::Hub;
use serde::{Deserialize, Serialize};

use crate::wire::Running;

/// How a running server is doing.
#[derive(Debug, Serialize, Deserialize)]
pub struct Status {
    /// The version of the program.
    pub version: String,
    /// Its process.
    pub process: u32,
    /// Seconds since it was ready.
    pub uptime_s: u64,
    /// The domains that it serves.
    pub hosts: Vec<String>,
    /// The data folder.
    pub data: String,
    /// The doors.
    pub doors: Vec<Door>,
    /// Client connections.
    pub connections: u64,
    /// Sessions: clients that have logged in.
    pub sessions: u64,
    /// Accounts in memory.
    pub accounts_awake: u64,
    /// Writes that wait for the disk.
    pub writes_waiting: u64,
}

/// A door of a running server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Door {
    /// Its address.
    pub address: String,
    /// Who comes in there.
    pub serves: String,
    /// How encryption begins.
    pub tls: String,
}

pub(super) fn of(hub: &Hub, running: &Running) -> Status {
    let figures = running.figures(hub);
    let mut hosts: Vec<String> = hub.hosts().iter().map(|host| host.name().to_string()).collect();
    hosts.sort();
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        process: std::process::id(),
        uptime_s: running.since.elapsed().as_secs(),
        hosts,
        data: running.data.display().to_string(),
        doors: running.doors.clone(),
        connections: figures.connections,
        sessions: figures.sessions,
        accounts_awake: figures.accounts_awake,
        writes_waiting: figures.writes_waiting,
    }
}
