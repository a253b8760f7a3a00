//! Configuration, wiring, start and stop, the command line.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod config;
