//! One client: connects, logs in with SCRAM-SHA-1, binds a resource, says that it is there.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::args::Args;
use crate::link::{self, Link};
use crate::scan::{self, shown};
use crate::scram::{Exchange, Keys};

/// The resource that every session binds.
pub(crate) const RESOURCE: &str = "load";

const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";

/// Where the load goes and how it speaks there.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// False: bytes without a login, for the relay.
    pub(crate) xmpp: bool,
    domain: String,
    password: String,
    tls: Option<Arc<rustls::ClientConfig>>,
    /// How long a server may take for one answer while a session is being opened.
    pub(crate) patience: Duration,
    /// Whether sessions turn stream management on (XEP-0198).
    pub(crate) acknowledges: bool,
    keys: Keys,
    logins: AtomicU64,
}

/// An open connection, and what has come of it that nobody has looked at.
pub(crate) struct Session {
    link: Link<TcpStream>,
    inbox: Vec<u8>,
}

impl Target {
    pub(crate) fn read(args: &Args) -> Result<Target> {
        let keys = args.text("keys", "");
        Ok(Target {
            address: args.address("to")?,
            xmpp: match args.text("speak", "xmpp") {
                "xmpp" => true,
                "bytes" => false,
                other => bail!("--speak {other}: neither xmpp nor bytes"),
            },
            domain: args.text("domain", "localhost").to_owned(),
            password: args.text("password", "secret").to_owned(),
            tls: match args.text("tls", "none") {
                "none" => None,
                "direct" => Some(link::tls_config()?),
                other => bail!("--tls {other}: neither none nor direct"),
            },
            acknowledges: match args.text("sm", "off") {
                "off" => false,
                "on" => true,
                other => bail!("--sm {other}: neither on nor off"),
            },
            patience: Duration::from_secs(20),
            keys: Keys::read((!keys.is_empty()).then(|| PathBuf::from(keys))),
            logins: AtomicU64::new(0),
        })
    }

    /// The bare JID of user number `user`.
    pub(crate) fn bare(&self, user: usize) -> String {
        format!("u{user}@{}", self.domain)
    }

    /// The full JID of user number `user`.
    pub(crate) fn jid(&self, user: usize) -> String {
        format!("{}/{RESOURCE}", self.bare(user))
    }

    /// A connection that is ready for messages of user number `user`, who has said that it is there.
    pub(crate) fn open(&self, user: usize) -> Result<Session> {
        let mut session = self.log_in(user)?;
        if self.xmpp {
            session.announce().with_context(|| format!("as {}", self.jid(user)))?;
        }
        if self.xmpp && self.acknowledges {
            session.enable().with_context(|| format!("as {}", self.jid(user)))?;
        }
        Ok(session)
    }

    /// A connection that is logged in and bound, without presence.
    pub(crate) fn log_in(&self, user: usize) -> Result<Session> {
        let link = Link::connect(self.address, self.tls.as_ref(), &self.domain, self.patience)?;
        let mut session = Session { link, inbox: Vec::new() };
        if self.xmpp {
            session.log_in(self, user).with_context(|| format!("logging in as {}", self.jid(user)))?;
        }
        Ok(session)
    }

    /// Keeps what the logins have found out for the next run.
    pub(crate) fn keep_keys(&self) -> Result<()> {
        self.keys.keep()
    }

    fn nonce(&self) -> String {
        let number = self.logins.fetch_add(1, Ordering::Relaxed);
        format!("load{}x{number}", std::process::id())
    }
}

impl Session {
    fn log_in(&mut self, target: &Target, user: usize) -> Result<()> {
        let features = self.open_stream(&target.domain)?;
        ensure!(features.contains(">SCRAM-SHA-1<"), "SCRAM-SHA-1 is not offered: {features}");
        let exchange = Exchange::new(&format!("u{user}"), &target.nonce());
        let first = BASE64.encode(exchange.first());
        self.send(&format!("<auth xmlns='{SASL}' mechanism='SCRAM-SHA-1'>{first}</auth>"))?;
        let challenge = decoded(&self.expect("<challenge")?)?;
        let (last, signature) = exchange.answer(&challenge, &target.password, &target.keys)?;
        self.send(&format!("<response xmlns='{SASL}'>{}</response>", BASE64.encode(last)))?;
        let verdict = decoded(&self.expect("<success")?)?;
        ensure!(verdict == format!("v={}", BASE64.encode(signature)), "not the server's signature: {verdict}");
        self.inbox.clear();
        let features = self.open_stream(&target.domain)?;
        ensure!(features.contains(BIND), "no resource to bind: {features}");
        self.send(&format!(
            "<iq type='set' id='bind'><bind xmlns='{BIND}'><resource>{RESOURCE}</resource></bind></iq>"
        ))?;
        let bound = self.expect("<iq")?;
        ensure!(bound.contains(&target.jid(user)), "bound to another address: {bound}");
        Ok(())
    }

    /// Announces presence and asks for the roster: the answer proves that everything before it has arrived.
    pub(crate) fn announce(&mut self) -> Result<()> {
        self.send("<presence/>")?;
        self.roster().map(drop)
    }

    /// Turns stream management on: what is received from now on is counted.
    fn enable(&mut self) -> Result<()> {
        self.send("<enable xmlns='urn:xmpp:sm:3'/>")?;
        loop {
            let element = self.element()?;
            if element.starts_with("<enabled") {
                return Ok(());
            }
            ensure!(element.starts_with("<presence"), "stream management is not turned on: {element}");
        }
    }

    /// The roster as the server wrote it; presence that comes before it is passed over.
    pub(crate) fn roster(&mut self) -> Result<String> {
        self.send("<iq type='get' id='settled'><query xmlns='jabber:iq:roster'/></iq>")?;
        loop {
            let stanza = self.element()?;
            if stanza.contains("settled") {
                return Ok(stanza);
            }
            ensure!(stanza.starts_with("<presence"), "expected presence and a roster, got {stanza}");
        }
    }

    /// Ends the stream as RFC 6120 §4.4 asks, and the connection with it.
    pub(crate) fn close(mut self) -> Result<()> {
        self.send("</stream:stream>")?;
        loop {
            if self.inbox.windows(16).any(|window| window == b"</stream:stream>") {
                return Ok(());
            }
            self.fill()?;
        }
    }

    /// The connection, and what has come of it that nobody has looked at.
    pub(crate) fn into_parts(self) -> (Link<TcpStream>, Vec<u8>) {
        (self.link, self.inbox)
    }

    /// False when the server has closed the connection.
    pub(crate) fn is_open(&self) -> Result<bool> {
        self.link.is_open()
    }

    /// Opens the stream and returns its features.
    fn open_stream(&mut self, domain: &str) -> Result<String> {
        self.send(&format!(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
             to='{domain}' version='1.0'>"
        ))?;
        self.header()?;
        self.expect("<stream:features")
    }

    fn header(&mut self) -> Result<()> {
        loop {
            let text = String::from_utf8_lossy(&self.inbox);
            if let Some(end) = text.find("<stream:stream").and_then(|at| Some(at + text[at..].find('>')? + 1)) {
                self.inbox.drain(..end);
                return Ok(());
            }
            self.fill()?;
        }
    }

    fn expect(&mut self, start: &str) -> Result<String> {
        let got = self.element()?;
        ensure!(got.starts_with(start), "expected {start} …, got {got}");
        Ok(got)
    }

    /// The next element, whatever it is.
    pub(crate) fn element(&mut self) -> Result<String> {
        loop {
            let blank = self.inbox.len() - self.inbox.trim_ascii_start().len();
            self.inbox.drain(..blank);
            if let Some(length) = scan::element(&self.inbox)? {
                let element: Vec<u8> = self.inbox.drain(..length).collect();
                return Ok(String::from_utf8_lossy(&element).into_owned());
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<()> {
        let mut buffer = [0; 4096];
        self.link.acknowledge_at_once()?;
        let length = self.link.read(&mut buffer).context("waiting for the server's answer")?;
        ensure!(length > 0, "the server closed the connection after {}", shown(&self.inbox));
        self.inbox.extend_from_slice(&buffer[..length]);
        Ok(())
    }

    pub(crate) fn send(&mut self, text: &str) -> Result<()> {
        Ok(self.link.write_all(text.as_bytes())?)
    }
}

/// The decoded text of a SASL element.
fn decoded(element: &str) -> Result<String> {
    let text = element.split_once('>').and_then(|(_, rest)| rest.split_once('<')).map(|(text, _)| text.trim());
    let bytes = BASE64.decode(text.with_context(|| format!("no text in {element}"))?)?;
    Ok(String::from_utf8(bytes)?)
}
