//! The addresses: all of them are taken before anything is served, and one that cannot be had says what to do.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use net::http::{HttpDoors, HttpListener};
use net::listen::{ListenError, Listeners};
use net::relay::{Relay, RelayListener};
use net::{ClientListener, Doors, IqAuth, TlsMode};

use crate::cli::{Origin, Setup};
use crate::config::{Legacy, Listen, Serves, Tls};
use crate::events;
use crate::failure::Failure;
use crate::metrics::{self, Figures};
use crate::operations::Door;

/// Addresses that are taken, with nobody served yet.
pub(super) struct Bound {
    /// For clients.
    pub(super) streams: Listeners,
    /// For HTTP.
    pub(super) http: Vec<HttpListener>,
    /// Of the relay.
    pub(super) relay: Vec<RelayListener>,
    /// All of them, for people.
    pub(super) described: Vec<Door>,
}

/// Takes the address of every door.
pub(super) fn bind(streams: &Doors, http: &HttpDoors, relay: Option<&Relay>, setup: &Setup) -> Result<Bound, Failure> {
    let refused =
        |error: ListenError| Failure::new(sentence("listen.address", error.address, error.cause.kind(), &error.cause));
    let present = present(setup);
    let serve = |whom: Serves| present.iter().filter(move |door| door.serves == whom);
    let (clients, files, relays) = (serve(Serves::Clients), serve(Serves::Http), serve(Serves::Bytestreams));
    let wanted: Vec<ClientListener> = clients.clone().map(listener).collect();
    let streams = streams.bind(&wanted).map_err(refused)?;
    let mut described: Vec<Door> =
        clients.zip(streams.addresses()).map(|(door, address)| self::described(door, address)).collect();
    let (mut over_http, mut relayed) = (Vec::new(), Vec::new());
    for door in files {
        let bound = http.bind(door.address, door.tls == Tls::Direct).map_err(refused)?;
        described.push(self::described(door, bound.address().unwrap_or(door.address)));
        over_http.push(bound);
    }
    for (door, relay) in relays.filter_map(|door| Some((door, relay?))) {
        let bound = relay.bind(door.address).map_err(refused)?;
        described.push(self::described(door, bound.address().unwrap_or(door.address)));
        relayed.push(bound);
    }
    Ok(Bound { streams, http: over_http, relay: relayed, described })
}

fn described(door: &Listen, address: SocketAddr) -> Door {
    let (serves, tls) = (door.serves.word().to_owned(), door.tls.word().to_owned());
    Door { address: address.to_string(), serves, tls }
}

/// The doors to open. The trial start does without IPv6 where the machine has none.
fn present(setup: &Setup) -> Vec<Listen> {
    let mut doors = setup.config.listen.clone();
    if setup.origin == Origin::Development {
        doors.retain(|door| match TcpListener::bind(SocketAddr::new(door.address.ip(), 0)) {
            Err(error) if door.address.is_ipv6() => {
                events::door_skipped(door.address, error);
                false
            }
            _ => true,
        });
    }
    doors
}

fn listener(door: &Listen) -> ClientListener {
    ClientListener {
        address: door.address,
        tls: match door.tls {
            Tls::StartTls => TlsMode::StartTls,
            Tls::Direct => TlsMode::Direct,
            Tls::None => TlsMode::None,
        },
        require_tls: door.require_tls,
        legacy: match door.legacy {
            Legacy::Auto => net::Legacy::Auto,
            Legacy::Always => net::Legacy::Always,
            Legacy::Never => net::Legacy::Never,
        },
        iq_auth: match door.legacy {
            Legacy::Never => IqAuth::Never,
            _ if door.require_tls => IqAuth::WhenEncrypted,
            _ => IqAuth::Always,
        },
    }
}

/// Why an address cannot be had, and what to do.
pub fn sentence(key: &str, address: SocketAddr, kind: ErrorKind, error: &dyn std::fmt::Display) -> String {
    match kind {
        ErrorKind::AddrInUse => {
            format!("{address} is taken by another program: stop that one, or change {key} in the configuration")
        }
        ErrorKind::PermissionDenied => {
            format!("{address} is not for this user (ports below 1024 are the system's): choose a higher port in {key}")
        }
        ErrorKind::AddrNotAvailable | ErrorKind::Unsupported => {
            format!("{address} is not an address of this machine: change {key} in the configuration")
        }
        _ => format!("{address} cannot be opened: {error}; change {key} in the configuration"),
    }
}

/// Opens the page of figures, if it is wanted. The trial start does without it where its address is taken.
pub(super) fn metrics(setup: &Setup, http: &HttpDoors, figures: Figures) -> Result<(), Failure> {
    let Some(address) = setup.config.metrics.address.0 else { return Ok(()) };
    match metrics::serve(address, http, figures) {
        Err(error) if setup.origin == Origin::Development => events::door_skipped(address, error.cause),
        Err(error) => {
            return Err(Failure::new(sentence("metrics.address", address, error.cause.kind(), &error.cause)));
        }
        Ok(()) => {}
    }
    Ok(())
}
