//! The doctor: looks at everything a server needs before it is needed, and says what to do about what is wrong.

mod certificates;
mod machine;
mod ports;
mod storage;

use std::fmt;

use serde::Serialize;

use crate::config::Config;
use crate::control::Client;

/// How good or bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, but somebody should know.
    Warn,
    /// The server would not start, or clients would not come in.
    Fail,
}

/// One thing that the doctor looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How it is.
    pub verdict: Verdict,
    /// What was looked at.
    pub topic: &'static str,
    /// What was found and, unless it is good, what to do.
    pub sentence: String,
}

impl Finding {
    /// Something is as it should be.
    pub fn ok(topic: &'static str, sentence: impl Into<String>) -> Self {
        Finding { verdict: Verdict::Ok, topic, sentence: sentence.into() }
    }

    /// Something works, but somebody should know.
    pub fn warn(topic: &'static str, sentence: impl Into<String>) -> Self {
        Finding { verdict: Verdict::Warn, topic, sentence: sentence.into() }
    }

    /// Something is wrong.
    pub fn fail(topic: &'static str, sentence: impl Into<String>) -> Self {
        Finding { verdict: Verdict::Fail, topic, sentence: sentence.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
        };
        write!(f, "{verdict:<5} {:<14} {}", self.topic, self.sentence)
    }
}

/// Looks at everything a server with this configuration needs.
pub fn examine(config: &Config) -> Vec<Finding> {
    let running = matches!(Client::connect(&config.data), Ok(Some(_)));
    let mut findings = Vec::new();
    if running {
        findings.push(Finding::ok("server", format!("one is running on {}", config.data.display())));
    }
    findings.extend(storage::folder(&config.data));
    findings.extend(storage::opens(config, running));
    findings.extend(ports::examine(config, running));
    findings.extend(certificates::examine(config));
    findings.push(machine::open_files(&config.limits));
    findings.push(machine::clock(&config.data));
    findings
}
