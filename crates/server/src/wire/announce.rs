//! What a person sees at the start: where the server is, what it keeps, how to add the first user. Scripts get one line, `ready`.

use std::io::Write;
use std::time::Instant;

use net::tls::{Certificates, Description};
use sd_notify::NotifyState;

use super::Running;
use crate::cli::{Origin, Setup};
use crate::config::{Config, Domain, Format, Listen, Registration, Serves, Tls};
use crate::events;

/// Says that the server begins to start.
pub(super) fn starting(setup: &Setup) {
    if setup.config.log.format == Format::Json {
        events::starting(env!("CARGO_PKG_VERSION"), configuration(setup), setup.config.data.display());
    }
}

/// Says that every door is open: to people on standard error, to scripts by one line on standard output.
pub(super) fn ready(setup: &Setup, running: &Running, certificates: &Certificates, began: Instant) {
    match setup.config.log.format {
        Format::Text => eprint!("{}", banner(setup, running, certificates)),
        Format::Json => ready_events(&setup.config, running),
    }
    events::ready(running.doors.len(), began.elapsed().as_millis());
    let mut out = std::io::stdout().lock();
    // Nobody may be listening; the server serves all the same.
    let _ = out.write_all(b"ready\n").and_then(|()| out.flush());
}

fn ready_events(config: &Config, running: &Running) {
    for door in &running.doors {
        events::listening(&door.address, &door.serves, &door.tls);
    }
    for door in clear_doors(config) {
        events::clear_passwords(door.address);
    }
    for host in open_hosts(config) {
        events::open_registration(host);
    }
    if super::hosts::lacks_url(config) {
        events::upload_off("upload.url");
    }
}

/// The doors where passwords may cross in the clear.
fn clear_doors(config: &Config) -> impl Iterator<Item = &Listen> {
    let clients = config.listen.iter().filter(|door| door.serves == Serves::Clients);
    clients.filter(|door| !door.require_tls && door.tls != Tls::Direct)
}

/// The hosts where anybody may make an account.
fn open_hosts(config: &Config) -> impl Iterator<Item = &Domain> {
    config.host_tables().filter(|(_, host)| host.registration == Registration::Open).map(|(name, _)| name)
}

fn configuration(setup: &Setup) -> String {
    match &setup.origin {
        Origin::File(file) => file.display().to_string(),
        Origin::Development => "none".to_owned(),
    }
}

/// What a person sees. Everything a first client needs is in it.
fn banner(setup: &Setup, running: &Running, certificates: &Certificates) -> String {
    let config = &setup.config;
    let mut lines = vec![title(setup), String::new()];
    let mut line = |name: &str, text: String| lines.push(format!("  {name:<14}{text}"));
    for (n, door) in running.doors.iter().enumerate() {
        let name = if n == 0 { "addresses" } else { "" };
        line(name, format!("{:<22} {}", door.address, meaning(&door.serves, &door.tls)));
    }
    line("data folder", config.data.display().to_string());
    for (host, _) in config.host_tables() {
        line("certificate", certificate(host, certificates.describe(host.as_str())));
    }
    if let Some(address) = config.metrics.address.0 {
        line("figures", format!("http://{address}/metrics"));
    }
    line("new account", format!("{} user add alice@{}", setup.command(), config.hosts[0]));
    for host in open_hosts(config) {
        line("WARNING", format!("anybody who reaches {host} may make an account"));
    }
    let clear: Vec<String> = clear_doors(config).map(|door| door.address.to_string()).collect();
    if super::hosts::lacks_url(config) {
        line(
            "WARNING",
            "files cannot be uploaded: the listener for HTTP is not encrypted and `upload.url` is not set".to_owned(),
        );
    }
    if !clear.is_empty() {
        line("WARNING", format!("passwords may cross in the clear at {}", clear.join(" and ")));
    }
    lines.push(String::new());
    lines.join("\n") + "\n"
}

fn title(setup: &Setup) -> String {
    let version = env!("CARGO_PKG_VERSION");
    match &setup.origin {
        Origin::File(file) => format!("Yatter {version} serves as {} says.", file.display()),
        Origin::Development => {
            format!(
                "Yatter {version} serves this machine only: without a configuration (`yatter init`) nobody else can connect."
            )
        }
    }
}

fn meaning(serves: &str, tls: &str) -> &'static str {
    match tls {
        _ if serves == Serves::Bytestreams.word() => "a relay for files between clients",
        "none" if serves == Serves::Http.word() => "files over HTTP, never encrypted: for a proxy in front of it",
        _ if serves == Serves::Http.word() => "files over HTTPS",
        "direct" => "clients, encrypted from the first byte",
        "none" => "clients, never encrypted",
        _ => "clients, encrypted when they ask (STARTTLS)",
    }
}

fn certificate(host: &Domain, found: Option<Description>) -> String {
    let Some(found) = found else { return host.to_string() };
    let kind = if found.self_signed { "self-signed, " } else { "" };
    format!("{host}: {kind}SHA-256 {}", found.fingerprint)
}

/// Tells the service manager, if there is one.
pub(super) fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        events::notification_failed(error);
    }
}

/// Tells the service manager that the configuration is being read again.
pub(super) fn notify_reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => events::notification_failed(error),
    }
}
