//! Delayed delivery: a message that had to wait tells since when, and nobody else can say so in our name.
//!
//! Source    XEP-0203 2.0 (complete); XEP-0091 1.4, the jabber:x:delay of 2000, is written at the door of those who expect it.
//! Hangs on  Received/Stamp: a stamp that claims to be this server's is taken off what others send (§4). Whoever keeps a message stamps it.
//! Keeps     nothing. Refuses nothing.
use im::{About, Attach, Extension, Phase, Plan, PlanError, Received, ReceivedAt, Scope, Verdict};
use xmpp::delay::Delay;
use xmpp::{Jid, Kind, Stanza, Timestamp, ns};

/// Stamps, and takes forged stamps off.
pub struct Room;

impl Extension for Room {
    type Options = ();
    const ABOUT: About = About::xep("delay", "Delayed Delivery", "XEP-0203", "2.0");

    fn configure(_: &mut Plan, (): &()) -> Result<Self, PlanError> {
        Ok(Room)
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.feature(Scope::Host, ns::DELAY)
            .on::<Received>(Phase::Stamp, Kind::Message, |_, at| unstamp(at))
            .on::<Received>(Phase::Stamp, Kind::Presence, |_, at| unstamp(at));
    }
}

/// Puts on `stanza` since when it has been waiting, and by whom it was kept.
pub(crate) fn stamp(stanza: &mut Stanza, from: &Jid, since: Timestamp, why: &str) {
    stanza.append(xmpp::delay::element(from, since, why));
}

/// Whether `keeper` has said already since when this has been waiting.
pub(crate) fn is_stamped_by(stanza: &Stanza, keeper: &Jid) -> bool {
    let may_be = stanza.names_namespace(ns::DELAY) || stanza.names_namespace(ns::DELAY_LEGACY);
    may_be && stanza.children().filter_map(Delay::read).any(|delay| delay.from.as_ref() == Some(keeper))
}

fn unstamp(at: &mut ReceivedAt<'_>) -> Verdict {
    let may_be_stamped = at.stanza.names_namespace(ns::DELAY) || at.stanza.names_namespace(ns::DELAY_LEGACY);
    if may_be_stamped && at.stanza.children().any(is_stamp) {
        let (account, sender) = (at.within.account.jid(), at.stanza.from().cloned());
        at.stanza.remove(|child| is_stamp(child) && is_forged(child, account, sender.as_ref()));
    }
    Verdict::Pass
}

fn is_stamp(child: xml::Node<'_>) -> bool {
    child.is(ns::DELAY, "delay") || child.is(ns::DELAY_LEGACY, "x")
}

/// Whether a stamp claims that the receiver's own server or account kept the stanza, though it comes from elsewhere.
fn is_forged(stamp: xml::Node<'_>, account: &Jid, sender: Option<&Jid>) -> bool {
    let host = account.domain_jid();
    let keeper = Delay::read(stamp).and_then(|delay| delay.from);
    sender != Some(&host) && keeper.is_some_and(|keeper| keeper == host || keeper.same_bare(account))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ones_own_server_and_account_are_protected() {
        let account = Jid::parse("juliet@verona.example").unwrap();
        let rows = [
            ("verona.example", true),
            ("VERONA.example", true),
            ("juliet@verona.example", true),
            ("juliet@verona.example/balcony", true),
            ("romeo@verona.example", false),
            ("room@chat.verona.example", false),
            ("mantua.example", false),
        ];
        for (from, forged) in rows {
            for form in [
                format!("<delay xmlns='urn:xmpp:delay' from='{from}' stamp='2002-09-10T23:08:25Z'/>"),
                format!("<x xmlns='jabber:x:delay' from='{from}' stamp='20020910T23:08:25'/>"),
            ] {
                let stamp = xml::Element::parse(form.as_bytes(), &xml::Limits::default()).unwrap();
                assert_eq!(is_forged(stamp.root(), &account, None), forged, "{form}");
                assert!(!is_forged(stamp.root(), &account, Some(&account.domain_jid())), "the server itself may");
            }
        }
    }
}
