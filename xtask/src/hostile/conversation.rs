//! Two people who talk while others attack, and must not notice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::case::{Moment, Occasion, Way};
use super::client::Client;
use super::house::{House, JULIET, ROMEO};
use super::login::{Person, reach};
use super::tree::{Item, Tree};

/// A message and its answer, over and over.
pub(super) struct Conversation {
    stop: Arc<AtomicBool>,
    heard: Arc<Mutex<Heard>>,
    thread: JoinHandle<()>,
}

/// What came of it since it was last looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    pub(super) messages: u32,
    /// The longest that one of them took.
    pub(super) longest: Duration,
    /// Why it broke off.
    pub(super) lost: Option<String>,
}

/// Between two rounds, so that the talk is no load of its own.
const PAUSE: Duration = Duration::from_millis(5);

struct Pair {
    romeo: Client,
    juliet: Client,
    host: String,
    /// Nothing else may reach them. What other servers hand on of what they should refuse is told by the case itself.
    alone: bool,
}

impl Conversation {
    /// Romeo in the clear in today's dialect; Juliet encrypted, and in the dialect of 2000 if the server is ours.
    pub(super) fn begin(house: &House) -> Result<Conversation> {
        let juliet = if house.is_yatter { Way::DirectJ } else { Way::DirectX };
        let mut pair = Pair {
            romeo: enter(house, Way::PlainX, ROMEO)?,
            juliet: enter(house, juliet, JULIET)?,
            host: house.stage.host.clone(),
            alone: house.is_yatter,
        };
        let (stop, heard) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Heard::default())));
        let (stopped, told) = (stop.clone(), heard.clone());
        let thread = thread::spawn(move || pair.talk(&stopped, &told));
        Ok(Conversation { stop, heard, thread })
    }

    /// What happened since the last time.
    pub(super) fn so_far(&self) -> Heard {
        self.heard.lock().map(|mut heard| std::mem::take(&mut *heard)).unwrap_or_default()
    }

    /// Waits until a message has come through whose sending began now or later.
    pub(super) fn catch_up(&self) {
        let count = || self.heard.lock().map(|heard| (heard.messages, heard.lost.is_some())).unwrap_or((0, true));
        let (before, _) = count();
        let until = Instant::now() + super::client::PATIENCE;
        loop {
            let (now, lost) = count();
            // The one that was under way, and one more.
            if now >= before + 2 || lost || Instant::now() > until {
                return;
            }
            thread::sleep(Duration::from_micros(500));
        }
    }

    pub(super) fn end(self) -> Heard {
        self.stop.store(true, Ordering::Relaxed);
        // It has told before if something was wrong.
        let _ = self.thread.join();
        self.heard.lock().map(|heard| heard.clone()).unwrap_or_default()
    }
}

fn enter(house: &House, way: Way, name: &str) -> Result<Client> {
    let person = Person { name: name.to_owned(), resource: "talk".to_owned() };
    let mut client = reach(house, Occasion { way, moment: Moment::Session }, &person)?;
    client.say("<presence/><iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>")?;
    loop {
        match client.next().with_context(|| format!("{name} gets no roster"))? {
            Item::Element(tree) if tree.attr("id") == Some("roster") => return Ok(client),
            Item::Element(_) => {}
            other => bail!("{name} gets {other:?} for a roster"),
        }
    }
}

impl Pair {
    fn talk(&mut self, stop: &AtomicBool, told: &Mutex<Heard>) {
        let mut number = 0;
        while !stop.load(Ordering::Relaxed) {
            let rounds = [self.one(number, true), self.one(number, false)];
            number += 1;
            let Ok(mut heard) = told.lock() else { return };
            for round in rounds {
                match round {
                    Ok(time) => {
                        heard.messages += 1;
                        heard.longest = heard.longest.max(time);
                    }
                    Err(why) => {
                        heard.lost = Some(format!("{why:#}"));
                        return;
                    }
                }
            }
            drop(heard);
            thread::sleep(PAUSE);
        }
    }

    /// One message, and nothing else, arrives.
    fn one(&mut self, number: u32, from_romeo: bool) -> Result<Duration> {
        let Pair { romeo, juliet, host, alone } = self;
        let (sender, receiver, to) = if from_romeo { (romeo, juliet, JULIET) } else { (juliet, romeo, ROMEO) };
        let began = Instant::now();
        sender.say(&format!("<message to='{to}@{host}/talk' type='chat'><body>{number}</body></message>"))?;
        loop {
            match receiver.next().with_context(|| format!("message {number} to {to} is lost"))? {
                // Their presence, which may come to each other's own sessions.
                Item::Element(tree) if tree.name == "presence" => {}
                Item::Element(tree) if tree.name == "message" && body(&tree) == Some(&number.to_string()) => {
                    receiver.forget();
                    return Ok(began.elapsed());
                }
                Item::Element(_) if !*alone => {}
                other => bail!("instead of message {number} to {to} came {other:?}"),
            }
        }
    }
}

fn body(message: &Tree) -> Option<&String> {
    message.child("body").map(|body| &body.text)
}
