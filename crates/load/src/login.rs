//! Clients that come and go: what a login costs the server, and how soon after its start the first one is in.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::args::Args;
use crate::process::Tree;
use crate::session::Target;

/// How long a server may take from its start to the first login.
const START_LIMIT: Duration = Duration::from_secs(120);

/// Logs in, binds, ends the stream, over and over with other accounts, some at a time.
pub(crate) fn run(args: &Args) -> Result<Value> {
    let target = Target::read(args)?;
    let (users, at_once) = (args.number("users", 64_usize)?, args.number("window", 4_usize)?);
    ensure!(at_once > 0 && users >= at_once, "--users must be at least --window, and that at least 1");
    let measured = Duration::from_secs_f64(args.number("seconds", 3.0)?);
    let server = Tree::of(args.number("cpu-of", std::process::id())?);
    // Everybody once, so that passwords are stretched and accounts are known.
    (0..users).try_for_each(|user| target.log_in(user)?.close())?;
    target.keep_keys()?;
    let cpu_before = server.cpu()?;
    let began = Instant::now();
    let end = began + measured;
    let logins = thread::scope(|scope| {
        let threads: Vec<_> = (0..at_once)
            .map(|first| {
                scope.spawn({
                    let target = &target;
                    move || log_in_until(end, target, (first..users).step_by(at_once))
                })
            })
            .collect();
        let counts = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Ok(0)));
        counts.sum::<Result<u64>>()
    })?;
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), server.cpu()?.saturating_sub(cpu_before));
    ensure!(logins > 0, "nobody got in");
    Ok(json!({
        "logins": logins, "per_second": logins as f64 / seconds,
        "cpu_us_per_login": cpu.as_secs_f64() * 1e6 / logins as f64,
    }))
}

fn log_in_until(end: Instant, target: &Target, users: impl Iterator<Item = usize> + Clone) -> Result<u64> {
    let mut logins = 0;
    for user in users.cycle() {
        if Instant::now() >= end {
            break;
        }
        target.log_in(user)?.close()?;
        logins += 1;
    }
    Ok(logins)
}

/// Tries until the first login succeeds. `--since-us`: when the server was started, in microseconds since 1970.
pub(crate) fn first(args: &Args) -> Result<Value> {
    // A server that opens its door before it can answer may forget who came so early.
    let mut target = Target::read(args)?;
    target.patience = Duration::from_millis(500);
    let since = UNIX_EPOCH + Duration::from_micros(args.number("since-us", 0)?);
    let user = args.number("user", 0)?;
    loop {
        match target.log_in(user) {
            Ok(session) => {
                let took = SystemTime::now().duration_since(since).context("--since-us lies in the future")?;
                target.keep_keys()?;
                session.close()?;
                return Ok(json!({ "ms_to_first_login": took.as_secs_f64() * 1e3 }));
            }
            Err(error) => {
                let waited = SystemTime::now().duration_since(since).unwrap_or_default();
                ensure!(waited < START_LIMIT, "nobody gets in after {waited:?}: {error:#}");
                thread::sleep(Duration::from_micros(200));
            }
        }
    }
}
