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

/// A stanza counts as handled before what came of it is stored, since another session's count waits for that instead.
#[tokio::test]
async fn what_a_count_rests_on_is_taken_by_another_session() {
    let faults = Faults::new();
    let hub = hub(Store::memory_with(&faults)).await;
    let romeo = account(&hub, "romeo").await;
    let (desk, phone) = (bind(&hub, &romeo, "desk").await, bind(&hub, &romeo, "phone").await);
    managed(&desk);
    managed(&phone);
    faults.hold();
    say(&phone, "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='nurse@x.example'/></query></iq>");
    say(&desk, "<iq type='set' id='c'><query xmlns='jabber:iq:register'><password>new</password></query></iq>");
    assert!(faults.release_one(), "the phone's roster");
    yields().await;
    phone.signal(im::Signal::Request);
    assert!(heard(&phone).await.contains(&"Ack(1)".to_owned()));
    desk.signal(im::Signal::Request);
    assert_eq!(look(&desk), ["Ack(0)"]);
    faults.release_all();
    hub.idle().await;
    assert!(heard(&desk).await.contains(&"Ack(1)".to_owned()));
}

/// A client whose session has been told to end, and is still there, is not told how much of what it sent was handled.
#[tokio::test]
async fn count_of_a_session_that_ends_is_unknown() {
    let hub = hub(Store::memory()).await;
    let juliet = account(&hub, "juliet").await;
    let balcony = bind(&hub, &juliet, "balcony").await;
    let id = managed(&balcony);
    say(&balcony, "<presence/>");
    balcony.signal(im::Signal::Enable { resume: true, max_s: None });
    let late = hub.resume(&juliet, &id, 0, X).await.err();
    assert!(matches!(late, Some(im::ResumeError::NotFound { handled: Some(1) })), "{late:?}");
    balcony.close(Goodbye::Error);
    let later = hub.resume(&juliet, &id, 0, X).await.err();
    assert!(matches!(later, Some(im::ResumeError::NotFound { handled: Some(1) })), "{later:?}");
}

/// When too many sessions sleep, the one that has just lost its connection ends, because it was bound first.
#[tokio::test]
async fn the_first_bound_ends_instead_of_the_longest_asleep() {
    let hub = hub_with(Store::memory(), Limits { hibernating_per_account: 2, ..Limits::default() }).await;
    let juliet = account(&hub, "juliet").await;
    let mut doors = Vec::new();
    for resource in ["balcony", "garden", "window"] {
        let door = bind(&hub, &juliet, resource).await;
        let id = managed(&door);
        doors.push((door, id));
    }
    let mut ids = Vec::new();
    for (door, id) in doors.into_iter().rev() {
        hub.clock().advance(std::time::Duration::from_secs(10));
        door.close(Goodbye::Lost);
        ids.push(id);
    }
    let gone = hub.resume(&juliet, &ids[0], 0, X).await.err();
    assert!(matches!(gone, Some(im::ResumeError::NotFound { handled: Some(0) })), "the window: {gone:?}");
    for id in &ids[1..] {
        drop(hub.resume(&juliet, id, 0, X).await.unwrap());
    }
}

/// What was held back for a client that was away says that it came when the client came back.
#[tokio::test]
async fn what_was_held_back_is_stamped_too_late() {
    let hub = hub(Store::memory()).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let (desk, balcony) = (bind(&hub, &romeo, "desk").await, bind(&hub, &juliet, "balcony").await);
    let id = managed(&balcony);
    say(&balcony, "<presence/>");
    heard(&balcony).await;
    balcony.signal(im::Signal::Inactive);
    let receipt = |number| {
        format!(
            "<message to='{JULIET}' id='m{number}'><received xmlns='urn:xmpp:receipts' id='1'/>\
             <no-store xmlns='urn:xmpp:hints'/></message>"
        )
    };
    say(&desk, &receipt(0));
    let pass = || hub.clock().advance(std::time::Duration::from_secs(10));
    hub.idle().await;
    balcony.close(Goodbye::Lost);
    pass();
    say(&desk, &receipt(1));
    hub.idle().await;
    pass();
    let again = hub.resume(&juliet, &id, 1, X).await.unwrap();
    let got: Vec<_> = heard(&again).await.into_iter().filter(|text| text.starts_with("<message")).collect();
    assert_eq!(ids(&got), numbered(2));
    assert!(got[0].contains("stamp='2001-09-09T01:46:40Z'"), "when its connection was lost: {}", got[0]);
    assert!(got[1].contains("stamp='2001-09-09T01:46:50Z'"), "when it came: {}", got[1]);
}

/// What waits behind a page that is not acknowledged keeps the server from reading the acknowledgement.
#[tokio::test]
async fn page_waits_for_an_acknowledgement_that_nobody_reads() {
    let hub = hub_with(Store::memory(), Limits { session_queue_bytes: 400_000, ..Limits::default() }).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let desk = bind(&hub, &romeo, "desk").await;
    say(&desk, &message(JULIET, 0, 10));
    hub.idle().await;
    let balcony = bind(&hub, &juliet, "balcony").await;
    managed(&balcony);
    say(&balcony, "<presence/>");
    assert_eq!(ids(&heard(&balcony).await).len(), 1);
    for number in 1..13 {
        say(&desk, &message(JULIET, number, 20_000));
    }
    hub.idle().await;
    assert!(look(&balcony).is_empty());
    assert!(balcony.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready(), "never read again");
    balcony.signal(im::Signal::Ack(2)); // its presence, and the page
    assert_eq!(ids(&heard(&balcony).await), numbered(13)[1..]);
}

/// A message that could not be delivered counts as handled while its error waits behind a commit: with the power, both would be gone.
#[tokio::test]
async fn count_comes_before_the_error() {
    let faults = Faults::new();
    let hub = hub(Store::memory_with(&faults)).await;
    let romeo = account(&hub, "romeo").await;
    let desk = bind(&hub, &romeo, "desk").await;
    managed(&desk);
    faults.hold();
    say(&desk, &message("nobody@verona.example", 0, 10)); // waits until it is known that there is no such account
    say(&desk, "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='nurse@x.example'/></query></iq>");
    yields().await;
    desk.signal(im::Signal::Request);
    assert_eq!(look(&desk), ["Ack(0)"]);
    faults.release_all();
    let got = heard(&desk).await;
    let place = |wanted: &str| got.iter().position(|text| text.contains(wanted)).unwrap();
    assert!(place("type='error'") < place("Ack(2)"), "{got:?}");
}
