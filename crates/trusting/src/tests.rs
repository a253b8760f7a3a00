//! Handshakes in memory, with the library's own server at the other end.

use rcgen::{CertifiedKey as Made, KeyPair, generate_simple_self_signed};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, ClientConfig, ClientConnection, ServerConfig, ServerConnection};

use super::*;

/// Shows one certificate and signs with one key, whether they belong together or not.
#[derive(Debug)]
struct Shows(Arc<CertifiedKey>);

impl ResolvesServerCert for Shows {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

/// The handshake of a client that asks for `example.org` with a server that shows `shown` and signs with `key`.
fn handshake(
    shown: &Made<KeyPair>,
    key: &KeyPair,
    version: &'static rustls::SupportedProtocolVersion,
) -> Result<(), Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let signer = provider.key_provider.load_private_key(PrivateKeyDer::try_from(key.serialize_der()).unwrap()).unwrap();
    let shows = Shows(Arc::new(CertifiedKey::new(vec![shown.cert.der().clone()], signer)));
    let config = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(&[version]).unwrap();
    let config = config.with_no_client_auth().with_cert_resolver(Arc::new(shows));
    let mut server = ServerConnection::new(Arc::new(config)).unwrap();

    let config = ClientConfig::builder_with_provider(provider.clone()).with_protocol_versions(&[version]).unwrap();
    let config = config.dangerous().with_custom_certificate_verifier(anybody(provider)).with_no_client_auth();
    let mut client = ClientConnection::new(Arc::new(config), "example.org".try_into().unwrap()).unwrap();

    // TLS 1.2 needs two rounds.
    for _ in 0..2 {
        let mut words = Vec::new();
        client.write_tls(&mut words).unwrap();
        server.read_tls(&mut words.as_slice()).unwrap();
        server.process_new_packets()?;
        words.clear();
        while server.wants_write() {
            server.write_tls(&mut words).unwrap();
        }
        client.read_tls(&mut words.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok(())
}

#[test]
fn any_certificate_will_do() {
    let other = generate_simple_self_signed(["example.net".to_owned()]).unwrap();
    for version in [&TLS12, &TLS13] {
        assert_eq!(handshake(&other, &other.signing_key, version), Ok(()), "{version:?}");
    }
}

#[test]
fn a_server_without_the_key_is_refused() {
    let shown = generate_simple_self_signed(["example.org".to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    for version in [&TLS12, &TLS13] {
        let refused = Err(Error::InvalidCertificate(CertificateError::BadSignature));
        assert_eq!(handshake(&shown, &key, version), refused, "{version:?}");
    }
}
