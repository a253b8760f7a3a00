//! The door to a session on another member: one end of a link.
//!
//! What the client sends goes out at once, and the door is not ready until the home has taken it. What the home sends waits here until the connection
//! drains it, and the home sends no more until that has reached the socket.
use super::{BindError, DoorOptions, Drained, Goodbye, Link};
use crate::carried::frame::Frame;
use crate::carried::text::{Said, Texts};
use crate::fault::Fault;
use crate::hub::Hub;
use crate::nonza::{Out, Signal};
use crate::resume::ResumeError;
use cluster::{CarryError, Member, Weight};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::oneshot;
use xmpp::{Jid, Stanza, StreamError};

/// One end of a session at a home of another member.
pub(super) struct Far {
    hub: Hub,
    jid: Jid,
    link: Arc<Link>,
    open: bool,
}

/// Why a home elsewhere gave no session.
pub(super) enum Refused {
    /// The home is not there, or its member is gone: ask for the place again.
    Moved,
    NoAccount,
    TooManySessions,
    NotOffered,
    NotFound(Option<u32>),
    Stream(Box<StreamError>),
    Fault(Fault),
}

impl Far {
    /// Binds at a home of that member.
    pub(super) async fn bind(hub: &Hub, member: Member, jid: &Jid, options: DoorOptions) -> Result<Far, Refused> {
        Far::open(hub, member, jid, |link| Frame::Bind { link, jid: jid.as_str(), options }).await
    }

    /// Resumes at a home of that member.
    pub(super) async fn resume(
        hub: &Hub,
        member: Member,
        account: &Jid,
        id: &str,
        h: u32,
        options: DoorOptions,
    ) -> Result<Far, Refused> {
        let account = account.bare();
        Far::open(hub, member, &account, |link| Frame::Resume { link, account: account.as_str(), id, h, options }).await
    }

    async fn open<'f>(
        hub: &Hub,
        member: Member,
        jid: &Jid,
        wish: impl FnOnce(u64) -> Frame<'f>,
    ) -> Result<Far, Refused> {
        let (tell, told) = oneshot::channel();
        let link = hub.carried().open(|number| Link::new(number, member, tell));
        let mut far = Far { hub: hub.clone(), jid: jid.clone(), link, open: true };
        match far.carry(&wish(far.link.number()), Weight::New) {
            Ok(()) => {}
            Err(CarryError::Gone(_)) => return Err(Refused::Moved),
            Err(error) => return Err(Refused::Fault(Fault::Elsewhere(error.to_string()))),
        }
        // Dropped while it waits, it takes the wish back.
        match told.await.unwrap_or(Err(Refused::Moved)) {
            Ok(jid) => {
                far.jid = jid;
                Ok(far)
            }
            Err(refused) => {
                far.forget();
                Err(refused)
            }
        }
    }

    pub(super) fn jid(&self) -> &Jid {
        &self.jid
    }

    pub(super) fn admit_all(&self, stanzas: &mut VecDeque<Stanza>) {
        if stanzas.is_empty() {
            return;
        }
        let texts = Texts::of(stanzas.iter());
        stanzas.clear();
        self.send(&Frame::In { link: self.link.number(), stanzas: texts.slices() });
    }

    pub(super) fn signal(&self, signal: &Signal) {
        self.send(&Frame::Signal { link: self.link.number(), said: Said::of(signal) });
    }

    /// Sends something that the home has to take.
    fn send(&self, frame: &Frame<'_>) {
        // Before it is sent, since the answer may be faster than this thread.
        self.link.sent();
        if self.carry(frame, Weight::New).is_err() {
            // What is not taken would be missing in the middle.
            self.link.end(StreamError::resource_constraint(), false);
        }
    }

    pub(super) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.link.poll_ready(cx)
    }

    pub(super) fn poll_drain(&self, cx: &mut Context<'_>, into: &mut Vec<Out>, bytes: usize) -> Poll<Drained> {
        self.link.poll_drain(cx, into, bytes)
    }

    pub(super) fn written(&self) {
        if self.link.receipt_is_due() {
            // If its member is gone, that is told in its own way.
            let _ = self.carry(&Frame::Written { link: self.link.number() }, Weight::Answer);
        }
    }

    pub(super) fn poll_cut(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.link.poll_cut(cx)
    }

    pub(super) fn close(mut self, why: Goodbye) {
        self.finish(why);
    }

    fn finish(&mut self, why: Goodbye) {
        if self.open {
            self.forget();
            // If its member is gone, so is the session.
            let _ = self.carry(&Frame::Close { link: self.link.number(), why }, Weight::Answer);
        }
    }

    fn forget(&mut self) {
        self.open = false;
        self.hub.carried().forget(self.link.number());
    }

    fn carry(&self, frame: &Frame<'_>, weight: Weight) -> Result<(), CarryError> {
        self.hub.cluster().carry(self.link.member(), self.link.lane_name(), frame.bytes(), weight)
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        self.finish(Goodbye::Lost);
    }
}

impl Refused {
    pub(super) fn into_bind(self) -> BindError {
        match self {
            Refused::NoAccount => BindError::NoAccount,
            Refused::TooManySessions => BindError::TooManySessions,
            Refused::Fault(fault) => fault.into(),
            _ => Fault::moving().into(),
        }
    }

    pub(super) fn into_resume(self) -> ResumeError {
        match self {
            Refused::NoAccount => ResumeError::NoAccount,
            Refused::NotOffered => ResumeError::NotOffered,
            Refused::NotFound(handled) => ResumeError::NotFound { handled },
            Refused::Stream(why) => ResumeError::Stream(why),
            Refused::Fault(fault) => fault.into(),
            _ => Fault::moving().into(),
        }
    }
}
