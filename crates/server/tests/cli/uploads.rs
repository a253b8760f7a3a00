//! Files, from the slot that a client asks for to the folder where they end, by the real binary.

use std::fs;
use std::path::Path;

use crate::client::Client;
use crate::stage::{Server, Stage, free_port};

const FILE: &str = "What light through yonder window breaks?";

/// A server with a door for HTTP, and one account.
struct House {
    stage: Stage,
    server: Server,
    port: u16,
}

impl House {
    fn new(more: &str) -> House {
        let (stage, port) = (Stage::new(), free_port());
        stage.configure(&format!("[[listen]]\naddress = \"127.0.0.1:{port}\"\nserves = \"http\"\n{more}"));
        let server = stage.serve();
        assert_eq!(stage.add("alice@localhost").code, 0);
        House { stage, server, port }
    }

    fn alice(&self) -> Client {
        let mut alice = Client::connect(self.stage.port);
        alice.log_in("alice", "secret", "desk");
        alice
    }

    /// The path of a new slot.
    fn slot(&self, alice: &mut Client, name: &str, size: usize) -> String {
        alice.say(&format!(
            "<iq type='get' id='u' to='upload.localhost'><request xmlns='urn:xmpp:http:upload:0' filename='{name}' size='{size}'/></iq>"
        ));
        alice.hear(&format!("<put url='https://localhost:{}", self.port));
        alice.hear("'/>")
    }

    /// One request on a connection of its own, encrypted: everything that comes back.
    fn ask(&self, method: &str, path: &str, more: &str, body: &str) -> String {
        let mut client = Client::connect(self.port);
        client.encrypt().unwrap();
        client.say(&format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n{body}"));
        client.hear_out().0
    }

    fn put(&self, path: &str, body: &str) -> String {
        self.ask("PUT", path, &format!("Content-Length: {}\r\n", body.len()), body)
    }

    fn get(&self, path: &str) -> String {
        self.ask("GET", path, "", "")
    }
}

#[track_caller]
fn is(status: u16, answer: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status} was expected, not {answer}");
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let below = |path: std::path::PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    entries.flat_map(|entry| below(entry.unwrap().path())).collect()
}

#[test]
fn a_file_is_uploaded_survives_a_crash_and_goes_with_its_account() {
    let mut house = House::new("");
    let mut alice = house.alice();
    let path = house.slot(&mut alice, "light.txt", FILE.len());
    assert!(path.ends_with("/light.txt"), "{path}");
    is(404, &house.get(&path));
    is(413, &house.put(&path, &FILE.repeat(2)));
    is(400, &house.put(&path, "What"));
    is(411, &house.ask("PUT", &path, "Transfer-Encoding: chunked\r\n", "4\r\nWhat\r\n0\r\n\r\n"));
    is(404, &house.put("/upload/../../etc/passwd", "What"));
    let half = Client::connect(house.port);
    drop(half);
    is(201, &house.put(&path, FILE));
    is(409, &house.put(&path, FILE));
    let got = house.get(&path);
    is(200, &got);
    assert!(got.ends_with(FILE) && got.contains("x-content-type-options: nosniff\r\n"), "{got}");
    let part = house.ask("GET", &path, "Range: bytes=5-9\r\n", "");
    assert!(part.starts_with("HTTP/1.1 206 ") && part.ends_with("\r\n\r\nlight"), "{part}");
    let head = house.ask("HEAD", &path, "", "");
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("content-length: 40\r\n"), "{head}");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    is(204, &house.ask("OPTIONS", &path, "Origin: https://web.example\r\n", ""));

    house.server.kill();
    house.server = house.stage.serve();
    assert!(house.get(&path).ends_with(FILE));
    let blobs = house.stage.data().join("blobs");
    assert_eq!(files(&blobs).len(), 1);
    assert_eq!(house.stage.run(&["user", "remove", "alice@localhost"]).code, 0);
    is(404, &house.get(&path));
    crate::stage::eventually("the file is removed", || files(&blobs).is_empty());
    let (code, err) = house.server.stop("TERM");
    assert_eq!(code, Some(0), "{err}");
}

#[test]
fn half_an_upload_leaves_nothing() {
    let mut house = House::new("");
    let mut alice = house.alice();
    let path = house.slot(&mut alice, "large", 1_000_000);
    let mut half = Client::connect(house.port);
    half.encrypt().unwrap();
    let head = format!("PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n");
    half.say(&(head + &"x".repeat(600_000)));
    let blobs = house.stage.data().join("blobs");
    crate::stage::eventually("something came", || files(&blobs).len() == 1);
    is(409, &house.put(&path, &"x".repeat(1_000_000)));
    drop(half);
    crate::stage::eventually("the half is gone", || files(&blobs).is_empty());
    is(404, &house.get(&path));
    let mut half = Client::connect(house.port);
    half.encrypt().unwrap();
    half.say(&format!(
        "PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n{}",
        "x".repeat(600_000)
    ));
    crate::stage::eventually("something came", || files(&blobs).len() == 1);
    house.server.kill();
    drop(half);
    house.server = house.stage.serve();
    assert!(files(&blobs).is_empty(), "the start sweeps what a crash left");
    is(201, &house.put(&path, &"x".repeat(1_000_000)));
    assert!(house.get(&path).ends_with(&"x".repeat(1_000_000)));
}

#[test]
fn behind_a_proxy_the_address_has_to_be_said() {
    let house = House::new("tls = \"none\"");
    let mut alice = house.alice();
    alice.say("<iq type='get' id='d' to='localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>");
    alice.hear("<query xmlns='http://jabber.org/protocol/disco#items'/></iq>");
    assert!(house.server.has_said("files cannot be uploaded"));

    let house = House::new("tls = \"none\"\n[upload]\nurl = \"https://files.example.org/\"");
    let mut alice = house.alice();
    alice.say("<iq type='get' id='u' to='upload.localhost'><request xmlns='urn:xmpp:http:upload:0' filename='a' size='1'/></iq>");
    alice.hear("<put url='https://files.example.org");
    let path = alice.hear("'/>");
    let mut proxy = Client::connect(house.port);
    proxy.say(&format!(
        "PUT {path} HTTP/1.1\r\nHost: files.example.org\r\nContent-Length: 1\r\nConnection: close\r\n\r\n1"
    ));
    is(201, &proxy.hear_out().0);
}
