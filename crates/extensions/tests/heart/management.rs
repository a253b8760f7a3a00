//! Stream management at the door, without a socket: whatever a network does, every message comes, and comes once.

use crate::hands::{account, bind, hub, say};
use im::{Dialect, Door, DoorOptions, Drained, Goodbye, Hub, Out, ResumeError, Signal, Word};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use store::Store;
use xmpp::{Jid, Kind};

const X: DoorOptions = DoorOptions { dialect: Dialect::X, encrypted: true, peer: None };

/// A client that counts, on a network that may lose what is on its way.
struct Client {
    account: Jid,
    door: Option<Door>,
    /// What the session is resumed by.
    id: Option<Box<str>>,
    /// Stanzas that it has.
    h: u32,
    acknowledged: u32,
    /// The messages that it has, in order.
    got: Vec<usize>,
}

impl Client {
    async fn begin(hub: &Hub, account: Jid) -> Client {
        let mut client = Client { account, door: None, id: None, h: 0, acknowledged: 0, got: Vec::new() };
        client.bind(hub).await;
        client
    }

    async fn bind(&mut self, hub: &Hub) {
        let door = bind(hub, &self.account, "balcony").await;
        door.signal(Signal::Enable { resume: true, max_s: None });
        say(&door, "<presence/>");
        (self.door, self.id, self.h, self.acknowledged) = (Some(door), None, 0, 0);
        self.take();
    }

    /// Comes back, to the old session or to a new one.
    async fn come_back(&mut self, hub: &Hub) {
        let resumed = match &self.id {
            Some(id) => hub.resume(&self.account, id, self.h, X).await,
            None => Err(ResumeError::NotFound { handled: None }),
        };
        match resumed {
            Ok(door) => {
                self.door = Some(door);
                self.acknowledged = self.h;
                let first = drain(self.door.as_ref().unwrap()).into_iter().next();
                assert!(matches!(first, Some(Out::Word(Word::Resumed(_)))), "{first:?}");
                // What came with it is lost on the way.
                self.lose(false);
                let id = self.id.clone().unwrap();
                self.door = Some(hub.resume(&self.account, &id, self.h, X).await.unwrap());
                self.take();
            }
            Err(ResumeError::NotFound { .. }) => self.bind(hub).await,
            Err(error) => panic!("{error}"),
        }
    }

    /// Gets what waits; whether there was anything.
    fn take(&mut self) -> bool {
        let Some(door) = &self.door else { return false };
        let all = drain(door);
        let any = !all.is_empty();
        for out in all {
            match out {
                Out::Word(Word::Enabled(resumable)) => {
                    (self.id, self.h) = (Some(resumable.unwrap().id), 0);
                }
                Out::Word(_) => {}
                Out::Stanza(stanza) => {
                    self.h = self.h.wrapping_add(1);
                    if stanza.kind() == Kind::Message {
                        self.got.push(stanza.id().unwrap().parse().unwrap());
                    }
                }
            }
        }
        any
    }

    fn acknowledge(&mut self) {
        if let Some(door) = &self.door
            && self.id.is_some()
        {
            door.signal(Signal::Ack(self.h));
            self.acknowledged = self.h;
        }
    }

    /// Loses the connection, and what was written on it last.
    fn lose(&mut self, with_the_last: bool) {
        if let Some(door) = self.door.take() {
            if with_the_last {
                drop(drain(&door));
            }
            door.close(Goodbye::Lost);
        }
    }
}

fn drain(door: &Door) -> Vec<Out> {
    let mut batch = Vec::new();
    match door.poll_drain(&mut Context::from_waker(Waker::noop()), &mut batch, 2_000) {
        Poll::Ready(Drained::Close(why)) => panic!("{why:?}"),
        _ => door.written(),
    }
    batch
}

async fn settle(hub: &Hub) {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    hub.idle().await;
}

/// The same numbers in every run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

async fn adventure(seed: u64, may_expire: bool) -> (usize, Vec<usize>) {
    let hub = hub(Store::memory()).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let desk = bind(&hub, &romeo, "desk").await;
    let mut client = Client::begin(&hub, juliet).await;
    let (mut dice, mut sent) = (Dice(seed), 0);
    for _ in 0..150 {
        match dice.throw(10) {
            0..=3 => {
                let to = ["juliet@verona.example", "juliet@verona.example/balcony"][dice.throw(2) as usize];
                say(&desk, &format!("<message to='{to}' type='chat' id='{sent}'><body>hi</body></message>"));
                sent += 1;
            }
            4 | 5 => {
                client.take();
            }
            6 => client.acknowledge(),
            7 => {
                let last = dice.throw(2) == 0;
                client.lose(last);
            }
            8 if client.door.is_none() => client.come_back(&hub).await,
            // What the client has and could not acknowledge would rightly come twice.
            9 if client.door.is_none() && may_expire && client.acknowledged == client.h => {
                hub.clock().advance(Duration::from_secs(301));
            }
            _ => {}
        }
        settle(&hub).await;
    }
    if client.door.is_none() {
        client.come_back(&hub).await;
    }
    let mut quiet = 0;
    while quiet < 4 {
        settle(&hub).await;
        quiet = if client.take() { 0 } else { quiet + 1 };
        client.acknowledge();
    }
    (sent, client.got)
}

#[tokio::test]
async fn everything_comes_once_and_in_order_while_the_session_lives() {
    for seed in 0..40 {
        let (sent, got) = adventure(seed, false).await;
        assert_eq!(got, (0..sent).collect::<Vec<_>>(), "seed {seed}");
    }
}

#[tokio::test]
async fn everything_comes_once_though_sessions_end() {
    for seed in 0..40 {
        let (sent, mut got) = adventure(seed, true).await;
        got.sort_unstable();
        assert_eq!(got, (0..sent).collect::<Vec<_>>(), "seed {seed}");
    }
}

/// A door that asks twice before anything is written is not given the next page, nor are the rows of the first struck out.
#[tokio::test]
async fn what_is_not_written_is_not_delivered() {
    let hub = hub(Store::memory()).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let desk = bind(&hub, &romeo, "desk").await;
    for number in 0..3 {
        say(&desk, &format!("<message to='juliet@verona.example' type='chat' id='{number}'><body>hi</body></message>"));
    }
    let door = bind(&hub, &juliet, "balcony").await;
    say(&door, "<presence/>");
    let mut batch = Vec::new();
    let mut look = || door.poll_drain(&mut Context::from_waker(Waker::noop()), &mut batch, 1 << 30).is_ready();
    while look() {}
    door.written();
    assert!(!look());
    settle(&hub).await;
    assert!(look(), "the page");
    assert!(!look() && !look());
    settle(&hub).await;
    let waiting = || hub.shapes().archive.count_undelivered("juliet@verona.example");
    assert_eq!(waiting().await.unwrap(), 3);
    door.written();
    look();
    settle(&hub).await;
    assert_eq!(waiting().await.unwrap(), 0);
}

/// A connection that was replaced says nothing for the session any more.
#[tokio::test]
async fn a_connection_that_was_replaced_is_nobody() {
    let hub = hub(Store::memory()).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let desk = bind(&hub, &romeo, "desk").await;
    let mut client = Client::begin(&hub, juliet).await;
    let old = client.door.take().unwrap();
    let id = client.id.clone().unwrap();
    let new = hub.resume(&client.account, &id, client.h, X).await.unwrap();
    say(&old, "<message to='romeo@verona.example/desk' id='0'/>");
    old.signal(Signal::Ack(7));
    old.signal(Signal::Request);
    settle(&hub).await;
    let mut batch = Vec::new();
    let drained = old.poll_drain(&mut Context::from_waker(Waker::noop()), &mut batch, 1);
    assert!(matches!(drained, Poll::Ready(Drained::Close(why)) if why == xmpp::StreamError::conflict()));
    old.close(Goodbye::Error);
    settle(&hub).await;
    assert!(drain(&desk).is_empty(), "nobody hears of it");
    let told = drain(&new);
    assert!(matches!(&told[..], [Out::Word(Word::Resumed(resumed))] if resumed.handled == 1), "{told:?}");
}
