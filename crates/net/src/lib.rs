//! The doors: sockets, TLS, negotiation, dialects.
