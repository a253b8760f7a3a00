//! The closed vocabulary of what the server as a whole writes to its log: a name, a level, a sentence and fields for each event.

use tracing::Level;

/// One entry of the vocabulary.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Its name, the field `event` of the log line.
    pub name: &'static str,
    /// How urgent it is.
    pub level: Level,
    /// What happened.
    pub sentence: &'static str,
    /// What is said beside it.
    pub fields: &'static [&'static str],
}

/// Declares the events: each becomes a function that writes it, and an entry of [`ALL`].
macro_rules! events {
    ($( #[doc = $sentence:literal] $name:ident: $level:ident { $($field:ident),* } )+) => {
        $(
            #[doc = $sentence]
            pub fn $name($($field: impl std::fmt::Display),*) {
                tracing::event!(
                    target: "yatter", Level::$level, event = stringify!($name), $($field = %$field,)* "{}", $sentence.trim()
                );
            }
        )+

        /// Every event.
        pub const ALL: &[Event] = &[$( Event {
            name: stringify!($name),
            level: Level::$level,
            sentence: $sentence,
            fields: &[$(stringify!($field)),*],
        }, )+];
    };
}

events! {
    /// The server begins to start.
    starting: INFO { version, configuration, data }
    /// A door is open.
    listening: INFO { address, serves, tls }
    /// A door of the trial start stays closed, because its address cannot be had.
    door_skipped: WARN { address, reason }
    /// At this door passwords may cross in the clear.
    clear_passwords: WARN { address }
    /// Anybody who reaches the server may make an account.
    open_registration: WARN { host }
    /// Files cannot be uploaded: no listener for HTTP is encrypted, and this key does not say where a proxy is.
    upload_off: WARN { key }
    /// The bound on open files, raised as far as the system allows.
    open_files: INFO { limit }
    /// The bound on open files is too low for the connections that are allowed.
    few_open_files: WARN { limit, connections }
    /// Every door is open.
    ready: INFO { doors, milliseconds }
    /// The service manager could not be told.
    notification_failed: WARN { reason }
    /// The configuration was read again and is in force.
    reloaded: INFO { configuration }
    /// The configuration was read again and refused; the one before stays in force.
    reload_refused: ERROR { reason }
    /// Something changed in the configuration that only a restart brings into force.
    restart_needed: WARN { key }
    /// An account was made from the command line.
    account_added: INFO { account }
    /// An account got a new password from the command line.
    password_changed: INFO { account }
    /// An account was removed from the command line.
    account_removed: INFO { account }
    /// Somebody may be invited to make accounts, by a token from the command line.
    invited: INFO { host, uses, until }
    /// A name that was reserved since its account was removed may be taken again.
    name_freed: INFO { account }
    /// Something that was asked for on the command line broke inside the server.
    operation_failed: ERROR { operation, reason }
    /// Somebody other than the server's own user reached for the control socket and was turned away.
    control_refused: WARN { user }
    /// The control socket could not take a connection.
    accept_failed: WARN { door, reason }
    /// The server was told to stop.
    stopping: INFO { signal }
    /// Every session was told, and everything is stored.
    stopped: INFO { milliseconds }
    /// The server was told to stop a second time, and stops at once.
    stopped_at_once: WARN { signal }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_in_the_operators_page() {
        let page = include_str!("../../../docs/operating.md");
        for event in ALL {
            assert!(
                page.contains(&format!("| `{}` | {} |", event.name, event.level)),
                "{} is not described",
                event.name
            );
        }
    }
}
