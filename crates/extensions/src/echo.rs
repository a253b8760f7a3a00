//! Echo: a message to `HOST/echo` comes back, for those who try out a client.
//!
//! Source    jabberd 1.x, mod_echo.
//! Hangs on  ToHost/Keep.
//! Keeps     nothing. Refuses nothing; what a host says is not echoed, or two of them would never end.
use im::{About, Attach, Extension, Phase, Plan, PlanError, ToHost, ToHostAt, Verdict};
use xmpp::{Kind, MessageType};

/// Sends messages back.
pub struct Room;

impl Extension for Room {
    type Options = ();
    const ABOUT: About = About::xep("echo", "Echo of a host", "jabberd 1.x", "");

    fn configure(_: &mut Plan, (): &()) -> Result<Self, PlanError> {
        Ok(Room)
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.on::<ToHost>(Phase::Keep, Kind::Message, |_, at| echo(at));
    }
}

fn echo(at: &mut ToHostAt<'_>) -> Verdict {
    let message = at.stanza;
    let (Some(from), Some(to)) = (message.from(), message.to()) else { return Verdict::Pass };
    let of_a_person = from.local().is_some() && message.message_type() != MessageType::Error;
    if !to.resource().is_some_and(is_echo) || !of_a_person {
        return Verdict::Pass;
    }
    let mut back = message.clone();
    back.set_to(Some(from.clone()));
    back.set_from(to.clone());
    at.send(back);
    Verdict::Done
}

/// In any case, and with anything behind it, as 1.x took it.
fn is_echo(resource: &str) -> bool {
    resource.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("echo"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resource_begins_with_echo() {
        let rows = [("echo", true), ("Echo", true), ("ECHOES/1", true), ("ech", false), ("écho", false), ("an echo", false)];
        for (resource, echoes) in rows {
            assert_eq!(is_echo(resource), echoes, "{resource}");
        }
    }
}
