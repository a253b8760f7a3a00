//! Bad input at every door of a real server, each with the answer that the standard wants: a corpus of cases in files, run
//! while two healthy clients talk, with the server's memory in view.

mod aftermath;
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
use differences::Differences;
use siege::Siege;

/// Everybody's password, which may stand in no log.
const PASSWORD: &str = "never-in-a-log";

/// What the command line asks for.
struct Wish {
    against: String,
    only: Vec<String>,
    files: Vec<String>,
    list: bool,
}

fn read_wish(words: &[String]) -> Result<Wish> {
    let mut wish = Wish { against: "yatter".to_owned(), only: Vec::new(), files: Vec::new(), list: false };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--list" => wish.list = true,
            "--against" => wish.against = words.next().context("--against needs the name of a server")?.clone(),
            "--only" => wish.only.push(words.next().context("--only needs a part of a name")?.clone()),
            "--file" => wish.files.push(words.next().context("--file needs a part of a file's name")?.clone()),
            other => bail!("`{other}`: expected --against SERVER, --file NAME, --only NAME or --list"),
        }
    }
    Ok(wish)
}

/// Runs the cases that were asked for against a server, and records each.
pub(crate) fn run(words: &[String], tally: &mut Tally) -> Result<()> {
    let wish = read_wish(words)?;
    let workspace = Workspace::read()?;
    let mut cases = read::folder(&workspace.root.join("hostile"))?;
    let names: Vec<String> = cases.iter().map(|case| case.name.clone()).collect();
    let holds = |parts: &[String], name: &str| parts.is_empty() || parts.iter().any(|part| name.contains(part));
    cases.retain(|case| holds(&wish.only, &case.name) && holds(&wish.files, &case.file));
    ensure!(!cases.is_empty(), "no case has such a name; --list shows them");
    if wish.list {
        cases.iter().for_each(list);
        println!("{} cases, {} runs", cases.len(), cases.iter().map(|case| case.occasions.len()).sum::<usize>());
        return Ok(());
    }
    let server = servers::by_name(&wish.against, &workspace, "debug")?;
    server.obtain()?;
    let mut differences = None;
    if !server.is_yatter() {
        let known = Differences::read(&workspace.root.join("hostile/differences"), server.name(), &names)?;
        known.leave_out(&mut cases);
        differences = Some(known);
        ensure!(!cases.is_empty(), "no such case is for other servers");
    }
    let folder = workspace.target.join("hostile").join(server.name());
    Siege::lay(server.as_ref(), folder, &cases)?.finish(differences.as_ref(), tally)
}

fn list(case: &Case) {
    let occasions: Vec<String> = case.occasions.iter().map(|occasion| format!("({occasion})")).collect();
    println!("{}: {}  [{}]  {}", case.file, case.name, case.source, occasions.join(" "));
}
