//! Values with a rule of their own: a domain, a certificate, a storage engine, the address of the metrics.

use std::net::SocketAddr;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeValue;
use xmpp::Jid;

use super::declare::{Later, only, unknown_word};
use super::report::{Problem, Report};
use super::setting::{Setting, quoted, text, wrong_type};

/// A domain this server speaks for, in its canonical form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(Jid);

impl Domain {
    /// The host of a server without configuration.
    pub fn localhost() -> Self {
        // A plain ASCII name is always an address.
        Domain(Jid::new(None, "localhost", None).expect("a domain"))
    }

    /// Reads a domain: no `@`, no `/`, and a name that RFC 7622 §3.2 allows.
    pub fn parse(written: &str) -> Option<Self> {
        Jid::parse(written).ok().filter(Jid::is_domain).map(Domain)
    }

    /// The canonical name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The same as an address.
    pub fn jid(&self) -> &Jid {
        &self.0
    }
}

impl std::fmt::Display for Domain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Setting for Domain {
    fn expects() -> String {
        "a domain such as \"example.org\"".to_owned()
    }

    fn read(value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let written = text(value, Self::expects, report)?;
        let domain = Self::parse(written);
        if domain.is_none() {
            let found = format!("`{written}`");
            report.fail(value.span(), Problem::WrongType { expected: Self::expects(), found });
        }
        domain
    }

    fn toml(&self) -> String {
        quoted(self.as_str())
    }
}

/// What a host proves its name with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// One of our own making, in the data folder.
    SelfSigned,
    /// PEM files.
    Files {
        /// The certificate, then those that signed it.
        chain: PathBuf,
        /// The private key.
        key: PathBuf,
    },
}

impl Setting for Certificate {
    fn expects() -> String {
        "\"self-signed\" or { chain = \"…\", key = \"…\" }".to_owned()
    }

    fn read(value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        match value.get_ref() {
            DeValue::String(word) if word == "self-signed" => Some(Certificate::SelfSigned),
            DeValue::String(word) => {
                let instead = "write \"self-signed\" or { chain = \"…\", key = \"…\" }";
                let acme = Later { name: "acme", what: "a certificate by ACME", instead };
                unknown_word(value, word, &["self-signed"], &[acme], report)
            }
            DeValue::Table(files) => {
                if !only(files, &["chain", "key"], &[], report) {
                    return None;
                }
                let mut file = |name: &str| match files.get(name) {
                    Some(path) => report.under(name, |report| PathBuf::read(path, report)),
                    None => {
                        report
                            .fail(value.span(), Problem::Invalid(format!("lacks `{name}`; write {}", Self::expects())));
                        None
                    }
                };
                Some(Certificate::Files { chain: file("chain")?, key: file("key")? })
            }
            _ => wrong_type(Self::expects(), value, report),
        }
    }

    fn toml(&self) -> String {
        match self {
            Certificate::SelfSigned => quoted("self-signed"),
            Certificate::Files { chain, key } => format!("{{ chain = {}, key = {} }}", chain.toml(), key.toml()),
        }
    }
}

/// What accounts and messages are stored with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// SQLite files in the data folder.
    Sqlite,
    /// Nothing that outlives the process.
    Memory,
}

impl Setting for Engine {
    fn expects() -> String {
        "\"sqlite\" or \"memory\"".to_owned()
    }

    fn read(value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        match text(value, Self::expects, report)? {
            "sqlite" => Some(Engine::Sqlite),
            "memory" => Some(Engine::Memory),
            url if url.starts_with("postgres:") || url.starts_with("postgresql:") => {
                let what = "storage in PostgreSQL".to_owned();
                report.fail(value.span(), Problem::NotInThisVersion { what, instead: "write \"sqlite\"".to_owned() });
                None
            }
            other => unknown_word(value, other, &["sqlite", "memory"], &[], report),
        }
    }

    fn toml(&self) -> String {
        quoted(match self {
            Engine::Sqlite => "sqlite",
            Engine::Memory => "memory",
        })
    }
}

/// Where the metrics are served, if anywhere; a loopback address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricsDoor(pub Option<SocketAddr>);

impl Setting for MetricsDoor {
    fn expects() -> String {
        "\"off\" or a loopback address and port such as \"127.0.0.1:5280\"".to_owned()
    }

    fn read(value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let written = text(value, Self::expects, report)?;
        if written == "off" {
            return Some(MetricsDoor(None));
        }
        match written.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_loopback() => Some(MetricsDoor(Some(address))),
            _ => {
                let found = format!("`{written}`");
                report.fail(value.span(), Problem::WrongType { expected: Self::expects(), found });
                None
            }
        }
    }

    fn toml(&self) -> String {
        quoted(&self.0.map_or("off".to_owned(), |address| address.to_string()))
    }
}

/// What the addresses of files begin with, without a slash at the end; `None`: what the listener says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadUrl(pub Option<String>);

impl Setting for UploadUrl {
    fn expects() -> String {
        "\"auto\" or an address such as \"https://upload.example.org\"".to_owned()
    }

    fn read(value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let written = text(value, Self::expects, report)?;
        if written == "auto" {
            return Some(UploadUrl(None));
        }
        let url = written.trim_end_matches('/');
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let plain = url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}?#@".contains(&byte));
        if plain && rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/')) {
            return Some(UploadUrl(Some(url.to_owned())));
        }
        let found = format!("`{written}`");
        report.fail(value.span(), Problem::WrongType { expected: Self::expects(), found });
        None
    }

    fn toml(&self) -> String {
        quoted(self.0.as_deref().unwrap_or("auto"))
    }
}

/// The name or address at which clients reach the relay; `None`: the name of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayHost(pub Option<String>);

impl Setting for RelayHost {
    fn expects() -> String {
        "\"auto\", or a name or IP address such as \"relay.example.org\" or \"192.0.2.1\"".to_owned()
    }

    fn read(value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let written = text(value, Self::expects, report)?;
        let named = |text: &str| text.parse::<std::net::IpAddr>().is_ok() || Domain::parse(text).is_some();
        match written {
            "auto" => Some(RelayHost(None)),
            name if named(name) => Some(RelayHost(Some(name.to_owned()))),
            _ => {
                let found = format!("`{written}`");
                report.fail(value.span(), Problem::WrongType { expected: Self::expects(), found });
                None
            }
        }
    }

    fn toml(&self) -> String {
        quoted(self.0.as_deref().unwrap_or("auto"))
    }
}
