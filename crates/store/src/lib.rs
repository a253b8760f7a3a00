//! What a server must remember (rosters, accounts, messages that wait) is kept here, safe once it says so.
//!
//! A [`Store`] opens *shapes* by name: [`KeyValue`], [`Map`], [`Log`] and [`Archive`]. All writing goes through a
//! [`Batch`], which is committed whole or not at all, in the order of submission, and answers through a [`Ticket`].
//! Every batch names the home that makes it and that home's [`Epoch`]; an older epoch is refused, and a commit that
//! fails fences the homes in it until they claim anew, so that nothing is built on a lost write. A [`Blob`] holds files
//! beside all this.
//!
//! This crate knows no XMPP: owners, keys and bytes mean nothing to it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod batch;
mod blob;
#[cfg(feature = "sqlite")]
mod complaint;
mod epoch;
mod error;
mod faults;
mod memory;
mod queue;
mod read;
mod shapes;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
mod ticket;

pub use batch::{BATCH_BYTES, Batch, History, Row};
pub use blob::{Blob, Writing};
pub use epoch::Epoch;
pub use error::Error;
pub use faults::Faults;
pub use queue::Backlog;
pub use read::{READ_BYTES, Read};
pub use shapes::{Archive, KeyValue, Log, Map};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteOptions;
pub use store::Store;
pub use ticket::{Outcome, Promise, State, Ticket};
