//! What a quiet session costs: the slope of resident memory while sessions are added that do nothing.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::args::Args;
use crate::process::Tree;
use crate::session::{Session, Target};

/// Opens `--from` sessions, then more until there are `--until`, and compares the server's memory.
pub(crate) fn run(args: &Args) -> Result<Value> {
    let target = Target::read(args)?;
    let (from, until) = (args.number("from", 200)?, args.number("until", 2000)?);
    ensure!(from % 2 == 0 && until % 2 == 0 && from < until, "--from and --until must be even and growing");
    let settle = Duration::from_secs(args.number("settle", 2)?);
    let server = Tree::of(args.number("cpu-of", std::process::id())?);
    let mut sessions = Vec::with_capacity(until);
    let before = resident_with(&target, &mut sessions, from, settle, server)?;
    let after = resident_with(&target, &mut sessions, until, settle, server)?;
    target.keep_keys()?;
    let per_session = (after as f64 - before as f64) / (until - from) as f64;
    Ok(json!({
        "sessions_from": from, "sessions_until": until,
        "resident_from_bytes": before, "resident_until_bytes": after,
        "bytes_per_session": per_session,
    }))
}

fn resident_with(
    target: &Target,
    sessions: &mut Vec<Session>,
    count: usize,
    settle: Duration,
    server: Tree,
) -> Result<u64> {
    for user in sessions.len()..count {
        sessions.push(target.open(user)?);
    }
    sleep(settle);
    for (user, session) in sessions.iter().enumerate() {
        ensure!(session.is_open()?, "the session of user {user} was closed");
    }
    server.resident()
}
