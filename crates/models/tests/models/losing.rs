//! A write is lost, or an account goes, in the middle of what others do: nobody waits for ever.

use crate::client::Got;
use crate::stage::{account, all_came, bind, chat, hub, play, said_by, say};
use im::{Goodbye, Limits};
use shuttle::future::{block_on, spawn};
use shuttle::thread;
use store::{Error, Faults, Store};

fn disk() -> Error {
    Error::DiskFull { folder: "/data".into() }
}

/// Commits fail while people ask for subscriptions and talk: who was told of nothing has lost nothing, and in the end nothing is under way.
#[test]
fn a_lost_write_stops_nobody() {
    play(async || {
        let faults = Faults::new();
        let hub = hub(Store::memory_with(&faults), Limits::default()).await;
        let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
        let (desk, balcony) = (bind(&hub, &romeo, "desk").await, bind(&hub, &juliet, "balcony").await);
        say(&balcony, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
        say(&balcony, "<presence/>");
        hub.idle().await;
        let breaking = thread::spawn(move || {
            for _ in 0..2 {
                faults.fail_next(1, disk());
                thread::yield_now();
            }
            faults.fail_next(0, disk());
        });
        let talking = thread::spawn(move || {
            block_on(async {
                say(&desk, "<presence type='subscribe' to='juliet@verona.example'/>");
                chat(&desk, "juliet@verona.example/balcony", "r", 2).await;
                say(&desk, "<presence type='unsubscribe' to='juliet@verona.example'/>");
            });
            desk
        });
        let answering = thread::spawn(move || {
            say(&balcony, "<presence type='subscribed' to='romeo@verona.example'/>");
            balcony
        });
        breaking.join().unwrap();
        let (desk, balcony) = (talking.join().unwrap(), answering.join().unwrap());
        let mut got = Got::default();
        got.take_all(&hub, &balcony).await;
        let mut returned = Got::default();
        returned.take_all(&hub, &desk).await;
        assert!(!got.closed && !returned.closed);
        all_came("r", 2, &got.messages);
    });
}

/// An account is removed while others write to it and it logs in: no message arrives and comes back, and nobody waits for ever.
#[test]
fn a_removed_account_leaves_nobody_waiting() {
    play(async || {
        let store = Store::memory();
        let hub = hub(store, Limits::default()).await;
        let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
        let desk = bind(&hub, &romeo, "desk").await;
        let sender = thread::spawn(move || {
            block_on(chat(&desk, "juliet@verona.example", "r", 3));
            desk
        });
        let removing = {
            let (hub, juliet) = (hub.clone(), juliet.clone());
            spawn(async move { hub.remove_account(&juliet, None).await.unwrap() })
        };
        let joining = {
            let (hub, juliet) = (hub.clone(), juliet.clone());
            spawn(async move {
                let mut got = Got::default();
                let Ok(door) = hub.bind(&juliet, Some("balcony"), crate::stage::X).await else { return got };
                say(&door, "<presence/>");
                got.take_all(&hub, &door).await;
                door.close(Goodbye::ByPeer);
                got
            })
        };
        let desk = sender.join().unwrap();
        removing.await.unwrap();
        let got = joining.await.unwrap();
        hub.idle().await;
        let mut returned = Got::default();
        returned.take_all(&hub, &desk).await;
        // What waited for her goes with her account: nobody is told twice, and nothing is in two places.
        let (come, back) = (said_by("r", &got.messages), said_by("!r", &returned.messages));
        assert!(
            come.is_sorted() && back.is_sorted() && !come.iter().any(|one| back.contains(one)),
            "{come:?} {back:?}"
        );
        say(&desk, "<message to='juliet@verona.example' type='chat' id='r9'><body>x</body></message>");
        returned.take_all(&hub, &desk).await;
        assert_eq!(said_by("!r", &returned.messages).last(), Some(&9));
    });
}
