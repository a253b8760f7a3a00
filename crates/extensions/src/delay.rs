//! Delayed delivery: a message that had to wait tells since when.
//!
//! Source    XEP-0203 2.0 (complete); XEP-0091 1.4, the jabber:x:delay of 2000, is written at the door of those who expect it.
//! Hangs on  nothing: whoever keeps a message stamps it with [`stamped`].
//! Keeps     nothing. Refuses nothing.
use im::{About, Attach, Extension, Plan, PlanError, Scope};
use xmpp::{Jid, Stanza, Timestamp, ns};

/// Advertises that delayed messages are stamped.
pub struct Room;

impl Extension for Room {
    type Options = ();
    const ABOUT: About = About::xep("delay", "Delayed Delivery", "XEP-0203", "2.0");

    fn configure(_: &mut Plan, (): &()) -> Result<Self, PlanError> {
        Ok(Room)
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.feature(Scope::Host, ns::DELAY);
    }
}

/// Puts on `stanza` since when it has been waiting, and by whom it was kept.
pub(crate) fn stamped(stanza: &mut Stanza, from: &Jid, since: Timestamp, why: &str) {
    stanza.append(xmpp::delay::element(from, since, why));
}
