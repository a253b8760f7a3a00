//! What went wrong once, each under the name of what it did: stanzas lost, doubled or reordered, answers that came before the disk, memory without bound.

use crate::hands::*;
use crate::say_all;
use im::{Clock, Dialect, Door, DoorOptions, Goodbye, HostOptions, Hub, HubOptions, Limits, NewCredentials};
use std::sync::Arc;
use std::task::{Context, Waker};
use store::{Faults, Store};
use xmpp::{Jid, Stanza, Timestamp};

/// Offline rows of a page that was never written are struck out when the session is cut.
#[tokio::test]
async fn cut_session_loses_waiting_messages() {
    let limits = Limits { session_queue_bytes: 400_000, ..Limits::default() };
    let hub = hub_with(Store::memory(), limits).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let desk = bind(&hub, &romeo, "desk").await;
    for number in 0..120 {
        say(&desk, &message(JULIET, number, 10));
    }
    hub.idle().await;
    let balcony = bind(&hub, &juliet, "balcony").await;
    say(&balcony, "<presence/>");
    look(&balcony); // its own presence; written
    look(&balcony); // has the first page fetched
    hub.idle().await;
    for number in 120..130 {
        say(&desk, &message(JULIET, number, 100_000));
    }
    let got = heard(&balcony).await;
    assert!(got.iter().all(|text| text.starts_with("closed")), "nothing was written: {got:?}");
    balcony.close(Goodbye::Error);
    hub.idle().await;
    let kept = hub.shapes().archive.undelivered(JULIET, 0, 1000).await.unwrap().len();
    let phone = bind(&hub, &juliet, "phone").await;
    say(&phone, "<presence/>");
    let got = ids(&heard(&phone).await);
    eprintln!("kept {kept}, got {}", got.len());
    let lost: Vec<_> = numbered(130).into_iter().filter(|id| !got.contains(id)).collect();
    assert!(lost.is_empty(), "{} lost: {lost:?}", lost.len());
}

/// What comes between the cut and the unbinding is stored in front of what the session had.
#[tokio::test]
async fn cut_session_reorders() {
    let limits = Limits { session_queue_bytes: 3_000, ..Limits::default() };
    let hub = hub_with(Store::memory(), limits).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let desk = bind(&hub, &romeo, "desk").await;
    let balcony = bind(&hub, &juliet, "balcony").await;
    say(&balcony, "<presence/>");
    hub.idle().await;
    for number in 0..20 {
        say(&desk, &message(JULIET, number, 200));
    }
    balcony.close(Goodbye::Error);
    hub.idle().await;
    let phone = bind(&hub, &juliet, "phone").await;
    say(&phone, "<presence/>");
    assert_eq!(ids(&heard(&phone).await), numbered(20));
}

/// A message whose commit is under way when the receiver becomes available is not given out.
#[tokio::test]
async fn drain_does_not_see_what_is_being_committed() {
    let faults = Faults::new();
    let hub = hub(Store::memory_with(&faults)).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let desk = bind(&hub, &romeo, "desk").await;
    let balcony = bind(&hub, &juliet, "balcony").await;
    faults.hold();
    say(&desk, &message(JULIET, 0, 10));
    say(&balcony, "<presence/>");
    let mut got = heard(&balcony).await;
    faults.release_all();
    got.extend(heard(&balcony).await);
    say(&desk, &message(JULIET, 1, 10));
    got.extend(heard(&balcony).await);
    assert_eq!(ids(&got), numbered(2));
}

/// A session that takes over gets again what the first one has written, while striking it out is being committed.
#[tokio::test]
async fn drain_doubles_what_is_being_struck_out() {
    let faults = Faults::new();
    let hub = hub(Store::memory_with(&faults)).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let desk = bind(&hub, &romeo, "desk").await;
    for number in 0..60 {
        say(&desk, &message(JULIET, number, 10));
    }
    hub.idle().await;
    let balcony = bind(&hub, &juliet, "balcony").await;
    let phone = bind(&hub, &juliet, "phone").await;
    faults.hold();
    say(&balcony, "<presence/>");
    let mut got = look(&balcony); // its own presence
    look(&balcony); // has the first page fetched
    yields().await;
    got.extend(look(&balcony)); // the first page, written
    assert_eq!(ids(&got).len(), 50);
    look(&balcony); // has the second fetched, and the first struck out
    yields().await;
    say(&balcony, "<presence type='unavailable'/>");
    say(&phone, "<presence/>");
    got.extend(heard(&phone).await);
    faults.release_all();
    got.extend(heard(&phone).await);
    let got = ids(&got);
    let twice = numbered(60).iter().filter(|id| got.iter().filter(|got| got == id).count() > 1).count();
    assert_eq!(twice, 0, "{twice} of 60 came twice");
}

/// A roster result tells of a change that is lost.
#[tokio::test]
async fn roster_result_tells_what_is_not_durable() {
    let faults = Faults::new();
    let hub = hub(Store::memory_with(&faults)).await;
    let romeo = account(&hub, "romeo").await;
    let desk = bind(&hub, &romeo, "desk").await;
    faults.hold();
    faults.fail_next(1, disk());
    say_all(
        &desk,
        [
            read("<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='nurse@x.example'/></query></iq>"),
            read(ROSTER),
        ],
    );
    faults.release_all();
    hub.idle().await;
    let got = heard(&desk).await;
    assert!(got.iter().any(|text| text.contains("id='s'") && text.contains("type='error'")), "{got:?}");
    let told = got.iter().filter(|text| text.contains("nurse@x.example") && text.contains("id='r'")).count();
    assert_eq!(told, 0, "{got:?}");
}

/// Presence goes to a contact whose subscription was never stored.
#[tokio::test]
async fn presence_follows_a_grant_that_was_lost() {
    let faults = Faults::new();
    let hub = hub(Store::memory_with(&faults)).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let (desk, balcony) = (bind(&hub, &romeo, "desk").await, bind(&hub, &juliet, "balcony").await);
    for door in [&desk, &balcony] {
        say(door, ROSTER);
        say(door, "<presence/>");
    }
    say(&desk, "<presence type='subscribe' to='juliet@verona.example'/>");
    hub.idle().await;
    drop((heard(&desk).await, heard(&balcony).await));
    faults.hold();
    faults.fail_next(1, disk());
    say_all(
        &balcony,
        [
            read("<presence type='subscribed' to='romeo@verona.example'/>"),
            read("<presence><show>dnd</show></presence>"),
        ],
    );
    faults.release_all();
    hub.idle().await;
    let got = heard(&desk).await;
    assert!(got.is_empty(), "Romeo was never granted anything: {got:?}");
}

/// The log is struck out although the receiver's own write was lost: the rosters never agree again.
#[tokio::test]
async fn lost_write_of_the_receiver_loses_the_subscription() {
    let faults = Faults::new();
    let store = Store::memory_with(&faults);
    let hub = hub(store.clone()).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let (desk, balcony) = (bind(&hub, &romeo, "desk").await, bind(&hub, &juliet, "balcony").await);
    for door in [&desk, &balcony] {
        say(door, ROSTER);
        say(door, "<presence/>");
    }
    hub.idle().await;
    faults.hold();
    say(&desk, "<presence type='subscribe' to='juliet@verona.example'/>");
    assert!(faults.release_one());
    yields().await; // Romeo's half is durable; Juliet's is held
    faults.fail_next(1, disk());
    faults.release_all();
    hub.idle().await;
    let got = heard(&balcony).await.join("\n");
    let logged = store.log("outgoing").read("romeo@verona.example", 0, 10).await.unwrap().len();
    let mine = heard(&desk).await.join("\n");
    assert!(mine.contains("ask='subscribe'"), "{mine}");
    assert!(got.contains("type='subscribe'"), "asked, and not tried again: {got}");
    assert_eq!(logged, 0, "arrived, and still in the log");
}

/// The same when the receiver cannot be woken.
#[tokio::test]
async fn fault_of_waking_loses_the_subscription() {
    let faults = Faults::new();
    let store = Store::memory_with(&faults);
    let hub = hub(store.clone()).await;
    let romeo = account(&hub, "romeo").await;
    account(&hub, "juliet").await;
    let desk = bind(&hub, &romeo, "desk").await;
    say(&desk, ROSTER);
    say(&desk, "<presence/>");
    hub.idle().await;
    faults.refuse_reads(Some(disk()));
    say(&desk, "<presence type='subscribe' to='juliet@verona.example'/>");
    hub.idle().await;
    faults.refuse_reads(None);
    let logged = store.log("outgoing").read("romeo@verona.example", 0, 10).await.unwrap().len();
    assert!(heard(&desk).await.join("\n").contains("ask='subscribe'"));
    assert!(logged > 0, "asked, not heard, and forgotten by the log");
}

/// After a lost write that nobody watches in the outbox, an innocent write is refused too.
#[tokio::test]
async fn a_lost_password_change_fails_the_next_write_too() {
    let faults = Faults::new();
    let hub = hub(Store::memory_with(&faults)).await;
    let romeo = account(&hub, "romeo").await;
    let desk = bind(&hub, &romeo, "desk").await;
    faults.fail_next(1, disk());
    let none = NewCredentials::default();
    hub.set_credentials(&romeo, &none).await.unwrap_err();
    hub.idle().await;
    say(&desk, "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='nurse@x.example'/></query></iq>");
    hub.idle().await;
    let got = heard(&desk).await.join("\n");
    assert!(got.contains("type='result'") && !got.contains("type='error'"), "{got}");
}

/// A removal that failed leaves an account that nobody can log in to.
#[tokio::test]
async fn failed_removal_locks_out() {
    let faults = Faults::new();
    let hub = hub(Store::memory_with(&faults)).await;
    let romeo = account(&hub, "romeo").await;
    faults.fail_next(1, disk());
    hub.remove_account(&romeo, None).await.unwrap_err();
    hub.idle().await;
    let options = DoorOptions { dialect: Dialect::X, encrypted: true, peer: None };
    let bound = hub.bind(&romeo, Some("desk"), options).await;
    assert!(bound.is_ok(), "{:?}", bound.err());
}

/// What a removed account's session had queued, and what it still says, is stored after the erasing.
#[tokio::test]
async fn removed_accounts_leave_rows() {
    let store = Store::memory();
    let hub = hub(store.clone()).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let (desk, balcony) = (bind(&hub, &romeo, "desk").await, bind(&hub, &juliet, "balcony").await);
    say(&balcony, "<presence/>");
    say(&desk, &message(JULIET, 0, 10));
    hub.idle().await;
    hub.remove_account(&juliet, None).await.unwrap();
    say(&balcony, "<iq type='set' id='v'><vCard xmlns='vcard-temp'><FN>J</FN></vCard></iq>");
    say(&balcony, "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='nurse@x.example'/></query></iq>");
    balcony.close(Goodbye::Error);
    hub.idle().await;
    let mail = store.archive("archive").count_undelivered(JULIET).await.unwrap();
    let card = store.keys("vcard").get(JULIET).await.unwrap().is_some();
    let roster = store.map("roster").all(JULIET).await.unwrap().len();
    assert_eq!((mail, card, roster), (0, false, 0), "(mail, card, roster rows) of nobody");
}

/// A question that its session was not handed is never answered (RFC 6120 8.2.3).
#[tokio::test]
async fn questions_to_a_dying_session_are_never_answered() {
    let hub = hub(Store::memory()).await;
    let juliet = account(&hub, "juliet").await;
    let (phone, balcony) = (bind(&hub, &juliet, "phone").await, bind(&hub, &juliet, "balcony").await);
    say(&phone, "<iq type='get' id='q1' to='juliet@verona.example/balcony'><ping xmlns='urn:xmpp:ping'/></iq>");
    hub.idle().await;
    balcony.close(Goodbye::Lost);
    hub.idle().await;
    assert!(heard(&phone).await.join("\n").contains("id='q1'"));
}

/// Accounts are put to sleep in a few shards only, chosen by the length of addresses.
#[tokio::test]
async fn most_accounts_never_sleep() {
    let limits = Limits { accounts_awake: 100, ..Limits::default() };
    let hub = hub_with(Store::memory(), limits).await;
    for number in 0..2_000 {
        let jid = account(&hub, &format!("user{number:05}")).await;
        hub.wake(&jid).await.unwrap().unwrap();
    }
    hub.idle().await;
    let awake = hub.accounts_awake();
    assert!(awake <= 400, "{awake} awake, 100 allowed");
}

/// Who was sent unavailable directly before the first presence never sees the session come.
#[tokio::test]
async fn direct_unavailable_hides_the_initial_presence() {
    let hub = hub(Store::memory()).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let (desk, balcony) = (bind(&hub, &romeo, "desk").await, bind(&hub, &juliet, "balcony").await);
    for door in [&desk, &balcony] {
        say(door, ROSTER);
        say(door, "<presence/>");
    }
    say(&desk, "<presence type='subscribe' to='juliet@verona.example'/>");
    say(&balcony, "<presence type='subscribed' to='romeo@verona.example'/>");
    say(&balcony, "<presence type='unavailable'/>");
    hub.idle().await;
    drop(heard(&desk).await);
    say(&balcony, "<presence type='unavailable' to='romeo@verona.example'/>");
    hub.idle().await;
    drop(heard(&desk).await);
    say(&balcony, "<presence/>");
    hub.idle().await;
    let got = heard(&desk).await.join("\n");
    assert!(got.contains("from='juliet@verona.example/balcony'"), "Romeo has a subscription: {got:?}");
}

/// A J-client hears that its roster set is done before it is durable.
#[tokio::test]
async fn j_roster_set_is_acknowledged_too_early() {
    let faults = Faults::new();
    let hub = hub(Store::memory_with(&faults)).await;
    let romeo = account(&hub, "romeo").await;
    let desk = bind_as(&hub, &romeo, "desk", Dialect::J).await;
    faults.hold();
    let set = "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='nurse@x.example'/>\
               <item jid='gone@x.example' subscription='remove'/></query></iq>";
    say(&desk, set);
    let got = heard(&desk).await;
    assert!(got.is_empty(), "nothing is durable yet: {got:?}");
}

mod panicking {
    use im::{About, Attach, Extension, Payload, Plan, PlanError};
    pub(super) struct Room;
    pub(super) struct Boom;
    impl Payload for Boom {
        const NS: &'static str = "test:boom";
        const NAME: &'static str = "boom";
        fn read(_: xml::Node<'_>) -> Result<Self, xmpp::StanzaError> {
            Ok(Boom)
        }
    }
    impl Extension for Room {
        type Options = ();
        const ABOUT: About = About::xep("boom", "Boom", "XEP-0000", "1");
        fn configure(_: &mut Plan, (): &()) -> Result<Self, PlanError> {
            Ok(Room)
        }
        fn attach(on: &mut Attach<'_, Self>) {
            on.host_get::<Boom>(|_, _, _| panic!("boom"));
        }
    }
}

/// A panic of a host's handler silences the account for ever.
#[tokio::test]
async fn panic_of_a_host_handler_silences_the_account() {
    let plan = Box::new(|plan: &mut im::Plan| plan.add::<panicking::Room>(&()));
    let hosts = vec![HostOptions { name: Jid::parse("verona.example").unwrap(), plan }];
    let clock = Clock::fake(Timestamp::from_millis(1_000_000_000_000));
    let (store, limits) = (Store::memory(), Limits::default());
    let hub = Hub::new(HubOptions { hosts, store, clock, limits, cluster: im::Cluster::single() }).await.unwrap();
    let juliet = account(&hub, "juliet").await;
    let (phone, balcony) = (bind(&hub, &juliet, "phone").await, bind(&hub, &juliet, "balcony").await);
    let boom = "<iq type='get' id='b' to='verona.example'><boom xmlns='test:boom'/></iq>";
    drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| say(&phone, boom))));
    say(&phone, "<message to='juliet@verona.example/balcony' id='m0'><body>hi</body></message>");
    assert_eq!(ids(&heard(&balcony).await), numbered(1));
}

/// One client that comes and goes fills the store's line, and everybody else's writes fail.
#[tokio::test]
async fn one_client_fills_the_line_of_the_store() {
    let faults = Faults::new();
    let store = Store::memory_with(&faults);
    let hub = hub(store.clone()).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let (desk, balcony) = (bind(&hub, &romeo, "desk").await, bind(&hub, &juliet, "balcony").await);
    faults.hold(); // a disk that stands still for a moment
    let status = "x".repeat(100);
    for _ in 0..200_000 {
        let ready = desk.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready();
        if !ready {
            break;
        }
        say(&desk, "<presence/>");
        say(&desk, &format!("<presence type='unavailable'><status>{status}</status></presence>"));
        look(&desk);
    }
    let backlog = store.backlog();
    say(&balcony, "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='nurse@x.example'/></query></iq>");
    faults.release_all();
    hub.idle().await;
    let got = heard(&balcony).await.join("\n");
    assert!(got.contains("type='result'"), "backlog {backlog:?}: {got}");
}

/// Probes and questions become tasks without number.
#[tokio::test]
async fn probes_become_tasks_without_bound() {
    let hub = hub(Store::memory()).await;
    let (romeo, _) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let desk = bind(&hub, &romeo, "desk").await;
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for _ in 0..10_000 {
        if desk.poll_ready(&mut Context::from_waker(Waker::noop())).is_pending() {
            break;
        }
        say(&desk, "<presence type='probe' to='juliet@verona.example'/>");
        say(&desk, "<iq type='get' id='v'><vCard xmlns='vcard-temp'/></iq>");
    }
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks() - before;
    assert!(tasks < 100, "{tasks} tasks of one session");
}

/// What waits for a disk is poured out at once, and a healthy reader is cut off.
#[tokio::test]
async fn a_healthy_reader_is_cut_after_a_slow_commit() {
    let faults = Faults::new();
    let hub = hub(Store::memory_with(&faults)).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let (desk, balcony) = (bind(&hub, &romeo, "desk").await, bind(&hub, &juliet, "balcony").await);
    say(&balcony, "<presence/>");
    drop(heard(&balcony).await);
    faults.hold();
    say(&balcony, "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='nurse@x.example'/></query></iq>");
    let mut got = Vec::new();
    for number in 0..100 {
        say(&desk, &message(JULIET, number, 60_000));
        got.extend(look(&balcony));
    }
    faults.release_all();
    got.extend(heard(&balcony).await);
    assert!(!got.iter().any(|text| text.starts_with("closed")), "{:?}", got.last());
}

/// A second reload throws away good writes.
#[tokio::test]
async fn one_lost_write_has_the_account_read_twice() {
    let faults = Faults::new();
    let hub = hub(Store::memory_with(&faults)).await;
    let (romeo, _) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let desk = bind(&hub, &romeo, "desk").await;
    let set = |name: &str| {
        read(&format!(
            "<iq type='set' id='{name}'><query xmlns='jabber:iq:roster'><item jid='{name}@x.example'/></query></iq>"
        ))
    };
    faults.fail_next(1, disk());
    // The second write is refused because of the first; in between the outbox waits for somebody who sleeps.
    say_all(&desk, [set("a"), read(&message(JULIET, 0, 10)), set("b")]);
    hub.idle().await;
    let failed = hub.counters().writes_failed.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(failed, 1, "times read again for one lost write");
}

/// A directed available presence after an error leaves a ghost.
#[tokio::test]
async fn a_ghost_after_an_error() {
    let hub = hub(Store::memory()).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let (desk, balcony) = (bind(&hub, &romeo, "desk").await, bind(&hub, &juliet, "balcony").await);
    for door in [&desk, &balcony] {
        say(door, ROSTER);
        say(door, "<presence/>");
    }
    say(&desk, "<presence type='subscribe' to='juliet@verona.example'/>");
    say(&balcony, "<presence type='subscribed' to='romeo@verona.example'/>");
    hub.idle().await;
    say(&desk, "<presence type='error' to='juliet@verona.example/balcony'/>");
    say(&balcony, "<presence to='romeo@verona.example/desk'/>");
    hub.idle().await;
    drop(heard(&desk).await);
    balcony.close(Goodbye::Lost);
    hub.idle().await;
    let got = heard(&desk).await.join("\n");
    assert!(got.contains("unavailable"), "Romeo was shown it, and not its end: {got:?}");
}

/// An unsubscribed grant: what follows a request that was lost still goes out.
#[tokio::test]
async fn a_repeated_request_goes_out_though_the_first_was_lost() {
    let faults = Faults::new();
    let hub = hub(Store::memory_with(&faults)).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let (desk, balcony) = (bind(&hub, &romeo, "desk").await, bind(&hub, &juliet, "balcony").await);
    for door in [&desk, &balcony] {
        say(door, ROSTER);
        say(door, "<presence/>");
    }
    hub.idle().await;
    drop(heard(&balcony).await);
    faults.hold();
    faults.fail_next(1, disk());
    let ask = "<presence type='subscribe' to='juliet@verona.example'/>";
    say_all(&desk, [read(ask), read(ask)]);
    faults.release_all();
    hub.idle().await;
    let got = heard(&balcony).await.join("\n");
    assert!(!got.contains("subscribe"), "Romeo's roster knows of no request: {got}");
}

/// RFC 6121 §4.5.2: the session that says unavailable hears it too.
#[tokio::test]
async fn unavailable_is_echoed() {
    let hub = hub(Store::memory()).await;
    let juliet = account(&hub, "juliet").await;
    let balcony = bind(&hub, &juliet, "balcony").await;
    say(&balcony, "<presence/>");
    drop(heard(&balcony).await);
    say(&balcony, "<presence type='unavailable'/>");
    let got = heard(&balcony).await.join("\n");
    assert!(got.contains("unavailable"), "{got:?}");
}

/// A roster result is held in memory only: who asks in the window gets the phantom, and keeps it under a version that comes again.
#[tokio::test]
async fn a_version_is_given_twice() {
    let faults = Faults::new();
    let hub = hub(Store::memory_with(&faults)).await;
    let romeo = account(&hub, "romeo").await;
    let desk = bind(&hub, &romeo, "desk").await;
    let set = |name: &str| {
        read(&format!(
            "<iq type='set' id='{name}'><query xmlns='jabber:iq:roster'><item jid='{name}@x.example'/></query></iq>"
        ))
    };
    say_all(&desk, [set("first")]);
    hub.idle().await;
    faults.hold();
    faults.fail_next(1, disk());
    say_all(&desk, [set("phantom"), read(ROSTER)]);
    faults.release_all();
    hub.idle().await;
    let got = heard(&desk).await;
    let result = got.iter().find(|text| text.contains("id='r'")).unwrap();
    if result.contains("type='error'") {
        return;
    }
    let version = result.split("ver='").nth(1).unwrap().split('\'').next().unwrap().to_owned();
    say_all(&desk, [set("real")]);
    hub.idle().await;
    drop(heard(&desk).await);
    say(&desk, &format!("<iq type='get' id='v'><query xmlns='jabber:iq:roster' ver='{version}'/></iq>"));
    let got = heard(&desk).await.join("\n");
    assert!(got.contains("real@x.example"), "cached with a phantom, and told that nothing changed: {got}");
}

/// An account whose loading panics can never be woken again, and whoever writes to it is parked for ever.
mod broken_load {
    use im::{About, Attach, Extension, Plan, PlanError};
    pub(super) struct Room;
    impl Extension for Room {
        type Options = ();
        const ABOUT: About = About::xep("load", "Load", "XEP-0000", "1");
        fn configure(plan: &mut Plan, (): &()) -> Result<Self, PlanError> {
            let broken = |_, jid: xmpp::Jid| async move {
                if jid.local() == Some("juliet") {
                    panic!("load");
                }
                Ok(())
            };
            plan.per_account(broken, || ());
            Ok(Room)
        }
        fn attach(_: &mut Attach<'_, Self>) {}
    }
}

#[tokio::test]
async fn panic_of_a_load_parks_for_ever() {
    let plan = Box::new(|plan: &mut im::Plan| plan.add::<broken_load::Room>(&()));
    let hosts = vec![HostOptions { name: Jid::parse("verona.example").unwrap(), plan }];
    let clock = Clock::fake(Timestamp::from_millis(1_000_000_000_000));
    let (store, limits) = (Store::memory(), Limits::default());
    let hub = Hub::new(HubOptions { hosts, store, clock, limits, cluster: im::Cluster::single() }).await.unwrap();
    let romeo = account(&hub, "romeo").await;
    account(&hub, "juliet").await;
    let desk = bind(&hub, &romeo, "desk").await;
    say(&desk, &message(JULIET, 0, 10));
    yields().await;
    assert!(desk.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready(), "Romeo is stuck");
}

async fn ready(door: &Door) {
    std::future::poll_fn(|cx| door.poll_ready(cx)).await;
}

/// On a real disk, with doors that wait as net's do, and sessions that come and go: nothing lost, doubled or out of order?
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_order_through_coming_and_going() {
    let folder = std::env::temp_dir().join(format!("yatter-heart-order-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let hub = hub(Store::sqlite(&folder, store::SqliteOptions::default()).unwrap()).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    const ALL: usize = 3_000;
    let desk = bind(&hub, &romeo, "desk").await;
    let sender = tokio::spawn(async move {
        for number in 0..ALL {
            ready(&desk).await;
            say(&desk, &message(JULIET, number, 10));
            if number % 20 == 0 {
                tokio::time::sleep(std::time::Duration::from_micros(300)).await;
            }
        }
        desk
    });
    let mut got: Vec<Vec<String>> = Vec::new();
    let mut round = 0;
    while !sender.is_finished() {
        round += 1;
        let door = bind(&hub, &juliet, &format!("r{round}")).await;
        let mut mine = Vec::new();
        ready(&door).await;
        say(&door, "<presence/>");
        for _ in 0..(round % 9) {
            mine.extend(look(&door));
            tokio::time::sleep(std::time::Duration::from_micros(200)).await;
        }
        // Whatever is queued is written, and the queue is asked once more, as net does.
        loop {
            let more = look(&door);
            if more.is_empty() {
                break;
            }
            mine.extend(more);
        }
        got.push(mine);
        door.close(Goodbye::ByPeer);
        tokio::time::sleep(std::time::Duration::from_micros(500)).await;
    }
    let desk = sender.await.unwrap();
    hub.idle().await;
    let last = bind(&hub, &juliet, "last").await;
    ready(&last).await;
    say(&last, "<presence/>");
    let mut mine = Vec::new();
    for _ in 0..300 {
        hub.idle().await;
        mine.extend(look(&last));
    }
    got.push(mine);
    let all: Vec<String> = got.into_iter().flatten().collect();
    let seen: Vec<usize> = ids(&all).iter().map(|id| id[1..].parse().unwrap()).collect();
    let errors = heard(&desk).await.iter().filter(|text| text.contains("type='error'")).count();
    let mut first = std::collections::BTreeSet::new();
    let (mut doubled, mut late, mut highest) = (0, 0, 0);
    for number in &seen {
        if !first.insert(*number) {
            doubled += 1;
        } else if *number < highest {
            late += 1;
        }
        highest = highest.max(*number);
    }

    hub.store().barrier().await.unwrap();
    let waits = hub.shapes().archive.count_undelivered(JULIET).await.unwrap();
    assert_eq!(
        (first.len() + errors, waits, doubled, late),
        (ALL, 0, 0, 0),
        "(got or returned, still waiting, doubled, late) in {round} sessions, {errors} errors"
    );
}

/// A removal that failed leaves the sessions hidden, and nobody tells them.
#[tokio::test]
async fn failed_removal_hides_sessions() {
    let faults = Faults::new();
    let hub = hub(Store::memory_with(&faults)).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let (desk, balcony) = (bind(&hub, &romeo, "desk").await, bind(&hub, &juliet, "balcony").await);
    say(&balcony, "<presence/>");
    drop(heard(&balcony).await);
    say(&balcony, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
    drop(heard(&balcony).await);
    // The unavailable moment writes once before (last activity); the next write is the removal.
    faults.hold();
    let removing = tokio::spawn({
        let (hub, juliet) = (hub.clone(), juliet.clone());
        async move { hub.remove_account(&juliet, None).await }
    });
    yields().await;
    assert!(faults.release_one());
    faults.fail_next(1, disk());
    faults.release_all();
    removing.await.unwrap().unwrap_err();
    hub.idle().await;
    say(&desk, &message(JULIET, 0, 10));
    hub.idle().await;
    let got = heard(&balcony).await;
    let told = got.iter().any(|text| text.starts_with("closed"));
    assert!(told || !ids(&got).is_empty(), "neither told to end, nor given messages: {got:?}");
}

/// One row that cannot be read keeps the whole server from starting.
#[tokio::test]
async fn one_bad_row_keeps_the_server_down() {
    let store = Store::memory();
    let first = hub(store.clone()).await;
    account(&first, "romeo").await;
    let epoch = store.claim("romeo@verona.example");
    let batch = store::Batch::new("romeo@verona.example", epoch);
    store.submit(batch.log(&store.log("outgoing"), "romeo@verona.example", 1, b"<broken".to_vec())).await.unwrap();
    // And an account of which nothing can be said.
    account(&first, "juliet").await;
    let epoch = store.claim("juliet@verona.example");
    let batch = store::Batch::new("juliet@verona.example", epoch);
    let batch = batch.put_in(&store.map("roster"), "juliet@verona.example", "nurse@verona.example", b"broken".to_vec());
    store.submit(batch.log(&store.log("outgoing"), "juliet@verona.example", 1, b"<presence/>".to_vec())).await.unwrap();
    let plan = Box::new(|plan: &mut im::Plan| extensions::plug(plan, &extensions::Options::default()));
    let hosts = vec![HostOptions { name: Jid::parse("verona.example").unwrap(), plan }];
    let (clock, limits) = (Clock::fake(Timestamp::from_millis(0)), Limits::default());
    let again = Hub::new(HubOptions { hosts, store, clock, limits, cluster: im::Cluster::single() }).await;
    assert!(again.is_ok(), "{:?}", again.err().map(|error| error.to_string()));
}

/// Presence that was said while a write got lost is never shown.
#[tokio::test]
async fn presence_behind_a_lost_write_is_never_shown() {
    let faults = Faults::new();
    let hub = hub(Store::memory_with(&faults)).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let (desk, balcony) = (bind(&hub, &romeo, "desk").await, bind(&hub, &juliet, "balcony").await);
    for door in [&desk, &balcony] {
        say(door, ROSTER);
        say(door, "<presence/>");
    }
    say(&desk, "<presence type='subscribe' to='juliet@verona.example'/>");
    say(&balcony, "<presence type='subscribed' to='romeo@verona.example'/>");
    hub.idle().await;
    drop(heard(&desk).await);
    faults.hold();
    faults.fail_next(1, disk());
    say_all(
        &balcony,
        [
            read("<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='nurse@x.example'/></query></iq>"),
            read("<presence><show>dnd</show></presence>"),
        ],
    );
    faults.release_all();
    hub.idle().await;
    let got = heard(&desk).await.join("\n");
    assert!(got.contains("dnd"), "Romeo sees her, and was not told: {got:?}");
}

/// A new password that meets a removal brings the account back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_password_brings_a_removed_account_back() {
    let folder = std::env::temp_dir().join(format!("yatter-heart-removed-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let hub = hub(Store::sqlite(&folder, store::SqliteOptions::default()).unwrap()).await;
    let none = NewCredentials::default();
    let mut back = 0;
    for number in 0..100 {
        let who = account(&hub, &format!("user{number}")).await;
        hub.wake(&who).await.unwrap();
        let (one, other) = (hub.clone(), hub.clone());
        let (mine, yours, none) = (who.clone(), who.clone(), none.clone());
        let removing = tokio::spawn(async move { one.remove_account(&mine, None).await });
        let setting = tokio::spawn(async move { other.set_credentials(&yours, &none).await });
        let removed = removing.await.unwrap();
        drop(setting.await.unwrap());
        if removed.is_ok() && hub.credentials(&who).await.unwrap().is_some() {
            back += 1;
        }
    }
    assert_eq!(back, 0, "of 100 removed accounts are back");
}

/// A client that sends a thousand stanzas at once behind a slow disk has them all taken in.
#[tokio::test]
async fn batch_behind_a_slow_commit_is_left_with_the_connection() {
    let faults = Faults::new();
    let hub = hub(Store::memory_with(&faults)).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let (desk, balcony) = (bind(&hub, &romeo, "desk").await, bind(&hub, &juliet, "balcony").await);
    say(&balcony, "<presence/>");
    hub.idle().await;
    drop(heard(&balcony).await);
    faults.hold();
    say(&desk, "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='nurse@x.example'/></query></iq>");
    let mut batch: std::collections::VecDeque<Stanza> = (0..6000).map(|n| read(&message(JULIET, n, 10))).collect();
    desk.admit_all(&mut batch);
    assert!((3000..6000).contains(&batch.len()), "left: {}", batch.len());
    faults.release_all();
    hub.idle().await;
    while !batch.is_empty() {
        desk.admit_all(&mut batch);
        hub.idle().await;
    }
    let got = ids(&heard(&balcony).await);
    let expected: Vec<_> = (0..6000).map(|n| format!("m{n}")).collect();
    assert!(got == expected, "{} came, of 6000 in order", got.len());
}

/// One who panics while he carries out a home's outbox leaves it without anybody who does.
#[tokio::test]
async fn panic_in_the_middle_stops_a_home_for_ever() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker that panics");
        }
    }
    let hub = hub(Store::memory()).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let (desk, balcony) = (bind(&hub, &romeo, "desk").await, bind(&hub, &juliet, "balcony").await);
    say(&balcony, "<presence/>");
    hub.idle().await;
    drop(heard(&balcony).await);
    let waker = Waker::from(Arc::new(Panics));
    assert!(balcony.poll_drain(&mut Context::from_waker(&waker), &mut Vec::new(), 1).is_pending());
    let three = [0, 1, 2].map(|n| read(&message(JULIET, n, 10)));
    let said = std::panic::AssertUnwindSafe(|| say_all(&desk, three));
    assert!(std::panic::catch_unwind(said).is_err());
    hub.idle().await;
    say(&desk, &message(JULIET, 3, 10));
    hub.idle().await;
    assert_eq!(ids(&heard(&balcony).await), ["m0", "m1", "m2", "m3"]);
}

/// After a lost write the account cannot be read: what it never stored is told to those who log in later.
#[tokio::test]
async fn account_that_cannot_be_read_again_keeps_what_was_lost() {
    let faults = Faults::new();
    let hub = hub(Store::memory_with(&faults)).await;
    let romeo = account(&hub, "romeo").await;
    let desk = bind(&hub, &romeo, "desk").await;
    faults.fail_next(1, disk());
    faults.refuse_reads(Some(disk()));
    say(&desk, "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='nurse@x.example'/></query></iq>");
    hub.idle().await;
    assert!(heard(&desk).await.join("\n").contains("closed: InternalServerError"));
    faults.refuse_reads(None);
    let phone = bind(&hub, &romeo, "phone").await;
    say(&phone, ROSTER);
    let got = heard(&phone).await.join("\n");
    assert!(got.contains("id='r'") && !got.contains("nurse"), "{got}");
}

/// The log still holds a request that was taken back: at the next start it is asked again.
#[tokio::test]
async fn request_that_was_taken_back_comes_again() {
    let faults = Faults::new();
    let store = Store::memory_with(&faults);
    let first = hub(store.clone()).await;
    let (romeo, juliet) = (account(&first, "romeo").await, account(&first, "juliet").await);
    let desk = bind(&first, &romeo, "desk").await;
    say(&desk, ROSTER);
    say(&desk, "<presence type='subscribe' to='juliet@verona.example'/>");
    first.idle().await;
    say(&desk, "<presence type='unsubscribe' to='juliet@verona.example'/>");
    first.idle().await;
    desk.close(Goodbye::ByPeer);
    let log = store.log("outgoing");
    let left = "<presence from='romeo@verona.example' to='juliet@verona.example' type='subscribe'/>";
    let epoch = store.claim(romeo.as_str());
    store.submit(store::Batch::new(romeo.as_str(), epoch).log(&log, romeo.as_str(), 1, left)).await.unwrap();
    let second = hub(store.clone()).await;
    second.idle().await;
    assert!(log.read(romeo.as_str(), 0, 10).await.unwrap().is_empty(), "the log keeps it");
    let balcony = bind(&second, &juliet, "balcony").await;
    say(&balcony, ROSTER);
    say(&balcony, "<presence/>");
    let got = heard(&balcony).await.join("\n");
    assert!(!got.contains("type='subscribe'"), "{got}");
}

/// The server's own answer is lost with the server: one side has granted, the other waits for ever.
#[tokio::test]
async fn answer_of_the_server_itself_is_lost() {
    let faults = Faults::new();
    let store = Store::memory_with(&faults);
    let hub = hub(store.clone()).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let (desk, balcony) = (bind(&hub, &romeo, "desk").await, bind(&hub, &juliet, "balcony").await);
    say(&balcony, "<presence type='subscribed' to='romeo@verona.example'/>"); // before he has asked
    hub.idle().await;
    faults.hold();
    say(&desk, "<presence type='subscribe' to='juliet@verona.example'/>");
    assert!(faults.release_one()); // Romeo's half
    yields().await;
    assert!(faults.release_one()); // Juliet's: granted
    yields().await;
    let logged = store.log("outgoing").read(juliet.as_str(), 0, 10).await.unwrap();
    assert_eq!(logged.len(), 1, "what she answers stands with what she granted");
    faults.release_all();
    hub.idle().await;
    assert!(store.log("outgoing").read(juliet.as_str(), 0, 10).await.unwrap().is_empty());
}
