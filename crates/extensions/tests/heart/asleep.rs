//! Stream management and sessions that sleep: what went wrong once, each under the name of what it did.

use crate::hands::*;
use im::{Dialect, DoorOptions, Goodbye, Limits, Out};
use std::sync::Arc;
use std::task::{Context, Waker};
use store::{Faults, Store};

/// A client that turns stream management on while its waiting messages come hears nothing more.
#[tokio::test]
async fn management_in_the_middle_of_a_page_stops_the_stream() {
    let hub = hub(Store::memory()).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let desk = bind(&hub, &romeo, "desk").await;
    for number in 0..3 {
        say(&desk, &message(JULIET, number, 10));
    }
    hub.idle().await;
    let balcony = bind(&hub, &juliet, "balcony").await;
    say(&balcony, "<presence/>");
    look(&balcony); // its own presence
    look(&balcony); // has the page fetched
    hub.idle().await;
    assert_eq!(ids(&look(&balcony)), ["m0", "m1", "m2"]);
    balcony.signal(im::Signal::Enable { resume: true, max_s: None });
    heard(&balcony).await;
    balcony.signal(im::Signal::Ack(0));
    say(&desk, &message(JULIET, 9, 10));
    hub.idle().await;
    assert_eq!(ids(&heard(&balcony).await), ["m9"]);
}

/// Waiting messages that went to another session meanwhile weigh on the one that was lost: after its resumption nothing is read from it.
#[tokio::test]
async fn page_that_went_to_another_weighs_on() {
    let hub = hub_with(Store::memory(), Limits { session_queue_bytes: 400_000, ..Limits::default() }).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let desk = bind(&hub, &romeo, "desk").await;
    say(&desk, &message(JULIET, 0, 250_000));
    hub.idle().await;
    let balcony = bind(&hub, &juliet, "balcony").await;
    balcony.signal(im::Signal::Enable { resume: true, max_s: None });
    let mut batch = Vec::new();
    assert!(balcony.poll_drain(&mut Context::from_waker(Waker::noop()), &mut batch, 1 << 30).is_ready());
    let Some(Out::Word(im::Word::Enabled(Some(resumable)))) = batch.pop() else { panic!("no stream management") };
    balcony.written();
    say(&balcony, "<presence/>");
    assert_eq!(ids(&heard(&balcony).await).len(), 1);
    balcony.close(Goodbye::Lost);
    let phone = bind(&hub, &juliet, "phone").await;
    say(&phone, "<presence/>");
    assert_eq!(ids(&heard(&phone).await).len(), 1);
    let x = DoorOptions { dialect: Dialect::X, encrypted: true, peer: None };
    let again = hub.resume(&juliet, &resumable.id, 2, x).await.unwrap();
    heard(&again).await;
    assert!(again.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready(), "never read again");
}

/// Large messages that waited fill the queue of a client that reads well, and the next stanza cuts it.
#[tokio::test]
async fn page_of_large_messages_cuts_a_healthy_client() {
    let hub = hub_with(Store::memory(), Limits { session_queue_bytes: 400_000, ..Limits::default() }).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let desk = bind(&hub, &romeo, "desk").await;
    for number in 0..30 {
        say(&desk, &message(JULIET, number, if number == 3 { 150_000 } else { 20_000 }));
        hub.idle().await;
    }
    let balcony = bind(&hub, &juliet, "balcony").await;
    say(&balcony, "<presence/>");
    look(&balcony); // its own presence
    look(&balcony); // has the first page fetched
    hub.idle().await;
    say(&desk, &message(JULIET, 30, 20_000));
    assert_eq!(ids(&heard(&balcony).await), numbered(31));
}

/// A contact whose presence changes between long and short makes a sleeping session seem to hold more and more.
#[tokio::test]
async fn presence_that_was_replaced_weighs_on() {
    let limits = Limits { session_queue_bytes: 400_000, hibernating_bytes: 60_000, ..Limits::default() };
    let hub = hub_with(Store::memory(), limits).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let (desk, balcony) = (bind(&hub, &romeo, "desk").await, bind(&hub, &juliet, "balcony").await);
    let id = managed(&balcony);
    balcony.close(Goodbye::Lost);
    for number in 0..100 {
        let status = "x".repeat(if number % 2 == 0 { 4_000 } else { 1 });
        say(&desk, &format!("<presence to='juliet@verona.example/balcony'><status>{status}</status></presence>"));
        hub.idle().await;
    }
    yields().await;
    let again = hub.resume(&juliet, &id, 0, X).await.unwrap();
    let got = heard(&again).await;
    assert_eq!(got.iter().filter(|text| text.starts_with("<presence")).count(), 1, "{got:?}");
}

/// What may not be stored and nobody is told of is lost when it names a session that has just lost its connection.
#[tokio::test]
async fn receipt_for_the_sleeping_is_forgotten() {
    let hub = hub(Store::memory()).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let (desk, balcony) = (bind(&hub, &romeo, "desk").await, bind(&hub, &juliet, "balcony").await);
    let id = managed(&balcony);
    say(&balcony, "<presence/>");
    balcony.close(Goodbye::Lost);
    for (number, to) in [JULIET, "juliet@verona.example/balcony"].into_iter().enumerate() {
        say(
            &desk,
            &format!(
                "<message to='{to}' id='m{number}'><received xmlns='urn:xmpp:receipts' id='1'/>\
                 <no-store xmlns='urn:xmpp:hints'/></message>"
            ),
        );
        hub.idle().await;
    }
    let again = hub.resume(&juliet, &id, 0, X).await.unwrap();
    assert_eq!(ids(&heard(&again).await), numbered(2));
}

/// Mail that names a sleeping session to which no waiting messages are given is not given to it.
#[tokio::test]
async fn mail_for_a_sleeper_that_takes_none_is_stored() {
    let hub = hub(Store::memory()).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let desk = bind(&hub, &romeo, "desk").await;
    for presence in ["<presence><priority>-1</priority></presence>", "<presence type='unavailable'/>"] {
        let balcony = bind(&hub, &juliet, "balcony").await;
        let id = managed(&balcony);
        say(&balcony, presence);
        balcony.close(Goodbye::Lost);
        say(&desk, &message("juliet@verona.example/balcony", 0, 10));
        hub.idle().await;
        let again = hub.resume(&juliet, &id, 0, X).await.unwrap();
        assert_eq!(ids(&heard(&again).await), numbered(1), "{presence}");
        again.close(Goodbye::ByPeer);
    }
}

/// A client that comes back while its commits are under way, and then again on another connection, leaves the first one waiting without end.
#[tokio::test]
async fn resumption_that_is_overtaken_hangs() {
    let faults = Faults::new();
    let hub = hub(Store::memory_with(&faults)).await;
    let juliet = account(&hub, "juliet").await;
    let balcony = bind(&hub, &juliet, "balcony").await;
    let id = managed(&balcony);
    faults.hold();
    say(&balcony, "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='nurse@x.example'/></query></iq>");
    balcony.close(Goodbye::Lost);
    let come_back = || {
        let (hub, juliet, id) = (hub.clone(), juliet.clone(), id.clone());
        tokio::spawn(async move { hub.resume(&juliet, &id, 0, X).await.map(drop) })
    };
    let conflict = |ended: Result<(), im::ResumeError>| {
        let Err(im::ResumeError::Stream(why)) = ended else { panic!("{ended:?}") };
        assert_eq!(*why, xmpp::StreamError::conflict());
    };
    let first = come_back();
    yields().await;
    let second = come_back();
    yields().await;
    assert!(first.is_finished(), "the first was overtaken");
    conflict(first.await.unwrap());
    assert!(!second.is_finished(), "the commit is held");
    let bound = bind(&hub, &juliet, "balcony").await;
    faults.release_all();
    yields().await;
    hub.idle().await;
    assert!(second.is_finished(), "the session was replaced");
    conflict(second.await.unwrap());
    drop(bound);
}

/// A session that cannot be ended without a panic leaves all others asleep for ever.
#[tokio::test]
async fn panic_of_the_timers_lets_sessions_sleep_for_ever() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker that panics");
        }
    }
    let hub = hub(Store::memory()).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let desk = bind(&hub, &romeo, "desk").await;
    let sleeper = async |resource| {
        let door = bind(&hub, &juliet, resource).await;
        let id = managed(&door);
        door.close(Goodbye::Lost);
        id
    };
    let balcony = bind(&hub, &juliet, "balcony").await;
    managed(&balcony);
    say(&balcony, "<presence to='romeo@verona.example/desk'/>");
    hub.idle().await;
    drop(heard(&desk).await);
    balcony.close(Goodbye::Lost);
    hub.clock().advance(std::time::Duration::from_secs(10));
    let later = sleeper("garden").await;
    let waker = Waker::from(Arc::new(Panics));
    assert!(desk.poll_drain(&mut Context::from_waker(&waker), &mut Vec::new(), 1).is_pending());
    for _ in 0..2 {
        hub.clock().advance(std::time::Duration::from_secs(295));
        yields().await;
        hub.idle().await;
    }
    let late = hub.resume(&juliet, &later, 0, X).await.err();
    assert!(matches!(late, Some(im::ResumeError::NotFound { handled: Some(0) })), "{late:?}");
}
