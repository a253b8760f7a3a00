//! The addresses: all of them are taken before anything is served, and one that cannot be had says what to do.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use net::listen::Listeners;
use net::{ClientListener, Doors, IqAuth, TlsMode};
use tokio::task::JoinHandle;

use crate::cli::{Origin, Setup};
use crate::config::{Config, Legacy, Listen, Tls};
use crate::events;
use crate::failure::Failure;
use crate::metrics::{self, Figures};
use crate::operations::Door;

/// Takes the address of every door.
pub(super) fn bind(doors: &Doors, setup: &Setup) -> Result<Listeners, Failure> {
    let wanted: Vec<ClientListener> = present(setup).iter().map(listener).collect();
    let bound = doors.bind(&wanted);
    bound.map_err(|error| Failure::new(sentence("listen.address", error.address, error.cause.kind(), &error.cause)))
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

/// The open doors, for people.
pub(super) fn described(addresses: &[SocketAddr], config: &Config) -> Vec<Door> {
    let of = |address: &SocketAddr| {
        let door = config.listen.iter().find(|door| door.address == *address || door.address.port() == 0);
        let (serves, tls) = door.map_or(("clients", "starttls"), |door| (door.serves.word(), door.tls.word()));
        Door { address: address.to_string(), serves: serves.to_owned(), tls: tls.to_owned() }
    };
    addresses.iter().map(of).collect()
}

/// Opens the page of figures, if it is wanted. The trial start does without it where its address is taken.
pub(super) async fn metrics(setup: &Setup, figures: Figures) -> Result<Option<JoinHandle<()>>, Failure> {
    let Some(address) = setup.config.metrics.address.0 else { return Ok(None) };
    match metrics::serve(address, figures).await {
        Ok(page) => Ok(Some(page)),
        Err(error) if setup.origin == Origin::Development => {
            events::door_skipped(address, error);
            Ok(None)
        }
        Err(error) => Err(Failure::new(sentence("metrics.address", address, error.kind(), &error))),
    }
}
