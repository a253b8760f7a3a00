//! What the vocabulary promises, rule by rule.
#![allow(clippy::unwrap_used, clippy::panic)]

mod error;
mod jid;
mod sasl;
mod stanza;
mod time;
