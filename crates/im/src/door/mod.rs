//! A connection's hold on its session: all that `net` needs of the heart, and nothing that could not cross a wire.
//!
//! The session lives at its account's home. When that is on this member, the door is a [`near::Near`] and every call is a plain one. When it is on
//! another, the door is a [`far::Far`], joined by a *link* to a [`proxy::Proxy`] at that member, which holds a near door and behaves like a connection
//! whose socket is the link. A link has at most one batch on its way in each direction, so that every bound of the session holds across it.
mod far;
mod link;
mod near;
mod proxy;

use crate::fault::Fault;
use crate::hub::Hub;
use crate::nonza::{Out, Signal};
use crate::resume::ResumeError;
use cluster::Placement;
use far::{Far, Refused};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::task::{Context, Poll};
use xmpp::{Jid, Stanza, StreamError};

pub(crate) use link::Link;
pub(crate) use near::Near;
pub(crate) use proxy::{Inlet, Proxy, Said, Wish};

/// Which Jabber a connection speaks: the heart knows one form, the door translates; here it only decides who does what at login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Dialect {
    /// An unversioned stream, as in 2000.
    J,
    /// A stream of version 1.0 (RFC 6120).
    X,
}

/// What the heart is told about a connection.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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
pub struct Door(Way);

/// Where the session is.
enum Way {
    Near(Near),
    Far(Far),
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
        for _ in 0..crate::carried::PLACES {
            match self.cluster().place(jid.bare_str()) {
                Placement::Here => return Ok(Door(Way::Near(Near::bind(self, jid, options).await?))),
                Placement::There(member) => match Far::bind(self, member, &jid, options).await {
                    Ok(far) => return Ok(Door(Way::Far(far))),
                    Err(Refused::Moved) => {}
                    Err(refused) => return Err(refused.into_bind()),
                },
            }
        }
        Err(Fault::moving().into())
    }

    /// Gives a session of `account` another connection. `id` is what it is resumed by; `h` is how many stanzas the client has, modulo 2^32. A connection
    /// that it still has is told `conflict`. What the client is to be told of it comes out of the door.
    pub async fn resume(&self, account: &Jid, id: &str, h: u32, options: DoorOptions) -> Result<Door, ResumeError> {
        for _ in 0..crate::carried::PLACES {
            match self.cluster().place(account.bare_str()) {
                Placement::Here => return Ok(Door(Way::Near(self.resume_here(account, id, h, options).await?))),
                Placement::There(member) => match Far::resume(self, member, account, id, h, options).await {
                    Ok(far) => return Ok(Door(Way::Far(far))),
                    Err(Refused::Moved) => {}
                    Err(refused) => return Err(refused.into_resume()),
                },
            }
        }
        Err(Fault::moving().into())
    }
}

impl Door {
    /// The session's full JID.
    pub fn jid(&self) -> &Jid {
        match &self.0 {
            Way::Near(near) => near.jid(),
            Way::Far(far) => far.jid(),
        }
    }

    /// Stops 3 to 6 for one stanza that the client sent; `from` is stamped at the home, whatever the client wrote.
    pub fn admit(&self, stanza: Stanza) {
        self.admit_all(&mut VecDeque::from([stanza]));
    }

    /// The same for all that came in one batch, which is cheaper. What the account cannot take now is left in `stanzas`, for when [`Door::poll_ready`]
    /// says so; one at least is taken.
    pub fn admit_all(&self, stanzas: &mut VecDeque<Stanza>) {
        match &self.0 {
            Way::Near(near) => near.admit_all(stanzas),
            Way::Far(far) => far.admit_all(stanzas),
        }
    }

    /// What the client says of its stream, after everything that has been admitted.
    pub fn signal(&self, signal: Signal) {
        match &self.0 {
            Way::Near(near) => near.signal(signal),
            Way::Far(far) => far.signal(&signal),
        }
    }

    /// Pending while this account's outbox waits for a sleeping home or a commit, while much is on its way to this session, while the store is behind,
    /// or while a batch is on its way to a home elsewhere: admit no further stanza until then. When it is ready, what was admitted has been answered,
    /// as far as that can be done at once.
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.0 {
            Way::Near(near) => near.poll_ready(cx),
            Way::Far(far) => far.poll_ready(cx),
        }
    }

    /// Takes what is queued, up to about `bytes`. Pending: nothing is, and the waker is kept.
    pub fn poll_drain(&self, cx: &mut Context<'_>, into: &mut Vec<Out>, bytes: usize) -> Poll<Drained> {
        match &self.0 {
            Way::Near(near) => near.poll_drain(cx, into, bytes),
            Way::Far(far) => far.poll_drain(cx, into, bytes),
        }
    }

    /// Everything drained so far has been handed to the socket.
    pub fn written(&self) {
        match &self.0 {
            Way::Near(near) => near.written(),
            Way::Far(far) => far.written(),
        }
    }

    /// Ready when the client has read too slowly: close at once, without waiting for the socket. Asked while the socket takes nothing.
    pub fn poll_cut(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.0 {
            Way::Near(near) => near.poll_cut(cx),
            Way::Far(far) => far.poll_cut(cx),
        }
    }

    /// Ends the session: its contacts are told, and messages that were not handed to the socket go back to routing.
    pub fn close(self, why: Goodbye) {
        match self.0 {
            Way::Near(near) => near.close(why),
            Way::Far(far) => far.close(why),
        }
    }
}
