//! The vocabulary of Jabber: addresses, stanzas, errors, credentials.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod jid;
pub mod ns;
mod prep;
pub mod sasl;
pub mod time;

pub use jid::{Jid, JidError, JidRef};
pub use time::Timestamp;
