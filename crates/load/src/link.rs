//! A connection to a server, with or without TLS 1.3 inside, blocking or not.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rustls::ClientConfig;
use rustls::client::{ClientConnection, Resumption};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use socket2::SockRef;

/// One connection over a socket of the standard library or of `mio`.
pub(crate) struct Link<S> {
    socket: S,
    tls: Option<Box<ClientConnection>>,
}

impl Link<TcpStream> {
    /// Connects and, when TLS is wanted, shakes hands for `domain`. No read waits longer than `patience`.
    pub(crate) fn connect(
        address: SocketAddr,
        tls: Option<&Arc<ClientConfig>>,
        domain: &str,
        patience: Duration,
    ) -> Result<Self> {
        let mut socket = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(patience))?;
        let mut tls = match tls {
            None => None,
            Some(config) => {
                let name = ServerName::try_from(domain.to_owned()).context("a name for TLS")?;
                Some(Box::new(ClientConnection::new(Arc::clone(config), name)?))
            }
        };
        if let Some(tls) = &mut tls {
            while tls.is_handshaking() {
                tls.complete_io(&mut socket).context("TLS handshake")?;
            }
        }
        Ok(Link { socket, tls })
    }

    /// The same connection for a loop that waits for many.
    pub(crate) fn into_nonblocking(self) -> Result<Link<mio::net::TcpStream>> {
        self.socket.set_nonblocking(true)?;
        Ok(Link { socket: mio::net::TcpStream::from_std(self.socket), tls: self.tls })
    }

    /// What comes next is acknowledged without the usual delay. A server that writes an answer in two small pieces waits
    /// for that acknowledgement, and thousands of logins would be spent waiting. Holds for a while only.
    pub(crate) fn acknowledge_at_once(&self) -> Result<()> {
        Ok(SockRef::from(&self.socket).set_tcp_quickack(true)?)
    }

    /// False when the server has closed it; reads nothing.
    pub(crate) fn is_open(&self) -> Result<bool> {
        self.socket.set_nonblocking(true)?;
        let peeked = self.socket.peek(&mut [0]);
        self.socket.set_nonblocking(false)?;
        Ok(!matches!(peeked, Ok(0)))
    }
}

impl<S> Link<S> {
    pub(crate) fn socket(&mut self) -> &mut S {
        &mut self.socket
    }
}

impl<S: Read + Write> Read for Link<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.socket.read(into) };
        loop {
            match tls.reader().read(into) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => return other,
            }
            if tls.read_tls(&mut self.socket)? == 0 {
                return Ok(0);
            }
            tls.process_new_packets().map_err(io::Error::other)?;
        }
    }
}

impl<S: Read + Write> Write for Link<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.socket.write(bytes) };
        let taken = tls.writer().write(bytes)?;
        self.flush()?;
        if taken == 0 && !bytes.is_empty() { Err(ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }

    /// Hands over what TLS still holds, as far as the socket takes it now.
    fn flush(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            match tls.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// TLS 1.3 without resumption, so that every connection pays for a whole handshake.
pub(crate) fn tls_config() -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(trusting::anybody(provider))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}
