//! The door to a session on this member.
use super::{BindError, DoorOptions, Drained, Goodbye};
use crate::home::Home;
use crate::hub::Hub;
use crate::nonza::{Out, Signal};
use crate::session::{Session, Taken};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use xmpp::{Jid, Stanza};

/// One end of a session at a home of this member.
pub(crate) struct Near {
    hub: Hub,
    session: Arc<Session>,
    /// Which of the session's connections this is.
    number: u32,
    open: bool,
}

impl Near {
    pub(super) async fn bind(hub: &Hub, jid: Jid, options: DoorOptions) -> Result<Near, BindError> {
        let home = hub.wake(&jid).await?.ok_or(BindError::NoAccount)?;
        let session = home.with(hub, |within| within.bind(jid, options))?;
        let number = session.door();
        Ok(Near::new(hub.clone(), session, number))
    }

    pub(crate) fn new(hub: Hub, session: Arc<Session>, number: u32) -> Near {
        Near { hub, session, number, open: true }
    }

    pub(super) fn jid(&self) -> &Jid {
        self.session.jid()
    }

    pub(super) fn admit_all(&self, stanzas: &mut VecDeque<Stanza>) {
        self.session.leave(&self.hub, self.number, stanzas);
    }

    pub(super) fn signal(&self, signal: Signal) {
        self.session.signal(&self.hub, self.number, signal);
    }

    pub(super) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.session.is_full() {
            return Poll::Pending;
        }
        if self.hub.store().is_full() {
            // Whoever writes faster than the disk waits for it, like everybody else.
            self.hub.await_store(cx.waker());
            return Poll::Pending;
        }
        self.session.home().poll_ready(cx)
    }

    pub(super) fn poll_drain(&self, cx: &mut Context<'_>, into: &mut Vec<Out>, bytes: usize) -> Poll<Drained> {
        self.session.poll_drain(self.number, cx, into, bytes).map(|taken| match taken {
            Taken::Stanzas => Drained::Stanzas,
            Taken::End(why) => Drained::Close(why),
        })
    }

    pub(super) fn written(&self) {
        self.session.written(self.number);
    }

    pub(super) fn poll_cut(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.session.poll_cut(self.number, cx)
    }

    pub(super) fn close(mut self, why: Goodbye) {
        self.end(why);
    }

    fn end(&mut self, why: Goodbye) {
        if std::mem::take(&mut self.open) {
            let home: Arc<Home> = self.session.home().clone();
            home.with(&self.hub, |within| within.unbind(&self.session, self.number, why));
        }
    }
}

impl Drop for Near {
    fn drop(&mut self) {
        self.end(Goodbye::Lost);
    }
}
