//! What a member knows of its hosts' messages of the day, and what it has to do about announcements: one after the other.
use super::{News, Room, What};
use im::Hub;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use store::{Batch, KeyValue, Promise, Store};
use xmpp::{Jid, Stanza, StanzaError, Timestamp, ns};

/// One for a member, whatever its configuration was changed to meanwhile.
#[derive(Default)]
pub(super) struct Board(Mutex<Inside>);

#[derive(Default)]
struct Inside {
    /// The message of the day of every host of which it is known.
    known: BTreeMap<String, Arc<Motd>>,
    jobs: VecDeque<Job>,
    busy: bool,
}

/// A message of the day, or that there is none.
pub(super) struct Motd {
    /// Later ones have greater numbers.
    pub(super) number: u64,
    pub(super) message: Option<Stanza>,
}

/// As it is stored.
#[derive(Serialize, Deserialize)]
struct Kept {
    number: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// What an administrator wants.
pub(super) struct Order {
    pub(super) host: Jid,
    pub(super) what: What,
    pub(super) message: Stanza,
    pub(super) now: Timestamp,
    /// Kept when what lasts is stored.
    pub(super) promise: Promise,
}

pub(super) enum Job {
    Order(Order),
    /// Gives a message to everybody of a host who is there, on this member.
    Deliver { room: Arc<Room>, host: Jid, message: Stanza, motd: Option<u64> },
}

/// Jobs that may wait while administrators give more orders.
const JOBS: usize = 64;

/// Accounts after which others have their turn.
const TURN: usize = 64;

impl Board {
    /// Takes an order, unless too much waits.
    pub(super) fn order(self: Arc<Board>, hub: &Hub, order: Order) -> Result<(), StanzaError> {
        if self.0.lock().jobs.len() >= JOBS {
            return Err(StanzaError::resource_constraint());
        }
        self.push(hub, Job::Order(order));
        Ok(())
    }

    pub(super) fn push(self: Arc<Board>, hub: &Hub, job: Job) {
        let mut inside = self.0.lock();
        inside.jobs.push_back(job);
        if std::mem::replace(&mut inside.busy, true) {
            return;
        }
        drop(inside);
        let (hub, mut busy) = (hub.clone(), Busy { board: self.clone(), done: false });
        hub.clone().spawn(async move {
            while let Some(job) = busy.next() {
                match job {
                    Job::Order(order) => self.carry_out(&hub, order).await,
                    Job::Deliver { room, host, message, motd } => deliver(&hub, &room, &host, &message, motd).await,
                }
            }
        });
    }

    /// Another message of the day, or none.
    pub(super) fn learn(&self, host: &Jid, number: u64, message: Option<Stanza>) {
        self.0.lock().known.insert(host.as_str().to_owned(), Arc::new(Motd { number, message }));
    }

    /// Whether there may be a message of the day that is newer than the one that was seen.
    pub(super) fn may_be_new(&self, host: &str, seen: Option<u64>) -> bool {
        match self.0.lock().known.get(host) {
            Some(motd) => motd.message.is_some() && seen.is_none_or(|seen| seen < motd.number),
            None => true,
        }
    }

    /// The text of the message of the day, as far as it is known without asking the store.
    pub(super) fn text(&self, host: &Jid) -> Option<String> {
        let known = self.0.lock().known.get(host.as_str()).cloned()?;
        let body = known.message.as_ref()?.child(ns::CLIENT, "body")?.text().into_owned();
        Some(body)
    }

    /// The message of the day.
    pub(super) async fn motd(&self, hub: &Hub, host: &Jid) -> Result<Arc<Motd>, store::Error> {
        if let Some(known) = self.0.lock().known.get(host.as_str()) {
            return Ok(known.clone());
        }
        let kept = keys(hub.store()).get(host.as_str()).await?;
        let motd = Arc::new(kept.and_then(|bytes| read(&bytes)).unwrap_or(Motd { number: 0, message: None }));
        // What was announced meanwhile is newer.
        Ok(self.0.lock().known.entry(host.as_str().to_owned()).or_insert(motd).clone())
    }

    async fn carry_out(&self, hub: &Hub, order: Order) {
        let Order { host, what, message, now, promise } = order;
        let message = Some(message).filter(|_| what != What::Delete);
        let stored = match what {
            What::Online => Ok(None),
            What::Motd | What::Update | What::Delete => {
                self.keep(hub, &host, message.as_ref(), now).await.map(Some).inspect_err(|error| {
                    im::Fault::Store(error.clone()).tell();
                })
            }
        };
        if let (Ok(motd), Some(host)) = (&stored, hub.host(host.as_str())) {
            let now = matches!(what, What::Online | What::Motd);
            hub.tell_members(&host, &News { now, motd: *motd, message }.write());
        }
        promise.keep(stored.map(drop));
    }

    /// Stores another message of the day, or that there is none; gives its number.
    async fn keep(&self, hub: &Hub, host: &Jid, message: Option<&Stanza>, now: Timestamp) -> Result<u64, store::Error> {
        let before = self.motd(hub, host).await?.number;
        let number = u64::try_from(now.as_millis()).unwrap_or(0).max(before + 1);
        let kept = Kept { number, message: message.map(|message| message.to_element().as_str().to_owned()) };
        let (store, owner) = (hub.store(), host.as_str());
        // No account has this name, and nothing else of the host.
        let name = format!("{owner}/announce/motd");
        let epoch = store.claim(&name);
        // A number and a text: there is nothing in it that could fail to be written.
        let bytes = serde_json::to_vec(&kept).unwrap_or_default();
        let stored = store.submit(Batch::new(&name, epoch).put(&keys(store), owner, bytes)).await;
        store.release(&name, epoch);
        stored.map(|()| number)
    }
}

/// The board's jobs are being done; if one panics, the next one to come starts again.
struct Busy {
    board: Arc<Board>,
    done: bool,
}

impl Busy {
    fn next(&mut self) -> Option<Job> {
        let mut inside = self.board.0.lock();
        let job = inside.jobs.pop_front();
        if job.is_none() {
            // Under the lock: whoever has another job from now on starts anew.
            (self.done, inside.busy) = (true, false);
        }
        job
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if !self.done {
            self.board.0.lock().busy = false;
        }
    }
}

async fn deliver(hub: &Hub, room: &Room, host: &Jid, message: &Stanza, motd: Option<u64>) {
    let homes = hub.homes().into_iter().filter(|home| home.jid().domain() == host.as_str());
    for (count, home) in homes.enumerate() {
        home.with(hub, |within| room.give(within, message, motd));
        if count % TURN == TURN - 1 {
            tokio::task::yield_now().await;
        }
    }
}

fn keys(store: &Store) -> KeyValue {
    store.keys("motd")
}

fn read(bytes: &[u8]) -> Option<Motd> {
    let Kept { number, message } = serde_json::from_slice(bytes).ok()?;
    Some(Motd { number, message: message.and_then(|message| im::stored_stanza("motd", message.as_bytes())) })
}
