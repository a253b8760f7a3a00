//! Questions of somebody who has not logged in, as far as an extension answers them: registration.

use std::sync::Arc;

use im::{Dialect, Host};
use xml::{Element, Node};
use xmpp::{Stanza, ns};

use super::party::Party;

/// Whether an iq is about registration.
pub(super) fn is_registration(iq: Node<'_>) -> bool {
    iq.first_child().is_some_and(|query| query.ns() == ns::REGISTER)
}

/// Has an iq answered. None: nobody does, or it is none that could be answered.
pub(super) async fn as_stranger(
    party: &Party,
    host: &Arc<Host>,
    element: &Element,
    dialect: Dialect,
) -> Option<Stanza> {
    let stanza = Stanza::read(element.clone()).ok()?;
    party.doors.hub().ask_as_stranger(host, &stanza, party.as_stranger(dialect), party.visit()).await
}
