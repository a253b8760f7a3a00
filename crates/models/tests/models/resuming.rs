//! A connection is lost in the middle, and its session goes on or ends (XEP-0198).

use crate::client::{Got, lose};
use crate::stage::{X, account, all_came, bind, chat, hub, play, say};
use im::{Goodbye, Limits, Signal};
use shuttle::future::{block_on, spawn};
use shuttle::thread;
use std::time::Duration;
use store::{Faults, Store};

const SET: &str =
    "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='nurse@verona.example'/></query></iq>";

/// Somebody writes while the connection goes, the client comes back, and time may run out meanwhile.
#[test]
fn a_message_comes_once_through_a_lost_connection() {
    play(async || {
        let faults = Faults::new();
        let hub = hub(Store::memory_with(&faults), Limits::default()).await;
        let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
        let desk = bind(&hub, &romeo, "desk").await;
        let balcony = bind(&hub, &juliet, "balcony").await;
        balcony.signal(Signal::Enable { resume: true, max_s: None });
        say(&balcony, "<presence/>");
        let mut got = Got::default();
        got.take_all(&hub, &balcony).await;
        faults.hold();
        // What she has sent is not handled yet when she comes back.
        say(&balcony, SET);
        let sender = thread::spawn(move || {
            block_on(chat(&desk, "juliet@verona.example", "r", 4));
            desk
        });
        let client = {
            let (hub, juliet) = (hub.clone(), juliet.clone());
            spawn(async move {
                got.look(&balcony);
                balcony.signal(Signal::Ack(got.h));
                lose(&balcony);
                balcony.close(Goodbye::Lost);
                shuttle::future::yield_now().await;
                let id = got.resumable.clone().unwrap();
                let door = match hub.resume(&juliet, &id, got.h, X).await {
                    Ok(door) => door,
                    Err(im::ResumeError::NotFound { .. }) => {
                        let door = bind(&hub, &juliet, "balcony").await;
                        say(&door, "<presence/>");
                        door
                    }
                    Err(error) => panic!("{error}"),
                };
                got.take_all(&hub, &door).await;
                (got, door)
            })
        };
        let time = {
            let hub = hub.clone();
            thread::spawn(move || {
                for _ in 0..3 {
                    thread::yield_now();
                    hub.clock().advance(Duration::from_secs(150));
                }
                faults.release_all();
            })
        };
        let desk = sender.join().unwrap();
        time.join().unwrap();
        let (mut got, door) = client.await.unwrap();
        got.take_all(&hub, &door).await;
        all_came("r", 4, &got.messages);
        drop(desk);
    });
}

/// Two connections come back to one session at once: one of them has it, the other is told so.
#[test]
fn a_session_has_one_connection() {
    play(async || {
        let hub = hub(Store::memory(), Limits::default()).await;
        let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
        let desk = bind(&hub, &romeo, "desk").await;
        let balcony = bind(&hub, &juliet, "balcony").await;
        balcony.signal(Signal::Enable { resume: true, max_s: None });
        say(&balcony, "<presence/>");
        let mut got = Got::default();
        got.take_all(&hub, &balcony).await;
        let (id, h) = (got.resumable.clone().unwrap(), got.h);
        let come_back = || {
            let (hub, juliet, id) = (hub.clone(), juliet.clone(), id.clone());
            spawn(async move { hub.resume(&juliet, &id, h, X).await })
        };
        let (first, second) = (come_back(), come_back());
        let old = thread::spawn(move || balcony.close(Goodbye::Lost));
        let sender = thread::spawn(move || {
            block_on(chat(&desk, "juliet@verona.example", "r", 2));
            desk
        });
        old.join().unwrap();
        let desk = sender.join().unwrap();
        let both = [first.await.unwrap(), second.await.unwrap()];
        let refused: Vec<_> = both.iter().filter_map(|resumed| Some(resumed.as_ref().err()?.to_string())).collect();
        let doors: Vec<_> = both.into_iter().flatten().collect();
        hub.idle().await;
        let mut heard = Vec::new();
        for door in &doors {
            let mut seen = got.clone();
            seen.take_all(&hub, door).await;
            if !seen.closed {
                heard.push(seen.messages);
            }
        }
        assert_eq!(heard.len(), 1, "{heard:?}, refused: {refused:?}");
        all_came("r", 2, &heard[0]);
        drop(desk);
    });
}

/// What waits is being given to a session that loses its connection: it goes on with another, and comes to nobody twice.
#[test]
fn waiting_messages_go_on_with_another_session() {
    play(async || {
        let hub = hub(Store::memory(), Limits::default()).await;
        let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
        let desk = bind(&hub, &romeo, "desk").await;
        chat(&desk, "juliet@verona.example", "r", 2).await;
        hub.idle().await;
        let balcony = bind(&hub, &juliet, "balcony").await;
        balcony.signal(Signal::Enable { resume: true, max_s: None });
        let first = spawn(async move {
            say(&balcony, "<presence/>");
            for _ in 0..3 {
                lose(&balcony);
                shuttle::future::yield_now().await;
            }
            balcony.close(Goodbye::Lost);
        });
        let second = {
            let (hub, juliet) = (hub.clone(), juliet.clone());
            spawn(async move {
                let door = bind(&hub, &juliet, "garden").await;
                say(&door, "<presence/>");
                let mut got = Got::default();
                got.take_all(&hub, &door).await;
                (got, door)
            })
        };
        let sender = thread::spawn(move || {
            for number in 2..4 {
                say(
                    &desk,
                    &format!("<message to='juliet@verona.example' type='chat' id='r{number}'><body>x</body></message>"),
                );
            }
            desk
        });
        first.await.unwrap();
        let desk = sender.join().unwrap();
        let (mut got, garden) = second.await.unwrap();
        // Nobody comes back to the first.
        hub.clock().advance(Duration::from_secs(400));
        for _ in 0..100 {
            shuttle::future::yield_now().await;
        }
        got.take_all(&hub, &garden).await;
        got.messages.sort_unstable();
        all_came("r", 4, &got.messages);
        drop(desk);
    });
}
