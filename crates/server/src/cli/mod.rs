//! The command line: what a person types, and where it goes.

mod bulk;
mod check;
mod init;
mod password;
mod protocols;
mod reach;
mod setup;
mod status;
mod user;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::failure::Failure;
use crate::wire;

pub use setup::{Origin, Setup};

/// A Jabber server: chat clients of every age, from 2000 to today, in one room.
///
/// Without a command it serves, in the foreground, until it is told to stop (Ctrl-C, SIGTERM). SIGHUP makes it read
/// its configuration and certificates again; no stream is dropped.
#[derive(Debug, Parser)]
#[command(name = "yatter", version, after_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    place: Place,
    /// Without a configuration file: anybody on this machine may make an account from a client.
    #[arg(long)]
    open_registration: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Which server is meant.
#[derive(Debug, Args)]
struct Place {
    /// The configuration file [default: /etc/yatter/yatter.toml where there is one, else a server for this machine only].
    #[arg(long, value_name = "FILE", env = "YATTER_CONFIG", global = true)]
    config: Option<PathBuf>,
    /// The data folder, instead of the one that the configuration names.
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    /// Answer in JSON, for programs.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the whole configuration, every key with its default and a sentence.
    #[command(after_help = init::EXAMPLES)]
    Init(init::Init),
    /// Look for what is wrong: configuration, data folder, ports, certificates, limits, clock, storage.
    #[command(after_help = check::EXAMPLES)]
    Check,
    /// Add, list, change, remove and export accounts, whether the server runs or not.
    #[command(after_help = user::EXAMPLES)]
    User {
        #[command(subcommand)]
        what: user::User,
    },
    /// Tell how the running server is doing.
    Status,
    /// Tell which specifications are followed, and how far.
    Protocols(protocols::Protocols),
}

/// Runs the command line; the process ends with what it returns.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match carry_out(cli) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("{failure}");
            failure.exit_code()
        }
    }
}

fn carry_out(cli: Cli) -> Result<ExitCode, Failure> {
    let place = &cli.place;
    match cli.command {
        Some(Command::Init(init)) => init.run(),
        Some(Command::Check) => check::run(place),
        Some(Command::User { what }) => what.run(place),
        Some(Command::Status) => status::run(place),
        Some(Command::Protocols(protocols)) => Ok(protocols.run(place)),
        None => wire::serve(Setup::find(place, cli.open_registration)?),
    }
}

/// Prints a line. Whoever reads may have gone away, having seen enough.
fn say(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

const EXAMPLES: &str = "\
Examples:
  yatter                                   try it: a server on this machine, no configuration needed
  yatter user add alice@localhost          make an account (asks for the password)
  yatter init --host example.org > yatter.toml
  yatter --config yatter.toml check        what is still missing?
  yatter --config yatter.toml              serve

Exit codes: 0 done, 1 failed (one sentence says why), 2 a mistake in the configuration or on the command line.";
