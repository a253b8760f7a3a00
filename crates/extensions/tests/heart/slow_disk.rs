//! A disk that takes its time: whoever waits for it waits, everybody else talks on.

use crate::hands::{account, bind, hub, say};
use disk::Disk;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use store::{SqliteOptions, Store};

/// What has come by now.
fn look(door: &im::Door) -> Vec<String> {
    let mut batch: Vec<im::Out> = Vec::new();
    match door.poll_drain(&mut Context::from_waker(Waker::noop()), &mut batch, 65_536) {
        Poll::Ready(_) => door.written(),
        Poll::Pending => {}
    }
    batch.iter().map(crate::hands::told).collect()
}

#[tokio::test]
async fn others_talk_while_somebody_waits_for_the_disk() {
    let folder = std::env::temp_dir().join(format!("yatter-slow-{}", std::process::id()));
    let disk = Disk::new();
    let options = SqliteOptions { file_system: Some(disk.vfs().to_owned()), ..SqliteOptions::default() };
    let hub = hub(Store::sqlite(&folder, options).unwrap()).await;
    let (romeo, juliet, nurse) =
        (account(&hub, "romeo").await, account(&hub, "juliet").await, account(&hub, "nurse").await);
    let (desk, balcony, hall) =
        (bind(&hub, &romeo, "desk").await, bind(&hub, &juliet, "b").await, bind(&hub, &nurse, "h").await);
    hub.idle().await;

    disk.slow_down(Duration::from_millis(500));
    say(
        &desk,
        "<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='juliet@verona.example'/></query></iq>",
    );
    for number in 0..100 {
        let (from, to, whom) = if number % 2 == 0 {
            (&balcony, &hall, "nurse@verona.example/h")
        } else {
            (&hall, &balcony, "juliet@verona.example/b")
        };
        say(from, &format!("<message to='{whom}' id='m{number}'><body>hi</body></message>"));
        while !look(to).iter().any(|text| text.contains(&format!("id='m{number}'"))) {
            tokio::task::yield_now().await;
        }
    }
    assert!(look(&desk).is_empty(), "the disk is not that fast");
    hub.idle().await;
    assert!(look(&desk).join("").contains("type='result'"));
    drop((desk, balcony, hall, hub));
    let _ = std::fs::remove_dir_all(folder);
}
