//! The servers that plays and measurements are run against: each a small file that knows how to set one up.

mod ejabberd;
mod prosody;
mod relay;
mod yatter;

use std::fs;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::Background;
use crate::workspace::Workspace;

/// How long a server may take from its start until its doors are open.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How long a server may take to stop when asked.
pub(crate) const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Where a server stands: a folder of its own, its host name, its doors on the loopback address, what it is to do.
pub(crate) struct Stage {
    pub(crate) folder: PathBuf,
    pub(crate) host: String,
    pub(crate) doors: Doors,
    /// Whether there are doors for files.
    files: bool,
    pub(crate) profile: Profile,
    /// What the server finds in its environment beside ours.
    pub(crate) environment: Vec<(&'static str, &'static str)>,
    /// Hosts that it serves beside its own.
    pub(crate) guests: Vec<Guest>,
    /// What it keeps of passwords for clients of 2000: none, zero-k or password.
    pub(crate) keeps: &'static str,
}

/// One more host of a server.
pub(crate) struct Guest {
    pub(crate) name: String,
    /// Whether anybody may register there.
    pub(crate) open: bool,
    /// Whether those may who bring an invitation.
    pub(crate) invites: bool,
    /// Whether it refuses passwords in the clear where the doors do not.
    pub(crate) requires_tls: bool,
}

/// How much a server is asked to do beside carrying messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Profile {
    /// Rosters, presence, rooms, offline messages; no archive, no stream management.
    Bare,
    /// Also the archive, carbons, stream management and the usual extensions.
    Full,
    /// Bare, and what the scenes are about.
    Scenes,
}

/// The ports of a server for clients.
#[derive(Clone, Copy)]
pub(crate) struct Doors {
    /// STARTTLS, and nothing before it.
    pub(crate) starttls: u16,
    /// STARTTLS, and passwords may cross without it.
    pub(crate) optional: u16,
    /// TLS from the first byte.
    pub(crate) direct: u16,
    /// No TLS; the client's header decides which of the two protocols is spoken; passwords may cross.
    pub(crate) plain: u16,
    /// No TLS; always the protocol of 2000.
    pub(crate) legacy: u16,
    /// TLS from the first byte; always the protocol of 2000.
    pub(crate) legacy_direct: u16,
    /// Commands of a server that takes them by a port.
    control: u16,
    /// Files over HTTP, where they are wanted.
    pub(crate) http: u16,
    /// The relay for files between clients, where it is wanted.
    relay: u16,
}

/// One account of a stage.
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: String,
}

/// An account at any of a stage's hosts.
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) password: String,
}

/// A server that can be set up, started, and started again after its end.
pub(crate) trait Server {
    /// What tables and folders call it.
    fn name(&self) -> &str;
    /// Installs or builds what it needs.
    fn obtain(&self) -> Result<()>;
    /// Writes its configuration for the stage's doors and profile, and names the file that a person would read.
    fn configure(&self, stage: &Stage) -> Result<PathBuf>;
    /// Adds accounts while it does not run: what it keeps of them is all in the folder `data` of the stage.
    fn add_accounts(&self, stage: &Stage, accounts: &[Account]) -> Result<()>;
    /// Adds accounts at the stage's own host.
    fn add_users(&self, stage: &Stage, users: &[User]) -> Result<()> {
        let account = |user: &User| {
            let (name, host, password) = (user.name.clone(), stage.host.clone(), user.password.clone());
            Account { name, host, password }
        };
        self.add_accounts(stage, &users.iter().map(account).collect::<Vec<_>>())
    }
    /// Starts it and returns at once.
    fn launch(&self, stage: &Stage) -> Result<Background>;
    /// Waits until every door is open.
    fn wait_until_ready(&self, server: &mut Background, stage: &Stage) -> Result<()>;
    /// Configures it and adds the accounts. The folder exists and is empty.
    fn prepare(&self, stage: &Stage, users: &[User]) -> Result<()> {
        self.configure(stage)?;
        self.add_users(stage, users)
    }
    /// Starts it and returns when its doors are open.
    fn start(&self, stage: &Stage) -> Result<Background> {
        let mut server = self.launch(stage)?;
        self.wait_until_ready(&mut server, stage)?;
        Ok(server)
    }
    /// Adds one more account while it runs.
    fn add_user(&self, stage: &Stage, user: &User) -> Result<()>;
    /// False for what only carries bytes.
    fn speaks_xmpp(&self) -> bool {
        true
    }
    /// True for the servers that ours is held against.
    fn is_peer(&self) -> bool {
        false
    }
    /// The one file that is the program, when it is one.
    fn program(&self) -> Option<&Path> {
        None
    }
    /// Which version it is, in its own words.
    fn version(&self) -> Result<String>;
    /// True for the server of this workspace, whose exact bytes we know.
    fn is_yatter(&self) -> bool {
        false
    }
}

/// A server by name, with its programs out of `profile`; a path is a Yatter that somebody has built already.
pub(crate) fn by_name(name: &str, workspace: &Workspace, profile: &str) -> Result<Box<dyn Server>> {
    Ok(match name {
        "yatter" => Box::new(yatter::Yatter::built(workspace, profile)),
        "relay" => Box::new(relay::Relay::built(workspace, profile)),
        "prosody" => Box::new(prosody::Prosody),
        "ejabberd" => Box::new(ejabberd::Ejabberd),
        path if path.contains('/') => Box::new(yatter::Yatter::ready(path)),
        other => bail!("no server is called `{other}`: yatter, relay, prosody, ejabberd, or the path of a yatter"),
    })
}

impl Stage {
    /// An empty folder and free ports.
    pub(crate) fn set(folder: PathBuf, host: &str) -> Result<Stage> {
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        fs::create_dir_all(&folder)?;
        let [starttls, optional, direct, plain, legacy, legacy_direct, control, http, relay] = free_ports(&folder)?;
        let doors = Doors { starttls, optional, direct, plain, legacy, legacy_direct, control, http, relay };
        Ok(Stage {
            folder,
            host: host.to_owned(),
            doors,
            profile: Profile::Full,
            environment: Vec::new(),
            guests: Vec::new(),
            keeps: "none",
            files: false,
        })
    }

    /// The same stage with doors for files: HTTP, and the relay.
    pub(crate) fn with_files(self, files: bool) -> Stage {
        Stage { files, ..self }
    }

    /// The same stage with another task for the server.
    pub(crate) fn with_profile(self, profile: Profile) -> Stage {
        Stage { profile, ..self }
    }

    /// The same stage with one more variable for the server.
    pub(crate) fn with_environment(mut self, name: &'static str, value: &'static str) -> Stage {
        self.environment.push((name, value));
        self
    }

    /// The same stage with more hosts.
    pub(crate) fn with_guests(self, guests: Vec<Guest>) -> Stage {
        Stage { guests, ..self }
    }

    /// All hosts, the stage's own first.
    fn hosts(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.host.as_str()).chain(self.guests.iter().map(|guest| guest.name.as_str()))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// A file that takes what the server says of itself.
    fn log(&self) -> Result<fs::File> {
        Ok(fs::File::options().create(true).append(true).open(self.path("server.log"))?)
    }

    /// Lets what the server prints go to its log.
    fn keep_output(&self, server: &mut Background) -> Result<()> {
        let mut log = self.log()?;
        let mut output = server.child().stdout.take().context("the server has no standard output")?;
        std::thread::spawn(move || std::io::copy(&mut output, &mut log));
        Ok(())
    }

    /// The last words of the server.
    pub(crate) fn last_log_lines(&self, count: usize) -> String {
        let text = fs::read(self.path("server.log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(count)..].join("\n")
    }

    fn jid(&self, user: &User) -> String {
        format!("{}@{}", user.name, self.host)
    }
}

/// Ports that nobody uses, below those that the kernel gives to outgoing connections: a load of thousands of
/// connections must not take the port of a server that is about to be started again. Stages that are set before their
/// servers start begin their search at different places.
fn free_ports<const N: usize>(folder: &Path) -> Result<[u16; N]> {
    let place = BuildHasherDefault::<DefaultHasher>::default().hash_one((folder, std::process::id()));
    let first = 20_000 + u16::try_from(place % 11_000)?;
    let mut free = (first..32_000).filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    let mut ports = [0; N];
    for port in &mut ports {
        *port = free.next().context("no free port between 20000 and 32000")?;
    }
    Ok(ports)
}

/// Waits for a line of the server's standard output that starts with `start`; its rest.
fn wait_for_line(server: &mut Background, start: &str, stage: &Stage) -> Result<String> {
    let output = server.child().stdout.take().context("the server has no standard output")?;
    let lines = crate::process::lines(output);
    loop {
        match lines.recv_timeout(START_LIMIT) {
            Ok(line) => {
                if let Some(rest) = line.strip_prefix(start) {
                    // What it prints later goes nowhere, but must be read, or it would block on a full pipe.
                    std::thread::spawn(move || lines.iter().for_each(drop));
                    return Ok(rest.trim().to_owned());
                }
            }
            Err(_) => bail!("the server did not say `{start}`; its log ends with\n{}", stage.last_log_lines(20)),
        }
    }
}

/// Waits until somebody listens on a port.
fn wait_for_port(server: &mut Background, port: u16, stage: &Stage) -> Result<()> {
    let end = std::time::Instant::now() + START_LIMIT;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        let ended = server.wait(Duration::from_millis(20))?.is_some();
        if ended || std::time::Instant::now() > end {
            bail!("nobody listens on port {port}; the log ends with\n{}", stage.last_log_lines(20));
        }
    }
    Ok(())
}

/// A certificate for the stage's host, signed by itself.
fn self_signed(stage: &Stage) -> Result<(PathBuf, PathBuf)> {
    let (chain, key): (PathBuf, PathBuf) = (stage.path("chain.pem"), stage.path("key.pem"));
    let mut openssl = std::process::Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
    openssl.args(["-subj", &format!("/CN={}", stage.host), "-addext", &format!("subjectAltName=DNS:{}", stage.host)]);
    openssl.arg("-out").arg(&chain).arg("-keyout").arg(&key);
    crate::process::output(&mut openssl)?;
    Ok((chain, key))
}

/// The version of an installed Debian package.
fn debian_version(package: &str) -> Result<String> {
    let mut query = std::process::Command::new("dpkg-query");
    crate::process::output(query.args(["--show", "--showformat=${Package} ${Version}", package]))
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}
