//! One account whose changes of presence go to many contacts: what each delivery costs the server.

use std::collections::VecDeque;

use anyhow::{Context, Result, ensure};
use mio::{Events, Poll, Token};
use serde_json::Value;

use crate::args::Args;
use crate::flow::{self, BUFFER, Flow, PATIENCE, Receiver, Sender};
use crate::message::Line;
use crate::session::Target;

struct Load {
    /// The number of the user whose presence changes; the contacts are the users after it.
    first: usize,
    star: Sender,
    contacts: Vec<Receiver>,
    /// Writes what the star says; the contacts have lines of their own to check it.
    line: Line,
    /// Changes that have reached everybody.
    completed: u64,
    /// For each change under way, how many contacts have it.
    reached: VecDeque<usize>,
    scratch: Vec<u8>,
}

/// Keeps some changes of presence under way to all contacts.
pub(crate) fn run(args: &Args) -> Result<Value> {
    let target = Target::read(args)?;
    let (count, window) = (args.number("contacts", 100_usize)?, args.number("window", 4_usize)?);
    ensure!(count > 0 && window > 0, "--contacts and --window must be at least 1");
    let first = args.number("first-user", 0_usize)?;
    subscribe(&target, first, count)?;
    let mut poll = Poll::new()?;
    let star_jid = target.jid(first);
    let contacts = (first + 1..=first + count).map(|user| {
        let line = Line::presence(&star_jid, &target.bare(user));
        let mut contact = Receiver::register(target.open(user)?, line, &poll, Token(user))?;
        contact.skips_greetings = true;
        Ok(contact)
    });
    let contacts = contacts.collect::<Result<Vec<_>>>()?;
    // Last, so that its first presence finds everybody there.
    let star = Sender::register(target.open(first)?, &poll, Token(first))?;
    target.keep_keys()?;
    let line = Line::presence(&star_jid, &target.bare(first));
    let scratch = vec![0; BUFFER];
    let mut load = Load { first, star, contacts, line, completed: 0, reached: VecDeque::new(), scratch };
    load.send(window)?;
    flow::measure(&mut load, &mut poll, args)
}

impl Load {
    fn send(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            let number = self.completed + self.reached.len() as u64;
            self.line.write(number, self.star.outbox());
            self.reached.push_back(0);
        }
        self.star.flush()
    }
}

impl Flow for Load {
    fn turn(&mut self, poll: &mut Poll, sending: bool) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        flow::wait(poll, &mut events, PATIENCE)?;
        ensure!(
            !events.is_empty(),
            "nothing was delivered for {PATIENCE:?}; {} changes are under way",
            self.reached.len()
        );
        for event in &events {
            let user = event.token().0;
            if user == self.first {
                // Its own presence comes back to it (RFC 6121 §4.4.2).
                let is_own = |read: &[u8]| !read.windows(5).any(|window| window == b"error");
                self.star.ready(&mut self.scratch, is_own)?;
                continue;
            }
            let contact = &mut self.contacts[user - self.first - 1];
            let before = contact.delivered;
            contact.receive(&mut self.scratch).with_context(|| format!("contact {user}"))?;
            for number in before..contact.delivered {
                let place = usize::try_from(number - self.completed)?;
                *self.reached.get_mut(place).context("more came than was sent")? += 1;
            }
        }
        let mut done = 0;
        while self.reached.front() == Some(&self.contacts.len()) {
            self.reached.pop_front();
            self.completed += 1;
            done += 1;
        }
        if sending && done > 0 { self.send(done) } else { Ok(()) }
    }

    fn delivered(&self) -> u64 {
        self.contacts.iter().map(|contact| contact.delivered).sum()
    }

    fn is_drained(&self) -> bool {
        self.reached.is_empty()
    }

    fn record(&mut self, _: bool) {}
}

/// Makes every contact see the star's presence, unless an earlier run has done it.
fn subscribe(target: &Target, first: usize, count: usize) -> Result<()> {
    let mut star = target.open(first)?;
    let star_jid = target.bare(first);
    for user in first + 1..=first + count {
        let mut contact = target.open(user)?;
        if is_subscribed(&contact.roster()?, &star_jid) {
            contact.close()?;
            continue;
        }
        contact.send(&format!("<presence type='subscribe' to='{star_jid}'/>"))?;
        let jid = target.bare(user);
        while !is_presence(&star.element()?, "subscribe", &jid) {}
        star.send(&format!("<presence type='subscribed' to='{jid}'/>"))?;
        while !is_subscribed(&contact.element()?, &star_jid) {}
        contact.close()?;
    }
    star.close()
}

fn is_presence(element: &str, kind: &str, from: &str) -> bool {
    let has = |name: &str, value: &str| {
        element.contains(&format!("{name}='{value}'")) || element.contains(&format!("{name}=\"{value}\""))
    };
    element.starts_with("<presence") && has("type", kind) && has("from", from)
}

/// Whether a roster or a roster push says that the owner sees the presence of `jid`.
fn is_subscribed(roster: &str, jid: &str) -> bool {
    roster.split("<item").skip(1).filter_map(|item| item.split_once('>')).any(|(item, _)| {
        let has = |text: &str| item.contains(&format!("='{text}'")) || item.contains(&format!("=\"{text}\""));
        has(jid) && (has("to") || has("both"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rosters() {
        let roster =
            "<iq><query><item jid='x@h' subscription='to'/><item subscription=\"none\" jid=\"a@h\"/></query></iq>";
        assert!(is_subscribed(roster, "x@h"));
        assert!(!is_subscribed(roster, "a@h"));
        assert!(is_presence("<presence from='a@h' type=\"subscribe\"/>", "subscribe", "a@h"));
        assert!(!is_presence("<presence from='a@h' type='subscribed'/>", "subscribe", "a@h"));
    }
}
