//! The program as a person and a script meet it: the real binary on a folder of its own.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod accounts;
mod addresses;
mod certificates;
mod client;
mod control;
mod damaged;
mod doctor;
mod full_disk;
mod killed;
mod mistakes;
mod relay;
mod serving;
mod stage;
mod uploads;
