//! What `yatter-scenes` is told of a server, and what the server is set up with for the scenes.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::servers::{Account, Guest, Profile, Server, Stage};

/// How long a server may take until each of its hosts answers.
const HOSTS_LIMIT: Duration = Duration::from_secs(90);

/// Scenes that show a choice or a bound of our own: they say nothing of another server.
const OURS: [(&str, &str); 14] = [
    ("net/hostile-", "be held to the bounds of another"),
    ("extensions/private-is-bounded", "be held to the bounds of another"),
    ("im/rfc6121-8.5.2.1.1-equal-priorities", "choose as another between equals"),
    ("net/rfc6120-9.1-client-to-server", "offer the mechanisms of another"),
    ("net/t-3.1.1-header-in-other-forms", "write the bytes of another"),
    ("net/resource-of-the-server", "name resources as another does"),
    ("extensions/version-of-the-host", "bear the name of another"),
    ("extensions/vcard-of-the-host", "bear the name of another"),
    ("extensions/disco-account-seen", "have the features of another"),
    ("extensions/disco-host-", "have the features of another"),
    ("extensions/registration-of-somebody-registered", "ask for what another asks for"),
    ("extensions/registration-takes-an-invitation", "take the invitations of another"),
    ("extensions/privacy-is-bounded", "be held to the bounds of another"),
    ("extensions/t-8.1.3-limits", "be held to the bounds of another"),
];

/// The JSON that describes a server to `yatter-scenes`.
#[derive(Clone)]
pub(super) struct House(Value);

impl House {
    /// A server that we set up: every scene has hosts of its own there.
    pub(super) fn of(server: &dyn Server) -> House {
        let ours = server.is_yatter();
        House(json!({
            "j_streams": ours,
            "liberties": !ours,
            "rewrites_to": server.name() == "ejabberd",
            "left_out": left_out(ours),
            "settings": ["registration", "require_tls"],
            "own_hosts": true,
            "accounts": "made",
            "quiet_ms": if ours { 15 } else { 40 },
            "patience_ms": 3000,
            "lanes": if ours { 24 } else { 8 },
        }))
    }

    /// A server that runs already, of which nothing is known: one scene after the other, on its own hosts' names.
    pub(super) fn at(address: SocketAddr) -> House {
        House(json!({
            "doors": { "plain": address, "starttls": address },
            "j_streams": false,
            "liberties": true,
            "left_out": left_out(false),
            "settings": [],
            "own_hosts": false,
            "accounts": "registered",
            "quiet_ms": 100,
            "patience_ms": 5000,
            "lanes": 1,
        }))
    }

    /// The same, with more time for everything and less at a time.
    pub(super) fn patient(&self) -> House {
        let mut house = self.clone();
        house.0["quiet_ms"] = json!(150);
        house.0["lanes"] = json!(4);
        house
    }

    pub(super) fn with_doors(&self, stage: &Stage) -> House {
        let door = |port: u16| json!(format!("127.0.0.1:{port}"));
        let doors = stage.doors;
        let mut house = self.clone();
        house.0["doors"] = json!({
            "plain": door(doors.plain), "starttls": door(doors.optional), "required": door(doors.starttls),
            "direct": door(doors.direct), "legacy": door(doors.legacy), "legacy_direct": door(doors.legacy_direct),
        });
        house
    }

    /// Writes it for a run of these scenes; of all, if none are named.
    pub(super) fn write(&self, folder: &Path, scenes: &[String]) -> Result<PathBuf> {
        let mut house = self.clone();
        house.0["scenes"] = json!(scenes);
        fs::create_dir_all(folder)?;
        let file = folder.join("house.json");
        fs::write(&file, house.0.to_string()).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }

    /// The stage of a server with the hosts of these scenes.
    pub(super) fn stage(&self, folder: &Path, plan: &Value, names: &[String]) -> Result<Stage> {
        let guests = planned(plan, names).flat_map(|scene| {
            let setting = |key: &str, value: &str| scene["settings"][key] == value;
            let guest = move |name: &str| Guest {
                name: name.to_ascii_lowercase(),
                open: setting("registration", "open"),
                invites: setting("registration", "invitation"),
                requires_tls: setting("require_tls", "true"),
            };
            texts(&scene["hosts"]).map(guest)
        });
        Ok(Stage::set(folder.to_owned(), "scenes.example")?.with_profile(Profile::Scenes).with_guests(guests.collect()))
    }
}

fn left_out(ours: bool) -> BTreeMap<&'static str, &'static str> {
    if ours { BTreeMap::new() } else { BTreeMap::from(OURS) }
}

fn planned<'a>(plan: &'a Value, names: &'a [String]) -> impl Iterator<Item = &'a Value> {
    let scenes = plan["planned"].as_array().into_iter().flatten();
    scenes.filter(|scene| names.iter().any(|name| scene["scene"] == name.as_str()))
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// The accounts of these scenes.
pub(super) fn accounts(plan: &Value, names: &[String]) -> Vec<Account> {
    let lists = planned(plan, names).flat_map(|scene| scene["accounts"].as_array().into_iter().flatten());
    let account = |list: &Value| {
        let mut texts = texts(list).map(str::to_owned);
        Some(Account { name: texts.next()?, host: texts.next()?.to_ascii_lowercase(), password: texts.next()? })
    };
    lists.filter_map(account).collect()
}

/// Waits until every host opens a stream: a server may listen before it serves them all.
pub(super) fn wait_for_hosts(stage: &Stage) -> Result<()> {
    let end = Instant::now() + HOSTS_LIMIT;
    for guest in &stage.guests {
        while !serves(stage.doors.plain, &guest.name) {
            if Instant::now() > end {
                bail!("{} is not served; the log ends with\n{}", guest.name, stage.last_log_lines(20));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    Ok(())
}

fn serves(port: u16, host: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(
            stream,
            "<?xml version='1.0'?><stream:stream to='{host}' version='1.0' xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams'>"
        )?;
        let (mut came, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            let count = stream.read(&mut buffer)?;
            came.extend_from_slice(&buffer[..count]);
            let text = String::from_utf8_lossy(&came);
            if text.contains("</stream:features>") {
                return Ok(true);
            }
            if count == 0 || text.contains("<stream:error") {
                return Ok(false);
            }
        }
    };
    ask().unwrap_or(false)
}
