//! The vocabulary of Jabber: addresses, stanzas, errors, credentials.
//!
//! Everything here is a value: nothing waits, nothing is sent, nothing is stored.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod delay;
pub mod error;
pub mod forms;
pub mod jid;
pub mod ns;
mod prep;
pub mod sasl;
pub mod stanza;
pub mod stream_error;
pub mod time;

pub use error::{Condition, ErrorType, StanzaError};
pub use jid::{Jid, JidError, JidRef};
pub use stanza::{IqType, Kind, MessageType, PresenceType, ReadError, Stanza};
pub use stream_error::{StreamCondition, StreamError};
pub use time::Timestamp;
