//! `yatter init`: the commented configuration, on standard output or in a new file.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::say;
use crate::config::{Domain, commented};
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct Init {
    /// The file to write; one that is there already is not overwritten. Without it: standard output.
    file: Option<PathBuf>,
    /// A domain that the server speaks for; may be given more than once.
    #[arg(long, value_name = "DOMAIN")]
    host: Vec<String>,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  yatter init                                        read what can be configured
  yatter init --host example.org /etc/yatter/yatter.toml";

impl Init {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let hosts = self.host.iter().map(|written| {
            Domain::parse(written)
                .ok_or_else(|| Failure::new(format!("`{written}` is not a domain such as example.org")))
        });
        let text = commented(&hosts.collect::<Result<Vec<_>, _>>()?);
        let written = match &self.file {
            None => std::io::stdout().write_all(text.as_bytes()),
            Some(file) => {
                let new = OpenOptions::new().write(true).create_new(true).open(file);
                new.and_then(|mut new| new.write_all(text.as_bytes()))
            }
        };
        written.map_err(|error| self.refused(&error))?;
        if let Some(file) = &self.file {
            say(format!("Written: {0}\nNext: yatter --config {0} check", file.display()));
        }
        Ok(ExitCode::SUCCESS)
    }

    fn refused(&self, error: &std::io::Error) -> Failure {
        let name = self.file.as_deref().map_or("standard output".to_owned(), |file| file.display().to_string());
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => Failure::new(format!(
                "{name} is there already and was left alone: name another file or remove it first"
            )),
            _ => Failure::new(format!("{name} cannot be written: {error}")),
        }
    }
}
