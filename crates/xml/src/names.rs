//! The namespaces that every stream needs; those of the protocols live in `xmpp`.

/// Content of a client's stream. Elements report this one whichever content namespace their stream used.
pub const CLIENT: &str = "jabber:client";
/// Content of a stream between servers.
pub const SERVER: &str = "jabber:server";
/// Content of a component's stream (XEP-0114).
pub const COMPONENT: &str = "jabber:component:accept";
/// The stream itself, its features and errors (RFC 6120 §4.8).
pub const STREAM: &str = "http://etherx.jabber.org/streams";
/// What the prefix `xml` always means.
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// What the prefix `xmlns` always means; never declared, never used by elements.
pub const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// Whether a namespace is one of the three that carry stanzas. They mean the same thing on different streams.
pub fn is_content(namespace: &str) -> bool {
    namespace == CLIENT || namespace == SERVER || namespace == COMPONENT
}
