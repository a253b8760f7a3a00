//! The vocabulary of Jabber: addresses, stanzas, errors, credentials.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod jid;
pub mod ns;
pub mod time;

pub use jid::{Jid, JidError, JidRef};
pub use time::Timestamp;
