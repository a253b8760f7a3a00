//! What is kept of passwords for clients of 2000 that log in with `jabber:iq:auth`. The login itself is the door's.
//!
//! Source    XEP-0078 2.5; the draft's 4.1, with the zero-knowledge login that the XEP left out.
//! Hangs on  nothing: it tells the heart what a password is to leave behind.
//! Keeps     nothing of its own; the heart keeps a chain of hashes or the password with the account.
//! Refuses   nothing.
use im::{About, Attach, Extension, LegacyCredentials, Plan, PlanError};

/// Has it kept.
pub struct Room;

impl Extension for Room {
    type Options = LegacyCredentials;
    const ABOUT: About = About::xep("legacy_credentials", "Non-SASL Authentication", "XEP-0078", "2.5");

    fn configure(plan: &mut Plan, options: &LegacyCredentials) -> Result<Self, PlanError> {
        plan.keep_legacy_credentials(*options);
        Ok(Room)
    }

    fn attach(_: &mut Attach<'_, Self>) {}
}
