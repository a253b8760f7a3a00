//! Drives a server with many conversations at once, checks every byte that comes back, and says what it cost the server.
//!
//! One JSON object on standard output is the result; words for people go to standard error. Knows no other crate of
//! the workspace: what it checks must not be read by the code that it checks.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod args;
mod flow;
mod idle;
mod latency;
mod link;
mod login;
mod message;
mod offline;
mod presence;
mod process;
mod relay;
mod route;
mod scan;
mod scram;
mod session;

use std::process::ExitCode;

use anyhow::{Result, bail};
use args::Args;

const HELP: &str = "\
yatter-load: one measurement of a server that is already running

  yatter-load relay    --listen 127.0.0.1:0 [--tls-listen 127.0.0.1:0]
      a bare relay: the 1st connection talks with the 2nd, the 3rd with the 4th; prints `ready PORT [TLS-PORT]`
  yatter-load route    --to ADDRESS --pairs 10 --window 32 --seconds 3 [--warmup 1] [--bytes 350]
      every pair keeps WINDOW chat messages under way from left to right
  yatter-load latency  --to ADDRESS --pairs 10 --rate 1000 --seconds 3 [--warmup 0.5] [--bytes 350]
      so many messages a second over all pairs, due at fixed times; how late they arrive
  yatter-load presence --to ADDRESS --contacts 100 --window 4 --seconds 3 [--warmup 1] [--first-user 0]
      one account changes its presence, WINDOW changes under way, and the users after it see it
  yatter-load login    --to ADDRESS --users 64 --window 4 --seconds 3
      logins, WINDOW at a time: SCRAM-SHA-1, bind, end of the stream
  yatter-load first    --to ADDRESS --since-us MICROSECONDS
      tries until one login succeeds; how long after the given moment (since 1970)
  yatter-load offline  --to ADDRESS --receivers 40 --each 50 --senders 4 [--bytes 350]
      messages to accounts that are away, who then come and take them
  yatter-load idle     --to ADDRESS --from 200 --until 2000 [--settle 2]
      what one more quiet session costs in resident memory
  yatter-load weigh    --cpu-of PID
      processor time and resident memory of a process and all its children, now

  --speak xmpp|bytes   xmpp logs in as u0@DOMAIN, u1@DOMAIN … ; bytes sends the same messages through a relay
  --tls none|direct    direct: TLS 1.3 from the first byte, any certificate
  --sm off|on          on: sessions that are there turn stream management on and answer its questions
  --domain DOMAIN --password WORD                                  (default: localhost, secret)
  --keys FILE          keeps stretched passwords from run to run
  --cpu-of PID         whose processor time and memory is counted, with all its children
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("yatter-load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut given = std::env::args().skip(1);
    let Some(what) = given.next() else { bail!("{HELP}") };
    let args = Args::read(given)?;
    // A limit that cannot be raised shows itself later as a refused connection, with its own words.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    match what.as_str() {
        "relay" => relay::serve(&args),
        "route" => print(route::run(&args)?),
        "latency" => print(latency::run(&args)?),
        "presence" => print(presence::run(&args)?),
        "login" => print(login::run(&args)?),
        "first" => print(login::first(&args)?),
        "offline" => print(offline::run(&args)?),
        "idle" => print(idle::run(&args)?),
        "weigh" => print(process::weigh(&args)?),
        "--help" | "-h" | "help" => {
            print!("{HELP}");
            Ok(())
        }
        other => bail!("there is no `{other}` here\n\n{HELP}"),
    }
}

fn print(result: serde_json::Value) -> Result<()> {
    println!("{result}");
    Ok(())
}
