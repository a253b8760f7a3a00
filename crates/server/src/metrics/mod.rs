//! Figures for Prometheus: each has a sentence, and is read at the moment when somebody asks.

mod figures;
mod process;

use std::net::SocketAddr;
use std::sync::Arc;

use im::Hub;
use net::Doors;
use net::http::{HttpDoors, Page, pages};
use net::listen::ListenError;
use prometheus_client::registry::Registry;

use crate::wire::Running;

pub use figures::{FIGURES, Figure};

/// The state of one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    /// Client connections that are open.
    pub connections: u64,
    /// Clients that have logged in.
    pub sessions: u64,
    /// Accounts in memory.
    pub accounts_awake: u64,
    /// Writes that wait for the disk.
    pub writes_waiting: u64,
    /// Bytes of these.
    pub writes_waiting_bytes: u64,
}

impl Now {
    /// Looks at the heart and the doors.
    pub fn of(hub: &Hub, doors: &Doors) -> Self {
        let homes = hub.homes();
        let sessions: usize = homes.iter().map(|home| home.with(hub, |within| within.account.sessions().len())).sum();
        let backlog = hub.store().backlog();
        Now {
            connections: doors.connections() as u64,
            sessions: sessions as u64,
            accounts_awake: homes.len() as u64,
            writes_waiting: backlog.batches as u64,
            writes_waiting_bytes: backlog.bytes as u64,
        }
    }
}

/// What the figures are read from.
#[derive(Clone)]
pub struct Figures {
    hub: Hub,
    running: Arc<Running>,
}

impl Figures {
    /// The figures of a running server.
    pub fn new(hub: Hub, running: Arc<Running>) -> Self {
        Figures { hub, running }
    }

    /// All figures in the text form of OpenMetrics.
    pub fn text(&self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(figures::Collected {
            figures: self.clone(),
            now: self.running.figures(&self.hub),
        }));
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
        text
    }
}

/// Opens the page `/metrics`.
///
/// # Errors
/// When the address cannot be had.
pub fn serve(address: SocketAddr, http: &HttpDoors, figures: Figures) -> Result<(), ListenError> {
    let page =
        move |path: &str| (path == "/metrics").then(|| Page { content_type: CONTENT_TYPE, body: figures.text() });
    http.bind(address, false)?.open(pages(page));
    Ok(())
}

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
