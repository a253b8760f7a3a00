//! A client that types bytes and hears text, in the clear or through TLS.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection};
use socket2::{Domain, Socket, Type};
use xmpp::sasl::Plain;

pub(crate) const X_HEADER: &str = "<?xml version='1.0'?><stream:stream to='localhost' version='1.0' \
                                   xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
pub(crate) const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
pub(crate) const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/// How long the server may take for anything.
const PATIENCE: Duration = Duration::from_secs(10);

/// One connection to the server.
pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
    /// What was heard and not asked for yet.
    heard: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(port: u16) -> Client {
        Client::try_to_connect(port).unwrap()
    }

    /// From this address of this machine.
    pub(crate) fn connect_from(home: Ipv4Addr, port: u16) -> Client {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((home, 0)).into()).unwrap();
        socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into()).unwrap();
        let socket = TcpStream::from(socket);
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Client { socket, tls: None, heard: Vec::new() }
    }

    /// The server may be gone.
    pub(crate) fn try_to_connect(port: u16) -> io::Result<Client> {
        let socket = TcpStream::connect(("127.0.0.1", port))?;
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        // What the system would take in for somebody who does not read.
        socket2::SockRef::from(&socket).set_recv_buffer_size(64 * 1024).unwrap();
        Ok(Client { socket, tls: None, heard: Vec::new() })
    }

    /// Carries a TLS handshake through.
    pub(crate) fn encrypt(&mut self) -> io::Result<()> {
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = Box::new(ClientConnection::new(tls_config(), name).unwrap());
        while tls.is_handshaking() {
            tls.complete_io(&mut self.socket)?;
        }
        self.tls = Some(tls);
        Ok(())
    }

    /// Asks for TLS on a modern stream, and begins it.
    pub(crate) fn start_tls(&mut self) {
        self.begin();
        self.say(STARTTLS);
        self.hear(PROCEED);
        self.encrypt().unwrap();
    }

    /// The certificate that the server has shown.
    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        let shown = self.tls.as_ref().and_then(|tls| tls.peer_certificates()).unwrap();
        shown[0].clone()
    }

    #[track_caller]
    pub(crate) fn say(&mut self, text: &str) {
        if let Err(error) = self.type_in(text.as_bytes()) {
            panic!("hung up ({error}) after {}", self.hear_out().0);
        }
    }

    /// Sends bytes; the server may have hung up.
    pub(crate) fn type_in(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return self.socket.write_all(bytes) };
        for piece in bytes.chunks(16 * 1024) {
            tls.writer().write_all(piece)?;
            while tls.wants_write() {
                tls.write_tls(&mut self.socket)?;
            }
        }
        Ok(())
    }

    /// Reads once; 0 at the end.
    fn listen(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 16 * 1024];
        let count = match &mut self.tls {
            None => self.socket.read(&mut buffer)?,
            Some(tls) => loop {
                match tls.reader().read(&mut buffer) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    read => break read?,
                }
                tls.read_tls(&mut self.socket)?;
                tls.process_new_packets().map_err(io::Error::other)?;
            },
        };
        self.heard.extend_from_slice(&buffer[..count]);
        Ok(count)
    }

    /// Waits for this text and forgets what came up to its end; gives what came before it.
    #[track_caller]
    pub(crate) fn hear(&mut self, text: &str) -> String {
        self.try_to_hear(text).unwrap_or_else(|why| panic!("never heard {text}: {why}"))
    }

    pub(crate) fn try_to_hear(&mut self, text: &str) -> Result<String, String> {
        let mut searched = 0;
        loop {
            let found = self.heard[searched..].windows(text.len()).position(|window| window == text.as_bytes());
            if let Some(at) = found {
                let rest = self.heard.split_off(searched + at + text.len());
                let before = std::mem::replace(&mut self.heard, rest);
                return Ok(String::from_utf8_lossy(&before[..searched + at]).into_owned());
            }
            searched = self.heard.len().saturating_sub(text.len());
            let end = match self.listen() {
                Ok(0) => "the end".to_owned(),
                Ok(_) => continue,
                Err(error) => error.to_string(),
            };
            return Err(format!("{end} after {}", String::from_utf8_lossy(&self.heard)));
        }
    }

    /// Everything until the server hangs up, and whether it does.
    pub(crate) fn hear_out(&mut self) -> (String, bool) {
        let hung_up = loop {
            match self.listen() {
                Ok(0) => break true,
                Ok(_) => {}
                Err(error) => break !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            }
        };
        (String::from_utf8_lossy(&std::mem::take(&mut self.heard)).into_owned(), hung_up)
    }

    /// Opens a modern stream; gives its features.
    pub(crate) fn begin(&mut self) -> String {
        self.say(X_HEADER);
        self.hear(" version='1.0' xml:lang='en'>");
        self.hear("</stream:features>")
    }

    /// From an open modern stream to a restarted one that has not begun anew.
    pub(crate) fn authenticate(&mut self, user: &str, password: &str) {
        let message = Plain { authzid: None, username: user, password }.message();
        self.say(&auth("PLAIN", &xmpp::sasl::encode(&message)));
        self.hear("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    }

    /// From nothing to a modern session.
    pub(crate) fn log_in(&mut self, user: &str, password: &str, resource: &str) {
        self.begin();
        self.authenticate(user, password);
        self.begin();
        self.say(&format!(
            "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource></bind></iq>"
        ));
        self.hear(&format!("/{resource}</jid></bind></iq>"));
    }
}

pub(crate) fn auth(mechanism: &str, text: &str) -> String {
    format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'>{text}</auth>")
}

/// Takes any certificate.
fn tls_config() -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone());
    let config = config.with_safe_default_protocol_versions().unwrap().dangerous();
    Arc::new(config.with_custom_certificate_verifier(trusting::anybody(provider)).with_no_client_auth())
}
