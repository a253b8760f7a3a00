//! Configuration, wiring, start and stop, the command line.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod cli;
pub mod config;
pub mod control;
pub mod doctor;
pub mod events;
pub mod failure;
pub mod log;
pub mod metrics;
pub mod operations;
pub mod wire;
