//! The heart with its extensions and without a single socket: doors held by hand.
#![allow(clippy::unwrap_used, clippy::panic)]

use im::{Clock, Dialect, Door, DoorOptions, Drained, HostOptions, Hub, HubOptions, Limits, NewCredentials};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use store::Store;
use xmpp::{Jid, Stanza, Timestamp};

async fn hub(store: Store) -> Hub {
    let plan = Box::new(|plan: &mut im::Plan| extensions::plug(plan, &extensions::Options::default()));
    let hosts = vec![HostOptions { name: Jid::parse("verona.example").unwrap(), plan }];
    let clock = Clock::fake(Timestamp::from_millis(1_000_000_000_000));
    Hub::new(HubOptions { hosts, store, clock, limits: Limits::default() }).await.unwrap()
}

async fn account(hub: &Hub, name: &str) -> Jid {
    hub.create_account(name, "verona.example", &NewCredentials { scram: Vec::new(), digest: None }).await.unwrap()
}

async fn bind(hub: &Hub, account: &Jid, resource: &str) -> Door {
    let options = DoorOptions { dialect: Dialect::X, encrypted: true, peer: None };
    hub.bind(account, Some(resource), options).await.unwrap()
}

fn say(door: &Door, text: &str) {
    let element = xml::Element::parse(text.as_bytes(), &xml::Limits::default()).unwrap();
    door.admit(Stanza::read(element).unwrap());
}

/// Everything that waits for this door, as text.
async fn heard(hub: &Hub, door: &Door) -> Vec<String> {
    let mut all = Vec::new();
    let mut quiet = 0;
    // Asking may have the next page of a long answer fetched: only silence after silence is the end.
    while quiet < 2 {
        hub.idle().await;
        let mut batch: Vec<Arc<Stanza>> = Vec::new();
        match door.poll_drain(&mut Context::from_waker(Waker::noop()), &mut batch, 65_536) {
            Poll::Ready(Drained::Stanzas) => {
                quiet = 0;
                all.extend(batch.iter().map(|stanza| text(stanza)));
                door.written();
            }
            Poll::Ready(Drained::Close(why)) => {
                all.push(format!("closed: {why:?}"));
                return all;
            }
            Poll::Pending => quiet += 1,
        }
    }
    all
}

fn text(stanza: &Stanza) -> String {
    let mut out = Vec::new();
    stanza.write(&mut out);
    String::from_utf8(out).unwrap()
}

#[tokio::test]
async fn two_people_become_friends_and_talk_though_one_sleeps() {
    let store = Store::memory();
    let hub = hub(store).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "Juliet").await);
    assert_eq!(juliet.as_str(), "juliet@verona.example");
    let desk = bind(&hub, &romeo, "desk").await;
    say(&desk, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
    say(&desk, "<presence/>");
    say(&desk, "<presence type='subscribe' to='juliet@verona.example'/>");
    say(&desk, "<message to='juliet@verona.example' type='chat'><body>What light?</body></message>");
    let got = heard(&hub, &desk).await.join("\n");
    assert!(got.contains("ask='subscribe'"), "{got}");

    let balcony = bind(&hub, &juliet, "balcony").await;
    say(&balcony, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
    say(&balcony, "<presence/>");
    let got = heard(&hub, &balcony).await.join("\n");
    assert!(got.contains("type='subscribe'") && got.contains("What light?") && got.contains("urn:xmpp:delay"), "{got}");

    say(&balcony, "<presence type='subscribed' to='romeo@verona.example'/>");
    let got = heard(&hub, &desk).await.join("\n");
    assert!(got.contains("type='subscribed'") && got.contains("subscription='to'"), "{got}");
    assert!(got.contains("<presence from='juliet@verona.example/balcony'"), "{got}");
    balcony.close(im::Goodbye::Lost);
    let got = heard(&hub, &desk).await.join("\n");
    assert!(got.contains("unavailable"), "{got}");
}
