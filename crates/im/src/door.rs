//! A connection's hold on its session: all that `net` needs of the heart, and nothing that could not cross a wire.
use crate::fault::Fault;
use crate::home::Home;
use crate::hub::Hub;
use crate::nonza::{Out, Signal};
use crate::session::{Session, Taken};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use xmpp::{Jid, Stanza, StreamError};

/// Which Jabber a connection speaks: the heart knows one form, the door translates; here it only decides who does what at login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// An unversioned stream, as in 2000.
    J,
    /// A stream of version 1.0 (RFC 6120).
    X,
}

/// What the heart is told about a connection.
#[derive(Clone, Copy, Debug)]
pub struct DoorOptions {
    /// Which Jabber it speaks.
    pub dialect: Dialect,
    /// It is encrypted.
    pub encrypted: bool,
    /// Where it comes from; shown to the operator only.
    pub peer: Option<IpAddr>,
}

/// Why no session could be bound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// There is no such account, or it may not log in.
    #[error("no such account")]
    NoAccount,
    /// The wished resource is not a resource (RFC 6120 §7.7.2.1).
    #[error("the resource is not valid")]
    BadResource,
    /// The account has as many sessions as it may have (RFC 6120 §7.6.2.1).
    #[error("too many sessions")]
    TooManySessions,
    /// Our own failure.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a door closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goodbye {
    /// The client closed its stream.
    ByPeer,
    /// The connection is gone without a word.
    Lost,
    /// The client broke the protocol and was told so.
    Error,
}

/// What [`Door::poll_drain`] found.
pub enum Drained {
    /// There are stanzas to write.
    Stanzas,
    /// Everything is written; say this and close.
    Close(StreamError),
}

/// One end of a session, held by its connection. Dropping it ends the session as a lost connection does.
pub struct Door {
    hub: Hub,
    session: Arc<Session>,
    /// Which of the session's connections this is.
    number: u32,
    open: bool,
}

impl Hub {
    /// Makes a session at the account's home. A session of the same resource is replaced: it is told `conflict`, and its unavailable presence goes out
    /// before anything of the new one (RFC 6120 §7.7.2.2, first of its ways). Without a wish the server makes a resource (§7.6).
    pub async fn bind(&self, account: &Jid, resource: Option<&str>, options: DoorOptions) -> Result<Door, BindError> {
        let made;
        let resource = match resource {
            Some(wish) => wish,
            None => {
                made = crate::session::random_id()?;
                &made
            }
        };
        let jid = account.bare().with_resource(resource).map_err(|_| BindError::BadResource)?;
        let home = self.wake(account).await?.ok_or(BindError::NoAccount)?;
        let session = home.with(self, |within| within.bind(jid, options))?;
        let number = session.door();
        Ok(Door::new(self.clone(), session, number))
    }
}

impl Door {
    pub(crate) fn new(hub: Hub, session: Arc<Session>, number: u32) -> Door {
        Door { hub, session, number, open: true }
    }

    /// The session's full JID.
    pub fn jid(&self) -> &Jid {
        self.session.jid()
    }

    /// The session.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Stops 3 to 6 for one stanza that the client sent; `from` is stamped here, whatever the client wrote.
    pub fn admit(&self, stanza: Stanza) {
        self.admit_all(&mut VecDeque::from([stanza]));
    }

    /// The same for all that came in one batch, which is cheaper. What the account cannot take now is left in `stanzas`, for when [`Door::poll_ready`]
    /// says so; one at least is taken.
    pub fn admit_all(&self, stanzas: &mut VecDeque<Stanza>) {
        self.session.leave(&self.hub, self.number, stanzas);
    }

    /// What the client says of its stream, after everything that has been admitted.
    pub fn signal(&self, signal: Signal) {
        self.session.signal(&self.hub, self.number, signal);
    }

    /// Pending while this account's outbox waits for a sleeping home or a commit, while much is on its way to this session, or
    /// while the store is behind: admit no further stanza until then.
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.session.is_full() {
            return Poll::Pending;
        }
        if self.hub.store().backlog().is_full() {
            // Whoever writes faster than the disk waits for it, like everybody else.
            self.hub.await_store(cx.waker());
            return Poll::Pending;
        }
        self.session.home().poll_ready(cx)
    }

    /// Takes what is queued, up to about `bytes`. Pending: nothing is, and the waker is kept.
    pub fn poll_drain(&self, cx: &mut Context<'_>, into: &mut Vec<Out>, bytes: usize) -> Poll<Drained> {
        self.session.poll_drain(self.number, cx, into, bytes).map(|taken| match taken {
            Taken::Stanzas => Drained::Stanzas,
            Taken::End(why) => Drained::Close(why),
        })
    }

    /// Everything drained so far has been handed to the socket.
    pub fn written(&self) {
        self.session.written(self.number);
    }

    /// Ready when the client has read too slowly: close at once, without waiting for the socket. Asked while the socket takes nothing.
    pub fn poll_cut(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.session.poll_cut(self.number, cx)
    }

    /// Ends the session: its contacts are told, and messages that were not handed to the socket go back to routing.
    pub fn close(mut self, why: Goodbye) {
        self.end(why);
    }

    fn end(&mut self, why: Goodbye) {
        if std::mem::take(&mut self.open) {
            let home: Arc<Home> = self.session.home().clone();
            home.with(&self.hub, |within| within.unbind(&self.session, self.number, why));
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.end(Goodbye::Lost);
    }
}
