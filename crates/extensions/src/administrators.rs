//! Mail for a host: a message to its name goes to everybody who administers it.
//!
//! Source    jabberd 1.x, mod_admin; RFC 6121 §8.3 leaves it to the server.
//! Hangs on  ToHost/Keep.
//! Keeps     nothing: what an administrator is away for waits like any message.
//! Refuses   item-not-found when nobody administers the host. What was forwarded so once is not forwarded again.
use crate::delay;
use im::{About, Attach, Extension, Phase, Plan, PlanError, ToHost, ToHostAt, Verdict};
use xml::Builder;
use xmpp::delay::Delay;
use xmpp::{Jid, Kind, MessageType, Stanza, StanzaError, Timestamp, ns};

/// Passes mail on.
pub struct Room;

impl Extension for Room {
    type Options = ();
    const ABOUT: About = About::xep("administrators", "Messages to a host's administrators", "jabberd 1.x", "");

    fn configure(_: &mut Plan, (): &()) -> Result<Self, PlanError> {
        Ok(Room)
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.on::<ToHost>(Phase::Keep, Kind::Message, |_, at| pass_on(at));
    }
}

fn pass_on(at: &mut ToHostAt<'_>) -> Verdict {
    let message = at.stanza;
    let for_people = matches!(message.message_type(), MessageType::Normal | MessageType::Chat | MessageType::Headline);
    let whole_host = message.to().is_some_and(Jid::is_bare);
    // A stamp says that it was here before, or waited elsewhere: either way nobody has just written it.
    if !for_people || !whole_host || message.children().any(|child| Delay::read(child).is_some()) {
        return Verdict::Pass;
    }
    let administrators = at.host.plan().administrators();
    if administrators.is_empty() {
        return Verdict::Bounce(StanzaError::item_not_found());
    }
    let copy = copy(message, at.host.name(), at.hub.clock().now());
    for administrator in administrators {
        let mut one = copy.clone();
        one.set_to(Some(administrator.clone()));
        at.send(one);
    }
    Verdict::Done
}

/// The message with its subject marked, and stamped. The stamp names a resource of the host, since nobody but the host itself is believed its own.
fn copy(message: &Stanza, host: &Jid, now: Timestamp) -> Stanza {
    let mut copy = message.clone();
    let said = message.child(ns::CLIENT, "subject").map(|subject| subject.text().into_owned()).unwrap_or_default();
    let subject = format!("Admin: {said} ({host})");
    copy.remove(|child| child.is(ns::CLIENT, "subject"));
    copy.append(Builder::new(ns::CLIENT, "subject").text(&subject).finish());
    let keeper = Jid::new(None, host.domain(), Some("admin")).unwrap_or_else(|_| host.clone());
    delay::stamp(&mut copy, &keeper, now, "admin");
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_says_what_it_is() {
        let message = "<message from='amy@h/desk' to='h' id='1'><subject>Help &amp; more</subject><body>hi</body></message>";
        let message = xml::Element::parse(message.as_bytes(), &xml::Limits::default()).unwrap();
        let host = Jid::parse("h").unwrap();
        let copy = copy(&Stanza::read(message).unwrap(), &host, Timestamp::from_millis(0));
        let expected = "<body>hi</body><subject>Admin: Help &amp; more (h)</subject>\
                        <delay xmlns='urn:xmpp:delay' from='h/admin' stamp='1970-01-01T00:00:00Z'>admin</delay></message>";
        let written = copy.to_element().as_str().to_owned();
        assert!(written.ends_with(expected), "{written}");
    }
}
