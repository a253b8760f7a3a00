//! The crate from the outside.

mod reading;
