//! Why a command ended: the sentence for the person, and the exit code for the script.

use std::fmt;
use std::process::ExitCode;

use crate::config::ConfigErrors;

/// A command that could not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// The configuration has mistakes; exit code 2.
    Config(ConfigErrors),
    /// Anything else; exit code 1.
    Other(anyhow::Error),
}

impl Failure {
    /// A failure that is told by one sentence.
    pub fn new(sentence: impl fmt::Display) -> Self {
        Failure::Other(anyhow::anyhow!("{sentence}"))
    }

    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Config(_) => ExitCode::from(2),
            Failure::Other(_) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Config(errors) => errors.fmt(f),
            Failure::Other(error) => write!(f, "yatter: {error:#}"),
        }
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Failure::Config(errors)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Failure::Other(error)
    }
}
