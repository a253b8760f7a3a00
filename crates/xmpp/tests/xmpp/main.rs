//! What the vocabulary promises, rule by rule.
#![allow(clippy::unwrap_used, clippy::panic)]

mod jid;
mod sasl;
mod time;
