//! The crate from the outside.

#![allow(clippy::unwrap_used, clippy::panic)]

mod agreement;
mod generate;
mod judge;
mod limits;
mod meaning;
mod oracle;
mod properties;
mod reading;
mod streams;
mod strictness;
