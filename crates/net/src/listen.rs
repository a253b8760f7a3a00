//! Opens the doors to the world: binds addresses, accepts connections, stops accepting them.
//!
//! Everything is bound before anything is served, so that a taken port is said at start and not later. Running out of
//! file descriptors pauses accepting; nothing else does.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::wheel::TICK;
use crate::{ClientListener, Doors, Legacy, TlsMode, c2s, events};

/// Connections that the kernel holds until we accept them.
const BACKLOG: u32 = 1024;

/// How long accepting rests when the system has no room for another connection.
const REST: Duration = Duration::from_millis(100);

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {cause}")]
pub struct ListenError {
    /// The address.
    pub address: SocketAddr,
    /// What the system said.
    pub cause: io::Error,
}

/// Addresses that are bound, with nobody served yet.
pub struct Listeners {
    doors: Doors,
    bound: Vec<(TcpListener, ClientListener)>,
}

impl Doors {
    /// Binds the addresses of these listeners, all or none.
    pub fn bind(&self, listeners: &[ClientListener]) -> Result<Listeners, ListenError> {
        let bind = |options: &ClientListener| {
            let failed = |cause| ListenError { address: options.address, cause };
            Ok((bind(options.address).map_err(failed)?, *options))
        };
        Ok(Listeners { doors: self.clone(), bound: listeners.iter().map(bind).collect::<Result<_, _>>()? })
    }
}

pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Listeners {
    /// The addresses, with the ports that the system chose where 0 was asked for.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.bound.iter().filter_map(|(listener, _)| listener.local_addr().ok()).collect()
    }

    /// Begins to accept, and to turn the wheel of time-outs. Must be called within a runtime.
    pub fn open(self) -> Open {
        let mut tasks = vec![tokio::spawn(turn_the_wheel(self.doors.clone()))];
        for (listener, options) in self.bound {
            let address = listener.local_addr().unwrap_or(options.address);
            events::listening(address, tls_name(options.tls), options.require_tls, legacy_name(options.legacy));
            let doors = self.doors.clone();
            tasks.push(tokio::spawn(accept(listener, move |socket, peer| take(&doors, options, socket, peer))));
        }
        Open { doors: self.doors, tasks }
    }
}

/// Doors that stand open.
pub struct Open {
    doors: Doors,
    /// The wheel's task first, then one for each listener.
    tasks: Vec<JoinHandle<()>>,
}

impl Open {
    /// Accepts nobody any more; who is about to log in is told `system-shutdown`. Sessions go on.
    pub fn stop_accepting(&self) {
        self.tasks.iter().skip(1).for_each(JoinHandle::abort);
        self.doors.stop_logins();
    }

    /// Waits until every connection has ended, at most `patience`; whether they all have.
    pub async fn closed(&self, patience: Duration) -> bool {
        timeout(patience, self.doors.closed()).await.is_ok()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn turn_the_wheel(doors: Doors) {
    let mut beat = interval(TICK);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        doors.tick();
    }
}

/// Gives every connection to `take`, for ever.
pub(crate) async fn accept(listener: TcpListener, take: impl Fn(TcpStream, IpAddr)) {
    let mut told = false;
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => {
                told = false;
                take(socket, peer.ip().to_canonical());
            }
            // The peer has gone before we took it.
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    events::accept_failed(listener.local_addr().ok(), &error);
                }
                sleep(REST).await;
            }
        }
    }
}

fn take(doors: &Doors, options: ClientListener, socket: TcpStream, peer: IpAddr) {
    // Batches are ours to make: the kernel must not hold a stanza back to make its own.
    let _ = socket.set_nodelay(true);
    let dead = Duration::from_secs(doors.limits().dead_s.into());
    let _ = socket2::SockRef::from(&socket).set_tcp_user_timeout(Some(dead));
    tokio::spawn(c2s::serve(doors.clone(), options, socket, Some(peer)));
}

fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

fn tls_name(mode: TlsMode) -> &'static str {
    match mode {
        TlsMode::StartTls => "starttls",
        TlsMode::Direct => "direct",
        TlsMode::None => "none",
    }
}

fn legacy_name(legacy: Legacy) -> &'static str {
    match legacy {
        Legacy::Auto => "auto",
        Legacy::Always => "always",
        Legacy::Never => "never",
    }
}
