//! `yatter user add --from`: many accounts from a file, one `JID password` a line.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::Path;
use std::process::ExitCode;

use im::LegacyCredentials;

use super::reach::Reach;
use super::user::Password;
use super::{Setup, password, say};
use crate::control::ASK_BYTES_MAX;
use crate::failure::Failure;
use crate::operations::{Answer, Ask, NewAccount, Secret, derive};

/// Accounts that are derived and sent together: enough to keep all cores and the disk busy, few enough to show progress.
const TOGETHER: usize = 500;

/// The longest line, in bytes: an address and a password.
const LINE_BYTES_MAX: u64 = 8_192;

/// One line of the file.
struct Line {
    number: usize,
    jid: String,
    password: String,
}

/// What became of the lines.
#[derive(Default)]
struct Outcome {
    added: usize,
    refused: Vec<(usize, String)>,
}

pub(super) fn run(setup: &Setup, file: &Path, how: &Password, json: bool) -> Result<ExitCode, Failure> {
    let mut outcome = Outcome::default();
    let lines = read(file, &mut outcome)?;
    let mut reach = Reach::open(setup)?;
    let mut rest = lines.as_slice();
    while let Some((together, later)) = rest.split_at_checked(together(rest)).filter(|(some, _)| !some.is_empty()) {
        add(&mut reach, together, |jid| how.keep(setup, jid), &mut outcome)?;
        rest = later;
        progress(lines.len() - rest.len(), lines.len());
    }
    reach.close()?;
    outcome.refused.sort();
    tell(&outcome, file, json);
    Ok(if outcome.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(file: &Path, outcome: &mut Outcome) -> Result<Vec<Line>, Failure> {
    let unreadable = |error: io::Error| Failure::new(format!("{} cannot be read: {error}", file.display()));
    let mut source: Box<dyn BufRead> = match file.as_os_str() == "-" {
        true => Box::new(BufReader::new(io::stdin())),
        false => Box::new(BufReader::new(File::open(file).map_err(unreadable)?)),
    };
    let mut lines: Vec<Line> = Vec::new();
    let mut seen = HashMap::new();
    for number in 1.. {
        let mut text = String::new();
        if (&mut source).take(LINE_BYTES_MAX).read_line(&mut text).map_err(unreadable)? == 0 {
            break;
        }
        if text.len() as u64 == LINE_BYTES_MAX {
            return Err(Failure::new(format!(
                "{}:{number}: the line is longer than {LINE_BYTES_MAX} bytes",
                file.display()
            )));
        }
        match line(number, text.trim_end_matches(['\r', '\n'])) {
            Ok(None) => {}
            Ok(Some(line)) => match seen.entry(line.jid.to_lowercase()) {
                Entry::Occupied(first) => {
                    outcome.refused.push((number, format!("{} is in line {} already", line.jid, first.get())));
                }
                Entry::Vacant(place) => {
                    place.insert(number);
                    lines.push(line);
                }
            },
            Err(sentence) => outcome.refused.push((number, sentence)),
        }
    }
    Ok(lines)
}

/// Reads one line; an empty one is nothing.
fn line(number: usize, text: &str) -> Result<Option<Line>, String> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let (jid, rest) = text.split_once([' ', '\t']).ok_or("a line is `JID password`; there is no password")?;
    let password = rest.trim_start_matches([' ', '\t']);
    password::check(password)?;
    Ok(Some(Line { number, jid: jid.to_owned(), password: password.to_owned() }))
}

/// How many of the first lines fit into one question.
fn together(lines: &[Line]) -> usize {
    let mut bytes = 0;
    let fits = lines.iter().take(TOGETHER).take_while(|line| {
        // JSON may write one byte as six; the keys take some hundred.
        bytes += 1_000 + 6 * (line.jid.len() + line.password.len());
        bytes <= ASK_BYTES_MAX
    });
    fits.count()
}

fn add(
    reach: &mut Reach,
    lines: &[Line],
    keep: impl Fn(&str) -> LegacyCredentials,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let secrets: Vec<Secret> =
        lines.iter().map(|line| Secret { password: line.password.clone(), keep: keep(&line.jid) }).collect();
    let mut accounts = Vec::with_capacity(lines.len());
    let mut numbers = Vec::with_capacity(lines.len());
    for (line, proof) in lines.iter().zip(derive(&secrets)) {
        match proof {
            Ok(proof) => {
                accounts.push(NewAccount { jid: line.jid.clone(), proof });
                numbers.push(line.number);
            }
            Err(sentence) => outcome.refused.push((line.number, sentence)),
        }
    }
    let Answer::Added { refused } = reach.ask(Ask::AddAccounts { accounts })? else {
        return Err(Failure::new("the server answers something else than it was asked"));
    };
    for (number, refused) in numbers.into_iter().zip(refused) {
        match refused {
            Some(sentence) => outcome.refused.push((number, sentence)),
            None => outcome.added += 1,
        }
    }
    Ok(())
}

fn progress(done: usize, all: usize) {
    if io::stderr().is_terminal() {
        eprint!("\r{done} of {all}{}", if done == all { "\n" } else { "" });
    }
}

fn tell(outcome: &Outcome, file: &Path, json: bool) {
    if json {
        let refused = outcome.refused.iter().map(|(line, why)| serde_json::json!({ "line": line, "why": why }));
        say(serde_json::json!({ "added": outcome.added, "refused": refused.collect::<Vec<_>>() }));
        return;
    }
    for (number, sentence) in &outcome.refused {
        eprintln!("{}:{number}: {sentence}", file.display());
    }
    say(format!("{} added, {} refused", outcome.added, outcome.refused.len()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_address_and_the_rest_is_the_password() {
        for (text, expected) in [
            ("a@b secret", Some(("a@b", "secret"))),
            ("a@b \t two words ", Some(("a@b", "two words "))),
            ("  ", None),
            ("", None),
        ] {
            let read = line(1, text).unwrap().map(|line| (line.jid, line.password));
            assert_eq!(read, expected.map(|(jid, password)| (jid.to_owned(), password.to_owned())), "{text:?}");
        }
        assert!(line(1, "a@b").is_err());
        assert!(line(1, "a@b  ").is_err());
    }
}
