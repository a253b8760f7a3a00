//! One drainer at a time, and everything in its order, whoever holds commits up.

use crate::client::Got;
use crate::stage::{account, all_came, bind, chat, hub, play, say};
use im::Limits;
use shuttle::future::{block_on, spawn};
use shuttle::thread;
use store::{Faults, Store};

/// Two people write to a third, one of them with commits between; all outboxes are carried out by whoever comes.
#[test]
fn what_two_say_arrives_in_order_and_once() {
    play(async || {
        let faults = Faults::new();
        let hub = hub(Store::memory_with(&faults), Limits::default()).await;
        let (romeo, nurse, juliet) =
            (account(&hub, "romeo").await, account(&hub, "nurse").await, account(&hub, "juliet").await);
        let (desk, kitchen) = (bind(&hub, &romeo, "desk").await, bind(&hub, &nurse, "kitchen").await);
        let balcony = bind(&hub, &juliet, "balcony").await;
        say(&balcony, "<presence/>");
        hub.idle().await;
        faults.hold();
        let first = thread::spawn(move || {
            block_on(async {
                chat(&desk, "juliet@verona.example/balcony", "r", 2).await;
                // A commit, behind which everything later has to wait.
                say(
                    &desk,
                    "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='nurse@verona.example'/></query></iq>",
                );
                for number in 2..4 {
                    say(
                        &desk,
                        &format!(
                            "<message to='juliet@verona.example' type='chat' id='r{number}'><body>x</body></message>"
                        ),
                    );
                }
            });
            desk
        });
        let second = thread::spawn(move || {
            block_on(chat(&kitchen, "juliet@verona.example/balcony", "n", 3));
            kitchen
        });
        let disk = thread::spawn(move || {
            while !faults.release_one() {
                thread::yield_now();
            }
            faults.release_all();
        });
        let reader = spawn(async move {
            let mut got = Got::default();
            while got.messages.len() < 7 {
                got.take(&balcony).await;
            }
            (got, balcony)
        });
        let doors = (first.join().unwrap(), second.join().unwrap());
        disk.join().unwrap();
        let (mut got, balcony) = reader.await.unwrap();
        got.take_all(&hub, &balcony).await;
        all_came("r", 4, &got.messages);
        all_came("n", 3, &got.messages);
        drop(doors);
    });
}

/// Two sessions of one account ask for what waits while more of it comes: each message goes to one of them.
#[test]
fn pages_of_waiting_messages_are_given_once() {
    play(async || {
        let faults = Faults::new();
        let hub = hub(Store::memory_with(&faults), Limits::default()).await;
        let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
        let desk = bind(&hub, &romeo, "desk").await;
        chat(&desk, "juliet@verona.example", "r", 3).await;
        hub.idle().await;
        faults.hold();
        let doors = [bind(&hub, &juliet, "balcony").await, bind(&hub, &juliet, "garden").await];
        let readers = doors.map(|door| {
            let hub = hub.clone();
            spawn(async move {
                let mut got = Got::default();
                say(&door, "<presence/>");
                for _ in 0..20 {
                    got.look(&door);
                    shuttle::future::yield_now().await;
                }
                got.take_all(&hub, &door).await;
                (got, door)
            })
        });
        let more = spawn(async move {
            for number in 3..5 {
                say(
                    &desk,
                    &format!("<message to='juliet@verona.example' type='chat' id='r{number}'><body>x</body></message>"),
                );
                shuttle::future::yield_now().await;
            }
            desk
        });
        let disk = thread::spawn(move || {
            for _ in 0..3 {
                faults.release_one();
                thread::yield_now();
            }
            faults.release_all();
        });
        disk.join().unwrap();
        let desk = more.await.unwrap();
        let mut all = Vec::new();
        let mut open = Vec::new();
        for reader in readers {
            let (got, door) = reader.await.unwrap();
            all.extend(got.messages);
            open.push(door);
        }
        for door in &open {
            let mut got = Got::default();
            got.take_all(&hub, door).await;
            all.extend(got.messages);
        }
        all.sort_unstable();
        all_came("r", 5, &all);
        drop(desk);
    });
}

/// An account tells its own sessions of each change in its order, and carries what they say to each other, while another thread commits.
#[test]
fn what_an_account_tells_its_own_sessions_keeps_its_order() {
    play(async || {
        let faults = Faults::new();
        let hub = hub(Store::memory_with(&faults), Limits::default()).await;
        let juliet = account(&hub, "juliet").await;
        let (balcony, garden) = (bind(&hub, &juliet, "balcony").await, bind(&hub, &juliet, "garden").await);
        for door in [&balcony, &garden] {
            say(door, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
        }
        hub.idle().await;
        Got::default().take_all(&hub, &garden).await;
        faults.hold();
        let writer = thread::spawn(move || {
            for number in 0..3 {
                say(
                    &balcony,
                    &format!(
                        "<iq type='set' id='s{number}'><query xmlns='jabber:iq:roster'>\
                         <item jid='nurse@verona.example' name='{number}'/></query></iq>"
                    ),
                );
                say(&balcony, &format!("<message to='juliet@verona.example/garden' id='r{number}'/>"));
            }
            balcony
        });
        let disk = thread::spawn(move || {
            faults.release_one();
            thread::yield_now();
            faults.release_all();
        });
        let balcony = writer.join().unwrap();
        disk.join().unwrap();
        let mut got = Got::default();
        got.take_all(&hub, &garden).await;
        assert_eq!(got.pushed, ["0", "1", "2"]);
        all_came("r", 3, &got.messages);
        drop(balcony);
    });
}
