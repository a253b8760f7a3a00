//! Bad input at every door of the real program: the right words, the end where it has to be, no memory beyond the stated
//! limits, and nobody else notices.

mod attacks;
mod conversation;
mod logins;
mod memory;
mod patience;
mod sessions;
mod ways;

use std::time::Duration;

use conversation::Conversation;
use memory::{MIB, Siege};
use patience::{Crowd, HalfOpen, Sloths};
use ways::{House, PASSWORD};

use crate::serving::get;
use crate::stage::eventually;

const LIMITS: &str = "login_s = 5\nhandshake_s = 2\nstuck_s = 2\nlinger_s = 1\nfailure_delay_ms = 0\n\
                      session_queue_bytes = 1048576\nsessions_per_account = 200\n";

/// The limits that are not set above: a stanza's bytes, and what its nodes take in memory.
const STANZA: usize = 262_144;
const NODES: usize = 8_192 * 32;

/// What may wait for a session.
const QUEUE: usize = MIB;

const PEOPLE: [&str; 9] = ["romeo", "juliet", "mallory", "sloth0", "sloth1", "sloth2", "sloth3", "sloth4", "sloth5"];

#[test]
fn bad_input_at_each_door_harms_nobody() {
    let house = House::new(LIMITS, &PEOPLE);
    let conversation = Conversation::begin(&house);
    let mut siege = Siege::begin(house.server.process());

    let half_open = HalfOpen::begin(&house);
    for attack in attacks::table() {
        for (way, moment) in attack.occasions() {
            let outcome = siege.within(attack.name, STANZA + MIB, || attack.run(&house, way, moment));
            siege.note(outcome.err());
        }
    }
    siege.within("logins", STANZA + MIB, || logins::check(&house));
    siege.within("sessions", QUEUE + STANZA + MIB, || sessions::check(&house));
    for (name, words) in [
        ("long stanzas", format!("<message><body>{}", "x".repeat(262_000))),
        ("rich stanzas", format!("<message>{}", "<a/>".repeat(8_100))),
    ] {
        let crowd = siege.within(name, 60 * (STANZA + NODES) + MIB, || Crowd::begin(&house, 60, &words));
        crowd.end();
    }
    let held = 12 * (QUEUE + STANZA + MIB);
    let late = siege.within("who does not read", held, || Sloths::begin(&house).complaints(&house));
    siege.note(late);
    siege.note(half_open.complaints());
    siege.settles("what is left", 8 * MIB);

    match conversation.end() {
        Ok(heard) => assert!(heard.messages > 100 && heard.longest < Duration::from_secs(2), "{heard:?}"),
        Err(why) => siege.note(Some(why)),
    }
    eventually("everybody is gone", || {
        let page = get(house.metrics, "/metrics");
        page.contains("\nyatter_connections 0\n") && page.contains("\nyatter_sessions 0\n")
    });
    let (code, log) = house.server.stop("TERM");
    assert_eq!(code, Some(0), "{log}");
    siege.end();
    for word in ["panicked", " ERROR ", PASSWORD, "let me in"] {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(word)).take(5).collect();
        assert!(lines.is_empty(), "in the log: {}", lines.join("\n"));
    }
}
