//! What goes between members: stanzas whose receiver is at home elsewhere, doors whose session is, and what only an account's home can do.
//!
//! One task reads the inbox and waits for nobody: a stanza for a sleeping account is put aside, in order, for that account alone; a door's frames go to
//! the task of that door; an errand has a task of its own.
mod errand;
pub(crate) mod frame;
mod stanzas;
pub(crate) mod text;

use crate::atomic::{AtomicU64, Ordering};
use crate::door::{DoorOptions, Goodbye, Inlet, Link, Proxy, Said, Wish};
use crate::hub::Hub;
use cluster::{Arrival, Frame as Carry, Inbox, Member};
use errand::Errands;
use frame::{Fate, Frame};
use hashbrown::HashMap;
use parking_lot::Mutex;
use stanzas::{Came, Outgoing, Parked};
use std::sync::Arc;
use xmpp::{Jid, StreamError};

/// How often the place of a home is asked anew when it has just moved.
pub(crate) const PLACES: usize = 4;

/// Arrivals after which others have their turn.
const TURN: usize = 64;

/// What is under way between this member and others.
#[derive(Default)]
pub(crate) struct Carried {
    numbers: AtomicU64,
    /// Doors of this member whose session is elsewhere.
    links: Mutex<HashMap<u64, Arc<Link>>>,
    /// Sessions here whose door is elsewhere.
    inlets: Mutex<HashMap<(Member, u64), Arc<Inlet>>>,
    outgoing: Outgoing,
    parked: Parked,
    errands: Errands,
}

impl Carried {
    /// A number that was not given before.
    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Opens a link.
    pub(crate) fn open(&self, make: impl FnOnce(u64) -> Link) -> Arc<Link> {
        let number = self.number();
        let link = Arc::new(make(number));
        self.links.lock().insert(number, link.clone());
        link
    }

    /// Nothing that comes on this link matters any more.
    pub(crate) fn forget(&self, link: u64) {
        self.links.lock().remove(&link);
    }

    /// The session of a far door is over, and the door knows it.
    pub(crate) fn close(&self, door: Member, link: u64) {
        self.inlets.lock().remove(&(door, link));
    }

    /// A link that is gone hears nothing more.
    fn on_link(&self, number: u64, tell: impl FnOnce(&Link)) {
        let link = self.links.lock().get(&number).cloned();
        if let Some(link) = link {
            tell(&link);
        }
    }

    fn inlet(&self, door: Member, link: u64) -> Option<Arc<Inlet>> {
        self.inlets.lock().get(&(door, link)).cloned()
    }
}

impl Hub {
    /// Takes in what other members carry here, for as long as they do.
    pub(crate) fn receive(&self, mut inbox: Inbox) {
        let hub = self.clone();
        tokio::spawn(async move {
            while let Some(first) = inbox.next().await {
                let busy = hub.begin();
                let mut settled = HashMap::new();
                for arrival in std::iter::once(first).chain(std::iter::from_fn(|| inbox.try_next())).take(TURN) {
                    // One that cannot be taken in shall not make this member deaf.
                    let take = std::panic::AssertUnwindSafe(|| hub.arrival(arrival, &mut settled));
                    drop(std::panic::catch_unwind(take));
                }
                hub.tell_fates(settled);
                drop(busy);
                tokio::task::yield_now().await;
            }
        });
    }

    fn arrival(&self, arrival: Arrival, settled: &mut stanzas::Settled) {
        match arrival {
            Arrival::Frame(Carry { from, bytes }) => match Frame::read(&bytes) {
                Ok(frame) => self.frame(from, frame, settled),
                Err(why) => tracing::error!(member = from.0, why = %why, "a member carried what cannot be read"),
            },
            Arrival::Gone(member) => self.gone(member),
        }
    }

    fn frame(&self, from: Member, frame: Frame<'_>, settled: &mut stanzas::Settled) {
        let carried = self.carried();
        match frame {
            Frame::Bind { link, jid, options } => {
                if let Some(jid) = address(from, jid) {
                    self.serve(from, link, Wish::Bind(jid), options);
                }
            }
            Frame::Resume { link, account, id, h, options } => {
                if let Some(account) = address(from, account) {
                    self.serve(from, link, Wish::Resume { account, id: id.to_owned(), h }, options);
                }
            }
            Frame::In { link, stanzas } => {
                let stanzas = stanzas.iter().filter_map(|it| readable(from, text::stanza(it)));
                self.say(from, link, Said::In(stanzas.collect()));
            }
            Frame::Signal { link, said } => {
                if let Some(signal) = readable(from, said.read()) {
                    self.say(from, link, Said::Signal(signal));
                }
            }
            Frame::Written { link } => self.say(from, link, Said::Written),
            Frame::Close { link, why } => self.say(from, link, Said::Close(why)),
            Frame::Bound { link, answer } => carried.on_link(link, |it| match answer {
                Ok(jid) => address(from, jid).into_iter().for_each(|jid| it.bound(Ok(jid))),
                Err(refusal) => it.bound(Err(refusal)),
            }),
            Frame::Out { link, things } => carried.on_link(link, |it| {
                it.came(things.iter().filter_map(|thing| readable(from, thing.read())).collect());
            }),
            Frame::Taken { link, frames } => carried.on_link(link, |it| it.taken(frames)),
            Frame::End { link, end, cut } => carried.on_link(link, |it| it.end(end.read(), cut)),
            Frame::Stanza { number, stanza } => match readable(from, text::stanza(stanza)) {
                Some(stanza) => self.stanza(Came { from, number, stanza: Arc::new(stanza) }, settled),
                None => settled.entry(from).or_default().push((number, Fate::Lost)),
            },
            Frame::Settled { fates } => self.settled(from, &fates),
            Frame::Errand { number, account, errand } => {
                if let Some(account) = address(from, account) {
                    self.take_errand(from, number, account, errand);
                }
            }
            Frame::Done { number, outcome } => carried.errands.done(number, outcome),
            Frame::Told { host, what } => {
                if let Some(what) = readable(from, text::element(what)) {
                    self.told(host, &what);
                }
            }
        }
    }

    fn say(&self, door: Member, link: u64, said: Said) {
        if let Some(inlet) = self.carried().inlet(door, link) {
            inlet.say(self, said);
        }
    }

    /// Holds the session for a door of another member.
    fn serve(&self, door: Member, link: u64, wish: Wish, options: DoorOptions) {
        let inlet = Arc::<Inlet>::default();
        self.carried().inlets.lock().insert((door, link), inlet.clone());
        let busy = self.begin();
        tokio::spawn(Proxy::serve(busy, self.clone(), (door, link), inlet, wish, options));
    }

    /// A member has died. Its doors are gone, and so are the sessions of our doors: their clients are to come back, to the home's new place.
    fn gone(&self, member: Member) {
        tracing::warn!(member = member.0, "a member is gone");
        let carried = self.carried();
        let links: Vec<_> = carried.links.lock().values().filter(|link| link.member() == member).cloned().collect();
        links.iter().for_each(|link| link.end(StreamError::system_shutdown(), false));
        let inlets: Vec<_> =
            carried.inlets.lock().iter().filter(|((door, _), _)| *door == member).map(|(_, it)| it.clone()).collect();
        inlets.iter().for_each(|inlet| inlet.say(self, Said::Close(Goodbye::Lost)));
        self.lost_stanzas(member);
        carried.errands.lost(member);
        let hub = self.clone();
        self.spawn(async move {
            // What it had under way may still become durable; what does so later is found when its home wakes.
            drop(hub.store().barrier().await);
            if let Err(fault) = hub.replay().await {
                fault.tell();
            }
        });
    }
}

/// What was written by a member of this cluster can be read, or one of the two is broken: that is logged, and left out.
fn readable<T>(from: Member, read: Result<T, String>) -> Option<T> {
    read.inspect_err(|why| tracing::error!(member = from.0, why, "a member carried what cannot be read")).ok()
}

fn address(from: Member, text: &str) -> Option<Jid> {
    readable(from, Jid::parse(text).map_err(|error| error.to_string()))
}
