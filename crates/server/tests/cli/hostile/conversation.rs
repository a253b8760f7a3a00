//! Two people who talk while others attack, and must not notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::hostile::ways::{House, WAYS};

/// A message and its answer, over and over.
pub(crate) struct Conversation {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Heard, String>>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) messages: u32,
    /// The longest that one of them took.
    pub(crate) longest: Duration,
}

/// Between two rounds, so that the talk is no load of its own.
const PAUSE: Duration = Duration::from_millis(5);

impl Conversation {
    /// Romeo in the clear in today's dialect, Juliet encrypted in that of 2000.
    pub(crate) fn begin(house: &House) -> Conversation {
        let mut romeo = WAYS[0].log_in(house, "romeo", "talk");
        let mut juliet = WAYS[4].log_in(house, "juliet", "talk");
        for client in [&mut romeo, &mut juliet] {
            client.say("<presence/><iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>");
            client.hear("id='roster'");
            client.hear("</iq>");
        }
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        Conversation { stop, thread: thread::spawn(move || talk(&mut romeo, &mut juliet, &stopped)) }
    }

    pub(crate) fn end(self) -> Result<Heard, String> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|_| Err("the conversation panicked".to_owned()))
    }
}

fn talk(romeo: &mut Client, juliet: &mut Client, stop: &AtomicBool) -> Result<Heard, String> {
    let mut heard = Heard { messages: 0, longest: Duration::ZERO };
    while !stop.load(Ordering::Relaxed) {
        heard.one(romeo, juliet, ("romeo", "juliet"))?;
        heard.one(juliet, romeo, ("juliet", "romeo"))?;
        thread::sleep(PAUSE);
    }
    Ok(heard)
}

impl Heard {
    /// One message, and nothing else, arrives.
    fn one(&mut self, from: &mut Client, to: &mut Client, names: (&str, &str)) -> Result<(), String> {
        let began = Instant::now();
        let number = self.messages;
        from.say(&format!("<message to='{}@localhost/talk' type='chat'><body>{number}</body></message>", names.1));
        let message = to.try_to_hear("</message>")?;
        if message.trim_start() != expected(names, number) {
            return Err(format!("message {number} came as {message}"));
        }
        self.longest = self.longest.max(began.elapsed());
        self.messages += 1;
        Ok(())
    }
}

fn expected((from, to): (&str, &str), number: u32) -> String {
    format!("<message from='{from}@localhost/talk' to='{to}@localhost/talk' type='chat'><body>{number}</body>")
}
