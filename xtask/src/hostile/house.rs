//! The server under attack: its doors, its people, and bounds that are short enough to be waited for.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::PASSWORD;
use super::aftermath::Watch;
use super::case::Way;
use super::client::{Client, PATIENCE};
use crate::process::Background;
use crate::servers::{Profile, STOP_LIMIT, Server, Stage, User};

/// The people who talk all the while, and the friend whom cases know.
pub(super) const ROMEO: &str = "romeo";
pub(super) const JULIET: &str = "juliet";
pub(super) const FRIEND: &str = "nurse";

/// A server that runs.
pub(super) struct House {
    pub(super) stage: Stage,
    pub(super) is_yatter: bool,
    metrics: u16,
    running: Background,
    /// On another server, whose memory is nobody's promise.
    watch: Option<Watch>,
}

impl House {
    /// Sets the server up, with these people, and starts it.
    pub(super) fn open(server: &dyn Server, folder: PathBuf, people: &[String]) -> Result<House> {
        // The C library keeps freed memory for later unless it is told not to; what counts is what the server keeps.
        let allocator = "glibc.malloc.arena_max=1:glibc.malloc.mmap_threshold=32768:glibc.malloc.trim_threshold=65536";
        let mut stage = Stage::set(folder, "localhost")?.with_environment("GLIBC_TUNABLES", allocator);
        if !server.is_yatter() {
            // No case is about an archive, and the two who talk would fill theirs until it takes all the time of the server.
            stage = stage.with_profile(Profile::Scenes);
        }
        let user = |name: &String| User { name: name.clone(), password: PASSWORD.to_owned() };
        let users: Vec<User> = people.iter().map(user).collect();
        server.configure(&stage)?;
        let metrics = free_port()?;
        tighten(&stage, metrics)?;
        server.add_users(&stage, &users)?;
        let watch = (!server.is_yatter()).then(Watch::begin);
        let running = server.start(&stage)?;
        let house = House { stage, is_yatter: server.is_yatter(), metrics, running, watch };
        house.look_at(house.process());
        Ok(house)
    }

    fn look_at(&self, process: u32) {
        self.watch.iter().for_each(|watch| watch.look_at(process));
    }

    /// Whether it had to be ended since this was last asked, because it took too much memory.
    pub(super) fn took_too_much(&self) -> bool {
        self.watch.as_ref().is_some_and(Watch::has_ended_it)
    }

    /// Ends it without a word, and starts it on what it has kept.
    pub(super) fn start_again(&mut self, server: &dyn Server) -> Result<()> {
        self.look_at(0);
        self.running.kill();
        self.running = server.start(&self.stage)?;
        self.look_at(self.process());
        Ok(())
    }

    pub(super) fn process(&self) -> u32 {
        self.running.id()
    }

    pub(super) fn port(&self, way: Way) -> u16 {
        let doors = self.stage.doors;
        match way {
            Way::PlainX | Way::PlainJ => doors.plain,
            Way::StartTlsX | Way::ClearX | Way::ClearJ => doors.starttls,
            Way::DirectX | Way::DirectJ => doors.direct,
            Way::LegacyJ => doors.legacy,
            Way::Metrics | Way::Control => self.metrics,
        }
    }

    pub(super) fn control(&self) -> PathBuf {
        self.stage.path("data").join("control")
    }

    /// Whether the server is there still.
    pub(super) fn is_up(&mut self) -> Result<bool> {
        Ok(self.running.wait(Duration::ZERO)?.is_none())
    }

    /// Stops it as an operator does; false when it had to be killed or complained.
    pub(super) fn close(&mut self) -> Result<bool> {
        self.look_at(0);
        self.running.stop(STOP_LIMIT)
    }

    /// Whether nobody is connected any more, by the server's own count; it may take a moment.
    pub(super) fn is_empty(&self) -> Result<bool> {
        for _ in 0..100 {
            let mut page = Client::connect(self.metrics)?;
            page.say("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
            while page.hear(Instant::now() + PATIENCE) {}
            if page.has_heard(b"\nyatter_connections 0\n") && page.has_heard(b"\nyatter_sessions 0\n") {
                return Ok(true);
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(false)
    }

    /// What the server has written about itself.
    pub(super) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.stage.path("server.log")).unwrap_or_default()).into_owned()
    }
}

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Bounds that a test can wait for, in the words of each server. What is not set has its usual value.
fn tighten(stage: &Stage, metrics: u16) -> Result<()> {
    let limits = "[limits]\nlogin_s = 5\nhandshake_s = 2\nstuck_s = 2\nlinger_s = 1\nfailure_delay_ms = 0\n\
                  session_queue_bytes = 1048576\nsessions_per_account = 64\nhibernate_s = 2\n";
    let more = format!("\n[metrics]\naddress = \"127.0.0.1:{metrics}\"\n[log]\nlevel = \"debug\"\n");
    change(stage, "yatter.toml", |text| {
        // The harness has bounds of its own in that table.
        let text = if text.contains("[limits]\n") { text.replacen("[limits]\n", limits, 1) } else { text + limits };
        text + &more
    })?;
    // The cases of SCRAM speak of SHA-256, which both offer only where passwords are kept for it.
    let prosody = "c2s_timeout = 5\npassword_hash = \"SHA-256\"\nVirtualHost";
    change(stage, "prosody.cfg.lua", |text| text.replacen("VirtualHost", prosody, 1))?;
    // The bound that its own example has: without one it takes whatever comes, ever more slowly.
    let ejabberd = "module: ejabberd_c2s, max_stanza_size: 262144";
    change(stage, "ejabberd.yml", |text| {
        text.replace("module: ejabberd_c2s", ejabberd) + "\nnegotiation_timeout: 5\nauth_scram_hash: sha256\n"
    })
}

/// Changes a configuration, if it is this server's.
fn change(stage: &Stage, name: &str, how: impl FnOnce(String) -> String) -> Result<()> {
    let path = stage.path(name);
    match fs::read_to_string(&path) {
        Ok(text) => fs::write(&path, how(text)).with_context(|| format!("cannot write {}", path.display())),
        Err(_) => Ok(()),
    }
}
