//! The heart: hosts, accounts, sessions, roster, presence, routing.
