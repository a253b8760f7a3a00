//! One life of a server between two power cuts: its store on a disk that remembers, its heart, and the people at its doors.

use super::known::{Calm, Known, Mail, Thing};
use disk::{Dice, Disk};
use extensions::registration::{Options, Policy};
use im::{Dialect, Door, DoorOptions, Goodbye, HostOptions, Hub, HubOptions, Limits, Signal, Stranger};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;
use store::{Faults, SqliteOptions, Store};
use tokio::task::JoinHandle;
use xmpp::{Jid, Stanza};

pub(super) const HOST: &str = "verona.example";

/// How long anything may take, of which the longest is a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Life {
    pub(super) hub: Hub,
    pub(super) faults: Faults,
    pub(super) disk: Disk,
    pub(super) dice: Dice,
    pub(super) known: Known,
    pub(super) seats: Vec<Seat>,
    pub(super) strangers: Vec<(JoinHandle<Option<Stanza>>, String)>,
    /// Questions that are not answered yet, by their id.
    pub(super) waiting: HashMap<String, (Thing, usize)>,
    /// How often somebody has sat down.
    comings: HashMap<String, usize>,
    pub(super) number: usize,
    pub(super) acknowledged: usize,
    pub(super) wrong: Vec<String>,
    pub(super) breaks_subscriptions: bool,
    /// In this life nobody changes a subscription.
    pub(super) stirs_nobody: bool,
}

/// Somebody at a door.
pub(super) struct Seat {
    pub(super) who: String,
    pub(super) door: Door,
    pub(super) dialect: Dialect,
    /// With stream management: what has been said and heard since it was enabled.
    pub(super) managed: Option<Managed>,
}

#[derive(Default)]
pub(super) struct Managed {
    /// Of each stanza: the message that it was, to somebody who was away, and how often he had come until then.
    pub(super) said: Vec<Option<(String, usize)>>,
    pub(super) enabled: bool,
    pub(super) heard: u32,
}

pub(super) fn jid(who: &str) -> Jid {
    Jid::parse(&format!("{who}@{HOST}")).unwrap()
}

impl Life {
    /// Opens what is in the folder. An error is a server that does not start.
    pub(super) async fn begin(
        folder: &Path,
        known: Known,
        mut dice: Dice,
        number: usize,
        breaks_subscriptions: bool,
    ) -> Result<Life, String> {
        let (disk, faults) = (Disk::new(), Faults::new());
        let options = SqliteOptions {
            verify: true,
            faults: Some(faults.clone()),
            file_system: Some(disk.vfs().to_owned()),
            ..SqliteOptions::default()
        };
        let store = Store::sqlite(folder, options).map_err(|error| format!("the store does not open: {error}"))?;
        let options = extensions::Options { registration: open_without_end(), ..Default::default() };
        let plan = Box::new(move |plan: &mut im::Plan| extensions::plug(plan, &options));
        let hosts = vec![HostOptions { name: Jid::parse(HOST).unwrap(), plan }];
        let clock = im::Clock::real();
        // Sometimes nearly everybody sleeps who may.
        let accounts_awake = if dice.once_in(2) { 1 } else { 1_000 };
        let limits = Limits { accounts_awake, ..Limits::default() };
        let hub = Hub::new(HubOptions { hosts, store, clock, limits, cluster: im::Cluster::single() }).await;
        let hub = hub.map_err(|error| format!("the server does not start: {error}"))?;
        let (seats, strangers, waiting) = (Vec::new(), Vec::new(), HashMap::new());
        let mut life = Life {
            hub,
            faults,
            disk,
            dice,
            known,
            seats,
            strangers,
            waiting,
            comings: HashMap::new(),
            number,
            acknowledged: 0,
            wrong: Vec::new(),
            breaks_subscriptions,
            stirs_nobody: false,
        };
        life.calm_down().await?;
        Ok(life)
    }

    pub(super) async fn sit_down(&mut self, who: &str) {
        let number = self.next();
        let dialect = if self.dice.once_in(6) { Dialect::J } else { Dialect::X };
        let options = DoorOptions { dialect, encrypted: true, peer: None };
        // While the disk refuses, or when the account is being removed, there may be no session.
        if let Ok(door) = self.hub.bind(&jid(who), Some(&format!("r{number}")), options).await {
            *self.comings.entry(who.to_owned()).or_default() += 1;
            let managed = (dialect == Dialect::X && self.dice.once_in(2)).then(Managed::default);
            if managed.is_some() {
                door.signal(Signal::Enable { resume: false, max_s: None });
            }
            self.seats.push(Seat { who: who.to_owned(), door, dialect, managed });
            let seat = self.seats.len() - 1;
            self.say(seat, &["<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>".into()]);
        }
    }

    pub(super) fn stand_up(&mut self, seat: usize) {
        let why = if self.dice.once_in(2) { Goodbye::ByPeer } else { Goodbye::Lost };
        self.seats.swap_remove(seat).door.close(why);
    }

    /// Says all at once, as a client's packet does. Only when the door takes it.
    pub(super) fn say(&mut self, seat: usize, stanzas: &[String]) {
        let read = |text: &String| {
            Stanza::read(xml::Element::parse(text.as_bytes(), &xml::Limits::default()).unwrap()).unwrap()
        };
        let mut stanzas: VecDeque<Stanza> = stanzas.iter().map(read).collect();
        let mut said: Vec<_> = stanzas.iter().map(|stanza| self.message_to_absent(stanza)).collect();
        let Seat { door, managed, .. } = &mut self.seats[seat];
        // What it leaves is never said.
        door.admit_all(&mut stanzas);
        said.truncate(said.len() - stanzas.len());
        if let Some(managed) = managed {
            managed.said.extend(said);
            door.signal(Signal::Request);
        }
    }

    fn message_to_absent(&self, stanza: &Stanza) -> Option<(String, usize)> {
        let mail = self.known.mail.get(&*stanza.id()?)?;
        let absent = !self.seats.iter().any(|seat| seat.who == mail.to);
        absent.then(|| (stanza.id().unwrap_or_default().into_owned(), self.times_come(&mail.to)))
    }

    pub(super) fn times_come(&self, who: &str) -> usize {
        self.comings.get(who).copied().unwrap_or(0)
    }

    pub(super) fn is_ready(&self, seat: usize) -> bool {
        self.seats[seat].door.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    pub(super) fn next(&mut self) -> usize {
        self.number += 1;
        self.number
    }

    /// A question whose answer says that `thing` is `value` now. Its id.
    pub(super) fn ask(&mut self, thing: Thing, value: Option<String>) -> String {
        let id = format!("q{}", self.next());
        let now = self.disk.now();
        let write = self.known.things.entry(thing.clone()).or_default().ask(value, now);
        self.waiting.insert(id.clone(), (thing, write));
        id
    }

    pub(super) fn write_to(&mut self, from: &str, to: &str) -> String {
        let number = self.next();
        let id = format!("m{number}");
        let (from, to) = (from.to_owned(), to.to_owned());
        let mail = Mail { number, from, to: to.clone(), stored: None, heard: None, returned: None, over: false };
        self.known.mail.insert(id.clone(), mail);
        let filler = "x".repeat(self.dice.below(600));
        format!(
            "<message to='{to}@{HOST}' type='chat' id='{id}'><body>{filler}</body><x xmlns='jabber:x:event'><offline/></x></message>"
        )
    }

    /// Somebody without an account asks for one.
    pub(super) fn register(&mut self, who: &str, password: &str) {
        let id = self.ask(Thing::Account(who.to_owned()), Some(password.to_owned()));
        let iq = format!(
            "<iq type='set' id='{id}' to='{HOST}'><query xmlns='jabber:iq:register'><username>{who}</username>\
             <password>{password}</password></query></iq>"
        );
        let iq = Stanza::read(xml::Element::parse(iq.as_bytes(), &xml::Limits::default()).unwrap()).unwrap();
        let (hub, host) = (self.hub.clone(), self.hub.host(HOST).unwrap());
        let stranger = Stranger { encrypted: true, may_send_secrets: true, dialect: Dialect::X, peer: None };
        let asking = tokio::spawn(async move { hub.ask_as_stranger(&host, &iq, stranger, &Arc::default()).await });
        self.strangers.push((asking, id));
    }

    /// Waits until nothing is under way, and notes what the awake accounts believe.
    pub(super) async fn calm_down(&mut self) -> Result<(), String> {
        tokio::time::timeout(PATIENCE, self.settle()).await.map_err(|_| "something never ends".to_owned())?;
        let at = self.disk.now();
        let outgoing = self.hub.store().log("outgoing").owners("", 10).await.unwrap_or_default();
        if !outgoing.is_empty() && !self.known.broken {
            self.wrong.push(format!("at {at} all is calm, and stanzas of {outgoing:?} are still outgoing"));
        }
        let mut states = BTreeMap::new();
        for home in self.hub.homes() {
            let who = home.jid().local().unwrap_or_default().to_owned();
            home.with(&self.hub, |within| {
                for contact in self.known.people() {
                    states.insert((who.clone(), contact.clone()), within.account.roster().state(&jid(&contact)));
                }
            });
        }
        self.known.calms.push(Calm { at, states });
        Ok(())
    }

    async fn settle(&mut self) {
        let mut quiet = 0;
        while quiet < 2 {
            self.hub.idle().await;
            drop(self.hub.store().barrier().await);
            self.hub.idle().await;
            quiet = if self.listen().await || !self.strangers.is_empty() { 0 } else { quiet + 1 };
            tokio::task::yield_now().await;
        }
    }
}

/// Everybody may register, as often as he likes.
fn open_without_end() -> Options {
    Options { policy: Policy::Open, per_hour: usize::MAX, per_hour_per_address: usize::MAX }
}
