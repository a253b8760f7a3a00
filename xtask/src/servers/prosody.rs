//! Debian's Prosody: the peer that shows whether a play is right when it does not know whose server it talks to.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Account, Doors, Guest, Profile, Server, Stage, User, debian_version, self_signed, text, wait_for_port};
use crate::install;
use crate::process::{self, Background};

/// Where Debian keeps Prosody's modules.
const PROGRAMS: &str = "/usr/lib/prosody";

pub(super) struct Prosody;

impl Server for Prosody {
    fn name(&self) -> &str {
        "prosody"
    }

    fn obtain(&self) -> Result<()> {
        install::debian(&["prosody", "lua-sec", "openssl"])
    }

    fn is_peer(&self) -> bool {
        true
    }

    fn version(&self) -> Result<String> {
        debian_version("prosody")
    }

    fn configure(&self, stage: &Stage) -> Result<PathBuf> {
        let (chain, key) = self_signed(stage)?;
        let (data, certificate) = (stage.path("data"), (text(&chain)?, text(&key)?));
        fs::create_dir_all(&data)?;
        stage.write("mod_year2000.lua", &year_2000(stage))?;
        stage.write("prosody.cfg.lua", &configuration(stage, text(&data)?, certificate)?)
    }

    fn add_accounts(&self, stage: &Stage, accounts: &[Account]) -> Result<()> {
        let line = |one: &Account| format!("{}\t{}\t{}\n", one.name, one.host, one.password);
        let list = stage.write("accounts.tsv", &accounts.iter().map(line).collect::<String>())?;
        let script = stage.write("accounts.lua", include_str!("accounts.lua"))?;
        let mut lua = Command::new(interpreter()?);
        lua.arg(script).arg(PROGRAMS).arg(stage.path("data")).arg(list);
        // Passwords are kept for one mechanism; which one, the configuration says.
        let configuration = fs::read_to_string(stage.path("prosody.cfg.lua"))?;
        let hash = if configuration.contains("password_hash = \"SHA-256\"") { "SHA-256" } else { "SHA-1" };
        process::output(lua.arg(hash)).map(drop)
    }

    fn launch(&self, stage: &Stage) -> Result<Background> {
        let mut command = Command::new("prosody");
        command.arg("--config").arg(stage.path("prosody.cfg.lua")).arg("-F").stderr(stage.log()?);
        let mut server = Background::start("prosody", command.stdout(Stdio::piped()))?;
        stage.keep_output(&mut server)?;
        Ok(server)
    }

    fn wait_until_ready(&self, server: &mut Background, stage: &Stage) -> Result<()> {
        wait_for_port(server, stage.doors.plain, stage)?;
        wait_for_port(server, stage.doors.direct, stage)?;
        std::thread::sleep(Duration::from_millis(200));
        Ok(())
    }

    fn add_user(&self, stage: &Stage, user: &User) -> Result<()> {
        self.add_users(stage, std::slice::from_ref(user))
    }
}

/// The Lua that Debian runs Prosody with, which its compiled modules need.
fn interpreter() -> Result<String> {
    let program = fs::read_to_string("/usr/bin/prosody").context("cannot read Prosody's program")?;
    let first = program.lines().next().and_then(|line| line.strip_prefix("#!")).unwrap_or_default();
    first.split_whitespace().last().map(str::to_owned).context("Prosody's program does not name its Lua")
}

/// Prosody always names a version. A module of ours takes it and the features out on the legacy door, so that clients
/// which know both protocols choose the old one.
fn year_2000(stage: &Stage) -> String {
    let port = stage.doors.legacy;
    format!(
        r#"local filters = require "util.filters"
filters.add_filter_hook(function (session)
  filters.add_filter(session, "bytes/out", function (data)
    if tonumber(session.conn and session.conn:serverport()) ~= {port} then return data end
    data = data:gsub("(<stream:stream[^>]-) version=['\"]1.0['\"]", "%1", 1)
    return (data:gsub("<stream:features.-</stream:features>", ""))
  end)
end)
"#
    )
}

fn virtual_host(guest: &Guest, chain: &str, key: &str) -> String {
    format!(
        "VirtualHost \"{}\"\n  ssl = {{ certificate = \"{chain}\", key = \"{key}\" }}\n  \
         allow_registration = {}\n  c2s_require_encryption = {}\n",
        guest.name, guest.open, guest.requires_tls
    )
}

fn configuration(stage: &Stage, data: &str, (chain, key): (&str, &str)) -> Result<String> {
    let Doors { starttls, optional, direct, plain, legacy, .. } = stage.doors;
    let plugins = text(&stage.folder)?;
    let host = &stage.host;
    let more = match stage.profile {
        Profile::Bare => r#", "vcard""#,
        Profile::Scenes => r#", "vcard", "carbons", "csi", "csi_simple", "lastactivity", "register", "smacks", "time""#,
        Profile::Full => {
            r#", "vcard_legacy", "pep", "mam", "carbons", "smacks", "csi", "csi_simple", "blocklist", "bookmarks", "lastactivity""#
        }
    };
    Ok(format!(
        r#"run_as_root = true
pidfile = "{data}/prosody.pid"
data_path = "{data}"
log = {{ info = "*console" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {starttls}, {optional}, {plain}, {legacy} }}
c2s_direct_tls_ports = {{ {direct} }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_hashed"
storage = "internal"
network_backend = "epoll"
modules_enabled = {{ "roster", "saslauth", "tls", "disco", "presence", "message", "iq", "offline", "legacyauth",
  "ping", "private", "version", "year2000"{more} }}
plugin_paths = {{ "{plugins}" }}
modules_disabled = {{ "s2s" }}
ssl = {{ certificate = "{chain}", key = "{key}" }}
VirtualHost "{host}"
  ssl = {{ certificate = "{chain}", key = "{key}" }}
Component "conference.{host}" "muc"
"#
    ) + &stage.guests.iter().map(|guest| virtual_host(guest, chain, key)).collect::<String>())
}
