//! The vocabulary of Jabber: addresses, stanzas, errors, credentials.
