//! The home's end of a link: a connection without a socket, which holds the door of a session here for a client that is connected elsewhere.
//!
//! It does what a connection does: drains the session, one batch until that is written; takes in what came when the home is ready. Like a connection it
//! reads nothing while its client takes nothing: a batch that came in counts as taken only when everything that the session has is on its way out.
use super::near::Near;
use super::{BindError, DoorOptions, Drained, Goodbye};
use crate::carried::frame::{Frame, Refusal};
use crate::carried::text::{End, Texts};
use crate::hub::{Hub, UnderWay};
use crate::nonza::{Out, Signal};
use crate::resume::ResumeError;
use cluster::{Member, Placement, Weight};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use xmpp::{Jid, Stanza};

/// About how many bytes are on their way to the door at a time.
const BATCH_BYTES: usize = 64 * 1024;

/// What the door has said, in its order.
#[derive(Default)]
pub(crate) struct Inlet(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    said: VecDeque<Said>,
    /// From when there is something until the proxy has done what it can with it.
    busy: Option<UnderWay>,
    waker: Option<Waker>,
}

/// One thing that a door has said.
pub(crate) enum Said {
    In(VecDeque<Stanza>),
    Signal(Signal),
    Written,
    Close(Goodbye),
}

impl Inlet {
    pub(crate) fn say(&self, hub: &Hub, said: Said) {
        let mut waiting = self.0.lock();
        waiting.busy.get_or_insert_with(|| hub.begin());
        waiting.said.push_back(said);
        let waker = waiting.waker.take();
        drop(waiting);
        waker.into_iter().for_each(Waker::wake);
    }

    fn hear(&self, cx: &Context<'_>) -> (VecDeque<Said>, Option<UnderWay>) {
        let mut waiting = self.0.lock();
        waiting.waker = Some(cx.waker().clone());
        (std::mem::take(&mut waiting.said), waiting.busy.take())
    }
}

/// A far client's connection to a session here.
pub(crate) struct Proxy {
    hub: Hub,
    door: Member,
    link: u64,
    lane: String,
    near: Option<Near>,
    inlet: Arc<Inlet>,
    /// What came and was not taken yet.
    waiting: VecDeque<Said>,
    /// Frames that were taken, of which the door has not heard.
    taken: u32,
    /// A batch is on its way of which nobody knows that it is written.
    unwritten: bool,
    /// The door has been told that the session is over.
    ended: bool,
}

/// What a door asks for.
pub(crate) enum Wish {
    /// A new session of this full JID.
    Bind(Jid),
    /// The session of this account that is resumed by an id; `h` is how many stanzas the client has.
    Resume { account: Jid, id: String, h: u32 },
}

/// Why a door got no session.
enum Unmet {
    Moved,
    Bind(BindError),
    Resume(ResumeError),
}

impl Wish {
    async fn grant(self, hub: &Hub, options: DoorOptions) -> Result<Near, Unmet> {
        let home = match &self {
            Wish::Bind(account) | Wish::Resume { account, .. } => account.bare_str(),
        };
        if hub.cluster().place(home) != Placement::Here {
            return Err(Unmet::Moved);
        }
        match self {
            Wish::Bind(jid) => Near::bind(hub, jid, options).await.map_err(Unmet::Bind),
            Wish::Resume { account, id, h } => hub.resume_here(&account, &id, h, options).await.map_err(Unmet::Resume),
        }
    }
}

impl Unmet {
    /// `fault` has room for the words of our own failure.
    fn told<'a>(&'a self, fault: &'a mut String) -> Refusal<'a> {
        match self {
            Unmet::Moved => Refusal::Moved,
            Unmet::Bind(BindError::NoAccount) | Unmet::Resume(ResumeError::NoAccount) => Refusal::NoAccount,
            Unmet::Bind(BindError::TooManySessions) => Refusal::TooManySessions,
            Unmet::Resume(ResumeError::NotOffered) => Refusal::NotOffered,
            Unmet::Resume(ResumeError::NotFound { handled }) => Refusal::NotFound(*handled),
            Unmet::Resume(ResumeError::Stream(why)) => Refusal::Stream(End::of(why)),
            Unmet::Bind(BindError::Fault(why)) | Unmet::Resume(ResumeError::Fault(why)) => {
                *fault = why.to_string();
                Refusal::Fault(fault)
            }
            // The full JID was made where the door is.
            Unmet::Bind(BindError::BadResource) => Refusal::Fault("the resource is not valid"),
        }
    }
}

impl Proxy {
    /// Serves a door of another member, from its wish until it closes.
    pub(crate) async fn serve(
        busy: UnderWay,
        hub: Hub,
        (door, link): (Member, u64),
        inlet: Arc<Inlet>,
        wish: Wish,
        options: DoorOptions,
    ) {
        let granted = wish.grant(&hub, options).await;
        let lane = super::Link::lane(link);
        let mut proxy = Proxy {
            hub: hub.clone(),
            door,
            link,
            lane,
            near: None,
            inlet,
            waiting: VecDeque::new(),
            taken: 0,
            unwritten: false,
            ended: false,
        };
        match granted {
            Ok(near) => {
                proxy.carry(&Frame::Bound { link, answer: Ok(near.jid().as_str()) });
                proxy.near = Some(near);
            }
            Err(unmet) => {
                let mut fault = String::new();
                let answer = Err(unmet.told(&mut fault));
                proxy.carry(&Frame::Bound { link, answer });
            }
        }
        drop(busy);
        proxy.await;
        hub.carried().close(door, link);
    }

    /// If the door's member is gone, that is told in its own way.
    fn carry(&self, frame: &Frame<'_>) {
        let _ = self.hub.cluster().carry(self.door, &self.lane, frame.bytes(), Weight::Answer);
    }

    /// Sends out what the session has, one batch at a time. True: there is nothing that the door has not been sent.
    fn drain(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(near) = self.near.as_ref().filter(|_| !self.ended) else { return true };
        if self.unwritten && near.poll_cut(cx).is_pending() {
            return false;
        }
        let mut things: Vec<Out> = Vec::new();
        match near.poll_drain(cx, &mut things, BATCH_BYTES) {
            Poll::Ready(Drained::Stanzas) => {
                // So that it is asked again when the session is to be cut.
                let cut = near.poll_cut(cx).is_ready();
                let texts = Texts::of_out(&things);
                self.carry(&Frame::Out { link: self.link, things: texts.things(&things) });
                self.unwritten = true;
                if cut { self.drain(cx) } else { false }
            }
            Poll::Ready(Drained::Close(why)) => {
                self.carry(&Frame::End { link: self.link, end: End::of(&why), cut: self.unwritten });
                self.ended = true;
                true
            }
            Poll::Pending => true,
        }
    }

    /// Takes the next of what came in, unless the home is not ready for it. What the client says of its stream asks nothing of the home, and a door that
    /// has closed waits for nothing. True: there was something.
    fn take(&mut self, ready: bool) -> bool {
        let closing = self.waiting.iter().any(|said| matches!(said, Said::Close(_)));
        let signal = matches!(self.waiting.front(), Some(Said::Signal(_)));
        if !ready && !closing && !signal {
            return false;
        }
        let Some(near) = &self.near else { return false };
        match self.waiting.pop_front() {
            Some(Said::In(mut stanzas)) => {
                near.admit_all(&mut stanzas);
                if stanzas.is_empty() {
                    self.taken += 1;
                } else {
                    // The home is not ready for the rest.
                    self.waiting.push_front(Said::In(stanzas));
                }
            }
            Some(Said::Signal(signal)) => {
                near.signal(signal);
                self.taken += 1;
            }
            Some(Said::Close(why)) => self.near.take().into_iter().for_each(|near| near.close(why)),
            Some(Said::Written) => {}
            None => return false,
        }
        true
    }
}

impl Future for Proxy {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut under_way = None;
        loop {
            let (said, busy) = self.inlet.hear(cx);
            under_way = under_way.or(busy);
            for said in said {
                match said {
                    Said::Written => {
                        self.unwritten = false;
                        self.near.iter().for_each(Near::written);
                    }
                    said => self.waiting.push_back(said),
                }
            }
            // First, so that what comes of the last batch is drained before that counts as taken.
            let Some(near) = &self.near else { return Poll::Ready(()) };
            let ready = near.poll_ready(cx).is_ready();
            let quiet = self.drain(cx);
            if ready && quiet && self.taken > 0 {
                let frames = std::mem::take(&mut self.taken);
                self.carry(&Frame::Taken { link: self.link, frames });
            }
            if !self.take(ready) {
                return Poll::Pending;
            }
        }
    }
}
