//! A folder, a configuration and the binary.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A folder that is gone after the test.
pub(crate) struct Stage {
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
}

impl Stage {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("yatter-cli-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let stage = Stage { folder, port: free_port() };
        stage.configure("");
        stage
    }

    /// Writes the configuration: one plain door on a free port, and `more`.
    pub(crate) fn configure(&self, more: &str) {
        self.configure_hosts("[\"localhost\"]", more);
    }

    pub(crate) fn configure_hosts(&self, hosts: &str, more: &str) {
        let text = format!(
            "hosts = {hosts}\ndata = \"data\"\n[[listen]]\naddress = \"{}\"\nrequire_tls = false\n{more}\n",
            self.address()
        );
        fs::write(self.config(), text).unwrap();
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.join("yatter.toml")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_yatter"));
        command.arg("--config").arg(self.config()).args(arguments).env_remove("YATTER_CONFIG");
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).stdin(Stdio::null()).output().unwrap())
    }

    /// Runs a command to its end, with this on standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Ran::of(child.wait_with_output().unwrap())
    }

    pub(crate) fn add(&self, jid: &str) -> Ran {
        self.run_with(&["user", "add", jid, "--password-stdin"], "secret\n")
    }

    /// The accounts, one a line.
    pub(crate) fn accounts(&self) -> String {
        let ran = self.run(&["user", "list"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.out
    }

    /// Starts the server and waits until it is ready.
    pub(crate) fn serve(&self) -> Server {
        Server::start(self.command(&[]))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// A server that runs; killed at the end unless it was stopped.
pub(crate) struct Server {
    child: Child,
    lines: Receiver<String>,
    err: Option<thread::JoinHandle<()>>,
    said: Arc<Mutex<String>>,
}

const PATIENCE: Duration = Duration::from_secs(30);

impl Server {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let err = BufReader::new(child.stderr.take().unwrap());
        let (tell, lines) = channel();
        thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        let said: Arc<Mutex<String>> = Arc::default();
        let hear = said.clone();
        let err = thread::spawn(move || {
            for line in err.lines().map_while(Result::ok) {
                *hear.lock().unwrap() += &(line + "\n");
            }
        });
        let mut server = Server { child, lines, err: Some(err), said };
        match server.lines.recv_timeout(PATIENCE) {
            Ok(line) => assert_eq!(line, "ready"),
            Err(_) => panic!("not ready: {}", server.kill()),
        }
        server
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Sends a signal and waits for the end: the exit code and what was said on standard error.
    pub(crate) fn stop(mut self, signal: &str) -> (Option<i32>, String) {
        self.signal(signal);
        let code = self.child.wait().unwrap().code();
        (code, self.all_said())
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(&mut self) -> String {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.all_said()
    }

    /// Whether this was said on standard error so far.
    pub(crate) fn has_said(&self, what: &str) -> bool {
        self.said.lock().unwrap().contains(what)
    }

    fn all_said(&mut self) -> String {
        if let Some(err) = self.err.take() {
            err.join().unwrap();
        }
        self.said.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Tries until it is so.
pub(crate) fn eventually(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..300 {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("never happened: {what}");
}

pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}
