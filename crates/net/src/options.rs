//! What an operator can set about the doors. Plain values; the server crate fills them from its configuration.

use std::net::SocketAddr;

/// One `[[listen]]` entry that serves clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientListener {
    /// Address and port; `[::]` takes IPv4 too.
    pub address: SocketAddr,
    /// When the connection is encrypted.
    pub tls: TlsMode,
    /// True: passwords and registrations are refused on an unencrypted stream.
    pub require_tls: bool,
    /// Which streams are spoken to as in 2000.
    pub legacy: Legacy,
    /// Whether modern streams may log in with `jabber:iq:auth`.
    pub iq_auth: IqAuth,
}

impl ClientListener {
    /// The usual door: STARTTLS, required, dialect by the client's header.
    pub fn new(address: SocketAddr) -> ClientListener {
        ClientListener {
            address,
            tls: TlsMode::StartTls,
            require_tls: true,
            legacy: Legacy::Auto,
            iq_auth: IqAuth::WhenEncrypted,
        }
    }
}

/// When a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// The client asks for it (RFC 6120 §5).
    StartTls,
    /// From the first byte (XEP-0368, the "SSL port" of 2000).
    Direct,
    /// Never.
    None,
}

/// Which streams are J-streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Legacy {
    /// Those whose header has no version, or one below 1.0.
    Auto,
    /// All of them, so that clients which know both fall back.
    Always,
    /// None; a header without a version is refused.
    Never,
}

/// Whether X-streams are offered `jabber:iq:auth` (XEP-0078).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IqAuth {
    /// Not offered, not answered.
    Never,
    /// Offered on encrypted streams.
    WhenEncrypted,
    /// Offered wherever passwords may be sent.
    Always,
}

/// Bounds of every client connection. Seconds end in `_s`, milliseconds in `_ms`, sizes in `_bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From connecting to being logged in.
    pub login_s: u32,
    /// From connecting (or `<proceed/>`) to an encrypted stream.
    pub handshake_s: u32,
    /// Silence after which a space is sent, to keep the way open and to notice the dead.
    pub idle_s: u32,
    /// How long sent bytes may stay unacknowledged before the connection counts as lost.
    pub dead_s: u32,
    /// How long a client may take nothing of what waits for it.
    pub stuck_s: u32,
    /// How long we wait for the other side's goodbye.
    pub linger_s: u32,
    /// One stanza of a session.
    pub stanza_bytes: usize,
    /// Elements, texts and attributes of one stanza.
    pub stanza_nodes: usize,
    /// Elements within elements.
    pub stanza_depth: usize,
    /// Attributes of one element.
    pub stanza_attributes: usize,
    /// What a session may send per second, beyond a burst of ten seconds' worth; it is read later otherwise. 0: any.
    pub stream_bytes_per_s: u64,
    /// The same, counted in stanzas.
    pub stream_stanzas_per_s: u64,
    /// One top-level element before login.
    pub login_bytes: usize,
    /// The stream's opening tag.
    pub header_bytes: usize,
    /// Stanzas a J-stream may send ahead of its login.
    pub early_stanzas: usize,
    /// Bytes of these.
    pub early_bytes: usize,
    /// Questions (iqs) that a stream may ask before login.
    pub login_questions: u32,
    /// Failed logins, and failed resumptions, after which the stream is closed.
    pub login_attempts: u32,
    /// How long the answer to a failed login is held back.
    pub failure_delay_ms: u32,
    /// Connections of all clients together.
    pub connections: usize,
    /// Connections of one address (IPv6: of one /64); loopback is exempt.
    pub connections_per_address: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            login_s: 60,
            handshake_s: 20,
            idle_s: 240,
            dead_s: 60,
            stuck_s: 60,
            linger_s: 3,
            stanza_bytes: 262_144,
            stanza_nodes: 8_192,
            stanza_depth: 64,
            stanza_attributes: 64,
            stream_bytes_per_s: 1_048_576,
            stream_stanzas_per_s: 1_000,
            login_bytes: 16_384,
            header_bytes: 8_192,
            early_stanzas: 32,
            early_bytes: 65_536,
            login_questions: 50,
            login_attempts: 5,
            failure_delay_ms: 500,
            connections: 100_000,
            connections_per_address: 500,
        }
    }
}

impl Limits {
    /// What the parser takes of somebody who has not logged in.
    pub(crate) fn before_login(&self) -> xml::Limits {
        xml::Limits { stanza_bytes: self.login_bytes.min(self.stanza_bytes), ..self.of_session() }
    }

    /// What the parser takes of a session.
    pub(crate) fn of_session(&self) -> xml::Limits {
        xml::Limits {
            stanza_bytes: self.stanza_bytes,
            nodes: self.stanza_nodes,
            depth: self.stanza_depth,
            attributes: self.stanza_attributes,
            header_bytes: self.header_bytes,
            ..xml::Limits::default()
        }
    }
}
