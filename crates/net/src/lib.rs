//! The doors: sockets, TLS, negotiation, dialects.
//!
//! A stanza's first and last stops are here. A client's bytes come in through a socket ([`c2s::serve`]), perhaps through
//! [`tls`], become elements, and are admitted to the heart in its one form; what the heart has queued is written in the
//! stream's own dialect. [`Doors`] is what all of them share, [`listen`] opens them to the world.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod admit;
pub mod c2s;
mod closing;
mod connections;
pub mod dialect;
mod doors;
mod events;
pub mod http;
mod io;
pub mod listen;
mod metrics;
mod nonza;
mod options;
mod pace;
pub mod relay;
mod scratch;
mod stream;
pub mod tls;
pub mod wheel;

pub use doors::Doors;
pub use io::Socket;
pub use metrics::{ByCondition, ByTls, Counter, Metrics};
pub use options::{ClientListener, IqAuth, Legacy, Limits, TlsMode};
