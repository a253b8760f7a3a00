//! Bytestreams: a relay for files between two clients that cannot reach each other, or would rather not show where they are.
//!
//! Source    XEP-0065 1.8.2 §4 and §6 (TCP).
//! Hangs on  iq get and set to the service `proxy.HOST`; the connections are the relay's ([`im::Relay`]).
//! Keeps     nothing; what one account may relay at a time and in a day is the relay's to bound.
//! Refuses   forbidden to all but the host's own accounts; bad-request without a stream's id or target, jid-malformed for a target that is none; not-allowed
//!           when there is nowhere to connect to, or only one side has connected; item-not-found when neither has; resource-constraint when the account has used up its share.
use im::{About, Attach, Extension, Identity, Payload, Plan, PlanError, Relay, RelayError, Reply, ServiceAsk};
use sha1::{Digest, Sha1};
use std::sync::Arc;
use xml::Builder;
use xmpp::{Jid, StanzaError, ns};

/// Tells where the relay is, and which connections it shall join.
pub struct Room {
    options: Options,
}

/// What the operator may say.
#[derive(Clone, Default)]
pub struct Options {
    /// The relay; `None`: there is none.
    pub relay: Option<Arc<dyn Relay>>,
    /// The name or address at which clients reach it.
    pub host: String,
}

struct Query {
    sid: Option<String>,
    target: Option<String>,
}

impl Payload for Query {
    const NS: &'static str = ns::BYTESTREAMS;
    const NAME: &'static str = "query";

    fn read(query: xml::Node<'_>) -> Result<Self, StanzaError> {
        let target = query.child(ns::BYTESTREAMS, "activate").map(|activate| activate.text().trim().to_owned());
        Ok(Query { sid: query.attr("sid").map(|sid| sid.into_owned()), target })
    }
}

impl Extension for Room {
    type Options = Options;
    const ABOUT: About =
        About::xep("bytestreams", "SOCKS5 Bytestreams", "XEP-0065", "1.8.2").partly("the proxy, over TCP");

    fn configure(_: &mut Plan, options: &Options) -> Result<Self, PlanError> {
        Ok(Room { options: options.clone() })
    }

    fn attach(on: &mut Attach<'_, Self>) {
        if on.extension().options.relay.is_none() {
            return;
        }
        on.open_service("proxy", Identity { category: "proxy", kind: "bytestreams", name: "File Transfer Relay" })
            .feature(ns::BYTESTREAMS)
            .get::<Query>(|room, ask, _| room.address(ask))
            .set::<Query>(|room, ask, query| room.activate(ask, &query));
    }
}

impl Room {
    /// §4: where clients connect to.
    fn address(&self, ask: &ServiceAsk<'_>) -> Result<Reply, StanzaError> {
        let relay = self.relay(ask)?;
        let port = relay.address().ok_or_else(StanzaError::not_allowed)?.port();
        let query = Builder::new(ns::BYTESTREAMS, "query").open(ns::BYTESTREAMS, "streamhost");
        let query = query.attr("host", &self.options.host).attr("jid", ask.address.as_str()).attr("port", &port.to_string());
        Ok(Reply::With(query.close().finish()))
    }

    /// §6.3.5: both are connected, and the bytes may flow.
    fn activate(&self, ask: &ServiceAsk<'_>, query: &Query) -> Result<Reply, StanzaError> {
        let relay = self.relay(ask)?;
        let (Some(sid), Some(target)) = (&query.sid, &query.target) else { return Err(StanzaError::bad_request()) };
        let canonical = Jid::parse(target).map_err(|_| StanzaError::jid_malformed())?;
        let join = |target: &str| relay.activate(&destination(sid, ask.from.as_str(), target), &ask.from.bare());
        // Clients that do not prepare the addresses hash what they were told.
        let joined = match join(canonical.as_str()) {
            Err(RelayError::Nobody) if canonical.as_str() != target => join(target),
            joined => joined,
        };
        joined.map(|()| Reply::Empty).map_err(refusal)
    }

    fn relay(&self, ask: &ServiceAsk<'_>) -> Result<&Arc<dyn Relay>, StanzaError> {
        if !ask.is_ours() {
            return Err(StanzaError::forbidden());
        }
        self.options.relay.as_ref().ok_or_else(StanzaError::not_allowed)
    }
}

fn refusal(error: RelayError) -> StanzaError {
    match error {
        RelayError::Nobody => StanzaError::item_not_found(),
        RelayError::UsedUp => StanzaError::resource_constraint(),
        _ => StanzaError::not_allowed(),
    }
}

/// What both clients ask the relay for: the hash of the stream's id and of their addresses, in hexadecimal.
fn destination(sid: &str, requester: &str, target: &str) -> String {
    let hash = Sha1::new().chain_update(sid).chain_update(requester).chain_update(target).finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes() {
        // `printf %s vxf9n471bn46requester@example.com/footarget@example.org/bar | sha1sum`
        let hash = destination("vxf9n471bn46", "requester@example.com/foo", "target@example.org/bar");
        assert_eq!(hash, "98b8d688d0f5d895fd41c5e7309a2e9e33ba32ff");
    }
}
