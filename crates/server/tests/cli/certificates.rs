//! A certificate is renewed: whoever comes sees the new one, and nobody who is there notices.

use std::fs;

use crate::client::Client;
use crate::stage::{Server, Stage, eventually, free_port};

/// A server with an operator's certificate.
struct Renewal {
    stage: Stage,
    direct: u16,
}

impl Renewal {
    fn new() -> Renewal {
        let renewal = Renewal { stage: Stage::new(), direct: free_port() };
        renewal.stage.configure(&format!(
            "[[listen]]\naddress = \"127.0.0.1:{}\"\ntls = \"direct\"\n\
             [host.localhost]\ncertificate = {{ chain = \"chain.pem\", key = \"key.pem\" }}",
            renewal.direct
        ));
        renewal.renew();
        renewal
    }

    /// Writes another certificate; gives its bytes.
    fn renew(&self) -> Vec<u8> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(self.stage.folder.join("chain.pem"), made.cert.pem()).unwrap();
        fs::write(self.stage.folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        made.cert.der().to_vec()
    }

    /// What is shown where TLS begins at once, and where it is asked for.
    fn shown(&self) -> [Vec<u8>; 2] {
        let mut direct = Client::connect(self.direct);
        direct.encrypt().unwrap();
        let mut asked = Client::connect(self.stage.port);
        asked.start_tls();
        [direct, asked].map(|client| client.certificate().to_vec())
    }

    fn serve(&self) -> Server {
        assert_eq!(self.stage.add("alice@localhost").code, 0);
        self.stage.serve()
    }
}

#[test]
fn a_new_certificate_is_shown_to_new_connections_only() {
    let renewal = Renewal::new();
    let old = renewal.renew();
    let server = renewal.serve();
    assert_eq!(renewal.shown(), [old.clone(), old.clone()]);
    let mut alice = Client::connect(renewal.direct);
    alice.encrypt().unwrap();
    alice.log_in("alice", "secret", "home");
    // Asked for, and not begun.
    let mut waiting = Client::connect(renewal.stage.port);
    waiting.begin();

    let new = renewal.renew();
    server.signal("HUP");
    eventually("the new certificate is shown", || renewal.shown() == [new.clone(), new.clone()]);
    alice.say("<message to='alice@localhost/home'><body>still here</body></message>");
    alice.hear("<body>still here</body></message>");
    assert_eq!(*alice.certificate(), *old);
    waiting.say(crate::client::STARTTLS);
    waiting.hear(crate::client::PROCEED);
    waiting.encrypt().unwrap();
    assert_eq!(*waiting.certificate(), *new);
    assert_eq!(server.stop("TERM").0, Some(0));
}

#[test]
fn a_certificate_that_cannot_be_used_changes_nothing() {
    let renewal = Renewal::new();
    let old = renewal.renew();
    let server = renewal.serve();
    for (file, damage) in [("key.pem", other_key()), ("chain.pem", "-----BEGIN CERTIFICATE-----\nhalf".to_owned())] {
        let path = renewal.stage.folder.join(file);
        let good = fs::read_to_string(&path).unwrap();
        fs::write(&path, damage).unwrap();
        server.signal("HUP");
        eventually("the refusal names the file", || {
            server.has_said("the one before stays in force") && server.has_said(&path.display().to_string())
        });
        assert_eq!(renewal.shown(), [old.clone(), old.clone()]);
        fs::write(&path, good).unwrap();
    }
    assert_eq!(server.stop("TERM").0, Some(0));
}

/// A key that belongs to no certificate here.
fn other_key() -> String {
    rcgen::KeyPair::generate().unwrap().serialize_pem()
}
