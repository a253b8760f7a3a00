//! Where log events go: to standard error, for people or as JSON.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;
use tracing_subscriber::reload;

use crate::config::{Format, Level, Log};

/// Changes the log of a running server.
pub struct Logging(reload::Handle<EnvFilter, tracing_subscriber::Registry>);

impl Logging {
    /// Begins to write the log. In a process that has one already (a test), that one stays.
    pub fn start(log: &Log) -> Self {
        let (filter, handle) = reload::Layer::new(filter(log.level));
        let text =
            (log.format == Format::Text).then(|| fmt::layer().with_writer(std::io::stderr).with_ansi(is_terminal()));
        let json =
            (log.format == Format::Json).then(|| fmt::layer().json().flatten_event(true).with_writer(std::io::stderr));
        // A second subscriber in one process is refused; the first goes on.
        let _ = tracing_subscriber::registry().with(filter).with(text).with(json).try_init();
        Logging(handle)
    }

    /// Changes the level; the form of the log stays until the next start.
    pub fn reload(&self, log: &Log) {
        // The subscriber lives as long as the process.
        let _ = self.0.reload(filter(log.level));
    }
}

/// Libraries speak only of what is wrong; the server's own crates at the level that was asked for.
fn filter(level: Level) -> EnvFilter {
    let word = level.word();
    let libraries = if matches!(level, Level::Error | Level::Trace) { word } else { "warn" };
    let ours = ["yatter", "server", "im", "net", "extensions", "store", "cluster", "xmpp", "xml"];
    let directives = ours.iter().map(|crate_name| format!(",{crate_name}={word}")).collect::<String>();
    EnvFilter::new(format!("{libraries}{directives}"))
}

fn is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stderr())
}
