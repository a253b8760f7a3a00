//! Whatever takes too long ends: the clock is turned by hand.

use std::time::Duration;

use net::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::house::*;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Waits for something that other tasks bring about.
async fn until(what: impl Fn() -> bool) {
    for _ in 0..1000 {
        if what() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("it never came about");
}

#[tokio::test]
async fn a_client_that_never_logs_in_is_told_so() {
    let house = House::new().await;
    let mut silent = house.connect(listener());
    let mut old = house.connect(listener());
    old.say(HEADER).await;
    old.hear("from='example.org'>").await;
    let mut new = house.connect(listener());
    new.begin().await;
    house.pass(seconds(30)).await;
    house.pass(seconds(31)).await;
    let timeout = "<stream:error>Timeout waiting for authentication</stream:error></stream:stream>";
    assert!(silent.hear_out().await.ends_with(timeout));
    assert_eq!(old.hear_out().await, timeout);
    assert!(new.hear_out().await.contains("<connection-timeout "));
    // They do not hang up themselves: after a moment we do.
    house.pass(seconds(5)).await;
    until(|| house.doors.connections() == 0).await;
}

#[tokio::test]
async fn a_drip_of_white_space_is_no_login() {
    let house = House::new().await;
    let mut client = house.connect(listener());
    client.begin().await;
    for _ in 0..7 {
        client.say(" ").await;
        house.pass(seconds(10)).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(client.hear_out().await.contains("<connection-timeout "));
}

#[tokio::test]
async fn a_failed_login_is_held_back() {
    let house = House::with(Limits { failure_delay_ms: 500, ..limits() }).await;
    let mut client = house.connect(listener());
    client.begin().await;
    client.plain("amy", "wrong").await;
    until(|| house.doors.metrics().logins_failed.value() == 1).await;
    let mut buffer = [0; 16];
    assert!(tokio::time::timeout(Duration::from_millis(50), client.pipe.read(&mut buffer)).await.is_err());
    house.pass(seconds(1)).await;
    client.hear("<not-authorized/>").await;
}

#[tokio::test]
async fn silence_is_broken_by_a_space() {
    let house = House::new().await;
    for mut client in [house.new_client("amy", "x").await, house.old("amy", "j").await] {
        client.heard.clear();
        house.pass(seconds(120)).await;
        client.say(" ").await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        house.pass(seconds(121)).await;
        house.pass(seconds(118)).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(client.heard, "");
        house.pass(seconds(5)).await;
        client.hear(" ").await;
        house.pass(seconds(241)).await;
        client.hear(" ").await;
        client.say("</stream:stream>").await;
        client.hear_out().await;
    }
}

#[tokio::test]
async fn a_reader_that_stops_is_cut_off_and_its_messages_go_back() {
    let house = House::new().await;
    let mut slow = house.connect_through(listener(), 2048);
    slow.say(HEADER).await;
    slow.say(&iq_auth("amy", "t", "pw")).await;
    slow.hear("<iq type='result' id='1'/>").await;
    let mut bob = house.new_client("bob", "pc").await;
    let body = "x".repeat(1000);
    for n in 0..20 {
        bob.say(&format!("<message to='amy@example.org/t' type='chat' id='m{n}'><body>{body}</body></message>")).await;
    }
    bob.say("<message to='bob@example.org/pc' id='done'/>").await;
    bob.hear("id='done'/>").await;
    house.pass(seconds(59)).await;
    assert_eq!(house.doors.connections(), 2);
    house.pass(seconds(2)).await;
    house.pass(seconds(5)).await;
    until(|| house.doors.connections() == 1).await;
    assert_eq!(house.doors.metrics().stream_errors.values(), [("policy-violation", 1)]);
    // No extension keeps them here, so they come back; what may have arrived comes back, too.
    bob.hear("id='m19'").await;
}

/// Its queue holds a fraction of the answers: no more is read than can be answered.
#[tokio::test]
async fn who_asks_much_at_once_and_listens_is_not_cut_off() {
    const QUESTIONS: usize = 20_000;
    let house = House::new().await;
    for client in [house.new_client("amy", "x").await, house.old("amy", "j").await] {
        let (mut from, mut to) = tokio::io::split(client.pipe);
        let ask = "<iq type='get' to='example.org' id='q'><query xmlns='jabber:iq:none'/></iq>";
        tokio::spawn(async move { to.write_all(ask.repeat(QUESTIONS).as_bytes()).await });
        let (mut answers, mut heard, mut buffer) = (0, Vec::new(), vec![0; 65_536]);
        while answers < QUESTIONS {
            let count = tokio::time::timeout(seconds(10), from.read(&mut buffer)).await.expect("goes on").unwrap();
            assert!(count > 0, "was cut off after {answers} answers");
            heard.extend_from_slice(&buffer[..count]);
            let whole = heard.windows(5).rposition(|end| end == b"</iq>").map_or(0, |at| at + 5);
            answers += heard.drain(..whole).as_slice().windows(5).filter(|end| *end == b"</iq>").count();
        }
    }
}

#[tokio::test]
async fn a_stopping_server_says_so() {
    let house = House::new().await;
    let mut session = house.new_client("amy", "x").await;
    let mut old = house.old("bob", "j").await;
    let mut stranger = house.connect(listener());
    stranger.begin().await;
    house.doors.stop_logins();
    house.doors.hub().shutdown().await;
    assert!(session.hear_out().await.contains("<system-shutdown "));
    assert!(stranger.hear_out().await.contains("<system-shutdown "));
    assert!(old.hear_out().await.ends_with("<stream:error>Disconnected</stream:error></stream:stream>"));
    drop((session.pipe, old.pipe, stranger.pipe));
    tokio::time::timeout(Duration::from_secs(5), house.doors.closed()).await.unwrap();
}

#[tokio::test]
async fn connections_are_limited() {
    let house = House::with(Limits { connections: 2, ..limits() }).await;
    let _first = house.connect(listener());
    let second = house.connect(listener());
    let mut third = house.connect(listener());
    assert_eq!(third.hear_out().await, "");
    assert_eq!(house.doors.metrics().connections_refused.value(), 1);
    drop(second.pipe);
    second.task.await.unwrap();
    let mut fourth = house.connect(listener());
    fourth.begin().await;
}

#[tokio::test]
async fn who_sends_too_fast_is_read_later() {
    let house = House::with(Limits { stream_stanzas_per_s: 1, ..limits() }).await;
    let mut client = house.new_client("amy", "x").await;
    let ping = |id: usize| format!("<iq type='get' id='p{id}'><ping xmlns='urn:xmpp:ping'/></iq>");
    // Ten seconds' worth passes at once, and what was read together with it; login is over before the counting begins.
    let all: String = (0..11).map(ping).collect();
    client.say(&all).await;
    client.hear("id='p10'").await;
    client.say(&ping(11)).await;
    let mut buffer = [0; 16];
    assert!(tokio::time::timeout(Duration::from_millis(50), client.pipe.read(&mut buffer)).await.is_err());
    house.pass(seconds(3)).await;
    client.hear("id='p11'").await;
}
