//! Whether the addresses of the doors are free.

use std::net::{SocketAddr, TcpListener};

use super::Finding;
use crate::config::Config;
use crate::wire::listener_sentence;

/// Every door, and the page of figures.
pub(super) fn examine(config: &Config, running: bool) -> Vec<Finding> {
    let doors = config.listen.iter().map(|door| ("listen.address", door.address));
    let metrics = config.metrics.address.0.map(|address| ("metrics.address", address));
    doors.chain(metrics).map(|(key, address)| door(key, address, running)).collect()
}

fn door(key: &str, address: SocketAddr, running: bool) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) if running => Finding::warn(
            "port",
            format!("{address} is free though the server runs: it was started with another configuration, restart it"),
        ),
        Ok(_) => Finding::ok("port", format!("{address} is free")),
        Err(error) if running && error.kind() == std::io::ErrorKind::AddrInUse => {
            Finding::ok("port", format!("{address} is in use by the running server"))
        }
        Err(error) => Finding::fail("port", listener_sentence(key, address, error.kind(), &error)),
    }
}
