//! A whole house: people on two members or one, who write to each other while connections break, frames between the members come late, and commits stall.
//!
//! Every connection is managed (XEP-0198), and what a broken one had on its way is lost. So whatever happens, each message comes once, and per pair of
//! entities in its order: an account and one of its sessions are two.

use crate::client::{Got, lose};
use crate::stage::{X, account, all_came, hub_of, play, say};
use cluster::faulty::Faulty;
use cluster::{Cluster, Inbox};
use im::{Door, Goodbye, Hub, Limits, ResumeError, Signal};
use shuttle::rand::{Rng, thread_rng};
use shuttle::{future, thread};
use std::collections::BTreeMap;
use std::future::poll_fn;
use store::{Faults, Store};
use xmpp::Jid;

const PEOPLE: [&str; 3] = ["juliet", "nurse", "romeo"];
const STEPS: usize = 12;

fn dice(sides: usize) -> usize {
    thread_rng().gen_range(0..sides)
}

/// The members, and what is between them.
#[derive(Clone)]
struct House {
    members: Vec<Hub>,
    between: Option<Faulty>,
    faults: Faults,
}

impl House {
    async fn build(views: Vec<(Cluster, Inbox)>, between: Option<Faulty>) -> House {
        let faults = Faults::new();
        let store = Store::memory_with(&faults);
        let mut members = Vec::new();
        for view in views {
            members.push(hub_of(store.clone(), Limits::default(), view).await);
        }
        if let Some(faulty) = between.clone() {
            future::spawn(faulty.run());
        }
        House { members, between, faults }
    }

    fn member(&self) -> &Hub {
        &self.members[dice(self.members.len())]
    }

    /// Until nobody has anything to do.
    async fn settle(&self) {
        loop {
            for hub in &self.members {
                hub.idle().await;
            }
            if self.between.as_ref().is_none_or(Faulty::is_quiet) {
                return;
            }
            future::yield_now().await;
        }
    }
}

/// Somebody with one session, on whatever connection.
struct Person {
    name: &'static str,
    jid: Jid,
    door: Option<Door>,
    got: Got,
    /// How many messages to whom.
    said: BTreeMap<String, usize>,
}

impl Person {
    async fn arrive(house: &House, name: &'static str) -> Person {
        let jid = account(&house.members[0], name).await;
        let door = house.member().bind(&jid, Some("here"), X).await.unwrap();
        door.signal(Signal::Enable { resume: true, max_s: None });
        let mut person = Person { name, jid, door: Some(door), got: Got::default(), said: BTreeMap::new() };
        person.say(house, "<presence/>").await;
        person.be_ready(house).await;
        person
    }

    /// The connection, made again if it is lost.
    async fn door(&mut self, house: &House) -> &Door {
        let door = match self.door.take() {
            Some(door) => door,
            None => self.come_back(house).await,
        };
        self.door.insert(door)
    }

    async fn come_back(&self, house: &House) -> Door {
        let id = self.got.resumable.as_ref().unwrap();
        loop {
            match house.member().resume(&self.jid, id, self.got.h, X).await {
                Ok(door) => return door,
                Err(ResumeError::Stream(_)) => future::yield_now().await,
                Err(error) => panic!("{}: {error}", self.name),
            }
        }
    }

    async fn look(&mut self, house: &House) -> bool {
        self.door(house).await;
        let Some(door) = &self.door else { return false };
        let something = self.got.look(door);
        assert!(!self.got.closed, "{} was sent away", self.name);
        something
    }

    /// Until the heart takes more; as a connection does, takes what comes meanwhile.
    async fn be_ready(&mut self, house: &House) {
        self.door(house).await;
        let Some(door) = &self.door else { return };
        let got = &mut self.got;
        poll_fn(|cx| {
            while got.poll(door, cx).is_ready() && !got.closed {}
            door.poll_ready(cx)
        })
        .await;
    }

    async fn say(&mut self, house: &House, text: &str) {
        self.be_ready(house).await;
        say(self.door(house).await, text);
    }

    async fn step(&mut self, house: &House) {
        match dice(10) {
            0..5 => {
                let other = PEOPLE[dice(PEOPLE.len())];
                let to = format!("{other}@verona.example{}", if dice(2) == 0 { "" } else { "/here" });
                let number = *self.said.entry(to.clone()).and_modify(|said| *said += 1).or_insert(1) - 1;
                let text =
                    format!("<message to='{to}' type='chat' id='{} {to} {number}'><body>x</body></message>", self.name);
                self.say(house, &text).await;
            }
            5..7 => drop(self.look(house).await),
            7 => {
                let contact = format!("<item jid='friend{}@verona.example'/>", dice(3));
                let set = format!("<iq type='set' id='s'><query xmlns='jabber:iq:roster'>{contact}</query></iq>");
                self.say(house, &set).await;
            }
            8 => {
                let h = self.got.h;
                self.door(house).await.signal(Signal::Ack(h));
            }
            _ => {
                // What the client sent has arrived; what comes to it from now on is lost on the way.
                self.be_ready(house).await;
                let Some(door) = self.door.take() else { return };
                lose(&door);
                door.close(Goodbye::Lost);
            }
        }
    }

    async fn live(mut self, house: House) -> Person {
        for _ in 0..STEPS {
            self.step(&house).await;
            for _ in 0..dice(4) {
                future::yield_now().await;
            }
        }
        self
    }
}

async fn simulate(house: House) {
    let mut people = Vec::new();
    for name in PEOPLE {
        people.push(Person::arrive(&house, name).await);
    }
    house.settle().await;
    let disk = {
        let faults = house.faults.clone();
        thread::spawn(move || {
            for _ in 0..8 {
                faults.hold();
                for _ in 0..dice(30) {
                    thread::yield_now();
                }
                faults.release_all();
                thread::yield_now();
            }
        })
    };
    let lives: Vec<_> = people.into_iter().map(|person| future::spawn(person.live(house.clone()))).collect();
    let mut people = Vec::new();
    for life in lives {
        people.push(life.await.unwrap());
    }
    disk.join().unwrap();
    let mut silent = 0;
    // What brings a stanza to a connection is no work of the heart, so nobody can say when it is done.
    while silent < 50 {
        house.settle().await;
        future::yield_now().await;
        let mut something = false;
        for person in &mut people {
            something |= person.look(&house).await;
        }
        silent = if something { 0 } else { silent + 1 };
    }
    for sender in &people {
        for (to, count) in &sender.said {
            let receiver = people.iter().find(|person| to.starts_with(person.name)).unwrap();
            all_came(&format!("{} {to} ", sender.name), *count, &receiver.got.messages);
        }
    }
    // Nobody is to be in the middle of something when the run ends.
    drop(people);
    for _ in 0..20 {
        house.settle().await;
        future::yield_now().await;
    }
}

#[test]
fn on_one_member_each_message_comes_once_and_in_order() {
    play(async || simulate(House::build(vec![Cluster::single()], None).await).await);
}

#[test]
fn on_two_members_each_message_comes_once_and_in_order() {
    play(async || {
        let rule = |home: &str| usize::from(home.starts_with('j') || home.starts_with('n'));
        let (faulty, views) = Faulty::new(2, thread_rng().gen_range(0..u64::MAX), rule);
        simulate(House::build(views, Some(faulty)).await).await;
    });
}
