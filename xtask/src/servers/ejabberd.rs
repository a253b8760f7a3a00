//! Debian's ejabberd, started as `ejabberdctl foreground` does, but by our own user, from a folder of its own, and without
//! a port mapper: its node listens for commands on a port that the stage has chosen.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::{Account, Profile, Server, Stage, User, debian_version, self_signed, text, wait_for_port};
use crate::install;
use crate::process::{self, Background};

/// The node's name: part of what its tables say, so that a copied folder is only read by a node of the same name.
const NODE: &str = "ejabberd@localhost";

/// Adds `accounts.tsv` while nobody else is there. A password that comes again is not stretched again: the record of
/// the first account that has it is copied, which makes thousands of accounts in a second.
const ADD_ACCOUNTS: &str = r#"
{ok, Text} = file:read_file("accounts.tsv"),
Add = fun(Line, Known) ->
  [User, Host, Password] = binary:split(Line, <<"\t">>, [global]),
  case Known of
    #{Password := Record} ->
      mnesia:dirty_write(setelement(2, Record, {User, Host})), Known;
    _ ->
      ok = ejabberd_auth:try_register(User, Host, Password),
      All = mnesia:dirty_match_object(passwd, mnesia:table_info(passwd, wild_pattern)),
      [Record] = [One || One <- All, element(2, One) =:= {User, Host}],
      Known#{Password => Record}
  end end,
lists:foldl(Add, #{}, binary:split(Text, <<"\n">>, [global, trim_all])),
mnesia:sync_log(),
init:stop().
"#;

pub(super) struct Ejabberd;

impl Server for Ejabberd {
    fn name(&self) -> &str {
        "ejabberd"
    }

    fn obtain(&self) -> Result<()> {
        install::debian(&["ejabberd", "openssl"])
    }

    fn is_peer(&self) -> bool {
        true
    }

    fn version(&self) -> Result<String> {
        debian_version("ejabberd")
    }

    fn configure(&self, stage: &Stage) -> Result<PathBuf> {
        let (chain, key) = self_signed(stage)?;
        stage.write("ejabberd.yml", &configuration(stage, text(&chain)?, text(&key)?))
    }

    fn add_accounts(&self, stage: &Stage, accounts: &[Account]) -> Result<()> {
        let line = |one: &Account| format!("{}\t{}\t{}\n", one.name, one.host, one.password);
        let list: String = accounts.iter().map(line).collect();
        stage.write("accounts.tsv", &list)?;
        process::output(node(stage)?.args(["-eval", ADD_ACCOUNTS])).map(drop)
    }

    fn launch(&self, stage: &Stage) -> Result<Background> {
        let mut command = node(stage)?;
        command.stderr(stage.log()?);
        let mut server = Background::start("ejabberd", command.stdout(Stdio::piped()))?;
        stage.keep_output(&mut server)?;
        Ok(server)
    }

    fn wait_until_ready(&self, server: &mut Background, stage: &Stage) -> Result<()> {
        wait_for_port(server, stage.doors.plain, stage)?;
        wait_for_port(server, stage.doors.starttls, stage)?;
        wait_for_port(server, stage.doors.direct, stage)
    }

    fn add_user(&self, stage: &Stage, user: &User) -> Result<()> {
        let mut command = erl(stage)?;
        command.args(["-sname", &format!("command{}@localhost", std::process::id()), "-hidden", "-noinput"]);
        command.args(["-dist_listen", "false", "-s", "ejabberd_ctl", "-extra", NODE]);
        command.args(["register", &user.name, &stage.host, &user.password]);
        process::output(&mut command).map(drop)
    }
}

/// The server's own node, with the settings that Debian's `ejabberdctl` gives it.
fn node(stage: &Stage) -> Result<Command> {
    let tables = stage.path("data");
    fs::create_dir_all(&tables)?;
    let mut command = erl(stage)?;
    command.args(["-sname", NODE, "-kernel", "inet_dist_use_interface", "{127,0,0,1}"]);
    command.args(["+K", "true", "+P", "250000", "-mnesia", "dir", &format!("\"{}\"", text(&tables)?)]);
    command.args(["-noinput", "-s", "ejabberd"]);
    Ok(command)
}

/// Erlang with the stage's folder as its home, where it keeps the secret that its nodes share.
fn erl(stage: &Stage) -> Result<Command> {
    let mut command = Command::new("erl");
    command.args(["-erl_epmd_port", &stage.doors.control.to_string(), "-start_epmd", "false"]);
    command.current_dir(&stage.folder).env("HOME", &stage.folder).env("ERL_LIBS", libraries()?);
    command.env("EJABBERD_CONFIG_PATH", stage.path("ejabberd.yml"));
    command.env("EJABBERD_LOG_PATH", stage.path("ejabberd.log"));
    command.env("ERL_CRASH_DUMP_BYTES", "0").env("ERL_MAX_PORTS", "32000").env("ERL_MAX_ETS_TABLES", "1400");
    Ok(command)
}

/// Where Debian keeps ejabberd's own modules; it depends on the machine's architecture.
fn libraries() -> Result<PathBuf> {
    let is_library = |folder: &PathBuf| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).any(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.starts_with("ejabberd-") && path.join("ebin").is_dir()
        })
    };
    let folders = fs::read_dir("/usr/lib")?.flatten().map(|entry| entry.path());
    folders.into_iter().find(is_library).context("no modules of ejabberd below /usr/lib")
}

fn configuration(stage: &Stage, chain: &str, key: &str) -> String {
    let doors = stage.doors;
    let listen = |port: u16, tls: &str| {
        format!("  - {{port: {port}, ip: \"127.0.0.1\", module: ejabberd_c2s, backlog: 1000{tls}}}\n")
    };
    let more = match stage.profile {
        Profile::Bare => "",
        Profile::Scenes => {
            "  mod_carboncopy: {}\n  mod_client_state: {}\n  mod_last: {}\n  mod_stream_mgmt: {}\n  mod_time: {}\n"
        }
        Profile::Full => {
            "  mod_mam: {default: always}\n  mod_carboncopy: {}\n  mod_stream_mgmt: {resend_on_timeout: if_offline}\n  \
             mod_client_state: {}\n  mod_pubsub: {plugins: [flat, pep]}\n  mod_caps: {}\n  mod_blocking: {}\n  \
             mod_privacy: {}\n  mod_push: {}\n  mod_vcard_xupdate: {}\n  mod_last: {}\n  mod_adhoc: {}\n"
        }
    };
    format!(
        "loglevel: info\nhosts:{hosts}\ns2s_access: none\nregistration_timeout: infinity\n\
         certfiles: [\"{chain}\", \"{key}\"]\nauth_method: internal\n\
         auth_password_format: scram\ndisable_sasl_mechanisms: [\"digest-md5\", \"X-OAUTH2\"]\n\
         shaper_rules:\n  max_user_sessions: infinity\n  max_user_offline_messages: infinity\nlisten:\n",
        hosts = stage.hosts().map(|host| format!("\n  - \"{host}\"")).collect::<String>()
    ) + &listen(doors.starttls, ", starttls: true, starttls_required: true")
        + &listen(doors.optional, ", starttls: true")
        + &listen(doors.direct, ", tls: true")
        + &listen(doors.plain, "")
        + &listen(doors.legacy, "")
        + "modules:\n  mod_disco: {}\n  mod_roster: {versioning: true}\n  mod_legacy_auth: {}\n  mod_muc: {}\n  \
           mod_offline: {access_max_user_messages: max_user_offline_messages}\n  mod_ping: {}\n  mod_private: {}\n  \
           mod_vcard: {search: false}\n  mod_version: {}\n"
        + more
        + &open_hosts(stage)
}

/// The hosts at which anybody may register.
fn open_hosts(stage: &Stage) -> String {
    let open: Vec<&str> = stage.guests.iter().filter(|guest| guest.open).map(|guest| guest.name.as_str()).collect();
    if open.is_empty() {
        return String::new();
    }
    let host = |name: &&str| format!("  \"{name}\":\n    modules:\n      mod_register: {{ip_access: all}}\n");
    format!("append_host_config:\n{}", open.iter().map(host).collect::<String>())
}
