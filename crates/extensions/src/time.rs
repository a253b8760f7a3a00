//! What time it is at the server.
//!
//! Source    XEP-0202 2.0 (complete); XEP-0090 1.2, the jabber:iq:time of 2000.
//! Hangs on  iq get to the host.
//! Keeps     nothing. Refuses nothing. The server's time zone is UTC.
use im::{About, Attach, Extension, HostAsk, Payload, Plan, PlanError, Reply, Scope};
use xml::Builder;
use xmpp::{StanzaError, Timestamp, ns};

/// Tells the time.
pub struct Room;

struct Time;
struct OldTime;

impl Payload for Time {
    const NS: &'static str = ns::TIME;
    const NAME: &'static str = "time";

    fn read(_: xml::Node<'_>) -> Result<Self, StanzaError> {
        Ok(Time)
    }
}

impl Payload for OldTime {
    const NS: &'static str = ns::TIME_LEGACY;
    const NAME: &'static str = "query";

    fn read(_: xml::Node<'_>) -> Result<Self, StanzaError> {
        Ok(OldTime)
    }
}

impl Extension for Room {
    type Options = ();
    const ABOUT: About = About::xep("time", "Entity Time", "XEP-0202", "2.0");

    fn configure(_: &mut Plan, (): &()) -> Result<Self, PlanError> {
        Ok(Room)
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.feature(Scope::Host, ns::TIME)
            .feature(Scope::Host, ns::TIME_LEGACY)
            .host_get::<Time>(|_, ask, _| Ok(Reply::With(new(now(ask)))))
            .host_get::<OldTime>(|_, ask, _| Ok(Reply::With(old(now(ask)))))
            .host_set::<OldTime>(|_, _, _| Err(StanzaError::not_allowed()));
    }
}

fn now(ask: &HostAsk<'_>) -> Timestamp {
    // XEP-0082 allows fractions, but clients of time show seconds.
    Timestamp::from_millis(ask.hub.clock().now().as_millis() / 1000 * 1000)
}

fn new(now: Timestamp) -> xml::Element {
    let time = Builder::new(ns::TIME, "time").open(ns::TIME, "tzo").text("+00:00").close();
    time.open(ns::TIME, "utc").text(&now.to_string()).close().finish()
}

fn old(now: Timestamp) -> xml::Element {
    let stamp = now.legacy().to_string();
    let query = Builder::new(ns::TIME_LEGACY, "query").open(ns::TIME_LEGACY, "utc").text(&stamp).close();
    query.open(ns::TIME_LEGACY, "tz").text("UTC").close().open(ns::TIME_LEGACY, "display").text(&display(now)).close().finish()
}

/// As people write it: "Tue Sep 10 17:58:35 2002".
fn display(now: Timestamp) -> String {
    let then = jiff::Timestamp::from_millisecond(now.as_millis()).unwrap_or_default();
    then.strftime("%a %b %e %H:%M:%S %Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_time() {
        let now = Timestamp::parse("2002-09-05T17:58:35Z").unwrap();
        let today = "<time xmlns='urn:xmpp:time'><tzo>+00:00</tzo><utc>2002-09-05T17:58:35Z</utc></time>";
        assert_eq!(new(now).as_str(), today);
        let then = "<query xmlns='jabber:iq:time'><utc>20020905T17:58:35</utc><tz>UTC</tz><display>Thu Sep  5 17:58:35 2002</display></query>";
        assert_eq!(old(now).as_str(), then);
    }
}
