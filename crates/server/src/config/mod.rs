//! The configuration: one TOML file, typed; every key has a default, and a mistake is told by file, line, column and key.

mod commented;
pub mod declare;
mod limits;
mod people;
pub mod report;
pub mod setting;
mod tables;
mod values;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use declare::{Section, table};
use setting::wrong_type;

pub use commented::commented;
pub use limits::Limits;
pub use people::{Contacts, Person, Words};
pub use report::{ConfigError, ConfigErrors, Problem, Report};
pub use tables::{
    Bytestreams, Format, HostTable, Legacy, Level, Listen, Log, Metrics, Registration, Root, Serves, Storage, Tls,
    Upload,
};
pub use values::{Certificate, Domain, Engine, MetricsDoor, RelayHost, UploadUrl};

/// The whole configuration, complete: what the file does not say has its default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The domains, in the order of the file; the first answers streams that name none.
    pub hosts: Vec<Domain>,
    /// The data folder.
    pub data: PathBuf,
    /// The doors.
    pub listen: Vec<Listen>,
    /// One table for each host.
    pub host: BTreeMap<Domain, HostTable>,
    /// Where accounts and messages are stored.
    pub storage: Storage,
    /// The bounds.
    pub limits: Limits,
    /// The files that users upload.
    pub upload: Upload,
    /// The relay.
    pub bytestreams: Bytestreams,
    /// The figures.
    pub metrics: Metrics,
    /// The log.
    pub log: Log,
}

impl Default for Config {
    /// What an empty file means: the doors are open to the network, and nothing secret crosses in the clear.
    fn default() -> Self {
        Config::of(Root::default(), BTreeMap::new())
    }
}

impl Config {
    /// What no file means: a server for trying things out, reachable from this machine only. There passwords may cross
    /// in the clear, so that clients of 2000 can be tried as well.
    pub fn development(data: PathBuf) -> Self {
        let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let door = |ip, port, tls| Listen {
            address: SocketAddr::new(ip, port),
            tls,
            require_tls: tls == Tls::Direct,
            ..Listen::default()
        };
        let starttls = loopback.map(|ip| door(ip, 5222, Tls::StartTls));
        let direct = loopback.map(|ip| door(ip, 5223, Tls::Direct));
        let http = loopback.map(|ip| Listen { address: SocketAddr::new(ip, HTTP_PORT), ..Listen::http() });
        let relay = Listen { address: SocketAddr::new(loopback[0], RELAY_PORT), ..Listen::relay() };
        let metrics = MetricsDoor(Some(SocketAddr::new(loopback[0], 5280)));
        Config {
            data,
            listen: starttls.into_iter().chain(direct).chain(http).chain([relay]).collect(),
            metrics: Metrics { address: metrics },
            ..Config::default()
        }
    }

    /// The doors of a file that names none: one for STARTTLS, one for TLS from the first byte, one for HTTP.
    pub fn default_doors() -> Vec<Listen> {
        let direct = SocketAddr::new(Listen::default().address.ip(), 5223);
        vec![Listen::default(), Listen { address: direct, tls: Tls::Direct, ..Listen::default() }, Listen::http()]
    }

    fn of(root: Root, mut written: BTreeMap<Domain, HostTable>) -> Self {
        let host = root.hosts.iter().map(|host| (host.clone(), written.remove(host).unwrap_or_default())).collect();
        Config {
            hosts: root.hosts,
            data: root.data,
            listen: Config::default_doors(),
            host,
            storage: Storage::default(),
            limits: Limits::default(),
            upload: Upload::default(),
            bytestreams: Bytestreams::default(),
            metrics: Metrics::default(),
            log: Log::default(),
        }
    }

    /// Every host with its table, in the order of the file.
    pub fn host_tables(&self) -> impl Iterator<Item = (&Domain, &HostTable)> {
        self.hosts.iter().filter_map(|host| self.host.get_key_value(host))
    }

    /// Reads a configuration file.
    ///
    /// # Errors
    /// All mistakes of the file, in its order.
    pub fn load(file: &Path) -> Result<Self, ConfigErrors> {
        let text = std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))?;
        let mut config = Config::parse(file, &text)?;
        config.resolve(file.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    /// Reads the text of a configuration; `file` is its name in messages.
    ///
    /// # Errors
    /// All mistakes of the text, in its order.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigErrors> {
        let mut report = Report::new(file, text);
        let (root, mistakes) = DeTable::parse_recoverable(text);
        for mistake in &mistakes {
            let message = mistake.message().lines().collect::<Vec<_>>().join("; ");
            report.fail(mistake.span().unwrap_or(0..0), Problem::Syntax(message));
        }
        let config = if mistakes.is_empty() { read(root.get_ref(), &mut report) } else { Config::default() };
        report.finish().map(|()| config)
    }

    /// Makes the paths of the file relative to its folder.
    fn resolve(&mut self, folder: &Path) {
        self.data = folder.join(&self.data);
        for host in self.host.values_mut() {
            if let Certificate::Files { chain, key } = &mut host.certificate {
                *chain = folder.join(&*chain);
                *key = folder.join(&*key);
            }
        }
    }
}

fn unreadable(file: &Path, error: &std::io::Error) -> ConfigErrors {
    let sentence = match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file; `yatter init` writes one".to_owned(),
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    };
    ConfigErrors(vec![ConfigError {
        file: file.to_owned(),
        line: 0,
        column: 0,
        key: String::new(),
        problem: Problem::Unreadable(sentence),
    }])
}

fn read(file: &DeTable<'_>, report: &mut Report<'_>) -> Config {
    let root = Root::read(file, report);
    unique_hosts(file, &root, report);
    let hosts = hosts(file, &root, report);
    let mut config = Config::of(root, hosts);
    if let Some(listen) = file.get("listen") {
        config.listen = report.under("listen", |report| doors(listen, report));
    }
    config.storage = section(file, "storage", report);
    config.limits = section(file, "limits", report);
    agree(file, &config.limits, report);
    config.upload = section(file, "upload", report);
    config.bytestreams = section(file, "bytestreams", report);
    config.metrics = section(file, "metrics", report);
    config.log = section(file, "log", report);
    config
}

fn section<S: Section>(file: &DeTable<'_>, name: &str, report: &mut Report<'_>) -> S {
    let Some(value) = file.get(name) else { return S::default() };
    report.under(name, |report| table(value, report).map(|table| S::read(table, report))).unwrap_or_default()
}

/// What is taken no more must not be less than what slows down.
fn agree(file: &DeTable<'_>, limits: &Limits, report: &mut Report<'_>) {
    if let Some(value) = file.get("limits").filter(|_| limits.backlog_soft_bytes > limits.backlog_hard_bytes) {
        let problem = "`backlog_soft_bytes` is above `backlog_hard_bytes`; lower it or raise the other".to_owned();
        report.under("limits", |report| report.fail(value.span(), Problem::Invalid(problem)));
    }
}

fn unique_hosts(file: &DeTable<'_>, root: &Root, report: &mut Report<'_>) {
    let Some(value) = file.get("hosts") else { return };
    report.under("hosts", |report| {
        if root.hosts.is_empty() {
            report.fail(value.span(), Problem::Invalid("names no host; write at least one domain".to_owned()));
        }
        for (n, host) in root.hosts.iter().enumerate() {
            if root.hosts[..n].contains(host) {
                report.fail(value.span(), Problem::Invalid(format!("names `{host}` twice")));
            }
        }
    });
}

fn hosts(file: &DeTable<'_>, root: &Root, report: &mut Report<'_>) -> BTreeMap<Domain, HostTable> {
    let Some(value) = file.get("host") else { return BTreeMap::new() };
    let read = |report: &mut Report<'_>| {
        let mut read = BTreeMap::new();
        for (name, value) in table(value, report)?.iter() {
            let host = report.under(name.get_ref(), |report| {
                let host = one_of_ours(name.get_ref(), name.span(), &root.hosts, report)?;
                Some((host, HostTable::read(table(value, report)?, report)))
            });
            read.extend(host);
        }
        Some(read)
    };
    report.under("host", read).unwrap_or_default()
}

fn one_of_ours(name: &str, at: Range<usize>, hosts: &[Domain], report: &mut Report<'_>) -> Option<Domain> {
    let host = Domain::parse(name).filter(|host| hosts.contains(host));
    if host.is_none() {
        let nearest = report::nearest(name, hosts.iter().map(Domain::as_str));
        let hint =
            nearest.map_or("add it there or remove the table".to_owned(), |host| format!("did you mean `{host}`?"));
        report.fail(at, Problem::Invalid(format!("`{name}` is not one of `hosts`; {hint}")));
    }
    host
}

fn doors(value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Vec<Listen> {
    let Some(entries) = value.get_ref().as_array() else {
        return wrong_type("tables headed [[listen]]".to_owned(), value, report).unwrap_or_default();
    };
    let mut doors: Vec<Listen> = Vec::new();
    for entry in entries.iter() {
        let Some(door) = table(entry, report).map(|table| door(table, report)) else { continue };
        if let Some(problem) = contradiction(&door, &doors) {
            report.fail(entry.span(), Problem::Invalid(problem));
        }
        doors.push(door);
    }
    if doors.is_empty() {
        report.fail(value.span(), Problem::Invalid("names no door; write at least one [[listen]] table".to_owned()));
    }
    doors
}

/// The port of HTTP over TLS, unless another is named.
const HTTP_PORT: u16 = 5281;

/// The port of the relay, unless another is named.
const RELAY_PORT: u16 = 7777;

/// Keys that say something about streams of clients alone.
const CLIENTS_ALONE: [&str; 2] = ["require_tls", "legacy"];

impl Listen {
    /// The usual door of the relay: open to the network.
    pub fn relay() -> Self {
        let address = SocketAddr::new(Listen::default().address.ip(), RELAY_PORT);
        Listen { address, serves: Serves::Bytestreams, tls: Tls::None, ..Listen::default() }
    }

    /// The usual door for HTTP: encrypted, open to the network.
    pub fn http() -> Self {
        let address = SocketAddr::new(Listen::default().address.ip(), HTTP_PORT);
        Listen { address, serves: Serves::Http, tls: Tls::Direct, ..Listen::default() }
    }
}

/// Reads one door; what is not written depends on whom it serves.
fn door(table: &DeTable<'_>, report: &mut Report<'_>) -> Listen {
    let mut door = Listen::read(table, report);
    let usual = match door.serves {
        Serves::Clients => return door,
        Serves::Http => Listen::http(),
        Serves::Bytestreams => Listen::relay(),
    };
    if !table.contains_key("address") {
        door.address = usual.address;
    }
    match table.get("tls") {
        None => door.tls = usual.tls,
        Some(value) if door.serves == Serves::Bytestreams => {
            let problem = "means nothing at the relay: clients encrypt what they send; remove it".to_owned();
            report.under("tls", |report| report.fail(value.span(), Problem::Invalid(problem)));
        }
        Some(value) if door.tls == Tls::StartTls => {
            let problem =
                Problem::Invalid("HTTP has no STARTTLS; write \"direct\", or \"none\" behind a proxy".to_owned());
            report.under("tls", |report| report.fail(value.span(), problem));
        }
        Some(_) => {}
    }
    for key in CLIENTS_ALONE {
        if let Some(value) = table.get(key) {
            let problem = Problem::Invalid("means nothing but at a listener for clients; remove it".to_owned());
            report.under(key, |report| report.fail(value.span(), problem));
        }
    }
    (door.require_tls, door.legacy) = (usual.require_tls, usual.legacy);
    door
}

/// What is impossible about a door, alone or beside the ones before it.
fn contradiction(door: &Listen, others: &[Listen]) -> Option<String> {
    if others.iter().any(|other| other.address == door.address) {
        return Some(format!("two listeners have the address {}", door.address));
    }
    (door.tls == Tls::None && door.require_tls && door.serves == Serves::Clients).then(|| {
        "`tls = \"none\"` can never satisfy `require_tls`; write `require_tls = false` if passwords may cross in the clear"
            .to_owned()
    })
}

#[cfg(test)]
mod tests;
