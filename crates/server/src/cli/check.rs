//! `yatter check`: the doctor's findings, one a line.

use std::process::ExitCode;

use super::{Origin, Place, Setup, say};
use crate::doctor::{self, Finding, Verdict};
use crate::failure::Failure;

pub(super) const EXAMPLES: &str = "\
Each line is ok, warn or fail, and says what to do. Exit codes: 0 nothing failed, 1 something did, 2 a mistake in the
configuration.

Examples:
  yatter --config /etc/yatter/yatter.toml check
  yatter check --json                           one object a line";

pub(super) fn run(place: &Place) -> Result<ExitCode, Failure> {
    let setup = match Setup::find(place, false) {
        Ok(setup) => setup,
        Err(failure) => {
            let mistakes = failure.to_string();
            tell(&mistakes.lines().map(|line| Finding::fail("configuration", line)).collect::<Vec<_>>(), place.json);
            return Ok(failure.exit_code());
        }
    };
    let mut findings = vec![configuration(&setup)];
    findings.extend(doctor::examine(&setup.config));
    tell(&findings, place.json);
    let failed = findings.iter().any(|finding| finding.verdict == Verdict::Fail);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn configuration(setup: &Setup) -> Finding {
    let hosts = setup.config.hosts.len();
    match &setup.origin {
        Origin::File(file) => {
            Finding::ok("configuration", format!("{} has no mistakes; {hosts} host(s)", file.display()))
        }
        Origin::Development => {
            Finding::ok("configuration", "none: a server for this machine only (`yatter init` writes one)")
        }
    }
}

fn tell(findings: &[Finding], json: bool) {
    for finding in findings {
        if json {
            say(serde_json::json!(finding));
        } else {
            say(finding);
        }
    }
}
