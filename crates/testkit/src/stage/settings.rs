//! The server's settings in a scene: usual for scenes, and what `given` changes.

use super::StageError;
use crate::scene::{Given, Scene};
use extensions::registration::Options as Registration;
use net::{ClientListener, IqAuth, Legacy, TlsMode};
use std::net::{Ipv4Addr, SocketAddr};
use xmpp::Timestamp;

/// What a server is built from.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) hosts: Vec<String>,
    pub(super) start: Timestamp,
    pub(super) doors: net::Limits,
    pub(super) heart: im::Limits,
    pub(super) extensions: extensions::Options,
    require_tls: bool,
    iq_auth: IqAuth,
}

impl Settings {
    /// Reads a scene's wishes. The hosts are those of the cast, then those that are given.
    pub(super) fn of(scene: &Scene) -> Result<Settings, StageError> {
        let start = Timestamp::parse(START).ok_or_else(|| StageError::Failed("the clock has no start".to_owned()))?;
        let mut settings = Settings {
            hosts: scene.cast.iter().map(|member| member.host.clone()).collect(),
            start,
            doors: net::Limits::default(),
            heart: im::Limits::default(),
            extensions: extensions::Options::default(),
            require_tls: false,
            iq_auth: IqAuth::WhenEncrypted,
        };
        for given in &scene.given {
            match given {
                Given::Hosts(hosts) => settings.hosts.extend(hosts.iter().cloned()),
                Given::TwoMembers => return Err(StageError::Unable("play on two members".to_owned())),
                Given::Option { key, value } => settings.set(key, value)?,
                Given::Subscription { .. } => {}
            }
        }
        let mut seen = Vec::new();
        settings.hosts.retain(|host| {
            let new = !seen.contains(host);
            seen.push(host.clone());
            new
        });
        Ok(settings)
    }

    /// Whether the doors refuse credentials in the clear.
    pub(super) fn requires_tls(&self) -> bool {
        self.require_tls
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), StageError> {
        let wrong = || StageError::Failed(format!("{key} cannot be {value}"));
        match (key, value) {
            ("time", value) => self.start = Timestamp::parse(value).ok_or_else(wrong)?,
            ("require_tls", "true") => self.require_tls = true,
            ("require_tls", "false") => self.require_tls = false,
            ("iq_auth", "never") => self.iq_auth = IqAuth::Never,
            ("iq_auth", "when-encrypted") => self.iq_auth = IqAuth::WhenEncrypted,
            ("iq_auth", "always") => self.iq_auth = IqAuth::Always,
            ("registration", "open") => self.extensions.registration = Registration::Open,
            ("registration", "closed") => self.extensions.registration = Registration::Closed,
            (key, number) => self.limit(key, number.parse().map_err(|_| wrong())?).ok_or_else(wrong)?,
        }
        Ok(())
    }

    /// A bound of the server by its name in the configuration.
    fn limit(&mut self, key: &str, number: u32) -> Option<()> {
        let (doors, heart, size) = (&mut self.doors, &mut self.heart, number as usize);
        match key {
            "login_s" => doors.login_s = number,
            "handshake_s" => doors.handshake_s = number,
            "idle_s" => doors.idle_s = number,
            "dead_s" => doors.dead_s = number,
            "stuck_s" => doors.stuck_s = number,
            "linger_s" => doors.linger_s = number,
            "stanza_bytes" => doors.stanza_bytes = size,
            "stanza_nodes" => doors.stanza_nodes = size,
            "stanza_depth" => doors.stanza_depth = size,
            "stanza_attributes" => doors.stanza_attributes = size,
            "login_bytes" => doors.login_bytes = size,
            "header_bytes" => doors.header_bytes = size,
            "early_stanzas" => doors.early_stanzas = size,
            "early_bytes" => doors.early_bytes = size,
            "login_attempts" => doors.login_attempts = number,
            "failure_delay_ms" => doors.failure_delay_ms = number,
            "connections" => doors.connections = size,
            "accounts_awake" => heart.accounts_awake = size,
            "sessions_per_account" => heart.sessions_per_account = size,
            "session_queue_bytes" => heart.session_queue_bytes = size,
            "directed_presences" => heart.directed_presences = size,
            "offline_messages" => {
                heart.offline_messages = size;
                self.extensions.offline.messages = u64::from(number);
            }
            _ => return None,
        }
        Some(())
    }

    /// The door at which a client of this kind comes in.
    pub(super) fn listener(&self, legacy: bool, tls: TlsMode) -> ClientListener {
        ClientListener {
            tls,
            require_tls: self.require_tls,
            legacy: if legacy { Legacy::Always } else { Legacy::Auto },
            iq_auth: self.iq_auth,
            ..ClientListener::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 5222)))
        }
    }
}

/// The time at which every scene begins, unless it says otherwise.
const START: &str = "2002-09-10T23:08:25Z";
