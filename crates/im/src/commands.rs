//! Commands that people run by hand (XEP-0050): declared by any extension, listed and carried out in one place.
//!
//! A command is one function: from the forms that were filled in so far to what comes next, which is another form or the end. It keeps nothing between
//! the steps, so going back is asking it again with one form less.
use crate::account::Account;
use crate::hub::Hub;
use crate::iq::{Ask, HostAsk};
use crate::plan::{Plan, Scope};
use std::future::Future;
use std::pin::Pin;
use store::Ticket;
use xml::Element;
use xmpp::forms::{Answers, Form};
use xmpp::{Jid, StanzaError, ns};

/// Who may see and run a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The owner of the account to which it belongs.
    Owner,
    /// The host's administrators.
    Administrators,
    /// Everybody with an account on this server.
    Local,
}

/// What a command is called and who may run it.
#[derive(Clone, Copy, Debug)]
pub struct CommandAbout {
    /// Its node: unique on the host, or among the accounts.
    pub node: &'static str,
    /// For people.
    pub name: &'static str,
    /// Who may run it.
    pub who: Who,
}

/// What comes next in a command.
pub enum Stage {
    /// This is to be filled in; after the last one nothing more is asked.
    Ask {
        /// The questions.
        form: Form,
        /// Whether the command ends when they are answered.
        last: bool,
    },
    /// It is done.
    Done(Outcome),
    /// It is done, once what was written is durable.
    After(Ticket, Outcome),
    /// It is done when this slow work is.
    Later(Ending),
}

/// Slow work at the end of a command.
pub type Ending = Pin<Box<dyn Future<Output = Result<Outcome, StanzaError>> + Send>>;

/// What a finished command tells.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// A sentence.
    pub note: Option<String>,
    /// It did not do what was asked; the note says why (XEP-0050 §3.5).
    pub failed: bool,
    /// Facts: a form of the type "result".
    pub report: Option<Element>,
}

impl Outcome {
    /// It is done; `note` says what.
    pub fn done(note: impl Into<String>) -> Outcome {
        Outcome { note: Some(note.into()), ..Outcome::default() }
    }

    /// It could not be done; `note` says why.
    pub fn failed(note: impl Into<String>) -> Outcome {
        Outcome { note: Some(note.into()), failed: true, report: None }
    }

    /// Facts.
    pub fn report(report: Element) -> Outcome {
        Outcome { report: Some(report), ..Outcome::default() }
    }
}

/// The refusal of a form that was filled in wrongly (XEP-0050 §4.4): it may be filled in again.
pub fn bad_payload(why: impl Into<std::borrow::Cow<'static, str>>) -> StanzaError {
    StanzaError::bad_request().with_text(why).with_application(xml::Builder::new(ns::COMMANDS, "bad-payload").finish())
}

/// What comes next, or why it does not.
pub type Step = Result<Stage, StanzaError>;

type OfAccount = dyn Fn(&mut Ask<'_>, &[Answers]) -> Step + Send + Sync;
type OfHost = dyn Fn(&mut HostAsk<'_>, &[Answers]) -> Step + Send + Sync;

pub(crate) enum Run {
    Account(Box<OfAccount>),
    Host(Box<OfHost>),
}

/// A command that an extension has declared.
pub struct Command {
    about: CommandAbout,
    run: Run,
}

impl Command {
    pub(crate) fn new(about: CommandAbout, run: Run) -> Command {
        Command { about, run }
    }

    /// What it is called and who may run it.
    pub fn about(&self) -> &CommandAbout {
        &self.about
    }

    pub(crate) fn scope(&self) -> Scope {
        match self.run {
            Run::Account(_) => Scope::Account,
            Run::Host(_) => Scope::Host,
        }
    }

    /// What comes after these forms, of an account's command.
    pub fn of_account(&self, ask: &mut Ask<'_>, answers: &[Answers]) -> Result<Stage, StanzaError> {
        match &self.run {
            Run::Account(run) => run(ask, answers),
            Run::Host(_) => Err(StanzaError::item_not_found()),
        }
    }

    /// What comes after these forms, of the host's command.
    pub fn of_host(&self, ask: &mut HostAsk<'_>, answers: &[Answers]) -> Result<Stage, StanzaError> {
        match &self.run {
            Run::Host(run) => run(ask, answers),
            Run::Account(_) => Err(StanzaError::item_not_found()),
        }
    }

    /// Whether `from` may run it on this account, or on the host.
    pub fn may_be_run(&self, plan: &Plan, hub: &Hub, account: Option<&Account>, from: &Jid) -> bool {
        match self.about.who {
            Who::Owner => account.is_some_and(|account| account.jid().as_str() == from.bare_str()),
            Who::Administrators => plan.is_administrator(from),
            Who::Local => from.local().is_some() && hub.host(from.domain()).is_some(),
        }
    }
}

impl Plan {
    /// The commands of the host, or of its accounts.
    pub fn commands(&self, scope: Scope) -> impl Iterator<Item = &Command> {
        self.commands.iter().filter(move |command| command.scope() == scope)
    }

    /// The command of this node.
    pub fn command(&self, scope: Scope, node: &str) -> Option<&Command> {
        self.commands(scope).find(|command| command.about.node == node)
    }
}
