//! Where a password comes from: a terminal without echo, or standard input.

use std::io::{BufRead, IsTerminal, Read};

use crate::failure::Failure;

/// The longest password that is taken, in bytes.
pub(super) const BYTES_MAX: u64 = 1_024;

/// Asks for a new password: from standard input when `stdin` says so, else twice at the terminal.
pub(super) fn ask(jid: &str, stdin: bool) -> Result<String, Failure> {
    let password = if stdin { from_stdin()? } else { from_terminal(jid)? };
    check(&password).map_err(Failure::new)?;
    Ok(password)
}

/// What is wrong with a password, if anything.
pub(super) fn check(password: &str) -> Result<(), String> {
    if password.is_empty() {
        return Err("the password is empty".to_owned());
    }
    if password.len() as u64 > BYTES_MAX {
        return Err(format!("the password is longer than {BYTES_MAX} bytes"));
    }
    Ok(())
}

fn from_stdin() -> Result<String, Failure> {
    let mut line = String::new();
    let mut input = std::io::stdin().lock().take(BYTES_MAX + 2);
    input.read_line(&mut line).map_err(|error| Failure::new(format!("standard input: {error}")))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn from_terminal(jid: &str) -> Result<String, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new("there is no terminal to ask for the password at: use --password-stdin"));
    }
    let asked = |question: String| {
        rpassword::prompt_password(question).map_err(|error| Failure::new(format!("the terminal: {error}")))
    };
    let first = asked(format!("Password for {jid}: "))?;
    let second = asked("The same again: ".to_owned())?;
    if first == second { Ok(first) } else { Err(Failure::new("the two passwords differ; nothing was changed")) }
}
