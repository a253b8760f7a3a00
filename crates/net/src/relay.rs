//! The relay for files between two clients that cannot, or would rather not, connect to each other: neither learns where the other is.
//!
//! **Source** XEP-0065 1.8.2 §5 and §6, RFC 1928. Two connections ask for the same destination, a hash that only the two clients know, and wait. When
//! an extension says that the requester is one of our accounts ([`im::Relay`]), they are joined. What is sent before that is thrown away (§9.1).

mod join;
mod ledger;
mod socks;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use im::RelayError;
use parking_lot::Mutex;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use xmpp::Jid;

use crate::connections::{Connections, Place};
use crate::listen::{self, ListenError};
use crate::{Counter, Limits, events};
use ledger::{Account, Ledger};
use socks::Destination;

/// Bounds of the relay. Seconds end in `_s`, sizes in `_bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayLimits {
    /// From connecting to having said the destination.
    pub handshake_s: u32,
    /// How long a connection waits to be joined with another.
    pub wait_s: u32,
    /// How long two joined connections may be silent, or one take nothing.
    pub idle_s: u32,
    /// Connections together.
    pub connections: usize,
    /// Connections of one address (IPv6: of one /64); loopback is exempt.
    pub connections_per_address: usize,
    /// Streams that one account has at a time.
    pub streams_per_account: usize,
    /// What all streams of one account carry per second, beyond a burst of one second's worth; 0: any.
    pub account_bytes_per_s: u64,
    /// What all streams of one account carry in 24 hours.
    pub account_bytes_per_day: u64,
}

impl Default for RelayLimits {
    fn default() -> RelayLimits {
        RelayLimits {
            handshake_s: 20,
            wait_s: 120,
            idle_s: 300,
            connections: 1_000,
            connections_per_address: 50,
            streams_per_account: 8,
            account_bytes_per_s: 10_485_760,
            account_bytes_per_day: 10_737_418_240,
        }
    }
}

/// What is counted at the relay.
#[derive(Debug, Default)]
pub struct RelayMetrics {
    /// Connections accepted.
    pub connections_opened: Counter,
    /// Connections turned away because of a limit.
    pub connections_refused: Counter,
    /// Pairs that were joined.
    pub joined: Counter,
    /// Bytes carried.
    pub bytes: Counter,
    /// Bytes thrown away because they came before two connections were joined.
    pub early_bytes: Counter,
}

/// The relay of a server. Clones are the same relay.
#[derive(Clone)]
pub struct Relay(Arc<Shared>);

struct Shared {
    limits: RelayLimits,
    places: Limits,
    connections: Arc<Connections>,
    metrics: RelayMetrics,
    ledger: Ledger,
    waiting: Mutex<HashMap<Destination, Vec<Waiter>>>,
    /// Counts those who waited.
    numbers: AtomicU64,
    address: Mutex<Option<SocketAddr>>,
    accepting: Mutex<Vec<JoinHandle<()>>>,
}

/// A connection that waits, and how it is told what to do.
struct Waiter {
    number: u64,
    tell: oneshot::Sender<Role>,
}

/// What a connection does once there are two.
enum Role {
    /// Give the other one your socket.
    Give(oneshot::Sender<(Side, Place)>),
    /// Take the other's, and carry between them.
    Carry(oneshot::Receiver<(Side, Place)>, Account),
}

/// One of two connections that are joined.
struct Side {
    socket: TcpStream,
    /// What its client has said since they were joined.
    said: Vec<u8>,
}

/// What a client may send before its connection is joined, bytes.
const EARLY: usize = 65_536;

impl Relay {
    /// A relay with these bounds, which listens nowhere yet.
    pub fn new(limits: RelayLimits) -> Relay {
        let places = Limits {
            connections: limits.connections,
            connections_per_address: limits.connections_per_address,
            ..Limits::default()
        };
        Relay(Arc::new(Shared {
            limits,
            places,
            connections: Arc::default(),
            metrics: RelayMetrics::default(),
            ledger: Ledger::new(limits),
            waiting: Mutex::default(),
            numbers: AtomicU64::new(0),
            address: Mutex::default(),
            accepting: Mutex::default(),
        }))
    }

    /// Binds an address; nobody is served yet. Within a runtime.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub fn bind(&self, address: SocketAddr) -> Result<RelayListener, ListenError> {
        let listener = listen::bind(address).map_err(|cause| ListenError { address, cause })?;
        let bound = listener.local_addr().map_err(|cause| ListenError { address, cause })?;
        self.0.address.lock().get_or_insert(bound);
        Ok(RelayListener { relay: self.clone(), listener })
    }

    /// How many connections are open now.
    pub fn connections(&self) -> usize {
        self.0.connections.count()
    }

    /// The counters.
    pub fn metrics(&self) -> &RelayMetrics {
        &self.0.metrics
    }

    /// Accepts nobody any more. Streams go on until the process ends.
    pub fn stop_accepting(&self) {
        self.0.accepting.lock().drain(..).for_each(|task| task.abort());
    }

    fn take(&self, socket: TcpStream, peer: IpAddr) {
        let place = match self.0.connections.enter(Some(peer), &self.0.places) {
            Ok(place) => place,
            Err(limit) => {
                self.0.metrics.connections_refused.one();
                return events::connection_refused(Some(peer), limit);
            }
        };
        self.0.metrics.connections_opened.one();
        let relay = self.clone();
        // Whoever leaves or breaks a rule is let go: there is nobody to tell.
        tokio::spawn(async move { drop(relay.serve(socket, place).await) });
    }

    async fn serve(&self, mut socket: TcpStream, place: Place) -> io::Result<()> {
        let patience = Duration::from_secs(self.0.limits.handshake_s.into());
        let destination = timeout(patience, socks::ask(&mut socket)).await??;
        let Some((number, told)) = self.wait_for(&destination) else {
            return socks::refuse(&mut socket).await;
        };
        let seat = Seat { relay: self, destination: &destination, number };
        let agreed = timeout(patience, socks::agree(&mut socket, &destination)).await;
        agreed??;
        let patience = Duration::from_secs(self.0.limits.wait_s.into());
        let (role, said) = timeout(patience, self.listen_until(&mut socket, told)).await??;
        drop(seat);
        let side = Side { socket, said };
        match role {
            Role::Give(to) => {
                // If the other is gone, so is the stream.
                drop(to.send((side, place)));
                Ok(())
            }
            Role::Carry(from, account) => {
                let (other, _place) = from.await.map_err(|_| io::ErrorKind::BrokenPipe)?;
                self.0.metrics.joined.one();
                join::carry(side, other, &account, &self.0.limits, &self.0.metrics.bytes).await
            }
        }
    }

    /// A seat among those who wait for a destination, if there is one: two are all that can be joined (§9.1).
    fn wait_for(&self, destination: &Destination) -> Option<(u64, oneshot::Receiver<Role>)> {
        let mut waiting = self.0.waiting.lock();
        let waiters = waiting.entry(destination.clone()).or_default();
        if waiters.len() >= 2 {
            return None;
        }
        let number = self.0.numbers.fetch_add(1, Ordering::Relaxed);
        let (tell, told) = oneshot::channel();
        waiters.push(Waiter { number, tell });
        Some((number, told))
    }

    /// Waits for a role, and throws away what the client says before there is one; a client that leaves, or says much, is given up. With the role comes
    /// what was said since.
    async fn listen_until(
        &self,
        socket: &mut TcpStream,
        mut told: oneshot::Receiver<Role>,
    ) -> io::Result<(Role, Vec<u8>)> {
        let (mut early, mut part) = (0, [0; 1_024]);
        while early <= EARLY {
            let count = tokio::select! {
                biased;
                role = &mut told => return role.map(|role| (role, Vec::new())).map_err(|_| io::ErrorKind::BrokenPipe.into()),
                read = socket.read(&mut part) => read?,
            };
            if let Ok(role) = told.try_recv() {
                // Joined while this was read: it may have been said in answer to that.
                return Ok((role, part[..count].to_vec()));
            }
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.0.metrics.early_bytes.add(count as u64);
            early += count;
        }
        Err(io::ErrorKind::QuotaExceeded.into())
    }
}

impl im::Relay for Relay {
    fn activate(&self, destination: &str, account: &Jid) -> Result<(), RelayError> {
        let destination = Destination::read(destination.as_bytes()).ok_or(RelayError::Nobody)?;
        let mut waiting = self.0.waiting.lock();
        let present = waiting.get(&destination).map_or(0, Vec::len);
        if present < 2 {
            return Err(if present == 0 { RelayError::Nobody } else { RelayError::Alone });
        }
        let account = self.0.ledger.open(account).ok_or(RelayError::UsedUp)?;
        let mut pair = waiting.remove(&destination).unwrap_or_default().into_iter();
        drop(waiting);
        if let (Some(first), Some(second)) = (pair.next(), pair.next()) {
            let (to, from) = oneshot::channel();
            // One that has just gone takes the other with it.
            drop(first.tell.send(Role::Give(to)));
            drop(second.tell.send(Role::Carry(from, account)));
        }
        Ok(())
    }

    fn address(&self) -> Option<SocketAddr> {
        *self.0.address.lock()
    }
}

/// A seat that is given up when its connection ends; taking a role gives it up, too.
struct Seat<'a> {
    relay: &'a Relay,
    destination: &'a Destination,
    number: u64,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut waiting = self.relay.0.waiting.lock();
        if let Some(waiters) = waiting.get_mut(self.destination) {
            waiters.retain(|waiter| waiter.number != self.number);
            if waiters.is_empty() {
                waiting.remove(self.destination);
            }
        }
    }
}

/// An address of the relay that is bound, with nobody served yet.
pub struct RelayListener {
    relay: Relay,
    listener: TcpListener,
}

impl RelayListener {
    /// The address, with the port that the system chose where 0 was asked for.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Begins to accept.
    pub fn open(self) {
        let relay = self.relay.clone();
        let take = move |socket, peer| relay.take(socket, peer);
        self.relay.0.accepting.lock().push(tokio::spawn(listen::accept(self.listener, take)));
    }
}
