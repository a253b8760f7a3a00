//! Being there without being seen, until one says otherwise.
//!
//! Source    XEP-0186 0.14.0 (partly: a question to a full JID is let in only from those to whom the session has shown itself, since the answer would
//!           tell that it is there). Clients of 2000 say it with `<presence type='invisible'/>`, which is the heart's.
//! Hangs on  iq set to accounts.
//! Keeps     nothing: it ends with the session.
//! Refuses   forbidden for others' accounts, bad-request for a `probe` that is not a boolean.
use im::{About, Ask, Attach, Extension, Payload, Plan, PlanError, Reply, Scope};
use xmpp::{StanzaError, ns};

/// Hides sessions, and shows them again.
pub struct Room;

/// Whether contacts are to be asked after (§3.1).
struct Invisible(bool);

struct Visible;

impl Payload for Invisible {
    const NS: &'static str = ns::INVISIBLE;
    const NAME: &'static str = "invisible";

    fn read(node: xml::Node<'_>) -> Result<Self, StanzaError> {
        match node.attr("probe").as_deref().map(str::trim) {
            None | Some("false" | "0") => Ok(Invisible(false)),
            Some("true" | "1") => Ok(Invisible(true)),
            Some(_) => Err(StanzaError::bad_request()),
        }
    }
}

impl Payload for Visible {
    const NS: &'static str = ns::INVISIBLE;
    const NAME: &'static str = "visible";

    fn read(_: xml::Node<'_>) -> Result<Self, StanzaError> {
        Ok(Visible)
    }
}

impl Extension for Room {
    type Options = ();
    const ABOUT: About = About::xep("invisible", "Invisible Command", "XEP-0186", "0.14.0")
        .partly("questions to a full address are let in only from those who were shown presence");

    fn configure(_: &mut Plan, (): &()) -> Result<Self, PlanError> {
        Ok(Room)
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.feature(Scope::Host, ns::INVISIBLE)
            .account_set::<Invisible>(|_, ask, wish| set(ask, Some(wish.0)))
            .account_set::<Visible>(|_, ask, _| set(ask, None));
    }
}

fn set(ask: &mut Ask<'_>, hide: Option<bool>) -> Result<Reply, StanzaError> {
    let session = ask.session.cloned().ok_or_else(StanzaError::forbidden)?;
    match hide {
        Some(probes) => ask.within.hide(&session, probes),
        None => ask.within.unhide(&session),
    }
    Ok(Reply::Empty)
}
