//! An account wakes for several at once, and is put to sleep while somebody looks for it.

use crate::client::Got;
use crate::stage::{account, all_came, bind, chat, hub, play, say};
use im::Limits;
use shuttle::future::{block_on, spawn};
use shuttle::thread;
use store::Store;

/// Messages wake their receiver, others push it back to sleep, it logs in meanwhile: each comes once, and in order.
#[test]
fn what_wakes_an_account_reaches_it() {
    play(async || {
        let limits = Limits { accounts_awake: 1, ..Limits::default() };
        let hub = hub(Store::memory(), limits).await;
        let (romeo, nurse, juliet) =
            (account(&hub, "romeo").await, account(&hub, "nurse").await, account(&hub, "juliet").await);
        let paris = account(&hub, "paris").await;
        let (desk, kitchen) = (bind(&hub, &romeo, "desk").await, bind(&hub, &nurse, "kitchen").await);
        let senders = [(desk, "r"), (kitchen, "n")].map(|(door, who)| {
            thread::spawn(move || {
                block_on(async {
                    chat(&door, "juliet@verona.example", who, 2).await;
                    chat(&door, "paris@verona.example", who, 1).await;
                });
                door
            })
        });
        let logging_in = {
            let (hub, juliet) = (hub.clone(), juliet.clone());
            spawn(async move {
                let door = bind(&hub, &juliet, "balcony").await;
                say(&door, "<presence/>");
                let mut got = Got::default();
                got.take_all(&hub, &door).await;
                (got, door)
            })
        };
        let doors = senders.map(|sender| sender.join().unwrap());
        let (mut got, balcony) = logging_in.await.unwrap();
        got.take_all(&hub, &balcony).await;
        all_came("r", 2, &got.messages);
        all_came("n", 2, &got.messages);
        let street = bind(&hub, &paris, "street").await;
        say(&street, "<presence/>");
        let mut got = Got::default();
        got.take_all(&hub, &street).await;
        all_came("r", 1, &got.messages);
        all_came("n", 1, &got.messages);
        drop(doors);
    });
}
