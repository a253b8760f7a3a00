//! Pages of the database go bad, or the disk is read-only: words that say what to do, and whoever is not concerned notices nothing.

use std::fs;
use std::path::PathBuf;

use crate::client::Client;
use crate::stage::{Server, Stage, eventually};

const PAGE: usize = 4096;

fn stage() -> Stage {
    let stage = Stage::new();
    ["alice@localhost", "bob@localhost"].iter().for_each(|jid| assert_eq!(stage.add(jid).code, 0));
    stage
}

fn database(stage: &Stage, suffix: &str) -> PathBuf {
    stage.data().join(format!("yatter.sqlite{suffix}"))
}

fn log_in(stage: &Stage, user: &str) -> Client {
    let mut client = Client::connect(stage.port);
    client.log_in(user, "secret", "home");
    client
}

/// Keeps a private element, and hears that it is kept.
fn keep(client: &mut Client, place: usize, text: &str) {
    let query = format!("<query xmlns='jabber:iq:private'><p xmlns='kept:{place}'>{text}</p></query>");
    client.say(&format!("<iq type='set' id='k{place}'>{query}</iq>"));
    let answer = client.hear(&format!(" id='k{place}'"));
    assert!(answer.ends_with(" type='result'"), "{answer}");
}

fn ask(client: &mut Client, place: usize) -> String {
    client.say(&format!(
        "<iq type='get' id='g{place}'><query xmlns='jabber:iq:private'><p xmlns='kept:{place}'/></query></iq>"
    ));
    client.hear(&format!(" id='g{place}'"));
    client.hear("</iq>")
}

#[test]
fn a_damaged_header_ends_the_start_with_what_to_do() {
    let stage = stage();
    let mut bytes = fs::read(database(&stage, "")).unwrap();
    bytes[..PAGE / 2].fill(0xee);
    fs::write(database(&stage, ""), &bytes).unwrap();
    for _ in 0..2 {
        let ran = stage.run(&[]);
        let last = ran.err.lines().last().unwrap_or_default();
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(last.starts_with("yatter: ") && last.contains("is damaged"), "{last}");
        assert!(last.contains("restore the last backup"), "{last}");
    }
    assert_eq!(fs::read(database(&stage, "")).unwrap(), bytes, "it is left as it is");
}

#[test]
fn a_damaged_leaf_concerns_its_owner_only() {
    let stage = stage();
    let server = stage.serve();
    for (user, text) in [("alice", "of alice"), ("bob", "of bob")] {
        let mut client = log_in(&stage, user);
        (0..12).for_each(|place| keep(&mut client, place, &format!("{text} {}", "x".repeat(1_200))));
    }
    assert_eq!(server.stop("TERM").0, Some(0));

    let mut bytes = fs::read(database(&stage, "")).unwrap();
    let has = |page: &[u8], text: &str| page.windows(text.len()).any(|window| window == text.as_bytes());
    // A leaf of an index: what a table of this kind consists of.
    let page = bytes.chunks_mut(PAGE).find(|page| page[0] == 0x0a && has(page, "of bob") && !has(page, "of alice"));
    page.unwrap()[..64].fill(0xee);
    fs::write(database(&stage, ""), &bytes).unwrap();

    let mut server = stage.serve();
    let mut alice = log_in(&stage, "alice");
    let mut bob = Client::connect(stage.port);
    bob.begin();
    bob.authenticate("bob", "secret");
    bob.begin();
    bob.say("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    let answer = bob.hear("</iq>");
    assert!(answer.contains("internal-server-error"), "{answer}");
    eventually("the damage is said", || server.has_said("is damaged"));

    alice.say("<message to='bob@localhost' type='chat' id='m'><body>are you well?</body></message>");
    let returned = alice.hear("</message>");
    assert!(returned.contains(" type='error'"), "{returned}");
    for place in 0..12 {
        assert!(ask(&mut alice, place).contains("of alice"));
        keep(&mut alice, place, "new");
        assert!(ask(&mut alice, place).contains(">new<"));
    }
    // The doctor reads everything, and says so too.
    let log = server.kill();
    assert!(!log.contains("panicked"), "{log}");
    let ran = stage.run(&["check"]);
    assert!(ran.code != 0 && (ran.out + &ran.err).contains("is damaged"));
}

#[test]
fn a_damaged_log_is_said_and_what_stands_before_is_there() {
    let stage = stage();
    let mut server = stage.serve();
    let mut alice = log_in(&stage, "alice");
    (0..30).for_each(|place| keep(&mut alice, place, "of alice"));
    server.kill();

    let mut log = fs::read(database(&stage, "-wal")).unwrap();
    let third = log.len() / 3;
    log[third] ^= 0xff;
    fs::write(database(&stage, "-wal"), &log).unwrap();
    let server = stage.serve();
    eventually("the damage is said", || server.has_said("the write-ahead log is damaged"));
    assert_eq!(fs::read(database(&stage, "-wal.damaged")).unwrap(), log, "for whoever wants to look");
    let mut alice = log_in(&stage, "alice");
    let there: Vec<bool> = (0..30).map(|place| ask(&mut alice, place).contains("of alice")).collect();
    let before = there.iter().take_while(|there| **there).count();
    assert!(before > 0 && before < 30 && !there[before..].contains(&true), "{there:?}");
    keep(&mut alice, 30, "again");
    assert_eq!(stop(server), Some(0));

    // It is said once: the log that was damaged is gone.
    let mut server = stage.serve();
    assert!(ask(&mut log_in(&stage, "alice"), 30).contains("again"));
    assert!(!server.kill().contains("is damaged"));
}

fn stop(server: Server) -> Option<i32> {
    server.stop("TERM").0
}
