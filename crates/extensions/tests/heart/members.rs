//! Several members of a cluster in one process, on one store.

use super::hands::{account, read, text, yields};
use cluster::Member;
use cluster::faulty::Faulty;
use im::{Clock, Dialect, Door, DoorOptions, Drained, HostOptions, Hub, HubOptions, Limits, Out};
use std::task::{Context, Poll, Waker};
use store::Store;
use xmpp::{Jid, Timestamp};

pub(super) struct Members {
    pub(super) faulty: Faulty,
    pub(super) hubs: Vec<Hub>,
    carrier: tokio::task::JoinHandle<()>,
    /// How many of the members live: the first ones.
    living: std::cell::Cell<usize>,
}

impl Members {
    /// Two members; homes are where the number at the end of the name says.
    pub(super) async fn new(store: &Store, seed: u64) -> Members {
        let rule = |home: &str| {
            let name = home.split('@').next().unwrap_or_default();
            usize::from(name.bytes().last().is_some_and(|digit| digit % 2 == 1))
        };
        let (faulty, views) = Faulty::new(2, seed, rule);
        let carrier = tokio::spawn(faulty.clone().run());
        let mut hubs = Vec::new();
        for cluster in views {
            let plan = Box::new(|plan: &mut im::Plan| extensions::plug(plan, &extensions::Options::default()));
            let hosts = vec![HostOptions { name: Jid::parse("verona.example").unwrap(), plan }];
            let clock = Clock::fake(Timestamp::from_millis(1_000_000_000_000));
            let (store, limits) = (store.clone(), Limits::default());
            hubs.push(Hub::new(HubOptions { hosts, store, clock, limits, cluster }).await.unwrap());
        }
        let living = std::cell::Cell::new(hubs.len());
        Members { faulty, hubs, carrier, living }
    }

    /// Until nothing moves any more.
    pub(super) async fn quiet(&self) {
        let mut calm = 0;
        while calm < 3 {
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            drop(self.hubs[0].store().barrier().await);
            let before = self.faulty.counts();
            // Who is cut off may wait for answers that will never come.
            for hub in self.hubs.iter().take(self.living.get()) {
                hub.idle().await;
            }
            let still = self.faulty.is_quiet() && self.faulty.counts() == before;
            calm = if still { calm + 1 } else { 0 };
        }
    }

    pub(super) fn kill(&self, number: u64) {
        self.living.set(usize::try_from(number).unwrap());
        self.faulty.kill(Member(number));
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        self.carrier.abort();
    }
}

pub(super) const X: DoorOptions = DoorOptions { dialect: Dialect::X, encrypted: true, peer: None };

/// What waits for this door now; `Err`: it is to close.
pub(super) fn look(door: &Door) -> Result<Vec<String>, xmpp::StreamError> {
    let mut batch = Vec::new();
    match door.poll_drain(&mut Context::from_waker(Waker::noop()), &mut batch, 1 << 30) {
        Poll::Ready(Drained::Stanzas) => {
            door.written();
            let stanza = |out: &Out| match out {
                Out::Stanza(stanza) => Some(text(stanza)),
                Out::Word(_) => None,
            };
            Ok(batch.iter().filter_map(stanza).collect())
        }
        Poll::Ready(Drained::Close(why)) => Err(why),
        Poll::Pending => Ok(Vec::new()),
    }
}

/// Gives how many frames overtook others.
async fn order_is_kept(seed: u64, count: usize) -> u64 {
    let members = Members::new(&Store::memory(), seed).await;
    let hub = &members.hubs[0];
    let romeo = account(hub, "romeo0").await;
    let others = [account(hub, "juliet1").await, account(hub, "nurse1").await];
    let desk = hub.bind(&romeo, Some("desk"), X).await.unwrap();
    for number in 0..count {
        for other in &others {
            desk.admit(read(&format!("<message to='{other}' type='chat' id='m{number}'><body>hi</body></message>")));
        }
    }
    for other in &others {
        let door = hub.bind(other, Some("balcony"), X).await.unwrap();
        door.admit(read("<presence/>"));
        let mut ids = Vec::new();
        // With several workers rest is not exact, and another's turn may be long in coming.
        for _ in 0..10_000 {
            members.quiet().await;
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            let got = look(&door).unwrap();
            let messages = got.iter().filter(|text| text.starts_with("<message"));
            ids.extend(messages.map(|text| text.split("id='").nth(1).unwrap().split('\'').next().unwrap().to_owned()));
            if ids.len() >= count {
                break;
            }
        }
        let expected: Vec<String> = (0..count).map(|number| format!("m{number}")).collect();
        assert_eq!(ids, expected, "seed {seed}");
    }
    members.faulty.counts().overtook
}

/// What one sends to another elsewhere arrives in its order, though the other is being woken.
#[tokio::test]
async fn carried_stanzas_keep_their_order() {
    let mut overtook = 0;
    for seed in 0..12 {
        overtook += order_is_kept(seed, 10).await;
    }
    assert!(overtook > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn carried_stanzas_keep_their_order_with_two_workers() {
    let mut overtook = 0;
    for seed in 0..60 {
        overtook += order_is_kept(seed, 40).await;
    }
    assert!(overtook > 0);
}

/// One account that wakes slowly holds up nobody else.
#[tokio::test]
async fn who_is_awake_waits_for_nobody_who_is_woken() {
    let faults = store::Faults::new();
    let members = Members::new(&Store::memory_with(&faults), 1).await;
    let hub = &members.hubs[0];
    let (romeo, juliet) = (account(hub, "romeo0").await, account(hub, "juliet1").await);
    let sleeper = account(hub, "sleeper1").await;
    let desk = hub.bind(&romeo, Some("desk"), X).await.unwrap();
    let balcony = hub.bind(&juliet, Some("balcony"), X).await.unwrap();
    members.quiet().await;
    faults.hold();
    // A write that waits has the sleeper's waking wait too.
    balcony.admit(read("<iq type='set' id='v'><vCard xmlns='vcard-temp'/></iq>"));
    desk.admit(read(&format!("<message to='{sleeper}' type='chat' id='s'><body>hi</body></message>")));
    desk.admit(read(&format!("<message to='{juliet}/balcony' type='chat' id='j'><body>hi</body></message>")));
    let mut got = Vec::new();
    for _ in 0..2_000 {
        tokio::task::yield_now().await;
        got.extend(look(&balcony).unwrap());
    }
    assert!(got.iter().any(|text| text.contains("id='j'")), "{got:?}");
    faults.release_all();
    members.quiet().await;
    let waits = hub.shapes().archive.count_undelivered(sleeper.as_str()).await.unwrap();
    assert_eq!(waits, 1);
}

/// What hangs on a write of the dead member is sent from the survivor, though that became durable after its death was told.
#[tokio::test]
async fn late_request_of_the_dead_is_sent() {
    for cut_off in [false, true] {
        let faults = store::Faults::new();
        let members = Members::new(&Store::memory_with(&faults), 1).await;
        let (hub, old) = (&members.hubs[0], &members.hubs[1]);
        let (romeo, juliet) = (account(hub, "romeo0").await, account(hub, "juliet1").await);
        let balcony = old.bind(&juliet, Some("balcony"), X).await.unwrap();
        members.quiet().await;
        if cut_off {
            // It does not know that it is dead, and nobody else has the home yet.
            members.kill(1);
            members.quiet().await;
        } else {
            faults.hold();
        }
        balcony.admit(read(&format!("<presence type='subscribe' to='{romeo}'/>")));
        if !cut_off {
            assert_eq!(faults.held(), 1);
            members.kill(1);
            yields().await;
            faults.release_all();
        }
        members.quiet().await;
        assert_eq!(hub.store().log("outgoing").owners("", 9).await.unwrap().len(), usize::from(cut_off));
        let woken = hub.bind(&juliet, Some("balcony"), X).await.unwrap();
        members.quiet().await;
        let (asks, asked) = (state(hub, &juliet, &romeo).await, state(hub, &romeo, &juliet).await);
        assert!(asks.pending_out() && asked.pending_in(), "{asks:?} and {asked:?}");
        assert!(hub.store().log("outgoing").owners("", 9).await.unwrap().is_empty());
        drop((balcony, woken));
    }
}

/// A member dies before what it was carried is on the disk: who sent it is told that it may be lost.
#[tokio::test]
async fn what_the_dead_had_not_written_is_returned() {
    let faults = store::Faults::new();
    let members = Members::new(&Store::memory_with(&faults), 1).await;
    let hub = &members.hubs[0];
    let (romeo, juliet) = (account(hub, "romeo0").await, account(hub, "juliet1").await);
    let desk = hub.bind(&romeo, Some("desk"), X).await.unwrap();
    members.quiet().await;
    faults.hold();
    desk.admit(read(&format!("<message to='{juliet}' type='chat' id='m'><body>hi</body></message>")));
    while faults.held() == 0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..2_000 {
        tokio::task::yield_now().await;
    }
    members.kill(1);
    yields().await;
    faults.release_all();
    members.quiet().await;
    let got = look(&desk).unwrap().join("");
    assert!(got.contains("id='m'") && got.contains("<recipient-unavailable"), "{got}");
}

/// Whatever goes wrong with one arrival, a member hears the next.
#[tokio::test]
async fn a_panic_makes_no_member_deaf() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: std::sync::Arc<Self>) {
            panic!("a waker that panics");
        }
    }
    let members = Members::new(&Store::memory(), 1).await;
    let hub = &members.hubs[0];
    let (juliet, nurse) = (account(hub, "juliet1").await, account(hub, "nurse1").await);
    let balcony = hub.bind(&juliet, Some("balcony"), X).await.unwrap();
    let kitchen = hub.bind(&nurse, Some("kitchen"), X).await.unwrap();
    members.quiet().await;
    let waker = Waker::from(std::sync::Arc::new(Panics));
    assert!(balcony.poll_drain(&mut Context::from_waker(&waker), &mut Vec::new(), 1).is_pending());
    for to in [balcony.jid(), kitchen.jid()] {
        kitchen.admit(read(&format!("<message to='{to}' type='chat' id='m'><body>hi</body></message>")));
        members.quiet().await;
    }
    assert!(look(&kitchen).unwrap().join("").contains("id='m'"));
}

async fn state(hub: &Hub, owner: &Jid, contact: &Jid) -> im::subscription::State {
    let home = hub.wake(owner).await.unwrap().unwrap();
    home.with(hub, |within| within.account.roster().state(contact))
}
