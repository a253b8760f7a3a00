//! Encryption of a connection, so that nobody between a person and the server can read along.
//!
//! **Source** RFC 6120 §5 and §13.8, RFC 7590, RFC 8446; channel bindings RFC 5929 and RFC 9266.
//!
//! This folder knows no sockets: [`Connection`] turns bytes into bytes, [`Certificates`] says which certificate a peer
//! is shown, and [`Acceptor`] joins both. The TLS library is named nowhere else in this crate.

mod capture;
mod certificates;
mod connection;
mod end_point;
mod exporter;
mod key_files;
mod self_signed;

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs;
use rustls::server::NoServerSessionStorage;

pub use certificates::{Certificates, Description, Source, inspect};
pub use connection::{Connection, HELD_MAX, Handshake};
pub use key_files::CertificateError;
pub use self_signed::self_signed;

/// Why a TLS connection cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The peer broke the protocol, or has nothing in common with us; an alert for it is in the output.
    #[error("TLS: {0}")]
    Protocol(#[from] rustls::Error),
    /// The peer left a record or handshake message unfinished that is longer than any we take.
    #[error("TLS: unfinished message of more than {HELD_MAX} bytes")]
    TooBig,
    /// The library had no room or no more use of the key; ends the connection.
    #[error("TLS: cannot encrypt: {0}")]
    Encrypt(#[from] rustls::unbuffered::EncryptError),
    /// The library asked for something twice; ends the connection.
    #[error("TLS: cannot encode: {0}")]
    Encode(#[from] rustls::unbuffered::EncodeError),
}

/// Makes the server's end of TLS connections. One for all listeners; certificates change behind it.
#[derive(Clone)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
}

impl Acceptor {
    /// TLS 1.2 and 1.3, ALPN `xmpp-client` or none (XEP-0368), stateless tickets, no early data.
    pub fn for_clients(certificates: Arc<Certificates>) -> Result<Acceptor, Error> {
        let mut config = base(certificates)?;
        config.alpn_protocols = vec![b"xmpp-client".to_vec()];
        config.key_log = Arc::new(capture::ExporterLog);
        Ok(Acceptor { config: Arc::new(config) })
    }

    /// The server's end of a connection that has just begun.
    pub fn accept(&self) -> Result<Box<Connection>, Error> {
        Connection::new(self.config.clone())
    }
}

/// TLS 1.2 and 1.3 for HTTP/1.1, with the certificates of the hosts.
pub(crate) fn config_for_http(certificates: Arc<Certificates>) -> Result<Arc<ServerConfig>, Error> {
    let mut config = base(certificates)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// What all listeners have in common: stateless tickets, no early data.
fn base(certificates: Arc<Certificates>) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    config.send_tls13_tickets = 1;
    Ok(config)
}

/// The one provider of cryptography in the tree, always passed explicitly.
pub(crate) fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}

#[cfg(test)]
mod tests;
