//! Who is home where, and how to carry bytes there: the seam between one server process and many.
//!
//! Every *home* (an account that is awake, a room, a node) lives on exactly one [`Member`]. Whoever routes asks
//! [`Cluster::place`]; whoever has something for a home on another member hands [`Cluster::carry`] a frame, and that
//! member gets it from its [`Inbox`]. What a frame says is no matter of this crate.
//!
//! **Order.** Frames on one *lane* (from one member to another, under one name: that of the receiving home, or of a
//! client's link) arrive in the order in which they were taken. Between lanes nothing is promised.
//!
//! **Loss.** A frame that was taken arrives, unless a member dies: then every other one gets [`Arrival::Gone`], after
//! which nothing of the dead one arrives any more, and the places of its homes are others.
//!
//! Today there is the single member, for which every answer is "here" and costs nothing; for tests, with the feature
//! `faulty`, there are several in one process (`faulty::Faulty`).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

#[cfg(feature = "faulty")]
pub mod faulty;
mod inbox;

use std::sync::Arc;

use inbox::Sender;

pub use inbox::{Arrival, Frame, INBOX_BYTES, Inbox};

/// The number of one server process in the cluster; never given to another, also after its death.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member(pub u64);

/// Where a home is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// On this member: call it.
    Here,
    /// On another: carry a frame to it.
    There(Member),
}

/// Whether a frame may be refused when much waits already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Refused with [`CarryError::Full`] when [`INBOX_BYTES`] wait.
    New,
    /// Answers something that was taken, and is bounded by it: never refused for being too much.
    Answer,
}

/// Why a frame was not taken. One that was taken may still be lost, together with the member that it was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CarryError {
    /// No such member lives: its homes wake elsewhere, ask for the place again.
    #[error("member {} is gone", .0.0)]
    Gone(Member),
    /// Too much waits for it: push back.
    #[error("too much waits for member {}", .0.0)]
    Full(Member),
}

/// This process's view of the cluster. Clones are the same view.
#[derive(Debug, Clone)]
pub struct Cluster(Arc<Way>);

/// The ways to reach others: closed, so that every scene can be run on each of them.
#[derive(Debug)]
enum Way {
    /// Alone; the sender leads to the own inbox.
    Single(Sender),
    /// One of several in this process.
    #[cfg(feature = "faulty")]
    Faulty(faulty::View),
}

impl Cluster {
    /// A cluster of this process alone, and its inbox, where only what it carries to itself arrives.
    pub fn single() -> (Cluster, Inbox) {
        let (sender, inbox) = Inbox::pair();
        (Cluster(Arc::new(Way::Single(sender))), inbox)
    }

    /// This process.
    pub fn me(&self) -> Member {
        match &*self.0 {
            Way::Single(_) => ALONE,
            #[cfg(feature = "faulty")]
            Way::Faulty(view) => view.me(),
        }
    }

    /// Whether there is no other member, and can be none.
    pub fn is_alone(&self) -> bool {
        matches!(&*self.0, Way::Single(_))
    }

    /// Where `home` is now. Cheap and never blocks: it is asked for every stanza.
    pub fn place(&self, home: &str) -> Placement {
        match &*self.0 {
            Way::Single(_) => {
                let _ = home;
                Placement::Here
            }
            #[cfg(feature = "faulty")]
            Way::Faulty(view) => view.place(home),
        }
    }

    /// The other members that live.
    pub fn others(&self) -> Vec<Member> {
        match &*self.0 {
            Way::Single(_) => Vec::new(),
            #[cfg(feature = "faulty")]
            Way::Faulty(view) => view.others(),
        }
    }

    /// Whether this process may still become the home of something: not after it was cut off, whatever it believes.
    /// A lease would be asked for here.
    pub fn may_claim(&self, home: &str) -> bool {
        match &*self.0 {
            Way::Single(_) => {
                let _ = home;
                true
            }
            #[cfg(feature = "faulty")]
            Way::Faulty(view) => view.may_claim(home),
        }
    }

    /// Takes a frame for a member. Never blocks. Frames of one lane arrive in the order in which they were taken; a
    /// member may carry to itself.
    pub fn carry(&self, to: Member, lane: &str, frame: Vec<u8>, weight: Weight) -> Result<(), CarryError> {
        let frame = Frame { from: self.me(), bytes: frame };
        match &*self.0 {
            Way::Single(sender) if to == ALONE => {
                let _ = lane;
                if weight == Weight::New {
                    sender.check(to, frame.weight())?;
                }
                sender.send(Arrival::Frame(frame));
                Ok(())
            }
            Way::Single(_) => Err(CarryError::Gone(to)),
            #[cfg(feature = "faulty")]
            Way::Faulty(view) => view.carry(to, lane, frame, weight),
        }
    }
}

const ALONE: Member = Member(0);

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn next(inbox: &mut Inbox) -> Poll<Option<Arrival>> {
        pin!(inbox.next()).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn every_home_of_a_single_member_is_here() {
        let (cluster, _inbox) = Cluster::single();
        assert_eq!(cluster.place("romeo@verona.example"), Placement::Here);
        assert_eq!(cluster.clone().place(""), Placement::Here);
    }

    #[test]
    fn nobody_else_can_be_reached() {
        let (cluster, mut inbox) = Cluster::single();
        let gone = Err(CarryError::Gone(Member(7)));
        assert_eq!(cluster.carry(Member(7), "", b"hello".to_vec(), Weight::New), gone);
        assert_eq!(next(&mut inbox), Poll::Pending);
    }

    #[test]
    fn frames_arrive_in_order_until_the_cluster_ends() {
        let (cluster, mut inbox) = Cluster::single();
        let me = cluster.me();
        cluster.carry(me, "", vec![1], Weight::New).unwrap();
        cluster.carry(me, "", vec![2], Weight::New).unwrap();
        drop(cluster);
        let frame = |byte| Arrival::Frame(Frame { from: me, bytes: vec![byte] });
        assert_eq!(next(&mut inbox), Poll::Ready(Some(frame(1))));
        assert_eq!(inbox.try_next(), Some(frame(2)));
        assert_eq!(next(&mut inbox), Poll::Ready(None));
    }

    #[test]
    fn a_reader_that_falls_behind_or_leaves_is_told_to_the_sender() {
        let (cluster, inbox) = Cluster::single();
        let me = cluster.me();
        let half = || vec![0; INBOX_BYTES / 2];
        cluster.carry(me, "", half(), Weight::New).unwrap();
        assert_eq!(cluster.carry(me, "", half(), Weight::New), Err(CarryError::Full(me)));
        assert_eq!(cluster.carry(me, "", half(), Weight::Answer), Ok(()), "what answers is taken all the same");
        drop(inbox);
        assert_eq!(cluster.carry(me, "", vec![1], Weight::New), Err(CarryError::Gone(me)));
    }
}
