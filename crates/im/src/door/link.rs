//! What a door elsewhere shares with whoever reads this member's inbox.
use super::Drained;
use super::far::Refused;
use crate::carried::frame::Refusal;
use crate::fault::Fault;
use crate::nonza::Out;
use cluster::Member;
use parking_lot::{Mutex, MutexGuard};
use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};
use tokio::sync::oneshot;
use xmpp::{Jid, StreamError};

/// What the home has sent on a link, and what it has yet to take.
pub(crate) struct Link {
    number: u64,
    member: Member,
    lane: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Who waits for the binding.
    binding: Option<oneshot::Sender<Result<Jid, Refused>>>,
    queue: VecDeque<Out>,
    /// Frames that the home has not taken yet.
    untaken: u32,
    /// Something was drained of which the home has not heard that it is written.
    unwritten: bool,
    end: Option<StreamError>,
    /// The connection is to close at once.
    cut: bool,
    waker: Option<Waker>,
}

impl Link {
    /// A link whose home is being asked; `tell` hears the answer.
    pub(super) fn new(number: u64, member: Member, tell: oneshot::Sender<Result<Jid, Refused>>) -> Link {
        let state = Mutex::new(State { binding: Some(tell), ..State::default() });
        Link { number, member, lane: Link::lane(number), state }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn lane_name(&self) -> &str {
        &self.lane
    }

    /// A frame is about to go out that the home has to take.
    pub(super) fn sent(&self) {
        self.state.lock().untaken += 1;
    }

    pub(super) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.untaken == 0 || state.end.is_some() {
            return Poll::Ready(());
        }
        state.keep(cx);
        Poll::Pending
    }

    pub(super) fn poll_drain(&self, cx: &mut Context<'_>, into: &mut Vec<Out>, bytes: usize) -> Poll<Drained> {
        let mut state = self.state.lock();
        let (mut room, had) = (bytes, into.len());
        while room > 0
            && !state.cut
            && let Some(out) = state.queue.pop_front()
        {
            if let Out::Stanza(stanza) = &out {
                room = room.saturating_sub(stanza.memory_bytes());
            }
            into.push(out);
        }
        if into.len() > had {
            state.unwritten = true;
            return Poll::Ready(Drained::Stanzas);
        }
        if let Some(why) = &state.end {
            return Poll::Ready(Drained::Close(why.clone()));
        }
        state.keep(cx);
        Poll::Pending
    }

    /// Everything drained is written: whether the home is to hear of that now.
    pub(super) fn receipt_is_due(&self) -> bool {
        let mut state = self.state.lock();
        if !state.queue.is_empty() || !std::mem::take(&mut state.unwritten) {
            return false;
        }
        state.queue = VecDeque::new();
        true
    }

    pub(super) fn poll_cut(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.cut {
            return Poll::Ready(());
        }
        state.keep(cx);
        Poll::Pending
    }

    /// The lane on which the frames of a link go, both ways.
    pub(crate) fn lane(number: u64) -> String {
        format!("link {number}")
    }

    /// Where the session is.
    pub(crate) fn member(&self) -> Member {
        self.member
    }

    /// The home's answer to the wish to bind or resume.
    pub(crate) fn bound(&self, answer: Result<Jid, Refusal<'_>>) {
        let answer = answer.map_err(|refusal| match refusal {
            Refusal::Moved => Refused::Moved,
            Refusal::NoAccount => Refused::NoAccount,
            Refusal::TooManySessions => Refused::TooManySessions,
            Refusal::NotOffered => Refused::NotOffered,
            Refusal::NotFound(handled) => Refused::NotFound(handled),
            Refusal::Stream(end) => Refused::Stream(Box::new(end.read())),
            Refusal::Fault(why) => Refused::Fault(Fault::Elsewhere(why.to_owned())),
        });
        let binding = self.state.lock().binding.take();
        // Whoever wished it may have gone meanwhile, and has taken it back by that.
        binding.map(|tell| tell.send(answer));
    }

    /// The session has something for its client.
    pub(crate) fn came(&self, things: Vec<Out>) {
        let mut state = self.state.lock();
        state.queue.extend(things);
        wake(state);
    }

    /// The home has taken so many frames.
    pub(crate) fn taken(&self, frames: u32) {
        let mut state = self.state.lock();
        state.untaken = state.untaken.saturating_sub(frames);
        wake(state);
    }

    /// The session is over. `cut`: what is queued is not to be written any more.
    pub(crate) fn end(&self, why: StreamError, cut: bool) {
        let mut state = self.state.lock();
        state.end.get_or_insert(why);
        state.cut |= cut;
        let binding = state.binding.take();
        wake(state);
        binding.map(|tell| tell.send(Err(Refused::Moved)));
    }
}

impl State {
    /// Both ways are polled by one connection, so that the last waker is everybody's.
    fn keep(&mut self, cx: &Context<'_>) {
        match &self.waker {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            _ => self.waker = Some(cx.waker().clone()),
        }
    }
}

/// Wakes the connection after the lock is gone.
fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    waker.into_iter().for_each(Waker::wake);
}
