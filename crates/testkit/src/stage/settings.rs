//! The server's settings in a scene: usual for scenes, and what `given` changes.

use super::StageError;
use crate::scene::{Given, Scene};
use extensions::registration::Policy;
use im::LegacyCredentials;
use net::{ClientListener, IqAuth, Legacy, TlsMode};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{Ipv4Addr, SocketAddr};
use xmpp::Timestamp;

/// A relay to which nobody connects in a scene.
struct Relayed(net::relay::Relay, SocketAddr);

impl im::Relay for Relayed {
    fn activate(&self, destination: &str, account: &xmpp::Jid) -> Result<(), im::RelayError> {
        self.0.activate(destination, account)
    }

    fn address(&self) -> Option<SocketAddr> {
        Some(self.1)
    }
}

/// What a server is built from.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) hosts: Vec<String>,
    /// What chance follows from: each scene has its own.
    pub(super) seed: u64,
    pub(super) start: Timestamp,
    pub(super) doors: net::Limits,
    pub(super) heart: im::Limits,
    pub(super) extensions: extensions::Options,
    /// Who administers each of the hosts.
    pub(super) admins: Vec<xmpp::Jid>,
    require_tls: bool,
    iq_auth: IqAuth,
}

impl Settings {
    /// Reads a scene's wishes. The hosts are those of the cast, then those that are given.
    pub(super) fn of(scene: &Scene) -> Result<Settings, StageError> {
        let start = Timestamp::parse(START).ok_or_else(|| StageError::Failed("the clock has no start".to_owned()))?;
        let mut hasher = DefaultHasher::new();
        (&scene.name, std::env::var("YATTER_SCENES_SEED").ok()).hash(&mut hasher);
        let mut settings = Settings {
            seed: hasher.finish(),
            hosts: scene.cast.iter().map(|member| member.host.clone()).collect(),
            start,
            doors: net::Limits::default(),
            heart: im::Limits::default(),
            extensions: extensions::Options::default(),
            admins: Vec::new(),
            require_tls: false,
            iq_auth: IqAuth::WhenEncrypted,
        };
        for given in &scene.given {
            match given {
                Given::Hosts(hosts) => settings.hosts.extend(hosts.iter().cloned()),
                Given::Option { key, value } => settings.set(key, value)?,
                Given::TwoMembers | Given::HomesTogether | Given::Subscription { .. } => {}
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
            ("registration", "open") => self.extensions.registration.policy = Policy::Open,
            ("registration", "invitation") => self.extensions.registration.policy = Policy::Invitation,
            ("registration", "closed") => self.extensions.registration.policy = Policy::Closed,
            ("legacy_credentials", word) => {
                let level = LegacyCredentials::ALL.into_iter().find(|level| level.name() == word);
                self.extensions.legacy_credentials = level.ok_or_else(wrong)?;
            }
            ("admins", list) => {
                let admins: Result<_, _> = list.split(',').map(|admin| xmpp::Jid::parse(admin.trim())).collect();
                self.admins = admins.map_err(|_| wrong())?;
            }
            ("welcome", text) => self.extensions.welcome.text = text.to_owned(),
            ("contacts", list) => self.extensions.contacts = contacts(list).ok_or_else(wrong)?,
            ("offline_messages", number) => {
                self.extensions.offline.messages = number.parse().map_err(|_| wrong())?;
            }
            ("upload_url", url) => self.extensions.upload.url = Some(url.to_owned()),
            ("relay", "on") => {
                let relay = net::relay::Relay::new(net::relay::RelayLimits::default());
                let relay = Relayed(relay, SocketAddr::from((Ipv4Addr::LOCALHOST, 7777)));
                self.extensions.bytestreams.relay = Some(std::sync::Arc::new(relay));
                self.extensions.bytestreams.host = "relay.example".to_owned();
            }
            ("upload_file_bytes", number) => self.extensions.upload.file_bytes = number.parse().map_err(|_| wrong())?,
            ("upload_account_files", number) => {
                self.extensions.upload.account_files = number.parse().map_err(|_| wrong())?;
            }
            (key, number) => self.limit(key, number.parse().map_err(|_| wrong())?).ok_or_else(wrong)?,
        }
        Ok(())
    }

    /// A bound of the server by its name in the configuration.
    fn limit(&mut self, key: &str, number: u32) -> Option<()> {
        match (self.small(key), number) {
            (Some(bound), number) => *bound = number,
            (None, number) => *self.large(key)? = number as usize,
        }
        Some(())
    }

    fn small(&mut self, key: &str) -> Option<&mut u32> {
        let doors = &mut self.doors;
        Some(match key {
            "hibernate_s" => &mut self.heart.hibernate_s,
            "login_s" => &mut doors.login_s,
            "handshake_s" => &mut doors.handshake_s,
            "idle_s" => &mut doors.idle_s,
            "dead_s" => &mut doors.dead_s,
            "stuck_s" => &mut doors.stuck_s,
            "linger_s" => &mut doors.linger_s,
            "login_questions" => &mut doors.login_questions,
            "login_attempts" => &mut doors.login_attempts,
            "failure_delay_ms" => &mut doors.failure_delay_ms,
            _ => return None,
        })
    }

    fn large(&mut self, key: &str) -> Option<&mut usize> {
        let (doors, heart, extensions) = (&mut self.doors, &mut self.heart, &mut self.extensions);
        Some(match key {
            "connections" => &mut doors.connections,
            "login_bytes" => &mut doors.login_bytes,
            "header_bytes" => &mut doors.header_bytes,
            "early_stanzas" => &mut doors.early_stanzas,
            "early_bytes" => &mut doors.early_bytes,
            "stanza_bytes" => &mut doors.stanza_bytes,
            "stanza_nodes" => &mut doors.stanza_nodes,
            "stanza_depth" => &mut doors.stanza_depth,
            "stanza_attributes" => &mut doors.stanza_attributes,
            "accounts_awake" => &mut heart.accounts_awake,
            "sessions_per_account" => &mut heart.sessions_per_account,
            "session_queue_bytes" => &mut heart.session_queue_bytes,
            "hibernating_per_account" => &mut heart.hibernating_per_account,
            "hibernating_bytes" => &mut heart.hibernating_bytes,
            "directed_presences" => &mut heart.directed_presences,
            "roster_items" => &mut heart.roster.items,
            "roster_bytes" => &mut heart.roster.bytes,
            "roster_set_items" => &mut heart.roster.set_items,
            "roster_name_bytes" => &mut heart.roster.name_bytes,
            "roster_groups" => &mut heart.roster.groups,
            "roster_group_bytes" => &mut heart.roster.group_bytes,
            "roster_extras_bytes" => &mut heart.roster.extras_bytes,
            "roster_requests" => &mut heart.roster.requests,
            "roster_request_bytes" => &mut heart.roster.request_bytes,
            "roster_removals" => &mut heart.roster.removals,
            "private_elements" => &mut extensions.private.elements,
            "private_bytes" => &mut extensions.private.bytes,
            "privacy_lists" => &mut extensions.privacy.lists,
            "privacy_rules" => &mut extensions.privacy.rules,
            "privacy_bytes" => &mut extensions.privacy.bytes,
            "filter_rules" => &mut extensions.filter.rules,
            "filter_bytes" => &mut extensions.filter.bytes,
            "registrations_per_hour" => &mut extensions.registration.per_hour,
            "registrations_per_hour_per_address" => &mut extensions.registration.per_hour_per_address,
            _ => return None,
        })
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

/// `abuse mailto:abuse@verona.example, admin xmpp:amy@verona.example`
fn contacts(list: &str) -> Option<extensions::contacts::Options> {
    let entry = |entry: &str| {
        let (kind, uri) = entry.trim().split_once(' ')?;
        let kind = extensions::contacts::KINDS.into_iter().find(|known| *known == kind)?;
        Some((kind, vec![uri.to_owned()]))
    };
    list.split(',').map(entry).collect::<Option<_>>().map(extensions::contacts::Options)
}

/// The time at which every scene begins, unless it says otherwise.
const START: &str = "2002-09-10T23:08:25Z";
