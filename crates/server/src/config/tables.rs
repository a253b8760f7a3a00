//! The tables of the configuration file, each key with its default and its sentence.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::declare::{Later, section, words};
use super::people::{Contacts, Person, Words};
use super::values::{Certificate, Domain, Engine, MetricsDoor, RelayHost, UploadUrl};

section! {
    /// What the server is called, and where it keeps what it must not lose.
    pub struct Root {
        /// The domains that this server speaks for; accounts are names at one of them.
        pub hosts: Vec<Domain> = vec![Domain::localhost()];
        /// The folder of accounts, messages and certificates; relative paths start at this file. `--data` overrules it.
        pub data: PathBuf = PathBuf::from("/var/lib/yatter");
    }
    beside: ["listen", "host", "storage", "limits", "upload", "bytestreams", "metrics", "log"]
    later: [Later { name: "component", what: "a component", instead: "remove the table" }]
}

section! {
    /// A door of the server: one address and what is spoken there.
    pub struct Listen {
        /// The IP address and port; `[::]` is every address of the machine, IPv4 included. With `serves = "http"` the default is port 5281, with
        /// `"bytestreams"` 7777.
        pub address: SocketAddr = SocketAddr::from(([0_u16; 8], 5222));
        /// Who comes in here: `clients`, `http` (files; it takes no other keys than `address` and `tls`) or `bytestreams` (the relay for files
        /// between two clients; it takes `address` alone).
        pub serves: Serves = Serves::Clients;
        /// How encryption begins: `starttls` (port 5222), `direct` (the old SSL port 5223) or `none`; for HTTP `direct`, the default there,
        /// or `none` (behind a proxy).
        pub tls: Tls = Tls::StartTls;
        /// Whether passwords are refused before the stream is encrypted; false lets them cross in the clear.
        pub require_tls: bool = true;
        /// Whether clients of 2000 are served: `auto` (whoever opens a stream without a version), `always` or `never`.
        pub legacy: Legacy = Legacy::Auto;
    }
}

section! {
    /// What differs from the defaults for one of the hosts.
    pub struct HostTable {
        /// `"self-signed"` (made at first start, kept in the data folder) or `{ chain = "…", key = "…" }`, both PEM files.
        pub certificate: Certificate = Certificate::SelfSigned;
        /// Who may make an account from a client: `closed` (nobody), `invitation` (whoever has one: `yatter user invite`) or `open` (anybody).
        pub registration: Registration = Registration::Closed;
        /// What is kept beside SCRAM keys for clients of 2000 without encryption: `none`, `zero-k` (a chain of hashes) or `password` (the password itself).
        pub legacy_credentials: LegacyCredentials = LegacyCredentials::None;
        /// The addresses of those who administer the host from their clients: they announce, and get what is sent to the host.
        pub admins: Vec<Person> = Vec::new();
        /// Whom to write to, for everybody to see: URIs under `abuse`, `admin`, `feedback`, `sales`, `security`, `status`, `support`.
        pub contacts: Contacts = Contacts::default();
        /// What every new account finds waiting; nothing if it is empty.
        pub welcome: Words = Words::default();
    }
    later: [
        Later { name: "features", what: "a choice of features per host", instead: "remove the key: every feature is on" },
    ]
}

section! {
    /// Where accounts and messages are stored.
    pub struct Storage {
        /// `"sqlite"` (files in the data folder) or `"memory"` (everything is forgotten at the end; for tests).
        pub url: Engine = Engine::Sqlite;
    }
}

section! {
    /// Files that users upload (XEP-0363): put to and fetched from a listener with `serves = "http"`.
    pub struct Upload {
        /// What the addresses of files begin with: `"auto"` (host and port of the first encrypted listener for HTTP) or, behind a proxy that passes
        /// `/upload/` on, such as `"https://upload.example.org"`. Best a name at which nothing else is.
        pub url: UploadUrl = UploadUrl(None);
        /// The largest file.
        pub file_bytes: u64 = 104_857_600, 1..=1_099_511_627_776;
        /// All files of one account.
        pub account_bytes: u64 = 10_737_418_240, 1..=1_125_899_906_842_624;
        /// What one account may upload in 24 hours, in bytes.
        pub account_bytes_per_day: u64 = 1_073_741_824, 1..=1_125_899_906_842_624;
        /// How many files one account may have.
        pub account_files: u64 = 2_000, 1..=100_000;
        /// All files of one host; 0: as many as the disk holds.
        pub total_bytes: u64 = 0, 0..=1_125_899_906_842_624;
        /// For how many days a file is kept.
        pub keep_days: u64 = 30, 1..=36_500;
        /// How long a client may wait with an upload that it has been granted.
        pub slot_s: u64 = 300, 10..=86_400;
    }
}

section! {
    /// The relay for files between two clients (XEP-0065): there is one when a listener has `serves = "bytestreams"`.
    pub struct Bytestreams {
        /// The name or IP address at which clients reach the relay: `"auto"` is the name of the host, which must have an address record then.
        pub host: RelayHost = RelayHost(None);
        /// Relayed files of one account at a time.
        pub account_streams: u64 = 8, 1..=1_000;
        /// What one account may relay per second, in bytes; 0: as fast as it goes.
        pub account_bytes_per_s: u64 = 10_485_760, 0..=1_099_511_627_776;
        /// What one account may relay in 24 hours, in bytes.
        pub account_bytes_per_day: u64 = 10_737_418_240, 1..=1_125_899_906_842_624;
        /// How long one side waits for the other.
        pub wait_s: u64 = 120, 1..=3_600;
        /// How long both sides may be silent.
        pub idle_s: u64 = 300, 1..=86_400;
        /// Connections together.
        pub connections: u64 = 1_000, 2..=1_000_000;
        /// Connections from one IP address (from one /64 with IPv6); this machine itself is exempt.
        pub connections_per_address: u64 = 50, 1..=1_000_000;
    }
}

section! {
    /// Figures for Prometheus, over HTTP without a password and therefore on this machine only.
    pub struct Metrics {
        /// `"off"`, or a loopback address and port such as `"127.0.0.1:5280"`; the page is `/metrics`.
        pub address: MetricsDoor = MetricsDoor(None);
    }
}

section! {
    /// What the server writes to standard error.
    pub struct Log {
        /// How much is written: `error`, `warn`, `info`, `debug` or `trace`.
        pub level: Level = Level::Info;
        /// `text` for people, `json` for programs, one event a line.
        pub format: Format = Format::Text;
    }
}

words! {
    /// Who comes in at a listener.
    pub enum Serves {
        /// Chat clients.
        Clients = "clients",
        /// Files over HTTP.
        Http = "http",
        /// The relay for files between two clients.
        Bytestreams = "bytestreams",
    }
    later: [
        Later { name: "servers", what: "federation with other servers", instead: "write \"clients\" or remove the listener" },
        Later { name: "components", what: "a listener for components", instead: "write \"clients\" or remove the listener" },
    ]
}

words! {
    /// How encryption begins at a listener.
    pub enum Tls {
        /// The stream begins in the clear and the client asks for TLS (RFC 6120 §5).
        StartTls = "starttls",
        /// TLS from the first byte (XEP-0368; "SSL" in 2000).
        Direct = "direct",
        /// Never.
        None = "none",
    }
}

words! {
    /// Which clients get the dialect of 2000.
    pub enum Legacy {
        /// Those whose stream has no version.
        Auto = "auto",
        /// All of them.
        Always = "always",
        /// None: a stream without a version is refused.
        Never = "never",
    }
}

words! {
    /// Who may make an account from a client (XEP-0077).
    pub enum Registration {
        /// Nobody.
        Closed = "closed",
        /// Whoever has an invitation.
        Invitation = "invitation",
        /// Anybody.
        Open = "open",
    }
}

words! {
    /// What is kept of a password for clients of 2000, beside SCRAM keys.
    pub enum LegacyCredentials {
        /// Nothing.
        None = "none",
        /// A chain of hashes, for the login called zero-knowledge.
        ZeroK = "zero-k",
        /// The password itself, for digests, and a chain.
        Password = "password",
    }
}

impl From<LegacyCredentials> for im::LegacyCredentials {
    fn from(word: LegacyCredentials) -> Self {
        match word {
            LegacyCredentials::None => im::LegacyCredentials::None,
            LegacyCredentials::ZeroK => im::LegacyCredentials::ZeroK,
            LegacyCredentials::Password => im::LegacyCredentials::Password,
        }
    }
}

words! {
    /// The least important event that is written.
    pub enum Level {
        /// What needs a person.
        Error = "error",
        /// What may need one.
        Warn = "warn",
        /// What happens to the server as a whole.
        Info = "info",
        /// What happens to each session.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }
}

words! {
    /// The form of the log.
    pub enum Format {
        /// Lines for people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}
