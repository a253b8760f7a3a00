//! `yatter user …`: accounts, whether the server runs or not.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use im::LegacyCredentials;

use super::reach::Reach;
use super::{Place, Setup, bulk, password, say};
use crate::config::{Domain, Registration};
use crate::failure::Failure;
use crate::operations::{Answer, Ask, Listed, NewAccount, Proof, Secret, derive};

#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Make an account, or many from a file.
    Add(Add),
    /// Name the accounts, of every host or of one.
    List {
        /// Only the accounts of this host.
        host: Option<String>,
    },
    /// Give an account another password.
    Passwd {
        /// The account, such as alice@example.org.
        jid: String,
        #[command(flatten)]
        how: Password,
    },
    /// Remove an account and everything kept for it; its name stays reserved.
    Remove {
        /// The account, such as alice@example.org.
        jid: String,
    },
    /// Make an invitation: a link by which somebody makes an account from a client.
    Invite(Invite),
    /// Give back a name that is reserved since its account was removed; the next owner may be taken for the one before.
    Free {
        /// The name, such as alice@example.org.
        jid: String,
    },
    /// Print everything kept for an account, but for what proves its password, as JSON.
    Export {
        /// The account, such as alice@example.org.
        jid: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// The account, such as alice@example.org.
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    jid: Option<String>,
    /// A file with one account a line, `JID password`; `-` is standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "password_stdin")]
    from: Option<PathBuf>,
    #[command(flatten)]
    how: Password,
}

#[derive(Debug, Args)]
pub(super) struct Invite {
    /// To which host [default: the first of the configuration].
    host: Option<String>,
    /// For how many accounts.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    uses: u32,
    /// For how many hours; usually a week.
    #[arg(long, value_name = "HOURS", default_value_t = 168, value_parser = clap::value_parser!(u32).range(1..=8_760))]
    hours: u32,
}

#[derive(Debug, Args)]
pub(super) struct Password {
    /// Read the password from standard input, one line, instead of asking.
    #[arg(long)]
    password_stdin: bool,
    /// What to keep beside SCRAM keys for clients of 2000 without encryption: none, zero-k or password [default: the host's legacy_credentials].
    #[arg(long, value_name = "WHAT", value_parser = legacy)]
    legacy: Option<LegacyCredentials>,
}

impl Password {
    /// What is kept for this account beside SCRAM keys.
    pub(super) fn keep(&self, setup: &Setup, jid: &str) -> LegacyCredentials {
        let host = jid.split_once('@').and_then(|(_, host)| Domain::parse(host));
        let table = host.and_then(|host| setup.config.host.get(&host));
        self.legacy.unwrap_or_else(|| table.map(|table| table.legacy_credentials.into()).unwrap_or_default())
    }
}

fn legacy(word: &str) -> Result<LegacyCredentials, String> {
    let known = LegacyCredentials::ALL.into_iter().find(|level| level.name() == word);
    known.ok_or_else(|| "expected none, zero-k or password".to_owned())
}

pub(super) const EXAMPLES: &str = "\
Examples:
  yatter user add alice@example.org                       asks for the password
  echo secret | yatter user add bob@example.org --password-stdin
  yatter user add --from accounts.txt                     one `JID password` a line
  yatter user list example.org
  yatter user invite example.org --uses 10 --hours 24     prints a link and a code
  yatter user export alice@example.org > alice.json";

impl User {
    pub(super) fn run(self, place: &Place) -> Result<ExitCode, Failure> {
        let setup = Setup::find(place, false)?;
        match self {
            User::Add(Add { from: Some(file), how, .. }) => bulk::run(&setup, &file, &how, place.json),
            User::Add(Add { jid, how, .. }) => add(&setup, place, jid.unwrap_or_default(), &how),
            User::List { host } => list(&setup, place, host),
            User::Passwd { jid, how } => passwd(&setup, place, jid, &how),
            User::Remove { jid } => {
                let said = format!("{jid} is removed; its name stays reserved");
                change(&setup, place, Ask::RemoveAccount { jid }, &said)
            }
            User::Invite(how) => invite(&setup, place, how),
            User::Free { jid } => {
                let said = format!("{jid} may be taken again");
                change(&setup, place, Ask::FreeName { jid }, &said)
            }
            User::Export { jid } => export(&setup, jid),
        }
    }
}

fn add(setup: &Setup, place: &Place, jid: String, how: &Password) -> Result<ExitCode, Failure> {
    // Asked first: nobody else shall wait for the storage while a person types.
    let proof = prove(setup, &jid, how)?;
    let said = format!("{jid} is added");
    let mut reach = Reach::open(setup)?;
    let answer = reach.ask(Ask::AddAccounts { accounts: vec![NewAccount { jid, proof }] })?;
    reach.close()?;
    if let Answer::Added { refused } = answer
        && let Some(sentence) = refused.into_iter().flatten().next()
    {
        return Err(Failure::new(sentence));
    }
    done(place, &said)
}

fn passwd(setup: &Setup, place: &Place, jid: String, how: &Password) -> Result<ExitCode, Failure> {
    let proof = prove(setup, &jid, how)?;
    let said = format!("{jid} has a new password");
    change(setup, place, Ask::SetPassword { jid, proof }, &said)
}

fn change(setup: &Setup, place: &Place, ask: Ask, said: &str) -> Result<ExitCode, Failure> {
    let mut reach = Reach::existing(setup)?;
    reach.ask(ask)?;
    reach.close()?;
    done(place, said)
}

fn invite(setup: &Setup, place: &Place, how: Invite) -> Result<ExitCode, Failure> {
    let first = || setup.config.hosts.first().map(ToString::to_string).unwrap_or_default();
    let host = how.host.unwrap_or_else(first);
    let table = Domain::parse(&host).and_then(|host| setup.config.host.get(&host));
    if table.is_some_and(|table| table.registration != Registration::Invitation) {
        return Err(Failure::new(format!(
            "{host} lets nobody register by invitation: write registration = \"invitation\" into the table of the host"
        )));
    }
    let mut reach = Reach::open(setup)?;
    let answer = reach.ask(Ask::Invite { host, uses: how.uses, hours: how.hours })?;
    reach.close()?;
    if let Answer::Invited { token, uri, until } = answer {
        let uses = how.uses;
        if place.json {
            say(serde_json::json!({ "uri": uri, "token": token, "uses": uses, "until": until }));
        } else {
            let accounts = if uses == 1 { "one account".to_owned() } else { format!("{uses} accounts") };
            say(uri);
            say(format!("The code is {token}, good for {accounts} until {until}."));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn done(place: &Place, said: &str) -> Result<ExitCode, Failure> {
    if place.json {
        say(serde_json::json!({ "done": said }));
    } else {
        say(said);
    }
    Ok(ExitCode::SUCCESS)
}

fn prove(setup: &Setup, jid: &str, how: &Password) -> Result<Proof, Failure> {
    let password = password::ask(jid, how.password_stdin)?;
    let mut proofs = derive(&[Secret { password, keep: how.keep(setup, jid) }]);
    proofs.pop().unwrap_or_else(|| Err("no password".to_owned())).map_err(Failure::new)
}

fn list(setup: &Setup, place: &Place, host: Option<String>) -> Result<ExitCode, Failure> {
    let hosts = host.map_or_else(|| setup.config.hosts.iter().map(ToString::to_string).collect(), |host| vec![host]);
    let mut reach = Reach::existing(setup)?;
    for host in hosts {
        let mut after = String::new();
        loop {
            let answer = reach.ask(Ask::ListAccounts { host: host.clone(), after })?;
            let Answer::Accounts { accounts } = answer else { break };
            let Some(last) = accounts.last() else { break };
            after = last.jid.clone();
            print_page(&accounts, place.json);
        }
    }
    reach.close()?;
    Ok(ExitCode::SUCCESS)
}

/// One account a line; with `--json` one object a line.
fn print_page(accounts: &[Listed], json: bool) {
    for account in accounts {
        if json {
            say(serde_json::json!(account));
        } else {
            say(&account.jid);
        }
    }
}

fn export(setup: &Setup, jid: String) -> Result<ExitCode, Failure> {
    let mut reach = Reach::existing(setup)?;
    let answer = reach.ask(Ask::ExportAccount { jid })?;
    reach.close()?;
    if let Answer::Account { account } = answer {
        let text = serde_json::to_string_pretty(&account).map_err(Failure::new)?;
        say(text);
    }
    Ok(ExitCode::SUCCESS)
}
