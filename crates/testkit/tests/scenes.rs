//! Plays every scene of the workspace against the server in this process.

use std::path::Path;
use testkit::stage::InProcess;

fn main() {
    let workspace = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    testkit::harness::run::<InProcess>(workspace, &()).exit();
}
