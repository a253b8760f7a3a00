//! What all scenes of a run over TCP share: where the server's doors are and what it can be asked for.

use super::super::{DoorKind, StageError};
use crate::scene::Security;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A running server. `xtask` writes it as JSON.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct House {
    /// Where the doors are.
    #[serde(default)]
    pub doors: Doors,
    /// Whether a stream without a version is a J-stream there.
    pub j_streams: bool,
    /// Whether it is another server, held to the specifications only.
    pub liberties: bool,
    /// Whether it writes full addresses where bare ones have to stay, which is then not held against it.
    #[serde(default)]
    pub rewrites_to: bool,
    /// What the names of scenes begin with that it is not asked to play, and why.
    #[serde(default)]
    pub left_out: BTreeMap<String, String>,
    /// The keys that `given` may set, and whatever a scene wants of them: the hosts are set up as the scene asks.
    pub settings: Vec<String>,
    /// Each scene plays on hosts of its own, named after the scene's number; else on the hosts as written.
    pub own_hosts: bool,
    /// How accounts come to be.
    pub accounts: Accounts,
    /// How long nothing must move until it counts as quiet, in milliseconds.
    pub quiet_ms: u64,
    /// How long what is expected may be on its way, in milliseconds.
    pub patience_ms: u64,
    /// Names of the scenes to play; all of them if there are none.
    #[serde(default)]
    pub scenes: Vec<String>,
    /// How many scenes are played at the same time.
    pub lanes: usize,
    /// Accounts that this run has registered, with their passwords.
    #[serde(skip)]
    pub(super) registered: Arc<Mutex<BTreeMap<String, String>>>,
}

/// How the accounts of a scene come to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accounts {
    /// Somebody has made them all before the run.
    Made,
    /// Each scene registers its own (XEP-0077) and removes what an earlier scene has left.
    Registered,
}

/// Addresses of the doors; a server need not have them all.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Doors {
    /// No TLS.
    pub plain: Option<SocketAddr>,
    /// STARTTLS, offered.
    pub starttls: Option<SocketAddr>,
    /// STARTTLS, and no login before it.
    pub required: Option<SocketAddr>,
    /// TLS from the first byte.
    pub direct: Option<SocketAddr>,
    /// No TLS; every stream is a J-stream.
    pub legacy: Option<SocketAddr>,
    /// TLS from the first byte; every stream is a J-stream.
    pub legacy_direct: Option<SocketAddr>,
}

impl House {
    pub(super) fn quiet(&self) -> Duration {
        Duration::from_millis(self.quiet_ms)
    }

    pub(super) fn patience(&self) -> Duration {
        Duration::from_millis(self.patience_ms)
    }

    /// The address of a door. `encrypted`: the scene is about TLS.
    pub(super) fn door(&self, kind: DoorKind, encrypted: bool, required: bool) -> Result<SocketAddr, StageError> {
        let doors = &self.doors;
        let (address, name) = match (kind.legacy, kind.security, required) {
            (true, Security::Tls, _) => (doors.legacy_direct, "with TLS at which every stream is a J-stream"),
            (true, ..) => (doors.legacy, "at which every stream is a J-stream"),
            (_, Security::Tls, _) => (doors.direct, "with TLS from the first byte"),
            (_, _, true) => (doors.required, "that demands TLS"),
            (_, _, false) if encrypted => (doors.starttls, "with STARTTLS"),
            _ => (doors.plain, "without TLS"),
        };
        address.ok_or_else(|| StageError::Unable(format!("open a door {name}")))
    }
}
