//! Waiting messages on their way to one session while another comes or goes: each is given out once.

use crate::hands::*;
use im::{Door, Goodbye, Limits, Signal};
use std::time::Duration;
use store::{Faults, Store};

/// Three messages wait; a session is given them, and has not taken them from its queue.
async fn a_page_on_its_way(hub: &im::Hub) -> (Door, Door) {
    let (romeo, juliet) = (account(hub, "romeo").await, account(hub, "juliet").await);
    let desk = bind(hub, &romeo, "desk").await;
    for number in 0..3 {
        say(&desk, &message(JULIET, number, 10));
    }
    hub.idle().await;
    let balcony = bind(hub, &juliet, "balcony").await;
    say(&balcony, "<presence/>");
    look(&balcony); // its own presence
    look(&balcony); // has the page fetched
    hub.idle().await;
    (desk, balcony)
}

/// A session that becomes unavailable while its page is in its queue has it, and another that is there had it too.
#[tokio::test]
async fn a_page_of_a_session_that_hides_was_given_to_another_too() {
    let hub = hub(Store::memory()).await;
    let (desk, balcony) = a_page_on_its_way(&hub).await;
    let phone = bind(&hub, &jid_of(JULIET), "phone").await;
    say(&phone, "<presence/>");
    say(&balcony, "<presence type='unavailable'/>");
    say(&desk, &message(JULIET, 3, 10));
    hub.idle().await;
    let early = heard(&phone).await;
    assert_eq!(ids(&early), [""; 0], "the balcony has not said that it has them");
    assert_eq!(ids(&heard(&balcony).await), numbered(3));
    assert_eq!(ids(&heard(&phone).await), ["m3"]);
}

/// The same when the session's page is being read from the disk.
#[tokio::test]
async fn a_page_that_is_read_for_a_session_that_hides_was_given_to_another_too() {
    let faults = Faults::new();
    let hub = hub(Store::memory_with(&faults)).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let desk = bind(&hub, &romeo, "desk").await;
    for number in 0..3 {
        say(&desk, &message(JULIET, number, 10));
    }
    hub.idle().await;
    let (balcony, phone) = (bind(&hub, &juliet, "balcony").await, bind(&hub, &juliet, "phone").await);
    faults.hold();
    say(&desk, &message(JULIET, 3, 10)); // the page waits for this
    yields().await;
    say(&balcony, "<presence/>");
    look(&balcony);
    look(&balcony);
    yields().await;
    say(&phone, "<presence/>");
    say(&balcony, "<presence type='unavailable'/>");
    look(&phone);
    look(&phone);
    faults.release_all();
    let got = [heard(&balcony).await, heard(&phone).await, heard(&balcony).await, heard(&phone).await].concat();
    let mut got = ids(&got);
    got.sort();
    assert_eq!(got, numbered(4));
}

/// A session that has hidden and never acknowledges its page does not keep it from the others for ever.
#[tokio::test]
async fn a_page_that_nobody_acknowledges_goes_to_another_in_time() {
    let hub = hub(Store::memory()).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let desk = bind(&hub, &romeo, "desk").await;
    for number in 0..3 {
        say(&desk, &message(JULIET, number, 10));
    }
    hub.idle().await;
    let (balcony, phone) = (bind(&hub, &juliet, "balcony").await, bind(&hub, &juliet, "phone").await);
    balcony.signal(Signal::Enable { resume: false, max_s: None });
    say(&balcony, "<presence/>");
    assert_eq!(ids(&heard(&balcony).await), numbered(3));
    balcony.signal(Signal::Ack(2)); // its presence, and the first
    say(&phone, "<presence/>");
    say(&balcony, "<presence type='unavailable'/>");
    assert_eq!(ids(&heard(&phone).await), [""; 0]);
    hub.clock().advance(Duration::from_secs(10));
    assert_eq!(ids(&heard(&phone).await), ["m1", "m2"]);
    balcony.signal(Signal::Ack(4));
    assert_eq!(heard(&balcony).await.len(), 2, "the others' presence, and its own");
    say(&balcony, "<presence/>");
    assert_eq!(ids(&heard(&balcony).await), [""; 0]);
}

/// A session that takes no messages any more gets no further page either.
#[tokio::test]
async fn pages_went_on_to_a_session_with_a_negative_priority() {
    let hub = hub(Store::memory()).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let desk = bind(&hub, &romeo, "desk").await;
    for number in 0..120 {
        say(&desk, &message(JULIET, number, 10));
        hub.idle().await;
    }
    let (balcony, phone) = (bind(&hub, &juliet, "balcony").await, bind(&hub, &juliet, "phone").await);
    say(&balcony, "<presence/>");
    look(&balcony);
    look(&balcony);
    hub.idle().await;
    say(&balcony, "<presence><priority>-1</priority></presence>");
    let first = ids(&heard(&balcony).await);
    assert!(!first.is_empty() && first.len() <= 50, "{}", first.len());
    say(&phone, "<presence/>");
    let rest = ids(&heard(&phone).await);
    assert_eq!([first, rest].concat(), numbered(120));
}

/// A client whose socket has the page, and whose session is ended before the next is asked for, has it: it is not given out again.
#[tokio::test]
async fn a_page_of_a_session_that_is_replaced_was_given_out_again() {
    let hub = hub(Store::memory()).await;
    let (_desk, balcony) = a_page_on_its_way(&hub).await;
    assert_eq!(ids(&look(&balcony)), numbered(3));
    let again = bind(&hub, &jid_of(JULIET), "balcony").await;
    say(&again, "<presence/>");
    assert_eq!(ids(&heard(&again).await), [""; 0]);
    balcony.close(Goodbye::Error);
}

/// A session that was told to end, and whose connection stays while more and more comes: what it acknowledged of its page is given out again, and its
/// client is not told how much of what it sent was handled.
#[tokio::test]
async fn what_a_full_session_acknowledged_was_forgotten() {
    let hub = hub_with(Store::memory(), Limits { session_queue_bytes: 20_000, ..Limits::default() }).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let desk = bind(&hub, &romeo, "desk").await;
    for number in 0..3 {
        say(&desk, &message(JULIET, number, 10));
    }
    hub.idle().await;
    let balcony = bind(&hub, &juliet, "balcony").await;
    let id = managed(&balcony);
    say(&balcony, "<presence/>");
    assert_eq!(ids(&heard(&balcony).await), numbered(3));
    balcony.signal(Signal::Ack(3)); // its presence, and two
    balcony.signal(Signal::Enable { resume: true, max_s: None }); // ends the stream
    for number in 3..15 {
        say(&desk, &message(JULIET, number, 5_000));
    }
    hub.idle().await;
    balcony.close(Goodbye::Error);
    let late = hub.resume(&juliet, &id, 0, X).await.err();
    assert!(matches!(late, Some(im::ResumeError::NotFound { handled: Some(1) })), "{late:?}");
    let phone = bind(&hub, &juliet, "phone").await;
    say(&phone, "<presence/>");
    assert_eq!(ids(&heard(&phone).await), numbered(15)[2..]);
}

fn jid_of(account: &str) -> xmpp::Jid {
    xmpp::Jid::parse(account).unwrap()
}
