//! A request that crosses its refusal on the way: however the disk behaves, in the end both rosters say the same.

use crate::hands::*;
use im::subscription::State;
use im::{Door, Hub};
use store::{Faults, Store};
use xmpp::Jid;

const ROMEO: &str = "romeo@verona.example";
const ASK: &str = "<presence type='subscribe' to='juliet@verona.example'/>";
const GRANT: &str = "<presence type='subscribed' to='romeo@verona.example'/>";
const REFUSE: &str = "<presence type='unsubscribed' to='romeo@verona.example'/>";

/// Romeo sees Juliet.
async fn friends(store: Store) -> (Hub, Door, Door) {
    let hub = hub(store).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let (desk, balcony) = (bind(&hub, &romeo, "desk").await, bind(&hub, &juliet, "balcony").await);
    for door in [&desk, &balcony] {
        say(door, ROSTER);
        say(door, "<presence/>");
    }
    hub.idle().await;
    say(&desk, ASK);
    hub.idle().await;
    say(&balcony, GRANT);
    hub.idle().await;
    assert_eq!(states(&hub).await, (State::To, State::From));
    (hub, desk, balcony)
}

/// How Romeo stands to Juliet, and she to him.
async fn states(hub: &Hub) -> (State, State) {
    let (romeo, juliet) = (Jid::parse(ROMEO).unwrap(), Jid::parse(JULIET).unwrap());
    let mut states = Vec::new();
    for (one, other) in [(&romeo, &juliet), (&juliet, &romeo)] {
        let home = hub.wake(one).await.unwrap().unwrap();
        states.push(home.with(hub, |within| within.account.roster().state(other)));
    }
    (states[0], states[1])
}

async fn outgoing(store: &Store) -> Vec<String> {
    store.log("outgoing").owners("", 9).await.unwrap()
}

/// Asks and grants once more: what went before has left nothing behind.
async fn they_find_together_again(hub: &Hub, desk: &Door, balcony: &Door) {
    assert_eq!(states(hub).await, (State::None, State::None));
    heard(balcony).await;
    say(desk, ASK);
    hub.idle().await;
    let got = heard(balcony).await.join("\n");
    assert!(got.contains("type='subscribe'"), "a request that crosses nothing is shown: {got}");
    say(balcony, GRANT);
    hub.idle().await;
    assert_eq!(states(hub).await, (State::To, State::From));
}

#[tokio::test]
async fn a_request_comes_while_the_refusal_waits_for_the_disk() {
    let faults = Faults::new();
    let (hub, desk, balcony) = friends(Store::memory_with(&faults)).await;
    faults.hold();
    say(&balcony, REFUSE);
    say(&desk, ASK);
    yields().await;
    faults.release_all();
    hub.idle().await;
    they_find_together_again(&hub, &desk, &balcony).await;
}

#[tokio::test]
async fn a_refusal_comes_while_the_request_waits_for_the_disk() {
    let faults = Faults::new();
    let (hub, desk, balcony) = friends(Store::memory_with(&faults)).await;
    faults.hold();
    say(&balcony, REFUSE);
    say(
        &desk,
        &format!("<iq type='set' id='n'><query xmlns='jabber:iq:roster'><item jid='{JULIET}' name='J'/></query></iq>"),
    );
    say(&desk, ASK);
    yields().await;
    assert!(faults.release_one(), "her refusal");
    yields().await;
    faults.release_all();
    hub.idle().await;
    they_find_together_again(&hub, &desk, &balcony).await;
}

/// He asks when he has the refusal, and she does not know that he has: she may show it or refuse it anew, but not lose it.
#[tokio::test]
async fn a_request_comes_before_the_refusal_is_known_to_have_arrived() {
    let faults = Faults::new();
    let (hub, desk, balcony) = friends(Store::memory_with(&faults)).await;
    faults.hold();
    say(&balcony, REFUSE);
    yields().await;
    assert!(faults.release_one(), "her own side");
    yields().await;
    say(&desk, ASK);
    yields().await;
    faults.release_all();
    hub.idle().await;
    let (romeo, juliet) = states(&hub).await;
    assert!(!romeo.sees_contact() && !juliet.seen_by_contact(), "{romeo:?}, {juliet:?}");
    assert_eq!(romeo.pending_out(), juliet.pending_in(), "{romeo:?}, {juliet:?}");
    if juliet.pending_in() {
        say(&balcony, REFUSE);
        hub.idle().await;
    }
    they_find_together_again(&hub, &desk, &balcony).await;
}

/// The receiver's write of a refusal fails until it is tried no more: the row stays in the log.
async fn refused_in_vain(faults: &Faults, balcony: &Door) {
    faults.hold();
    say(balcony, REFUSE);
    yields().await;
    assert!(faults.release_one(), "her own side");
    yields().await;
    let mut attempts = 0;
    while faults.held() > 0 {
        assert!(attempts < 10, "it is tried without end");
        faults.fail_next(1, disk());
        assert!(faults.release_one(), "his side");
        yields().await;
        attempts += 1;
    }
    assert!(attempts > 1, "it is not tried again");
    faults.release_all();
}

/// The next request is refused anew; a start does not change that, nor what they agree on later.
#[tokio::test]
async fn a_request_comes_when_the_refusal_was_given_up() {
    let faults = Faults::new();
    let store = Store::memory_with(&faults);
    let (first, desk, balcony) = friends(store.clone()).await;
    refused_in_vain(&faults, &balcony).await;
    first.idle().await;
    assert_eq!((states(&first).await, outgoing(&store).await), ((State::To, State::None), vec![JULIET.to_owned()]));
    say(&desk, ASK);
    first.idle().await;
    they_find_together_again(&first, &desk, &balcony).await;
    let second = hub(store.clone()).await;
    second.idle().await;
    assert_eq!((states(&second).await, outgoing(&store).await), ((State::To, State::From), vec![]));
}

/// The power goes before anybody asks again: the next start tells him.
#[tokio::test]
async fn a_refusal_that_was_given_up_is_told_at_the_next_start() {
    let faults = Faults::new();
    let store = Store::memory_with(&faults);
    let (first, _desk, balcony) = friends(store.clone()).await;
    refused_in_vain(&faults, &balcony).await;
    first.idle().await;
    let second = hub(store.clone()).await;
    second.idle().await;
    assert_eq!((states(&second).await, outgoing(&store).await), ((State::None, State::None), vec![]));
}

/// The power goes while the request that was made again is on its way, behind the refusal.
#[tokio::test]
async fn the_power_goes_while_they_cross() {
    let faults = Faults::new();
    let store = Store::memory_with(&faults);
    let (first, desk, balcony) = friends(store.clone()).await;
    refused_in_vain(&faults, &balcony).await;
    first.idle().await;
    faults.hold();
    say(&desk, ASK);
    yields().await;
    // What he would write of it is never written.
    let second = hub(store.clone());
    faults.fail_next(1, disk());
    faults.release_all();
    let second = second.await;
    second.idle().await;
    let (romeo, juliet) = states(&second).await;
    assert_eq!(
        (romeo.sees_contact(), romeo.pending_out()),
        (juliet.seen_by_contact(), juliet.pending_in()),
        "{romeo:?}, {juliet:?}"
    );
}
