//! Plays every scene of the workspace against the server in this process: on one member, and on two.

use std::path::Path;
use testkit::stage::{Form, InProcess};

fn main() {
    let workspace = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let houses = [
        ("", Form::Alone),
        (" on two members", Form::TwoMembers),
        (" with homes apart", Form::HomesApart),
        (" until a member dies", Form::Fallen),
    ];
    testkit::harness::run::<InProcess>(workspace, &houses).exit();
}
