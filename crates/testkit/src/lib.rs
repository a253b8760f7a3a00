//! Scenes: small plays of clients and a server that anybody who uses Jabber can read, and that prove how it behaves.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod harness;
pub mod placeholders;
pub mod player;
pub mod scene;
pub mod stage;
pub mod tree;
pub mod typed;
