//! The clients' door over a pipe, with a heart on a memory store behind it and a clock that is turned by hand.
#![allow(clippy::unwrap_used, clippy::panic)]

mod bad_input;
mod encrypted;
mod house;
mod http;
mod legacy;
mod modern;
mod mutants;
mod patience;
mod relay;
mod sockets;
mod zero_knowledge;
