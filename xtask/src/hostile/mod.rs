//! Bad input at every door of a real server, each with the answer that the standard wants: a corpus of cases in files, run
//! while two healthy clients talk, with the server's memory in view.

mod answer;
mod attack;
mod case;
mod client;
mod conversation;
mod differences;
mod house;
mod login;
mod memory;
mod read;
mod report;
mod scram;
mod siege;
mod text;
mod tls;
mod tree;

use anyhow::{Context, Result, bail, ensure};

use crate::servers;
use crate::tally::Tally;
use crate::workspace::Workspace;
use case::Case;
use siege::Siege;

/// Everybody's password, which may stand in no log.
const PASSWORD: &str = "never-in-a-log";

/// What the command line asks for.
struct Wish {
    against: String,
    only: Vec<String>,
    list: bool,
}

fn read_wish(words: &[String]) -> Result<Wish> {
    let mut wish = Wish { against: "yatter".to_owned(), only: Vec::new(), list: false };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--list" => wish.list = true,
            "--against" => wish.against = words.next().context("--against needs the name of a server")?.clone(),
            "--only" => wish.only.push(words.next().context("--only needs a part of a name")?.clone()),
            other => bail!("`{other}`: expected --against SERVER, --only NAME or --list"),
        }
    }
    Ok(wish)
}

/// Runs the cases that were asked for against a server, and records each.
pub(crate) fn run(words: &[String], tally: &mut Tally) -> Result<()> {
    let wish = read_wish(words)?;
    let workspace = Workspace::read()?;
    let mut cases = read::folder(&workspace.root.join("hostile"))?;
    cases.retain(|case| wish.only.is_empty() || wish.only.iter().any(|part| case.name.contains(part)));
    ensure!(!cases.is_empty(), "no case has such a name; --list shows them");
    if wish.list {
        cases.iter().for_each(list);
        println!("{} cases, {} runs", cases.len(), cases.iter().map(|case| case.occasions.len()).sum::<usize>());
        return Ok(());
    }
    let server = servers::by_name(&wish.against, &workspace, "debug")?;
    server.obtain()?;
    if !server.is_yatter() {
        cases.iter_mut().for_each(Case::once_today);
        cases.retain(|case| !case.occasions.is_empty());
    }
    let folder = workspace.target.join("hostile").join(server.name());
    let known = differences::known(&workspace.root.join("hostile/differences"), server.name());
    Siege::lay(server.as_ref(), folder, &cases)?.finish(&known, tally)
}

fn list(case: &Case) {
    let occasions: Vec<String> = case.occasions.iter().map(|occasion| format!("({occasion})")).collect();
    println!("{}  [{}]  {}", case.name, case.source, occasions.join(" "));
}
