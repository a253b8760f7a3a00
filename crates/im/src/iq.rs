//! Questions and answers: who handles which iq.
//!
//! Not a hook but a table: (get or set, namespace, name) has one owner. There are three tables: what is asked of the host, of an account, and by
//! somebody who has not logged in.
use crate::fault::Fault;
use crate::home::{Home, Within};
use crate::host::Host;
use crate::hub::{Hub, Stranger, Visit};
use crate::plan::PlanError;
use crate::session::Session;
use hashbrown::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use xmpp::{Jid, Stanza, StanzaError};

/// What stands in an iq: it knows its own name, so that registering it names nothing.
pub trait Payload: Sized {
    /// The element's namespace.
    const NS: &'static str;
    /// The element's name.
    const NAME: &'static str;
    /// Reads it; the error is what the asker is told.
    fn read(node: xml::Node<'_>) -> Result<Self, StanzaError>;
}

/// The answer of a handler.
pub enum Reply {
    /// A result without content.
    Empty,
    /// A result with this payload.
    With(xml::Element),
    /// The answer, once what was written is durable.
    After(store::Ticket, Box<Reply>),
    /// The answer needs the store, or other slow work.
    Later(Pin<Box<dyn Future<Output = Result<Reply, StanzaError>> + Send>>),
    /// No answer from here: the handler has sent or queued it itself.
    Sent,
}

impl Reply {
    /// An answer that needs waiting for.
    pub fn later(work: impl Future<Output = Result<Reply, StanzaError>> + Send + 'static) -> Reply {
        Reply::Later(Box::pin(work))
    }

    /// This answer, but only when `ticket` is committed.
    pub fn after(self, ticket: store::Ticket) -> Reply {
        Reply::After(ticket, Box::new(self))
    }

    /// Waits for whatever the answer waits for, and gives the stanza to send back. `None`: nothing is to be sent.
    pub(crate) async fn settle(self, iq: &Stanza) -> Option<Stanza> {
        let mut reply = self;
        loop {
            reply = match reply {
                Reply::Empty => return Some(iq.result()),
                Reply::With(payload) => return Some(iq.result_with(payload)),
                Reply::Sent => return None,
                Reply::After(ticket, then) => match ticket.await {
                    Ok(()) => *then,
                    Err(error) => return Some(iq.error(&Fault::from(error).tell())),
                },
                Reply::Later(work) => match work.await {
                    Ok(reply) => reply,
                    Err(error) => return Some(iq.error(&error)),
                },
            }
        }
    }
}

/// An iq addressed to an account, with that account's home locked.
pub struct Ask<'a> {
    /// The account that is asked: the owner's own, or another's.
    pub within: Within<'a>,
    /// The whole stanza.
    pub stanza: &'a Stanza,
    /// Who asks; a full JID when it is a session.
    pub from: &'a Jid,
    /// The session that asks, when it is one of this very account.
    pub session: Option<&'a Arc<Session>>,
}

impl<'a> Ask<'a> {
    /// Whether the account's owner asks.
    pub fn is_owner(&self) -> bool {
        self.session.is_some()
    }

    /// Whether the asker may see this account's presence: the owner, or a contact with a subscription (RFC 6121 §3).
    pub fn sees_presence(&self) -> bool {
        self.is_owner() || self.within.account.shows_presence_to(self.from)
    }

    /// The iq's single child.
    pub fn payload(&self) -> xml::Node<'a> {
        payload(self.stanza)
    }

    /// The home, for work that goes on later.
    pub fn home(&self) -> Arc<Home> {
        self.within.home.clone()
    }
}

/// An iq addressed to a host.
pub struct HostAsk<'a> {
    /// The server.
    pub hub: &'a Hub,
    /// The host that is asked.
    pub host: &'a Arc<Host>,
    /// The whole stanza.
    pub stanza: &'a Stanza,
    /// Who asks.
    pub from: &'a Jid,
}

impl<'a> HostAsk<'a> {
    /// Whether an administrator of this host asks.
    pub fn is_administrator(&self) -> bool {
        self.host.is_administrator(self.from)
    }

    /// The iq's single child.
    pub fn payload(&self) -> xml::Node<'a> {
        payload(self.stanza)
    }
}

/// An iq of somebody who has not logged in.
pub struct StrangerAsk<'a> {
    /// The server.
    pub hub: &'a Hub,
    /// The host of the stream.
    pub host: &'a Arc<Host>,
    /// The whole stanza.
    pub stanza: &'a Stanza,
    /// What is known of the stream.
    pub stranger: Stranger,
    /// What was remembered of it.
    pub visit: &'a Arc<Visit>,
}

impl<'a> StrangerAsk<'a> {
    /// The iq's single child.
    pub fn payload(&self) -> xml::Node<'a> {
        payload(self.stanza)
    }
}

/// Handlers are only called with an iq that has a payload; the stanza's own root stands in where that rule were broken.
pub(crate) fn payload(stanza: &Stanza) -> xml::Node<'_> {
    stanza.payload().unwrap_or_else(|| stanza.root())
}

type Key = (bool, &'static str, &'static str);

/// Which handler owns which iq.
pub(crate) struct Table<F: ?Sized> {
    entries: HashMap<Key, (&'static str, Box<F>)>,
}

impl<F: ?Sized> Default for Table<F> {
    fn default() -> Self {
        Table { entries: HashMap::new() }
    }
}

impl<F: ?Sized> Table<F> {
    pub(crate) fn add<P: Payload>(
        &mut self,
        set: bool,
        owner: &'static str,
        scope: &'static str,
        handler: Box<F>,
    ) -> Option<PlanError> {
        let key = (set, P::NS, P::NAME);
        if let Some((first, _)) = self.entries.get(&key) {
            let (first, set) = (*first, if set { "set" } else { "get" });
            return Some(PlanError::Clash { first, second: owner, set, ns: P::NS, name: P::NAME, scope });
        }
        self.entries.insert(key, (owner, handler));
        None
    }

    pub(crate) fn find(&self, set: bool, node: xml::Node<'_>) -> Option<&F> {
        let key = (set, node.ns(), node.name());
        let (_, handler) = self.entries.get(&Lookup(key))?;
        Some(handler)
    }
}

/// The key of a peer's iq, which does not live as long as the table's own.
#[derive(Hash)]
struct Lookup<'a>((bool, &'a str, &'a str));

impl hashbrown::Equivalent<Key> for Lookup<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.0 == *key
    }
}
