//! A member dies in the middle of a conversation: what was acknowledged is there, and nothing is doubled.
//!
//! Clients are connected to one member; half of the accounts are at home there, the others on the one that dies. A step counts as acknowledged when
//! everything had come to rest after it.
use super::hands::read;
use super::members::{Members, X, look};
use im::{Door, Goodbye, Hub};
use std::collections::BTreeMap;
use std::task::{Context, Waker};
use store::Store;
use xmpp::{Jid, StreamCondition};

const ACCOUNTS: usize = 6;

struct Client {
    jid: Jid,
    door: Option<Door>,
    /// What it received, and whether that was between the last rest before the death and the first one after it.
    got: Vec<(String, bool)>,
}

/// What is known of something that was said.
#[derive(Clone, Copy, PartialEq)]
enum Known {
    Nothing,
    Acknowledged,
    /// The death came over it.
    Unsure,
}

struct Play {
    members: Members,
    clients: Vec<Client>,
    chance: u64,
    /// For each message its receiver.
    messages: Vec<(usize, Known)>,
    /// For each contact that was put into a roster, whose.
    contacts: Vec<(usize, Known)>,
    dying: bool,
}

impl Play {
    async fn new(store: &Store, seed: u64) -> Play {
        let members = Members::new(store, seed).await;
        let mut clients = Vec::new();
        for number in 0..ACCOUNTS {
            let jid = super::hands::account(&members.hubs[0], &format!("a{number}")).await;
            clients.push(Client { jid, door: None, got: Vec::new() });
        }
        let (messages, contacts) = (Vec::new(), Vec::new());
        Play { members, clients, chance: seed * 7919 + 1, messages, contacts, dying: false }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.chance >> 33).unwrap() % bound
    }

    fn hub(&self) -> &Hub {
        &self.members.hubs[0]
    }

    async fn come(&mut self, who: usize) {
        let door = self.hub().bind(&self.clients[who].jid, Some("r"), X).await.unwrap();
        door.admit(read("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>"));
        door.admit(read("<presence/>"));
        self.clients[who].door = Some(door);
    }

    /// Closes the stream, as a connection does: when everything that was sent has been taken.
    async fn go(&mut self, who: usize) {
        let Some(door) = self.clients[who].door.take() else { return };
        while door.poll_ready(&mut Context::from_waker(Waker::noop())).is_pending() {
            let new = look(&door).unwrap();
            self.clients[who].got.extend(new.into_iter().map(|text| (text, self.dying)));
            tokio::task::yield_now().await;
        }
        door.close(Goodbye::ByPeer);
    }

    fn say(&self, who: usize, text: &str) {
        self.clients[who].door.iter().for_each(|door| door.admit(read(text)));
    }

    async fn act(&mut self) {
        let (who, other) = (self.below(ACCOUNTS), self.below(ACCOUNTS));
        if self.clients[who].door.is_none() {
            return self.come(who).await;
        }
        let to = self.clients[other].jid.clone();
        match self.below(12) {
            0..=6 => {
                let id = self.messages.len();
                self.messages.push((other, Known::Nothing));
                self.say(who, &format!("<message to='{to}' type='chat' id='m{id}'><body>hi</body></message>"));
            }
            7 => {
                let id = self.contacts.len();
                self.contacts.push((who, Known::Nothing));
                let item = format!("<query xmlns='jabber:iq:roster'><item jid='c{id}@x.example'/></query>");
                self.say(who, &format!("<iq type='set' id='c{id}'>{item}</iq>"));
            }
            8 => self.say(who, &format!("<presence type='subscribe' to='{to}'/>")),
            9 => self.say(who, &format!("<presence type='subscribed' to='{to}'/>")),
            _ => self.go(who).await,
        }
    }

    /// Lets everything come to rest; what was said so far is acknowledged if nobody dies meanwhile.
    async fn rest(&mut self) {
        let mut nothing = 0;
        while nothing < 2 {
            self.members.quiet().await;
            nothing += 1;
            for client in &mut self.clients {
                match client.door.as_ref().map(look) {
                    Some(Ok(new)) => {
                        nothing = if new.is_empty() { nothing } else { 0 };
                        client.got.extend(new.into_iter().map(|text| (text, self.dying)));
                    }
                    Some(Err(why)) => {
                        assert!(self.dying && why.condition == StreamCondition::SystemShutdown, "{why}");
                        client.door = None;
                    }
                    None => {}
                }
            }
        }
        let now = if self.dying { Known::Unsure } else { Known::Acknowledged };
        let said = self.messages.iter_mut().chain(&mut self.contacts);
        said.filter(|(_, known)| *known == Known::Nothing).for_each(|(_, known)| *known = now);
        self.dying = false;
    }

    async fn talk(&mut self, steps: usize) {
        for _ in 0..steps {
            self.act().await;
            if self.below(5) == 0 {
                self.rest().await;
            }
        }
        self.rest().await;
    }

    /// Whoever was at home on the dead member is told to come back; its late writes are refused.
    async fn die(&mut self) {
        for _ in 0..14 {
            self.act().await;
        }
        for _ in 0..self.below(60) {
            tokio::task::yield_now().await;
        }
        self.dying = true;
        self.members.kill(1);
        self.rest().await;
        for (number, client) in self.clients.iter().enumerate() {
            assert!(client.door.is_none() || number % 2 == 0, "{} was not told", client.jid);
        }
        for who in 0..ACCOUNTS {
            if self.clients[who].door.is_none() {
                self.come(who).await;
            }
        }
        self.rest().await;
        let old = &self.members.hubs[1];
        for home in old.homes() {
            let late = home.with(old, |within| {
                let cards = within.hub().store().keys("vcard");
                let batch = within.batch().put(&cards, within.account.jid().as_str(), b"<late/>".to_vec());
                within.write(batch)
            });
            assert!(late.await.is_err(), "{} wrote after its death", home.jid());
        }
        self.rest().await;
    }

    /// Everybody comes, and has everything that is theirs.
    async fn end(mut self, seed: u64) {
        for who in 0..ACCOUNTS {
            if self.clients[who].door.is_none() {
                self.come(who).await;
            }
        }
        self.rest().await;
        for (id, (to, known)) in self.messages.iter().enumerate() {
            let mine = |text: &str| text.starts_with("<message") && text.contains(&format!("id='m{id}'"));
            let copies: Vec<_> =
                self.clients[*to].got.iter().filter(|it| mine(&it.0) && !it.0.contains("type='error'")).collect();
            assert!(!copies.is_empty() || *known != Known::Acknowledged, "seed {seed}: message {id} is lost");
            // A page of waiting messages whose receipt died with the member is given again (design 004).
            let again = copies.iter().filter(|(text, dying)| *dying && text.contains("urn:xmpp:delay")).count();
            assert!(copies.len() <= 1 + again, "seed {seed}: message {id} came {} times", copies.len());
        }
        let mut rosters = BTreeMap::new();
        for client in &self.clients {
            let home = self.hub().wake(&client.jid).await.unwrap().unwrap();
            let roster: Vec<_> = home.with(self.hub(), |within| {
                within.account.roster().iter().map(|item| (item.jid.to_string(), item.state)).collect()
            });
            let states: Vec<_> = self
                .clients
                .iter()
                .map(|other| home.with(self.hub(), |within| within.account.roster().state(&other.jid)))
                .collect();
            rosters.insert(client.jid.to_string(), (roster, states));
        }
        for (id, (who, _)) in self.contacts.iter().enumerate().filter(|(_, contact)| contact.1 == Known::Acknowledged) {
            let (roster, _) = &rosters[self.clients[*who].jid.as_str()];
            let kept = roster.iter().any(|(jid, _)| *jid == format!("c{id}@x.example"));
            assert!(kept, "seed {seed}: contact {id} is lost");
        }
        for (one, first) in self.clients.iter().enumerate() {
            for (other, second) in self.clients.iter().enumerate() {
                let (there, back) = (rosters[first.jid.as_str()].1[other], rosters[second.jid.as_str()].1[one]);
                let agree = there.sees_contact() == back.seen_by_contact() && there.pending_out() == back.pending_in();
                assert!(agree, "seed {seed}: {} has {there:?}, {} has {back:?}", first.jid, second.jid);
            }
        }
    }
}

async fn play(store: &Store, seed: u64) {
    let mut play = Play::new(store, seed).await;
    play.talk(60).await;
    play.die().await;
    play.talk(30).await;
    play.end(seed).await;
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_member() {
    for seed in 0..30 {
        play(&Store::memory(), seed).await;
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_member_on_disk() {
    for seed in 100..103 {
        let folder = std::env::temp_dir().join(format!("yatter-killed-{}-{seed}", std::process::id()));
        let store = Store::sqlite(&folder, store::SqliteOptions::default()).unwrap();
        play(&store, seed).await;
        drop(store);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
