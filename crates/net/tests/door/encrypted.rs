//! TLS, begun at once or by STARTTLS, with the library's own client at the other end.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, SupportedProtocolVersion, version};
use std::io::{Read, Write};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use xmpp::sasl::{Binding, Gs2, Hash, ScramClient};

use crate::house::*;

/// A client whose words go through TLS.
struct Secret {
    client: Client,
    tls: ClientConnection,
    heard: String,
}

impl Secret {
    async fn new(client: Client, version: &'static SupportedProtocolVersion) -> Secret {
        Secret::naming_the_host(client, version, true).await
    }

    async fn naming_the_host(client: Client, version: &'static SupportedProtocolVersion, names: bool) -> Secret {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[version])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(trusting::anybody(provider))
            .with_no_client_auth();
        config.enable_sni = names;
        let name = ServerName::try_from("example.org").unwrap();
        let tls = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut secret = Secret { client, tls, heard: String::new() };
        while secret.tls.is_handshaking() {
            secret.exchange().await;
        }
        secret
    }

    async fn send(&mut self) {
        let mut out = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut out).unwrap();
        }
        self.client.pipe.write_all(&out).await.unwrap();
    }

    /// Sends what is to be sent and reads once; false at the end.
    async fn exchange(&mut self) -> bool {
        self.send().await;
        let mut buffer = vec![0; 65536];
        let read = tokio::time::timeout(Duration::from_secs(10), self.client.pipe.read(&mut buffer)).await;
        let count = read.expect("silence").unwrap();
        let mut rest = &buffer[..count];
        while !rest.is_empty() {
            self.tls.read_tls(&mut rest).unwrap();
            self.tls.process_new_packets().unwrap();
        }
        let mut plain = vec![0; 65536];
        while let Ok(count @ 1..) = self.tls.reader().read(&mut plain) {
            self.heard.push_str(std::str::from_utf8(&plain[..count]).unwrap());
        }
        count > 0
    }

    async fn begin(&mut self) -> String {
        self.type_in(X_HEADER).await;
        self.await_text("</stream:features>").await
    }

    async fn bind(&mut self, resource: &str) {
        self.begin().await;
        let wish = format!("<resource>{resource}</resource>");
        self.type_in(&format!(
            "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>{wish}</bind></iq>"
        ))
        .await;
        self.await_text("</jid></bind></iq>").await;
    }
}

impl Typist for Secret {
    async fn type_in(&mut self, text: &str) {
        self.tls.writer().write_all(text.as_bytes()).unwrap();
        self.send().await;
    }

    async fn await_text(&mut self, text: &str) -> String {
        loop {
            if let Some((before, after)) = self.heard.split_once(text) {
                let before = before.to_owned();
                self.heard = after.to_owned();
                return before;
            }
            assert!(self.exchange().await, "never heard {text}, but {}", self.heard);
        }
    }
}

async fn starttls(house: &House, version: &'static SupportedProtocolVersion, behind: &str) -> Secret {
    let mut client = house.connect(strict());
    client.begin().await;
    client.say(&format!("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>{behind}")).await;
    client.hear("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await;
    Secret::new(client, version).await
}

#[tokio::test]
async fn starttls_then_scram_bound_to_the_connection() {
    let house = House::encrypted().await;
    let mut client = starttls(&house, &version::TLS13, "").await;
    let features = client.begin().await;
    // T-5.1.3
    assert!(!features.contains("starttls"), "{features}");
    let bindings = "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/>\
                    <channel-binding type='tls-server-end-point'/></sasl-channel-binding>";
    assert!(features.contains("SCRAM-SHA-256-PLUS") && features.contains(bindings), "{features}");
    let exported = client.tls.export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", Some(b"")).unwrap();
    let gs2 = Gs2::Bound(Binding::TlsExporter, exported);
    let mut login = ScramClient::new(Hash::Sha256, "amy", "pw", &gs2);
    assert!(scram(&mut client, "SCRAM-SHA-256-PLUS", &mut login).await);
    client.bind("t").await;
    client.type_in("<message to='amy@example.org/t' id='m'/>").await;
    client.await_text("id='m'/>").await;
    assert_eq!(house.doors.metrics().xmpp_streams.encrypted.value(), 1);
}

#[tokio::test]
async fn a_binding_of_another_connection_is_refused() {
    let house = House::encrypted().await;
    let mut client = starttls(&house, &version::TLS13, "").await;
    client.begin().await;
    let gs2 = Gs2::Bound(Binding::TlsExporter, vec![7; 32]);
    assert!(!scram(&mut client, "SCRAM-SHA-1-PLUS", &mut ScramClient::new(Hash::Sha1, "amy", "pw", &gs2)).await);
    // Somebody in between may have taken the offer of -PLUS away.
    let first = xmpp::sasl::encode(b"y,,n=amy,r=abcdefghij");
    client
        .type_in(&format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>{first}</auth>"))
        .await;
    client.await_text("<failure").await;
}

#[tokio::test]
async fn nothing_is_bound_to_tls_1_2() {
    let house = House::encrypted().await;
    let mut client = starttls(&house, &version::TLS12, "").await;
    let features = client.begin().await;
    assert!(
        features.contains("SCRAM-SHA-256") && !features.contains("-PLUS") && !features.contains("tls-"),
        "{features}"
    );
    let gs2 = Gs2::NotOffered;
    assert!(scram(&mut client, "SCRAM-SHA-256", &mut ScramClient::new(Hash::Sha256, "bob", "pw", &gs2)).await);
}

#[tokio::test]
async fn what_was_sent_ahead_of_tls_is_thrown_away() {
    let house = House::encrypted().await;
    let injected =
        format!("{X_HEADER}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFteQBwdw==</auth>");
    let mut client = starttls(&house, &version::TLS13, &injected).await;
    assert_eq!(client.heard, "");
    let features = client.begin().await;
    assert!(features.starts_with("<?xml version='1.0'?>") && !features.contains("success"), "{features}");
}

#[tokio::test]
async fn starttls_that_is_not_offered_fails() {
    let house = House::new().await;
    let mut client = house.connect(listener());
    client.begin().await;
    client.say("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await;
    assert_eq!(client.hear_out().await, "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>");
    let house = House::encrypted().await;
    let mut client = starttls(&house, &version::TLS13, "").await;
    client.begin().await;
    client.type_in("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await;
    client.await_text("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>").await;
}

/// T-5.1.1
#[tokio::test]
async fn the_ssl_port_of_2000() {
    let house = House::encrypted().await;
    let mut client = Secret::new(house.connect(direct()), &version::TLS13).await;
    client.type_in(&format!("{HEADER}{}", iq_auth("amy", "t", "pw"))).await;
    let header = client.await_text("<iq type='result' id='1'/>").await;
    assert!(!header.contains("xml:lang"), "{header}");
    client.type_in("<message to='amy@example.org/t' id='m'/></stream:stream>").await;
    client.await_text("id='m'/>").await;
    client.await_text("</stream:stream>").await;
    // Our close_notify comes after it.
    while client.exchange().await {}
    assert_eq!(house.doors.metrics().legacy_streams.encrypted.value(), 1);
}

/// T-5.1.2
#[tokio::test]
async fn plain_words_on_the_ssl_port_end_at_once() {
    let house = House::encrypted().await;
    let mut client = house.connect(direct());
    client.say(HEADER).await;
    let mut heard = Vec::new();
    client.pipe.read_to_end(&mut heard).await.unwrap();
    // A TLS alert, no XML.
    assert_eq!(heard.first(), Some(&0x15));
    assert_eq!(house.doors.metrics().handshakes_failed.value(), 1);
}

/// T-5.1.4
#[tokio::test]
async fn a_handshake_that_never_ends_does() {
    let house = House::encrypted().await;
    let mut client = house.connect(direct());
    client.pipe.write_all(&[0x16, 3, 1]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(10)).await;
    house.pass(Duration::from_secs(21)).await;
    let mut heard = Vec::new();
    client.pipe.read_to_end(&mut heard).await.unwrap();
    assert!(heard.is_empty());
    drop(client.pipe);
    client.task.await.unwrap();
}

/// T-5.1.5
#[tokio::test]
async fn a_client_that_names_no_host_gets_the_first_ones_certificate() {
    let house = House::encrypted().await;
    for version in [&version::TLS13, &version::TLS12] {
        let named = Secret::new(house.connect(direct()), version).await;
        let mut client = Secret::naming_the_host(house.connect(direct()), version, false).await;
        assert_eq!(client.tls.peer_certificates(), named.tls.peer_certificates());
        client.type_in(&format!("{HEADER}{}", iq_auth("amy", "t", "pw"))).await;
        client.await_text("<iq type='result' id='1'/>").await;
    }
}

/// T-5.1.6
#[tokio::test]
async fn a_connection_without_close_notify_is_lost() {
    let house = House::encrypted().await;
    let mut client = starttls(&house, &version::TLS13, "").await;
    client.begin().await;
    assert!(
        scram(&mut client, "SCRAM-SHA-256", &mut ScramClient::new(Hash::Sha256, "amy", "pw", &Gs2::Unsupported)).await
    );
    client.bind("t").await;
    let Secret { client, .. } = client;
    drop(client.pipe);
    client.task.await.unwrap();
    assert_eq!(house.doors.connections(), 0);
}
