//! Software version: what this server is.
//!
//! Source    XEP-0092 1.1 (complete); jabber:iq:version of 2000.
//! Hangs on  iq get to the host.
//! Keeps     nothing. Refuses nothing. The operating system is not told.
use im::{About, Attach, Extension, Payload, Plan, PlanError, Reply, Scope};
use xml::Builder;
use xmpp::{StanzaError, ns};

/// Tells the server's name and version.
pub struct Room;

struct Version;

impl Payload for Version {
    const NS: &'static str = ns::VERSION;
    const NAME: &'static str = "query";

    fn read(_: xml::Node<'_>) -> Result<Self, StanzaError> {
        Ok(Version)
    }
}

impl Extension for Room {
    type Options = ();
    const ABOUT: About = About::xep("version", "Software Version", "XEP-0092", "1.1");

    fn configure(_: &mut Plan, (): &()) -> Result<Self, PlanError> {
        Ok(Room)
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.feature(Scope::Host, ns::VERSION)
            .host_get::<Version>(|_, _, _| Ok(Reply::With(answer())))
            .host_set::<Version>(|_, _, _| Err(StanzaError::not_allowed()));
    }
}

fn answer() -> xml::Element {
    let query = Builder::new(ns::VERSION, "query");
    query.open(ns::VERSION, "name").text("Yatter").close().open(ns::VERSION, "version").text(env!("CARGO_PKG_VERSION")).close().finish()
}
