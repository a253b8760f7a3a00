//! The server stops in the middle of everything.

use crate::client::Got;
use crate::stage::{account, bind, hub, play, said_by, say};
use im::{Goodbye, Limits};
use shuttle::future::spawn;
use store::Store;

/// What somebody has said is delivered, kept for the next start, or returned; never two of these.
#[test]
fn nothing_is_lost_when_the_server_stops() {
    play(async || {
        let store = Store::memory();
        let first = hub(store.clone(), Limits::default()).await;
        let (romeo, juliet) = (account(&first, "romeo").await, account(&first, "juliet").await);
        let (desk, balcony) = (bind(&first, &romeo, "desk").await, bind(&first, &juliet, "balcony").await);
        say(&balcony, "<presence/>");
        let mut got = Got::default();
        got.take_all(&first, &balcony).await;
        let reader = spawn(async move {
            while !got.closed {
                got.take(&balcony).await;
            }
            balcony.close(Goodbye::Error);
            got
        });
        let sender = spawn(async move {
            let (mut said, mut got) = (0, Got::default());
            while said < 4 && !got.closed {
                say(
                    &desk,
                    &format!("<message to='juliet@verona.example' type='chat' id='r{said}'><body>x</body></message>"),
                );
                said += 1;
                got.look(&desk);
                shuttle::future::yield_now().await;
            }
            while !got.closed {
                got.take(&desk).await;
            }
            desk.close(Goodbye::Error);
            (said, got)
        });
        shuttle::future::yield_now().await;
        first.shutdown().await;
        let got = reader.await.unwrap();
        let (said, returned) = sender.await.unwrap();
        first.idle().await;
        let second = hub(store, Limits::default()).await;
        let balcony = bind(&second, &juliet, "balcony").await;
        say(&balcony, "<presence/>");
        let mut kept = Got::default();
        kept.take_all(&second, &balcony).await;
        let mut all: Vec<usize> =
            [said_by("r", &got.messages), said_by("!r", &returned.messages), said_by("r", &kept.messages)].concat();
        all.sort_unstable();
        assert_eq!(
            all,
            (0..said).collect::<Vec<_>>(),
            "{:?} {:?} {:?}",
            got.messages,
            returned.messages,
            kept.messages
        );
    });
}
