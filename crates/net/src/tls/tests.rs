//! The adapter against the library's own buffered client.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, SupportedProtocolVersion};

use super::*;

/// A folder of its own for one test, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("yatter-tls-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Folder(std::env::temp_dir().join(name))
    }

    fn certificates(&self, hosts: &[&str]) -> Arc<Certificates> {
        let source = |host: &&str| ((*host).to_owned(), Source::SelfSigned { folder: self.0.clone() });
        Certificates::load(hosts.iter().map(source).collect()).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn client(version: &'static SupportedProtocolVersion, name: &str, alpn: &[&str]) -> ClientConnection {
    let provider = Arc::new(provider());
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(trusting::anybody(provider))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    ClientConnection::new(Arc::new(config), ServerName::try_from(name.to_owned()).unwrap()).unwrap()
}

/// Both ends with the bytes between them.
struct Pair {
    client: ClientConnection,
    server: Box<Connection>,
    plain: Vec<u8>,
}

impl Pair {
    fn new(acceptor: &Acceptor, client: ClientConnection) -> Pair {
        Pair { client, server: acceptor.accept().unwrap(), plain: Vec::new() }
    }

    /// Carries bytes both ways until both are silent; the client's in pieces of `piece` bytes.
    fn settle(&mut self, piece: usize) -> Result<(), Error> {
        loop {
            let mut sent = Vec::new();
            while self.client.wants_write() {
                self.client.write_tls(&mut sent).unwrap();
            }
            let mut answer = Vec::new();
            for piece in sent.chunks(piece) {
                self.server_hears(piece, &mut answer)?;
            }
            self.client_takes(&answer);
            if sent.is_empty() && answer.is_empty() {
                return Ok(());
            }
        }
    }

    fn server_hears(&mut self, bytes: &[u8], answer: &mut Vec<u8>) -> Result<(), Error> {
        let mut input = vec![0; self.server.held()];
        input.extend_from_slice(bytes);
        self.server.feed(&mut input, &mut self.plain, answer)
    }

    fn client_takes(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.client.read_tls(&mut bytes).unwrap();
            self.client.process_new_packets().unwrap();
        }
    }

    fn client_hears(&mut self) -> Vec<u8> {
        let mut heard = vec![0; 1 << 20];
        let count = self.client.reader().read(&mut heard).unwrap();
        heard.truncate(count);
        heard
    }
}

fn acceptor(folder: &Folder) -> Acceptor {
    Acceptor::for_clients(folder.certificates(&["example.org", "example.net"])).unwrap()
}

#[test]
fn exporter_of_both_ends_is_equal() {
    let folder = Folder::new();
    let mut pair = Pair::new(&acceptor(&folder), client(&rustls::version::TLS13, "example.org", &["xmpp-client"]));
    assert!(pair.server.is_handshaking());
    pair.settle(usize::MAX).unwrap();
    assert!(!pair.server.is_handshaking());
    let theirs = pair.client.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b"")).unwrap();
    assert_eq!(pair.server.handshake().exporter, Some(theirs));
    assert_eq!(pair.server.handshake().server_name.as_deref(), Some("example.org"));
}

#[test]
fn exporter_is_not_offered_on_tls_1_2() {
    let folder = Folder::new();
    let mut pair = Pair::new(&acceptor(&folder), client(&rustls::version::TLS12, "example.org", &[]));
    pair.settle(usize::MAX).unwrap();
    assert!(!pair.server.is_handshaking());
    assert_eq!(pair.server.handshake().exporter, None);
    let leaf = &pair.client.peer_certificates().unwrap()[0];
    use sha2::Digest;
    let expected = sha2::Sha256::digest(leaf);
    assert_eq!(pair.server.handshake().end_point.as_deref(), Some(&expected[..]));
}

/// T-5.1.5
#[test]
fn server_name_picks_the_certificate_and_none_gives_the_first() {
    let folder = Folder::new();
    let certificates = folder.certificates(&["example.org", "example.net"]);
    let acceptor = Acceptor::for_clients(certificates.clone()).unwrap();
    for (asked, shown) in
        [("example.net", "example.net"), ("unknown.test", "example.org"), ("127.0.0.1", "example.org")]
    {
        let mut pair = Pair::new(&acceptor, client(&rustls::version::TLS13, asked, &[]));
        pair.settle(usize::MAX).unwrap();
        use sha2::Digest;
        let leaf = sha2::Sha256::digest(&pair.client.peer_certificates().unwrap()[0]);
        let hex: Vec<_> = leaf.iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(Some(hex.join(":")), certificates.fingerprint(shown), "{asked}");
    }
}

#[test]
fn byte_by_byte_handshake_and_traffic() {
    let folder = Folder::new();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut pair = Pair::new(&acceptor(&folder), client(version, "example.org", &[]));
        pair.client.writer().write_all(b"early words").unwrap();
        pair.settle(1).unwrap();
        assert_eq!(pair.plain, b"early words");
        assert_eq!(pair.server.held(), 0);
    }
}

#[test]
fn large_traffic_both_ways() {
    let folder = Folder::new();
    let mut pair = Pair::new(&acceptor(&folder), client(&rustls::version::TLS13, "example.org", &[]));
    pair.settle(usize::MAX).unwrap();
    pair.client.set_buffer_limit(None);
    let text: Vec<u8> = (0..200_000u32).map(|n| n as u8).collect();
    pair.client.writer().write_all(&text).unwrap();
    pair.settle(1000).unwrap();
    assert_eq!(pair.plain, text);

    let mut out = b"kept".to_vec();
    pair.server.encrypt(&text[..30_000], &mut out).unwrap();
    assert_eq!(&out[..4], b"kept");
    pair.client_takes(&out[4..]);
    let mut heard = pair.client_hears();
    while heard.len() < 30_000 {
        heard.extend(pair.client_hears());
    }
    assert_eq!(heard, &text[..30_000]);
}

#[test]
fn close_notify_ends_each_direction() {
    let folder = Folder::new();
    let mut pair = Pair::new(&acceptor(&folder), client(&rustls::version::TLS13, "example.org", &[]));
    pair.settle(usize::MAX).unwrap();
    pair.client.writer().write_all(b"bye").unwrap();
    pair.client.send_close_notify();
    pair.settle(usize::MAX).unwrap();
    assert_eq!((pair.plain.as_slice(), pair.server.peer_closed()), (b"bye".as_slice(), true));
    let mut out = Vec::new();
    pair.server.encrypt(b"bye too", &mut out).unwrap();
    pair.server.close_notify(&mut out);
    pair.client_takes(&out);
    assert_eq!(pair.client_hears(), b"bye too");
    assert_eq!(pair.client.reader().read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn plain_bytes_are_refused_with_an_alert() {
    let folder = Folder::new();
    let mut server = acceptor(&folder).accept().unwrap();
    let (mut plain, mut out) = (Vec::new(), Vec::new());
    let mut input = b"<?xml version='1.0'?><stream:stream to='example.org'>".to_vec();
    assert!(server.feed(&mut input, &mut plain, &mut out).is_err());
    assert_eq!(out.first(), Some(&0x15));
    assert!(plain.is_empty());
}

#[test]
fn endless_handshake_message_is_refused() {
    let folder = Folder::new();
    let mut server = acceptor(&folder).accept().unwrap();
    // Fragments of one ClientHello that says it is 64 KiB long.
    let mut input = vec![0x16, 3, 1, 0x40, 0, 1, 0, 0xff, 0xf0];
    input.resize(5 + 0x4000, 0);
    let second = [0x16, 3, 1, 0x40, 0].into_iter().chain(std::iter::repeat_n(0, 0x4000));
    input.extend(second);
    let result = server.feed(&mut input, &mut Vec::new(), &mut Vec::new());
    assert!(matches!(result, Err(Error::TooBig)), "{result:?}");
}

/// A message that is announced as 16 MB and goes on with another one: the alert is asked for while half of it is kept.
#[test]
fn handshake_message_that_lies_of_its_length_is_refused() {
    let folder = Folder::new();
    let mut server = acceptor(&folder).accept().unwrap();
    let record = [&[22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff][..], &[0; 16_380]].concat();
    let (mut plain, mut answer) = (Vec::new(), Vec::new());
    let mut refused = false;
    for piece in record.repeat(4).chunks(10_000) {
        let mut input = vec![0; server.held()];
        input.extend_from_slice(piece);
        refused = refused || server.feed(&mut input, &mut plain, &mut answer).is_err();
        if refused {
            break;
        }
    }
    assert!(refused && plain.is_empty());
    assert!(server.encrypt(b"x", &mut answer).is_err());
    server.close_notify(&mut answer);
}

#[test]
fn words_go_out_while_half_a_record_is_kept() {
    let folder = Folder::new();
    let mut pair = Pair::new(&acceptor(&folder), client(&rustls::version::TLS13, "example.org", &[]));
    pair.settle(usize::MAX).unwrap();
    pair.client.writer().write_all(b"half and half").unwrap();
    let (mut sent, mut answer) = (Vec::new(), Vec::new());
    pair.client.write_tls(&mut sent).unwrap();
    let (one, other) = sent.split_at(sent.len() / 2);
    pair.server_hears(one, &mut answer).unwrap();
    pair.server.encrypt(b"meanwhile", &mut answer).unwrap();
    pair.server_hears(other, &mut answer).unwrap();
    assert_eq!(pair.plain, b"half and half");
    pair.client_takes(&answer);
    assert_eq!(pair.client_hears(), b"meanwhile");
}

#[test]
fn foreign_alpn_is_refused() {
    let folder = Folder::new();
    let mut pair = Pair::new(&acceptor(&folder), client(&rustls::version::TLS13, "example.org", &["h2"]));
    assert!(pair.settle(usize::MAX).is_err());
}

#[test]
fn self_signed_is_made_once_with_a_private_key_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let first = folder.certificates(&["example.org"]).fingerprint("example.org").unwrap();
    let again = folder.certificates(&["example.org"]);
    assert_eq!(again.fingerprint("example.org").as_ref(), Some(&first));
    assert_eq!(first.len(), 95);
    let mode = std::fs::metadata(folder.0.join("example.org.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn reload_shows_new_files_and_keeps_old_ones_on_error() {
    let folder = Folder::new();
    let certificates = folder.certificates(&["example.org"]);
    let old = certificates.fingerprint("example.org");
    std::fs::remove_file(folder.0.join("example.org.key")).unwrap();
    std::fs::write(folder.0.join("example.org.key"), "nothing").unwrap();
    assert!(matches!(certificates.reload(), Err(CertificateError::NoKey { .. })));
    assert_eq!(certificates.fingerprint("example.org"), old);
    std::fs::remove_file(folder.0.join("example.org.key")).unwrap();
    certificates.reload().unwrap();
    assert_ne!(certificates.fingerprint("example.org"), old);
}

#[test]
fn bad_files_are_named() {
    let folder = Folder::new();
    folder.certificates(&["a.test", "b.test"]);
    let file = |name: &str| folder.0.join(name);
    let load = |chain: &str, key: &str| {
        let source = Source::Files { chain: file(chain), key: file(key) };
        Certificates::load(vec![("a.test".into(), source)]).unwrap_err()
    };
    std::fs::write(file("empty.pem"), "").unwrap();
    std::fs::write(file("torn.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n").unwrap();
    std::fs::write(file("damaged.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    assert!(matches!(load("missing.pem", "a.test.key"), CertificateError::Unreadable { .. }));
    assert!(matches!(load("empty.pem", "a.test.key"), CertificateError::NoCertificate { .. }));
    assert!(matches!(load("torn.pem", "a.test.key"), CertificateError::NotPem { .. }));
    assert!(matches!(load("damaged.pem", "a.test.key"), CertificateError::BadCertificate { .. }));
    assert!(matches!(load("a.test.pem", "empty.pem"), CertificateError::NoKey { .. }));
    assert!(matches!(load("a.test.pem", "b.test.key"), CertificateError::KeyMismatch { .. }));
    let text = load("a.test.pem", "b.test.key").to_string();
    assert!(text.contains("b.test.key") && text.contains("a.test.pem"), "{text}");
}
