//! The three clients, run as a person runs them, against the server as a person starts it.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn two_people_with_the_smallest_and_the_basic_client_chat() {
    let server = Server::start(&["amy", "bob"]);
    let mut bob = server.run(env!("CARGO_BIN_EXE_basic"), "bob");
    bob.shows("logged in as bob@example.org/basic");
    let mut amy = server.run(env!("CARGO_BIN_EXE_minimalistic"), "amy");
    amy.shows("<iq type='result' id='1'/>");
    amy.types("bob@example.org hello & <welcome>");
    bob.shows("amy@example.org/t: hello & <welcome>");
    bob.types("amy@example.org/t how do you do?");
    amy.shows("<body>how do you do?</body></message>");
    amy.types("bob@example.org/nowhere are you there too?");
    // RFC 6121 §8.5.3.2.1: a normal message to a session that is not there comes back.
    amy.shows("<error code='503'>");
    amy.types("");
    amy.shows("</stream:stream>");
    amy.ends();
}

#[test]
fn the_basic_client_answers_what_every_client_is_asked() {
    let server = Server::start(&["bob"]);
    let mut bob = server.run(env!("CARGO_BIN_EXE_basic"), "bob");
    bob.shows("logged in as bob@example.org/basic");
    let mut other = server.raw("bob");
    for (namespace, answer) in [
        ("jabber:iq:version", "<name>basic</name><version>"),
        ("jabber:iq:time", "<tz>UTC</tz>"),
        ("jabber:iq:last", "seconds='"),
        ("example:chess", "<error code='501'>Not Implemented</error>"),
    ] {
        other.says(&format!("<iq type='get' id='q' to='bob@example.org/basic'><query xmlns='{namespace}'/></iq>"));
        let said = other.hears("</iq>");
        assert!(said.contains(answer), "{namespace}: {said}");
    }
    bob.types_no_more();
    bob.ends();
}

#[test]
fn two_people_play_chess_with_elements_of_their_own() {
    let server = Server::start(&["amy", "bob"]);
    let mut amy = server.run(env!("CARGO_BIN_EXE_extending"), "amy");
    let mut bob = server.run(env!("CARGO_BIN_EXE_extending"), "bob");
    let mut carl = server.run(env!("CARGO_BIN_EXE_basic"), "bob");
    for client in [&mut amy, &mut bob, &mut carl] {
        client.shows("logged in as ");
    }
    amy.types("play bob@example.org/chess e4");
    bob.shows("amy@example.org/chess plays e4");
    bob.types("play amy@example.org/chess e5");
    amy.shows("bob@example.org/chess plays e5");
    bob.types("ask amy@example.org/chess");
    bob.shows("amy@example.org/chess knows of: me e4, you e5");
    // A client that has never heard of chess shows the words, and says that it does not play.
    bob.types("play bob@example.org/basic d4");
    carl.shows("bob@example.org/chess: I play d4.");
    bob.types("ask bob@example.org/basic");
    bob.shows("bob@example.org/basic does not play");
    // Nor does a server, for somebody who is not asked himself.
    bob.types("ask amy@example.org");
    bob.shows("amy@example.org does not play");
}

/// A server with accounts, on a folder of its own.
struct Server {
    child: Child,
    folder: PathBuf,
    port: u16,
}

impl Server {
    fn start(users: &[&str]) -> Server {
        let program = program();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(format!("yatter-examples-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let configuration = format!(
            "hosts = [\"example.org\"]\n\n[[listen]]\naddress = \"127.0.0.1:{port}\"\nserves = \"clients\"\n\
             tls = \"none\"\nrequire_tls = false\nlegacy = \"auto\"\n"
        );
        fs::write(folder.join("yatter.toml"), configuration).unwrap();
        let accounts: String = users.iter().map(|user| format!("{user}@example.org {PASSWORD}\n")).collect();
        fs::write(folder.join("accounts"), accounts).unwrap();
        let yatter = |words: &[&str]| {
            let mut command = Command::new(&program);
            command.arg("--config").arg(folder.join("yatter.toml")).arg("--data").arg(folder.join("data")).args(words);
            command.current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
            command
        };
        assert!(yatter(&["user", "add", "--from", "accounts"]).status().unwrap().success());
        let mut child = yatter(&[]).spawn().unwrap();
        Shown::of(child.stdout.take().unwrap()).wait_for("the server", "ready");
        Server { child, folder, port }
    }

    /// Runs one of the clients for one of the accounts.
    fn run(&self, program: &str, user: &str) -> Client {
        let mut command = Command::new(program);
        command.args([&format!("{user}@example.org"), PASSWORD, &format!("127.0.0.1:{}", self.port)]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (typed, shown) = (child.stdin.take(), Shown::of(child.stdout.take().unwrap()));
        Client { name: format!("{user}'s client"), child, typed, shown }
    }

    /// A session that says what the test says.
    fn raw(&self, user: &str) -> Raw {
        let socket = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut raw = Raw(socket);
        let password = PASSWORD.replace('&', "&amp;");
        raw.says(&format!(
            "<stream:stream to='example.org' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>\
             <iq type='set' id='1'><query xmlns='jabber:iq:auth'><username>{user}</username>\
             <password>{password}</password><resource>raw</resource></query></iq>"
        ));
        raw.hears("<iq type='result' id='1'/>");
        raw
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
        // A folder that stays behind harms nobody.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

const PASSWORD: &str = "Calli0pe&";

/// A client that runs.
struct Client {
    name: String,
    child: Child,
    typed: Option<ChildStdin>,
    shown: Shown,
}

impl Client {
    fn types(&mut self, line: &str) {
        writeln!(self.typed.as_mut().unwrap(), "{line}").unwrap();
    }

    fn types_no_more(&mut self) {
        self.typed = None;
    }

    fn shows(&mut self, text: &str) {
        self.shown.wait_for(&self.name, text);
    }

    /// Waits until it has ended by itself, and well.
    fn ends(&mut self) {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{} ended badly", self.name);
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{} does not end", self.name);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// A socket, and what a person types into it.
struct Raw(std::net::TcpStream);

impl Raw {
    fn says(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).unwrap();
    }

    /// Everything up to and with `end`.
    fn hears(&mut self, end: &str) -> String {
        let mut said = Vec::new();
        while !said.ends_with(end.as_bytes()) {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap();
            said.push(byte[0]);
        }
        String::from_utf8(said).unwrap()
    }
}

/// What a program shows: as it comes, since the elements of a stream have no lines.
struct Shown {
    pieces: Receiver<String>,
    /// What came and was not yet looked for.
    rest: String,
}

impl Shown {
    fn of(mut output: impl Read + Send + 'static) -> Shown {
        let (tell, pieces) = mpsc::sync_channel(1024);
        std::thread::spawn(move || {
            let mut space = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut space) {
                if tell.send(String::from_utf8_lossy(&space[..count]).into_owned()).is_err() {
                    return;
                }
            }
        });
        Shown { pieces, rest: String::new() }
    }

    /// Waits until `text` is shown, behind what was waited for before.
    fn wait_for(&mut self, who: &str, text: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.rest.find(text) {
                self.rest.drain(..at + text.len());
                return;
            }
            match self.pieces.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(piece) => self.rest.push_str(&piece),
                Err(RecvTimeoutError::Timeout) => panic!("{who} does not show {text:?}, but:\n{}", self.rest),
                Err(RecvTimeoutError::Disconnected) => panic!("{who} ended without {text:?}, but:\n{}", self.rest),
            }
        }
    }
}

fn end(child: &mut Child) {
    // It may have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

/// The server's program, built in the profile of this test: it stands where the clients do.
fn program() -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_basic")).parent().unwrap();
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--package", "yatter-server", "--bin", "yatter"]);
    if folder.ends_with("release") {
        build.arg("--release");
    }
    assert!(build.status().unwrap().success(), "the server cannot be built");
    folder.join(format!("yatter{}", std::env::consts::EXE_SUFFIX))
}
