//! One extension of the protocol, one file.
//!
//! A new one is a file here and a word in the list below. The list's order is the order inside a phase of a moment; there is no other order.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

/// The box: makes the modules, the options of all of them, and the function that plugs them into a host.
macro_rules! extensions {
    ($($name:ident),* $(,)?) => {
        $(pub mod $name;)*

        /// What the operator may say about each extension.
        #[derive(Clone, Default)]
        pub struct Options {
            $(
                #[doc = concat!("Of [`", stringify!($name), "`].")]
                pub $name: <$name::Room as im::Extension>::Options,
            )*
        }

        /// Plugs every extension into a host's plan.
        pub fn plug(plan: &mut im::Plan, options: &Options) -> Result<(), im::PlanError> {
            $(plan.add::<$name::Room>(&options.$name)?;)*
            Ok(())
        }

        /// The table of supported protocols, in the list's order.
        pub const ABOUT: &[im::About] = &[$(<$name::Room as im::Extension>::ABOUT),*];
    };
}

extensions! {
    disco, commands, privacy, ping, version, time, delay, last_activity, vcard, private, legacy_credentials, registration, welcome, offline, contacts, agents, browse, announce,
    administrators, echo, invisible, filter, upload, bytestreams,
}

/// What stands in other documents than the one that an extension follows, and is done by it too.
pub const ALSO: &[im::About] = &[
    im::About::xep("privacy", "Blocking Command", "XEP-0191", "1.3"),
    im::About::xep("commands", "Data Forms", "XEP-0004", "2.13.2")
        .partly("of commands: forms, submissions and results"),
    im::About::xep("announce", "Service Administration", "XEP-0133", "1.3.1")
        .partly("announcements and the message of the day"),
    im::About::xep("disco", "Service Discovery Extensions", "XEP-0128", "1.0.1"),
    im::About::xep("vcard", "vCard-Based Avatars", "XEP-0153", "1.1.1")
        .partly("the hash in presence, for clients that do not tell it themselves"),
    im::About::xep("registration", "Pre-Authenticated In-Band Registration", "XEP-0445", "0.2.0")
        .partly("invitations for a name of one's own choice"),
    im::About::xep("registration", "Ad-hoc Account Invitation Generation", "XEP-0401", "0.6.0")
        .partly("account creation, by administrators"),
    im::About::xep("time", "Legacy Entity Time", "XEP-0090", "1.2"),
    im::About::xep("upload", "Out of Band Data", "XEP-0066", "1.5").partly("passes through the server untouched"),
    im::About::xep("offline", "Message Events", "XEP-0022", "1.4")
        .partly("the event \"offline\", which is the server's"),
    im::About::xep("offline", "Message Expiration", "XEP-0023", "1.3").partly("for messages that have to wait"),
    im::About::xep("offline", "Message Processing Hints", "XEP-0334", "1.0.0")
        .partly("no-store, for messages that would have to wait"),
];
