//! One client: logs in over a plain connection, binds a resource, says that it is there.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::args::Args;
use crate::scan::{self, shown};

/// The resource that every session binds.
pub(crate) const RESOURCE: &str = "load";

/// How long a server may take for one answer of the login.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the load goes and how it speaks there.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// False: bytes without a login, for the relay.
    pub(crate) xmpp: bool,
    domain: String,
    password: String,
}

impl Target {
    pub(crate) fn read(args: &Args) -> Result<Target> {
        Ok(Target {
            address: args.address("to")?,
            xmpp: match args.text("speak", "xmpp") {
                "xmpp" => true,
                "bytes" => false,
                other => bail!("--speak {other}: neither xmpp nor bytes"),
            },
            domain: args.text("domain", "localhost").to_owned(),
            password: args.text("password", "secret").to_owned(),
        })
    }

    /// The full JID of user number `user`.
    pub(crate) fn jid(&self, user: usize) -> String {
        format!("u{user}@{}/{RESOURCE}", self.domain)
    }

    /// A connection that is ready for messages of user number `user`.
    pub(crate) fn open(&self, user: usize) -> Result<TcpStream> {
        let stream = TcpStream::connect(self.address).with_context(|| format!("connecting to {}", self.address))?;
        stream.set_nodelay(true)?;
        if !self.xmpp {
            return Ok(stream);
        }
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut login = Login { stream, inbox: Vec::new() };
        login.run(self, user).with_context(|| format!("logging in as {}", self.jid(user)))?;
        Ok(login.stream)
    }
}

struct Login {
    stream: TcpStream,
    inbox: Vec<u8>,
}

impl Login {
    fn run(&mut self, target: &Target, user: usize) -> Result<()> {
        let features = self.open_stream(&target.domain)?;
        ensure!(features.contains(">PLAIN<"), "PLAIN is not offered in the clear: {features}");
        let secret = BASE64.encode(format!("\0u{user}\0{}", target.password));
        self.send(&format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>"))?;
        self.expect("<success")?;
        self.inbox.clear();
        let features = self.open_stream(&target.domain)?;
        ensure!(features.contains("urn:ietf:params:xml:ns:xmpp-bind"), "no resource to bind: {features}");
        self.send(&format!(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{RESOURCE}</resource>\
             </bind></iq>"
        ))?;
        let bound = self.expect("<iq")?;
        ensure!(bound.contains(&target.jid(user)), "bound to another address: {bound}");
        self.settle()
    }

    /// Announces presence; the answer to the question sent after it proves that everything before it has arrived.
    fn settle(&mut self) -> Result<()> {
        self.send("<presence/><iq type='get' id='settled'><query xmlns='jabber:iq:roster'/></iq>")?;
        loop {
            let stanza = self.element()?;
            if stanza.contains("settled") {
                break;
            }
            ensure!(stanza.starts_with("<presence"), "expected presence and a roster, got {stanza}");
        }
        ensure!(self.inbox.trim_ascii().is_empty(), "unexpected {}", shown(&self.inbox));
        Ok(())
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

    fn element(&mut self) -> Result<String> {
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
        let length = self.stream.read(&mut buffer).context("waiting for the server's answer")?;
        ensure!(length > 0, "the server closed the connection after {}", shown(&self.inbox));
        self.inbox.extend_from_slice(&buffer[..length]);
        Ok(())
    }

    fn send(&mut self, text: &str) -> Result<()> {
        Ok(self.stream.write_all(text.as_bytes())?)
    }
}
