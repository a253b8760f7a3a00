//! Plays every scene of the workspace.
fn main() {}
