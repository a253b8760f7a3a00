//! The heart under a scheduler that chooses, at every lock and every atomic, which thread goes next.
//!
//! A model is a small play of threads on a real hub, its extensions and the store in memory. It is played again and again, each time with another
//! order of steps; what fails names the seed with which it is played again. `cargo xtask models` runs them; `docs/design/011-interleavings.md`.
#![cfg(shuttle)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod client;
mod losing;
mod outbox;
mod resuming;
mod shutdown;
mod simulation;
mod stage;
mod waking;
