//! Welcome: a message that every new account finds waiting.
//!
//! Source    jabberd 1.x, mod_register's welcome message; T-4.1.26.
//! Hangs on  AccountCreated/Keep; nothing when no message is configured.
//! Keeps     the message, in the new account's archive with its undelivered mark, in the commit that makes the account.
//! Refuses   nothing.
use im::{About, AccountCreated, AccountCreatedAt, Attach, Extension, Phase, Plan, PlanError, Verdict};
use store::Row;
use xml::Builder;
use xmpp::{MessageType, Stanza, ns};

/// Welcomes.
pub struct Room {
    message: Options,
}

/// What the operator may say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The subject of the message.
    pub subject: String,
    /// Its text; without one there is no message.
    pub text: String,
}

impl Default for Options {
    fn default() -> Self {
        Options { subject: "Welcome!".to_owned(), text: String::new() }
    }
}

impl Extension for Room {
    type Options = Options;
    const ABOUT: About = About::xep("welcome", "Welcome message", "jabberd 1.x", "");

    fn configure(_: &mut Plan, options: &Options) -> Result<Self, PlanError> {
        Ok(Room { message: options.clone() })
    }

    fn attach(on: &mut Attach<'_, Self>) {
        if !on.extension().message.text.is_empty() {
            on.on_all::<AccountCreated>(Phase::Keep, |room, at| room.welcome(at));
        }
    }
}

impl Room {
    fn welcome(&self, at: &mut AccountCreatedAt<'_>) -> Verdict {
        let host = at.account.domain_jid();
        let mut message = Stanza::message(MessageType::Normal, Some(host.clone()), Some(at.account.clone()));
        for (name, text) in [("subject", &self.message.subject), ("body", &self.message.text)] {
            if !text.is_empty() {
                message.append(Builder::new(ns::CLIENT, name).text(text).finish());
            }
        }
        let mut bytes = Vec::new();
        message.write(&mut bytes);
        // The first row of an archive: whatever comes later has a greater number.
        let row = Row { id: 1, time_ms: at.now.as_millis(), with: host.as_str().to_owned(), undelivered: true, bytes };
        let archive = at.store.archive("archive");
        at.append(&archive, row);
        Verdict::Pass
    }
}
