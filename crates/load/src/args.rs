//! `--name value` pairs of the command line.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::str::FromStr;

use anyhow::{Context, Result, bail};

/// The options that were given, by name without the dashes.
pub(crate) struct Args(BTreeMap<String, String>);

impl Args {
    /// Reads `--name value` pairs; anything else is an error.
    pub(crate) fn read(mut given: impl Iterator<Item = String>) -> Result<Args> {
        let mut options = BTreeMap::new();
        while let Some(word) = given.next() {
            let Some(name) = word.strip_prefix("--") else { bail!("`{word}` is not an option") };
            let value = given.next().with_context(|| format!("--{name} needs a value"))?;
            options.insert(name.to_owned(), value);
        }
        Ok(Args(options))
    }

    /// The option as it was written, or the default.
    pub(crate) fn text<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.0.get(name).map_or(default, String::as_str)
    }

    /// A number, or the default.
    pub(crate) fn number<T: FromStr>(&self, name: &str, default: T) -> Result<T> {
        match self.0.get(name) {
            None => Ok(default),
            Some(text) => text.parse().ok().with_context(|| format!("--{name} {text}: not a number that fits")),
        }
    }

    /// An address with its port.
    pub(crate) fn address(&self, name: &str) -> Result<SocketAddr> {
        let text = self.0.get(name).with_context(|| format!("--{name} ADDRESS:PORT is missing"))?;
        text.parse().with_context(|| format!("--{name} {text}: not an address with a port"))
    }
}
