//! Start, stop, reload, crash.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use crate::stage::{Server, Stage, eventually, free_port, mode};

#[test]
fn a_start_says_where_everything_is_and_sigterm_ends_it_cleanly() {
    let stage = Stage::new();
    let server = stage.serve();
    TcpStream::connect(stage.address()).unwrap();
    assert_eq!(mode(&stage.data().join("control")), 0o600);
    assert_eq!(mode(&stage.data()), 0o700);
    let (code, err) = server.stop("TERM");
    assert_eq!(code, Some(0), "{err}");
    let hint = format!("yatter --config {} user add alice@localhost", stage.config().display());
    for said in [
        &stage.address().to_string(),
        &stage.data().display().to_string(),
        "localhost: self-signed, SHA-256 ",
        &hint,
        "WARNING       passwords may cross in the clear at ",
    ] {
        assert!(err.contains(said), "not said: {said}\n{err}");
    }
    assert!(!stage.data().join("control").exists());
}

#[test]
fn ctrl_c_ends_it_cleanly_too() {
    let stage = Stage::new();
    let (code, err) = stage.serve().stop("INT");
    assert_eq!(code, Some(0), "{err}");
}

#[test]
fn without_a_file_it_serves_this_machine_only() {
    let stage = Stage::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_yatter"));
    command.arg("--data").arg(stage.data()).env_remove("YATTER_CONFIG");
    let busy = ["127.0.0.1:5222", "127.0.0.1:5223", "127.0.0.1:5281"].map(TcpListener::bind).iter().any(Result::is_err);
    if busy || std::path::Path::new("/etc/yatter/yatter.toml").exists() {
        // Another server of this machine is tried out right now.
        return;
    }
    let server = Server::start(command);
    TcpStream::connect("127.0.0.1:5222").unwrap();
    TcpStream::connect("127.0.0.1:5223").unwrap();
    TcpStream::connect("127.0.0.1:5281").unwrap();
    let (code, err) = server.stop("TERM");
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("serves this machine only"), "{err}");
    assert!(err.contains("passwords may cross in the clear at 127.0.0.1:5222"), "{err}");
}

#[test]
fn accounts_survive_a_crash() {
    let stage = Stage::new();
    let mut server = stage.serve();
    assert_eq!(stage.add("alice@localhost").code, 0);
    server.kill();
    let server = stage.serve();
    assert_eq!(stage.accounts(), "alice@localhost\n");
    assert_eq!(server.stop("TERM").0, Some(0));
}

#[test]
fn a_taken_port_names_the_address() {
    let stage = Stage::new();
    let _taken = TcpListener::bind(stage.address()).unwrap();
    let ran = stage.run(&[]);
    assert_eq!(ran.code, 1);
    let sentence = format!(
        "yatter: {} is taken by another program: stop that one, or change listen.address in the configuration",
        stage.address()
    );
    assert_eq!(ran.err.lines().last(), Some(sentence.as_str()), "{}", ran.err);
    assert_eq!(ran.out, "");
}

#[test]
fn a_damaged_database_says_what_to_do() {
    let stage = Stage::new();
    assert_eq!(stage.add("alice@localhost").code, 0);
    fs::write(stage.data().join("yatter.sqlite"), vec![b'x'; 8_192]).unwrap();
    let ran = stage.run(&[]);
    assert_eq!(ran.code, 1);
    let last = ran.err.lines().last().unwrap();
    assert!(last.starts_with("yatter: ") && last.contains("restore the last backup"), "{}", ran.err);
    assert_eq!(ran.out, "");
}

#[test]
fn the_service_manager_is_told() {
    let stage = Stage::new();
    let path = stage.folder.join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut command = stage.command(&[]);
    command.env("NOTIFY_SOCKET", &path);
    let server = Server::start(command);
    let told = || {
        let mut message = [0; 256];
        let size = manager.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..size]).into_owned()
    };
    assert_eq!(told().trim(), "READY=1");
    server.signal("HUP");
    let reloading = told();
    assert!(reloading.contains("RELOADING=1\n") && reloading.contains("MONOTONIC_USEC="), "{reloading}");
    assert_eq!(told().trim(), "READY=1");
    assert_eq!(server.stop("TERM").0, Some(0));
    assert_eq!(told().trim(), "STOPPING=1");
}

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let stage = Stage::new();
    let server = stage.serve();
    let ran = stage.run(&[]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("is in use by process"), "{}", ran.err);
    assert_eq!(stage.add("alice@localhost").code, 0);
    assert_eq!(server.stop("TERM").0, Some(0));
}

#[test]
fn a_reload_brings_hosts_and_keeps_the_old_ones_when_the_file_is_bad() {
    let stage = Stage::new();
    let server = stage.serve();
    let stream = TcpStream::connect(stage.address()).unwrap();
    assert_eq!(stage.add("alice@example.org").code, 1);

    stage.configure_hosts("[\"localhost\", \"example.org\"]", "");
    server.signal("HUP");
    eventually("the new host is served", || stage.add("alice@example.org").code == 0);

    fs::write(stage.config(), "hots = []").unwrap();
    server.signal("HUP");
    eventually("the mistake is told", || server.has_said("yatter.toml:1:1: hots: no such key; did you mean `hosts`?"));
    stage.configure_hosts("[\"localhost\", \"example.org\"]", "");
    assert_eq!(stage.add("bob@example.org").code, 0);
    assert!(is_open(&stream));
    let (code, err) = server.stop("TERM");
    assert_eq!(code, Some(0));
    assert!(err.contains("The configuration was read again and is in force"), "{err}");
}

fn is_open(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    matches!((&mut &*stream).read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

#[test]
fn figures_are_served_on_loopback() {
    let stage = Stage::new();
    let port = free_port();
    stage.configure(&format!("[metrics]\naddress = \"127.0.0.1:{port}\""));
    let server = stage.serve();
    let _client = TcpStream::connect(stage.address()).unwrap();
    let page = || get(port, "/metrics");
    eventually("the connection is counted", || page().contains("\nyatter_connections 1\n"));
    let page = page();
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(
        page.contains(
            "# HELP yatter_logins Logins that succeeded.\n# TYPE yatter_logins counter\nyatter_logins_total 0\n"
        ),
        "{page}"
    );
    assert!(page.ends_with("# EOF\n"), "{page}");
    assert!(get(port, "/").starts_with("HTTP/1.1 404"));
    assert_eq!(server.stop("TERM").0, Some(0));
}

pub(crate) fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}

#[test]
fn the_log_is_json_when_asked() {
    let stage = Stage::new();
    stage.configure("[log]\nformat = \"json\"");
    let (code, err) = stage.serve().stop("TERM");
    assert_eq!(code, Some(0));
    let events: Vec<serde_json::Value> = err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for name in ["starting", "listening", "clear_passwords", "ready", "stopping", "stopped"] {
        assert!(events.iter().any(|event| event["event"] == name), "{name} is missing:\n{err}");
    }
}
