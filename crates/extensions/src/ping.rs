//! Ping: is the other side still there?
//!
//! Source    XEP-0199 2.0.1 (complete).
//! Hangs on  iq get to the host, its services and accounts.
//! Keeps     nothing.
//! Refuses   service-unavailable for those who may not see an account's presence: they shall not learn whether it exists (§7).
use im::{About, Attach, Extension, Payload, Plan, PlanError, Reply, Scope};
use xmpp::{StanzaError, ns};

/// Answers pings.
pub struct Room;

struct Ping;

impl Payload for Ping {
    const NS: &'static str = ns::PING;
    const NAME: &'static str = "ping";

    fn read(_: xml::Node<'_>) -> Result<Self, StanzaError> {
        Ok(Ping)
    }
}

impl Extension for Room {
    type Options = ();
    const ABOUT: About = About::xep("ping", "XMPP Ping", "XEP-0199", "2.0.1");

    fn configure(_: &mut Plan, (): &()) -> Result<Self, PlanError> {
        Ok(Room)
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.feature(Scope::Host, ns::PING)
            .feature(Scope::Account, ns::PING)
            .host_get::<Ping>(|_, _, _| Ok(Reply::Empty))
            .service_get::<Ping>(|_, _, _| Ok(Reply::Empty))
            .account_get::<Ping>(|_, ask, _| {
                if ask.sees_presence() { Ok(Reply::Empty) } else { Err(StanzaError::service_unavailable()) }
            });
    }
}
