//! Atomics: those of the standard library, or ones between which a model can switch threads.
#[cfg(shuttle)]
pub(crate) use shuttle::sync::atomic::*;
#[cfg(not(shuttle))]
pub(crate) use std::sync::atomic::*;
