//! Several members in one process, for tests: frames are late, those of different lanes overtake each other, and a
//! member can be killed. What happens follows from a seed.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use parking_lot::Mutex;

use crate::inbox::{Arrival, Frame, INBOX_BYTES, Inbox, Sender};
use crate::{CarryError, Cluster, Member, Placement, Way, Weight};

/// On which member a home is, by its number, as long as that member lives.
type Rule = Box<dyn Fn(&str) -> usize + Send + Sync>;

/// All members and what is on its way between them. Clones are the same.
#[derive(Clone)]
pub struct Faulty(Arc<Mutex<World>>);

/// One member's view.
#[derive(Debug)]
pub(crate) struct View {
    me: Member,
    world: Faulty,
}

struct World {
    /// None: dead.
    members: Vec<Option<Sender>>,
    rule: Rule,
    lanes: BTreeMap<Lane, VecDeque<Carried>>,
    /// Bytes on their way to each member.
    on_its_way: Vec<usize>,
    chance: Chance,
    carrier: Option<Waker>,
    counts: Counts,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Lane {
    from: Member,
    to: Member,
    name: String,
}

struct Carried {
    frame: Frame,
    /// How many frames were taken before it.
    number: u64,
}

/// What a test may ask, to know that there was something to be seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames that were taken.
    pub taken: u64,
    /// Frames that arrived before an older one between the same two members.
    pub overtook: u64,
    /// Frames that were lost with a member.
    pub lost: u64,
}

/// Numbers that look like chance, the same for the same seed (xorshift64*).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(mixed).unwrap_or(0) % bound.max(1)
    }
}

impl Faulty {
    /// As many members as wished, each with its view and its inbox. `rule` names the member of a home; when that one is
    /// dead, the next that lives has it. Nothing arrives unless [`Faulty::run`] runs.
    pub fn new(
        members: usize,
        seed: u64,
        rule: impl Fn(&str) -> usize + Send + Sync + 'static,
    ) -> (Faulty, Vec<(Cluster, Inbox)>) {
        let (senders, inboxes): (Vec<_>, Vec<_>) = (0..members).map(|_| Inbox::pair()).unzip();
        let world = World {
            members: senders.into_iter().map(Some).collect(),
            rule: Box::new(rule),
            lanes: BTreeMap::new(),
            on_its_way: vec![0; members],
            // Zero would stay zero.
            chance: Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            carrier: None,
            counts: Counts::default(),
        };
        let world = Faulty(Arc::new(Mutex::new(world)));
        let view = |(number, inbox)| {
            let view = View { me: Member(number), world: world.clone() };
            (Cluster(Arc::new(Way::Faulty(view))), inbox)
        };
        let views = (0..).zip(inboxes).map(view).collect();
        (world, views)
    }

    /// Carries frames, for ever: to be run beside the members. It asks for its turn again before most frames, so that
    /// others go on meanwhile; it needs no clock.
    pub async fn run(self) {
        loop {
            let pauses = poll_fn(|context| {
                let mut world = self.0.lock();
                if world.lanes.is_empty() {
                    world.carrier = Some(context.waker().clone());
                    return Poll::Pending;
                }
                Poll::Ready(world.chance.below(PAUSES))
            });
            for _ in 0..pauses.await {
                pause().await;
            }
            self.0.lock().deliver_one();
        }
    }

    /// Whether nothing is on its way, and every member that lives has taken in what came.
    pub fn is_quiet(&self) -> bool {
        let world = self.0.lock();
        world.lanes.is_empty() && world.members.iter().flatten().all(Sender::is_read)
    }

    /// What has happened so far.
    pub fn counts(&self) -> Counts {
        self.0.lock().counts
    }

    /// Cuts a member off for good, as a crash or a pause without end does: some of what it had sent still arrives, the
    /// rest is lost, what was for it too. Its homes are at other members from now on. The code that ran as that member
    /// may go on running; nobody hears of it.
    pub fn kill(&self, member: Member) {
        let mut world = self.0.lock();
        let Some(dead) = world.slot(member).and_then(Option::take) else { return };
        while world.lanes.keys().any(|lane| lane.from == member) && world.chance.below(4) > 0 {
            world.deliver_from(member);
        }
        let lanes = std::mem::take(&mut world.lanes);
        let (lost, kept) = lanes.into_iter().partition(|(lane, _)| lane.from == member || lane.to == member);
        world.lanes = kept;
        let lost: BTreeMap<Lane, VecDeque<Carried>> = lost;
        for (lane, frames) in lost {
            world.counts.lost += frames.len() as u64;
            let bytes: usize = frames.iter().map(|carried| carried.frame.weight()).sum();
            if let Some(on_its_way) = world.on_its_way.get_mut(index(lane.to)) {
                *on_its_way -= bytes;
            }
        }
        world.members.iter().flatten().for_each(|living| living.send(Arrival::Gone(member)));
        drop(world);
        drop(dead);
    }
}

/// Times for which a frame may be passed over, at most.
const PAUSES: usize = 4;

/// Lets everybody else have a turn.
async fn pause() {
    let mut paused = false;
    poll_fn(|context| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl View {
    pub(crate) fn me(&self) -> Member {
        self.me
    }

    pub(crate) fn place(&self, home: &str) -> Placement {
        let world = self.world.0.lock();
        let count = world.members.len();
        let first = (world.rule)(home);
        // Whoever was cut off does not know it, and sees no change.
        let alive = |at: &usize| world.members.get(*at).is_some_and(Option::is_some) || *at == index(self.me);
        match (first..first + count).map(|at| at % count).find(alive) {
            Some(at) if at != index(self.me) => Placement::There(Member(at as u64)),
            _ => Placement::Here,
        }
    }

    pub(crate) fn others(&self) -> Vec<Member> {
        let world = self.world.0.lock();
        let members = (0..world.members.len()).map(|number| Member(number as u64));
        members.filter(|member| *member != self.me && world.is_alive(*member)).collect()
    }

    pub(crate) fn may_claim(&self, home: &str) -> bool {
        let alive = self.world.0.lock().is_alive(self.me);
        alive && self.place(home) == Placement::Here
    }

    pub(crate) fn carry(&self, to: Member, lane: &str, frame: Frame, weight: Weight) -> Result<(), CarryError> {
        let mut world = self.world.0.lock();
        let Some(Some(receiver)) = world.members.get(index(to)) else { return Err(CarryError::Gone(to)) };
        let waiting = world.on_its_way.get(index(to)).copied().unwrap_or(0);
        if weight == Weight::New {
            receiver.check(to, (waiting + frame.weight()).min(INBOX_BYTES + 1))?;
        }
        world.counts.taken += 1;
        if !world.is_alive(self.me) {
            world.counts.lost += 1;
            return Ok(());
        }
        if let Some(on_its_way) = world.on_its_way.get_mut(index(to)) {
            *on_its_way += frame.weight();
        }
        let lane = Lane { from: self.me, to, name: lane.to_owned() };
        let number = world.counts.taken;
        world.lanes.entry(lane).or_default().push_back(Carried { frame, number });
        let carrier = world.carrier.take();
        drop(world);
        carrier.into_iter().for_each(Waker::wake);
        Ok(())
    }
}

impl World {
    fn slot(&mut self, member: Member) -> Option<&mut Option<Sender>> {
        self.members.get_mut(index(member))
    }

    fn is_alive(&self, member: Member) -> bool {
        self.members.get(index(member)).is_some_and(Option::is_some)
    }

    /// Delivers the oldest frame of a lane that chance picks.
    fn deliver_one(&mut self) {
        let at = self.chance.below(self.lanes.len());
        let lane = self.lanes.keys().nth(at).cloned();
        lane.into_iter().for_each(|lane| self.deliver(&lane));
    }

    fn deliver_from(&mut self, member: Member) {
        let lanes: Vec<Lane> = self.lanes.keys().filter(|lane| lane.from == member).cloned().collect();
        let at = self.chance.below(lanes.len());
        lanes.get(at).into_iter().for_each(|lane| self.deliver(lane));
    }

    fn deliver(&mut self, lane: &Lane) {
        let Some(frames) = self.lanes.get_mut(lane) else { return };
        let next = frames.pop_front();
        if frames.is_empty() {
            self.lanes.remove(lane);
        }
        let Some(Carried { frame, number }) = next else { return };
        let same_way = |other: &Lane| other.from == lane.from && other.to == lane.to;
        let older = |(other, frames): (&Lane, &VecDeque<Carried>)| {
            same_way(other) && frames.iter().any(|it| it.number < number)
        };
        self.counts.overtook += u64::from(self.lanes.iter().any(older));
        let at = index(lane.to);
        if let Some(on_its_way) = self.on_its_way.get_mut(at) {
            *on_its_way -= frame.weight();
        }
        match self.members.get(at) {
            Some(Some(receiver)) => receiver.send(Arrival::Frame(frame)),
            _ => self.counts.lost += 1,
        }
    }
}

fn index(member: Member) -> usize {
    usize::try_from(member.0).unwrap_or(usize::MAX)
}

impl fmt::Debug for Faulty {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Faulty({:?})", self.counts())
    }
}

#[cfg(test)]
mod tests;
