//! What all doors of the server share: the heart behind them, their bounds, their clock hand, their counters.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use im::Hub;

use crate::connections::{Connections, Place};
use crate::tls::{self, Acceptor, Certificates};
use crate::wheel::Wheel;
use crate::{Limits, Metrics};

/// The doors of one server. Clones are the same doors.
#[derive(Clone)]
pub struct Doors(Arc<Shared>);

struct Shared {
    hub: Hub,
    limits: Limits,
    wheel: Arc<Wheel>,
    metrics: Metrics,
    tls: Option<(Acceptor, Arc<Certificates>)>,
    connections: Arc<Connections>,
    stopping: AtomicBool,
}

impl Doors {
    /// Doors to a heart. Without certificates there is no encryption to be had.
    pub fn new(hub: Hub, limits: Limits, certificates: Option<Arc<Certificates>>) -> Result<Doors, tls::Error> {
        let tls = match certificates {
            Some(certificates) => Some((Acceptor::for_clients(certificates.clone())?, certificates)),
            None => None,
        };
        let wheel = Wheel::new();
        wheel.tick(hub.clock().elapsed());
        let (metrics, connections) = (Metrics::default(), Arc::default());
        Ok(Doors(Arc::new(Shared { hub, limits, wheel, metrics, tls, connections, stopping: AtomicBool::new(false) })))
    }

    /// Turns the wheel of time-outs to the clock's time. Tests call it when they have moved their clock.
    pub fn tick(&self) {
        self.0.wheel.tick(self.0.hub.clock().elapsed());
    }

    /// The counters.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// How many connections are open now.
    pub fn connections(&self) -> usize {
        self.0.connections.count()
    }

    /// The certificates shown to clients.
    pub fn certificates(&self) -> Option<&Arc<Certificates>> {
        self.0.tls.as_ref().map(|(_, certificates)| certificates)
    }

    /// The heart.
    pub fn hub(&self) -> &Hub {
        &self.0.hub
    }

    /// The bounds.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// The wheel of time-outs.
    pub fn wheel(&self) -> &Arc<Wheel> {
        &self.0.wheel
    }

    pub(crate) fn acceptor(&self) -> Option<&Acceptor> {
        self.0.tls.as_ref().map(|(acceptor, _)| acceptor)
    }

    pub(crate) fn enter(&self, peer: Option<IpAddr>) -> Result<Place, &'static str> {
        self.0.connections.enter(peer, &self.0.limits)
    }

    /// From now on nobody logs in any more; who is about to is told `system-shutdown`.
    pub fn stop_logins(&self) {
        self.0.stopping.store(true, Ordering::Release);
        self.0.wheel.wake_all();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Acquire)
    }

    /// Resolves when every connection has ended.
    pub async fn closed(&self) {
        self.0.connections.none().await;
    }
}
