//! The load against the relay, both as real programs: every kind of run that a relay can take, with TLS and without.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

struct Relay {
    child: Child,
    plain: String,
    tls: String,
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn relay() -> Relay {
    let mut command = Command::new(env!("CARGO_BIN_EXE_yatter-load"));
    command.args(["relay", "--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    let &[ready, plain, tls] = words.as_slice() else { panic!("{line}") };
    assert_eq!(ready, "ready");
    Relay { child, plain: format!("127.0.0.1:{plain}"), tls: format!("127.0.0.1:{tls}") }
}

fn run(relay: &Relay, tls: bool, words: &str) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_yatter-load"));
    command.args(words.split(' ')).args(["--speak", "bytes", "--cpu-of", &relay.child.id().to_string()]);
    let (address, mode) = if tls { (&relay.tls, "direct") } else { (&relay.plain, "none") };
    let output = command.args(["--to", address, "--tls", mode]).output().unwrap();
    assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn messages_pass_and_are_counted() {
    let relay = relay();
    for tls in [false, true] {
        for words in ["--pairs 4 --window 1 --bytes 350", "--pairs 2 --window 64 --bytes 20000"] {
            let result = run(&relay, tls, &format!("route {words} --seconds 0.1 --warmup 0.02"));
            assert!(result["delivered"].as_u64().unwrap() > 0, "{result}");
            assert!(result["cpu_us_per_message"].as_f64().unwrap() > 0.0, "{result}");
        }
        let result = run(&relay, tls, "latency --rate 500 --seconds 0.2 --warmup 0.02");
        assert_eq!(result["delivered"], 100, "{result}");
        assert!(result["latency_us"]["p99"].as_u64() >= result["latency_us"]["p50"].as_u64(), "{result}");
    }
}

#[test]
fn quiet_connections_weigh_something() {
    let relay = relay();
    for tls in [false, true] {
        let result = run(&relay, tls, "idle --from 20 --until 200 --settle 0");
        assert_eq!(result["sessions_until"], 200, "{result}");
        // A plain connection takes so little that it may fit into what was there.
        let least = if tls { 1000.0 } else { -1000.0 };
        assert!(result["bytes_per_session"].as_f64().unwrap() > least, "{result}");
    }
}
