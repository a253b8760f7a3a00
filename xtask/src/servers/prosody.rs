//! Debian's Prosody: the peer that shows whether a play is right when it does not know whose server it talks to.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Result;

use super::{Server, Stage, User, self_signed, text, wait_for_port};
use crate::process::Background;
use crate::{install, servers::Doors};

pub(super) struct Prosody;

impl Server for Prosody {
    fn name(&self) -> &str {
        "prosody"
    }

    fn obtain(&self) -> Result<()> {
        install::debian(&["prosody", "lua-sec", "openssl"])
    }

    fn prepare(&self, stage: &Stage, users: &[User]) -> Result<()> {
        let (chain, key) = self_signed(stage)?;
        let (data, certificate) = (stage.path("data"), (text(&chain)?, text(&key)?));
        fs::create_dir_all(&data)?;
        stage.write("mod_year2000.lua", &year_2000(stage))?;
        stage.write("prosody.cfg.lua", &configuration(stage, text(&data)?, certificate)?)?;
        users.iter().try_for_each(|user| self.add_user(stage, user))
    }

    fn start(&self, stage: &Stage) -> Result<Background> {
        let mut command = Command::new("prosody");
        command.arg("--config").arg(stage.path("prosody.cfg.lua")).arg("-F").stderr(stage.log()?);
        let mut server = Background::start("prosody", command.stdout(Stdio::piped()))?;
        let log = stage.log()?;
        if let Some(mut output) = server.child().stdout.take() {
            std::thread::spawn(move || std::io::copy(&mut output, &mut { log }));
        }
        wait_for_port(&mut server, stage.doors.plain, stage)?;
        wait_for_port(&mut server, stage.doors.direct, stage)?;
        std::thread::sleep(Duration::from_millis(200));
        Ok(server)
    }

    /// Writes the account as Prosody keeps it: `prosodyctl` takes a second for each.
    fn add_user(&self, stage: &Stage, user: &User) -> Result<()> {
        let accounts = stage.path("data").join(in_a_file_name(&stage.host)).join("accounts");
        fs::create_dir_all(&accounts)?;
        let password = user.password.replace('\\', "\\\\").replace('"', "\\\"");
        let record = format!("return {{ [\"password\"] = \"{password}\"; }};\n");
        Ok(fs::write(accounts.join(format!("{}.dat", in_a_file_name(&user.name))), record)?)
    }
}

fn in_a_file_name(text: &str) -> String {
    let escaped =
        |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02x}") };
    text.bytes().map(escaped).collect()
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

fn configuration(stage: &Stage, data: &str, (chain, key): (&str, &str)) -> Result<String> {
    let Doors { starttls, direct, plain, legacy } = stage.doors;
    let plugins = text(&stage.folder)?;
    let host = &stage.host;
    Ok(format!(
        r#"run_as_root = true
pidfile = "{data}/prosody.pid"
data_path = "{data}"
log = {{ info = "*console" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {starttls}, {plain}, {legacy} }}
c2s_direct_tls_ports = {{ {direct} }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_hashed"
storage = "internal"
network_backend = "epoll"
modules_enabled = {{ "roster", "saslauth", "tls", "disco", "presence", "message", "iq", "offline", "legacyauth",
  "ping", "private", "vcard_legacy", "pep", "version", "year2000" }}
plugin_paths = {{ "{plugins}" }}
modules_disabled = {{ "s2s" }}
ssl = {{ certificate = "{chain}", key = "{key}" }}
VirtualHost "{host}"
  ssl = {{ certificate = "{chain}", key = "{key}" }}
"#
    ))
}
