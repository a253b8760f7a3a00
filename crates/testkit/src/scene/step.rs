//! The steps: what somebody does, gets, or does not get, and what befalls the server.

use super::given::starts_with_name;
use super::lines::Block;
use crate::tree::{Content, Tree, read_fragment};
use crate::typed::Typed;
use std::time::Duration;

/// One step and the line on which it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The line's number in the file, from 1.
    pub line: usize,
    /// What happens.
    pub action: Action,
}

/// What can happen in a scene. Names are the cast's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Sends XML, names filled in.
    Sends(String, String),
    /// Sends bytes as they stand, at once or one by one.
    Types(String, Typed, Pace),
    /// Gets exactly these next.
    Receives(Vec<String>, Vec<Expected>, Order),
    /// Has got nothing that fits this.
    ReceivesNot(String, Vec<Expected>),
    /// Asks for its roster and gets exactly these items, in any order.
    RosterIs(String, Tree),
    /// Gets exactly these bytes next; braces as in XML.
    Reads(String, String),
    /// Has got nothing that was not told.
    ReceivesNothing(Vec<String>),
    /// Nobody has got anything that was not told.
    NobodyReceives,
    /// What somebody got so far does not matter.
    Ignores(Vec<String>),
    /// Opens a connection, as far as the traits say, but does not log in.
    Connects(String),
    /// Logs in (after connecting, if there is no connection).
    LogsIn(String),
    /// It authenticates and begins the stream anew, and binds nothing.
    Authenticates(String),
    /// Begins TLS on the connection that it has.
    StartsTls(String),
    /// Sends its first presence.
    BecomesAvailable(String),
    /// Closes the stream as RFC 6120 §4.4 wishes.
    ClosesStream(String),
    /// Loses the connection.
    Disconnects(String),
    /// The server has closed the stream and the connection.
    IsDisconnected(String),
    /// Takes nothing from the connection any more.
    StopsReading(String),
    /// Takes again what comes.
    ReadsOn(String),
    /// Time passes.
    Passes(Duration),
    /// Something befalls the server.
    Server(ServerAction),
}

/// How bytes are typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// In one piece.
    AtOnce,
    /// Each byte alone, after the server has seen the one before.
    OneByOne,
}

/// Whether the order of stanzas is part of the expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As written, and nothing between them.
    Written,
    /// As written, but others may have come between them; those are still to be told.
    Among,
    /// Any.
    Any,
}

/// One thing that is expected on a stream, as a tree whose texts may hold placeholders.
pub type Expected = Content;

/// What can befall the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerAction {
    /// It stops as an operator stops it, and starts on the same store.
    Restarts,
    /// It dies without a word, and starts on the same store.
    IsKilled,
    /// The next commit fails.
    FailNextWrite,
    /// Commits do not finish until they are let go on.
    HoldCommits,
    /// Held commits finish, and later ones as usual.
    ReleaseCommits,
}

impl Step {
    /// Reads one block; `names` are the cast's.
    pub(super) fn read(block: &Block, names: &[String]) -> Result<Step, String> {
        let action = match server_action(&block.head) {
            Some(action) => Action::Server(action),
            None if block.head == "nobody receives anything" => Action::NobodyReceives,
            None => match starts_with_name(&block.head, names) {
                Some((name, rest)) => members_action(name, rest, block, names)?,
                None => Action::Passes(passing(&block.head).ok_or_else(|| unknown(&block.head))?),
            },
        };
        let wants_body = matches!(
            action,
            Action::Sends(..)
                | Action::Types(..)
                | Action::Receives(..)
                | Action::ReceivesNot(..)
                | Action::Reads(..)
                | Action::RosterIs(..)
        );
        if !wants_body && !block.body.is_empty() && !is_nothing(block) {
            return Err("nothing can be indented below this step".to_owned());
        }
        Ok(Step { line: block.line, action })
    }
}

fn unknown(head: &str) -> String {
    format!("\"{head}\" is no step, and begins with nobody of the cast")
}

fn server_action(head: &str) -> Option<ServerAction> {
    Some(match head {
        "the server restarts" => ServerAction::Restarts,
        "the server is killed" => ServerAction::IsKilled,
        "the store fails the next write" => ServerAction::FailNextWrite,
        "commits are held" => ServerAction::HoldCommits,
        "commits go on" => ServerAction::ReleaseCommits,
        _ => return None,
    })
}

fn members_action(name: &str, rest: &str, block: &Block, names: &[String]) -> Result<Action, String> {
    let (all, verb) = everybody(name, rest, names);
    let who = name.to_owned();
    let alone = |action: Action| match all.len() {
        1 => Ok(action),
        _ => Err("only one can do that".to_owned()),
    };
    match verb {
        "receives" | "receive" => receives(all, block, Order::Written),
        "receives in any order" | "receive in any order" => receives(all, block, Order::Any),
        "receives, among others" | "receive, among others" => receives(all, block, Order::Among),
        "does not receive" => alone(Action::ReceivesNot(who, elements(&not_empty(block.xml())?)?)),
        "receives a push" | "receive a push" => push(all, block),
        "receives nothing" | "receive nothing" => Ok(Action::ReceivesNothing(all)),
        "ignores what came" | "ignore what came" => Ok(Action::Ignores(all)),
        "sends" => alone(Action::Sends(who, not_empty(block.xml())?)),
        "types" => alone(Action::Types(who, Typed::read(&not_empty(block.literal())?)?, Pace::AtOnce)),
        "types byte by byte" => alone(Action::Types(who, Typed::read(&not_empty(block.literal())?)?, Pace::OneByOne)),
        "'s roster is" => alone(Action::RosterIs(who, roster(block)?)),
        "reads" => alone(Action::Reads(who, not_empty(block.literal())?)),
        "connects" => alone(Action::Connects(who)),
        "authenticates" => alone(Action::Authenticates(who)),
        "logs in" => alone(Action::LogsIn(who)),
        "starts TLS" => alone(Action::StartsTls(who)),
        "becomes available" => alone(Action::BecomesAvailable(who)),
        "closes the stream" => alone(Action::ClosesStream(who)),
        "disconnects" => alone(Action::Disconnects(who)),
        "is disconnected" => alone(Action::IsDisconnected(who)),
        "stops reading" => alone(Action::StopsReading(who)),
        "reads on" => alone(Action::ReadsOn(who)),
        _ => Err(format!("nobody knows how {name} \"{verb}\"")),
    }
}

/// `Romeo, Juliet and Nurse receive`: the names and the verb.
fn everybody<'a>(first: &str, mut rest: &'a str, names: &[String]) -> (Vec<String>, &'a str) {
    let mut all = vec![first.to_owned()];
    while let Some(after) = rest.strip_prefix(" and ").or_else(|| rest.strip_prefix(", ")) {
        let Some((name, after)) = starts_with_name(after, names) else { break };
        all.push(name.to_owned());
        rest = after;
    }
    (all, rest.trim_start())
}

fn receives(all: Vec<String>, block: &Block, order: Order) -> Result<Action, String> {
    if is_nothing(block) {
        return Ok(Action::ReceivesNothing(all));
    }
    let xml = not_empty(block.xml())?;
    let expected = elements(&xml)?;
    match expected.is_empty() {
        true => Err("no element stands below".to_owned()),
        false => Ok(Action::Receives(all, expected, order)),
    }
}

/// A roster push of the items below, as RFC 6121 §2.1.6 leaves it free in form.
fn push(all: Vec<String>, block: &Block) -> Result<Action, String> {
    let push = format!(
        "<iq type='set' id='{{any}}' from='{{self bare}}{{?}}' to='{{self}}{{?}}'>\
         <query xmlns='{ROSTER}' ver='{{any}}{{?}}'>{}</query></iq>",
        not_empty(block.xml())?
    );
    Ok(Action::Receives(all, elements(&push)?, Order::Written))
}

/// The query that a roster's get is answered with.
fn roster(block: &Block) -> Result<Tree, String> {
    let items = if is_nothing(block) { String::new() } else { not_empty(block.xml())? };
    let query = format!("<query xmlns='{ROSTER}' ver='{{any}}{{?}}'>{{any order}}{items}</query>");
    match elements(&query)?.pop() {
        Some(Content::Element(query)) => Ok(query),
        _ => Err("no items stand below".to_owned()),
    }
}

fn elements(xml: &str) -> Result<Vec<Content>, String> {
    read_fragment(xml).map_err(|why| format!("the XML below cannot be read: {why}"))
}

const ROSTER: &str = "jabber:iq:roster";

/// A table of examples may say `nothing` where other rows have XML.
fn is_nothing(block: &Block) -> bool {
    matches!(&block.body[..], [line] if line.text == "nothing")
}

fn not_empty(text: String) -> Result<String, String> {
    match text.is_empty() {
        true => Err("this step needs indented lines below it".to_owned()),
        false => Ok(text),
    }
}

/// `5 minutes pass`, `1 day passes`.
fn passing(head: &str) -> Option<Duration> {
    let (number, rest) = head.split_once(' ')?;
    let number: u64 = number.parse().ok()?;
    let unit = rest.strip_suffix(" passes").or_else(|| rest.strip_suffix(" pass"))?;
    let seconds = match unit.strip_suffix('s').unwrap_or(unit) {
        "second" => 1,
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(number.checked_mul(seconds)?))
}

#[cfg(test)]
mod tests {
    use super::super::lines::blocks;
    use super::*;

    fn read(text: &str) -> Result<Action, String> {
        let names = ["Romeo", "Romeo's phone", "Juliet"].map(str::to_owned);
        Step::read(&blocks(text).unwrap()[0], &names).map(|step| step.action)
    }

    #[test]
    fn names_may_hold_spaces_and_other_names() {
        assert_eq!(read("Romeo's phone disconnects"), Ok(Action::Disconnects("Romeo's phone".into())));
        assert_eq!(
            read("Romeo, Romeo's phone and Juliet receive nothing"),
            Ok(Action::ReceivesNothing(vec!["Romeo".into(), "Romeo's phone".into(), "Juliet".into()]))
        );
    }

    #[test]
    fn time_passes() {
        assert_eq!(read("5 minutes pass"), Ok(Action::Passes(Duration::from_secs(300))));
        assert_eq!(read("1 day passes"), Ok(Action::Passes(Duration::from_secs(86_400))));
        assert!(read("5 moons pass").is_err());
    }

    #[test]
    fn what_is_expected_is_read_at_once() {
        assert!(
            matches!(read("Juliet receives\n  <presence/>\n  <message/>"), Ok(Action::Receives(_, all, Order::Written)) if all.len() == 2)
        );
        assert!(read("Juliet receives\n  <presence>").is_err());
        assert_eq!(read("Juliet receives\n  nothing"), Ok(Action::ReceivesNothing(vec!["Juliet".into()])));
    }

    #[test]
    fn a_push_and_a_roster_are_their_items() {
        let item = "\n  <item jid='romeo@h' subscription='to'/>";
        let Ok(Action::Receives(_, push, _)) = read(&format!("Juliet receives a push{item}")) else { unreachable!() };
        assert!(matches!(&push[..], [Content::Element(iq)] if iq.child(ROSTER, "query").is_some()));
        let Ok(Action::RosterIs(who, query)) = read(&format!("Romeo's phone's roster is{item}")) else {
            unreachable!()
        };
        assert_eq!((who.as_str(), query.elements().count()), ("Romeo's phone", 1));
        assert!(
            matches!(read("Juliet's roster is\n  nothing"), Ok(Action::RosterIs(_, query)) if query.elements().count() == 0)
        );
    }

    #[test]
    fn mistakes_are_told() {
        assert_eq!(read("Juliet receives"), Err("this step needs indented lines below it".into()));
        assert_eq!(
            read("Mercutio sends\n  <a/>"),
            Err("\"Mercutio sends\" is no step, and begins with nobody of the cast".into())
        );
        assert_eq!(read("Juliet weeps"), Err("nobody knows how Juliet \"weeps\"".into()));
        assert_eq!(read("Juliet and Romeo disconnects"), Err("only one can do that".into()));
        assert_eq!(read("Juliet disconnects\n  <a/>"), Err("nothing can be indented below this step".into()));
    }
}
