//! Addresses of Jabber: `local@domain/resource`, kept in the one form in which they are compared.
//!
//! A [`Jid`] is canonical by construction: whatever spelling came over the wire, equality, hashing and
//! ordering work on the canonical text (RFC 7622, and stringprep where PRECIS refuses).

mod account;
mod canonical;
mod scan;

use std::borrow::{Borrow, Cow};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

pub use account::{NewAccount, NewAccountError};
use scan::Parts;

/// The longest localpart or resourcepart, in bytes of its canonical form (RFC 7622 §3.3, §3.4).
pub const PART_BYTES: usize = 1023;
/// The longest domainpart, in bytes of its ASCII form: what DNS carries, and what jabberd 1.x allowed.
pub const DOMAIN_BYTES: usize = 255;

/// Why a text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JidError {
    /// Nothing before the `@`.
    #[error("the part before the @ is empty")]
    EmptyLocal,
    /// No domain at all.
    #[error("the domain is empty")]
    EmptyDomain,
    /// Nothing after the `/`.
    #[error("the part after the / is empty")]
    EmptyResource,
    /// A localpart with a forbidden character, or one that neither PRECIS nor stringprep accepts.
    #[error("the part before the @ holds what an address may not hold")]
    BadLocal,
    /// A domain that is neither a host name, nor an IPv4 address, nor an IPv6 address in brackets.
    #[error("the domain is no host name and no IP address")]
    BadDomain,
    /// A resource with control characters, or one that neither PRECIS nor stringprep accepts.
    #[error("the part after the / holds what an address may not hold")]
    BadResource,
    /// One part is longer than its limit ([`PART_BYTES`], [`DOMAIN_BYTES`]).
    #[error("a part of the address is too long")]
    TooLong,
}

/// A canonical address that owns its text. Cloning, [`Jid::bare`] and [`Jid::domain_jid`] share it.
#[derive(Clone)]
pub struct Jid {
    text: Arc<str>,
    parts: Parts,
}

impl Jid {
    /// Reads an address in any spelling (RFC 7622 §3.2: cut at the first `/`, then at the first `@`).
    pub fn parse(text: &str) -> Result<Jid, JidError> {
        match scan::canonical_ascii(text) {
            Some(parts) => Ok(Jid { text: Arc::from(text), parts }),
            None => scan::canonicalise(text).map(Jid::from),
        }
    }

    /// Reads an address as clients of 2000 wrote it: an empty resource (`a@b/`) counts as none.
    pub fn parse_legacy(text: &str) -> Result<Jid, JidError> {
        Jid::parse(scan::without_empty_resource(text))
    }

    /// Puts an address together from parts in any spelling.
    pub fn new(local: Option<&str>, domain: &str, resource: Option<&str>) -> Result<Jid, JidError> {
        scan::assemble(local, domain, resource).map(Jid::from)
    }

    /// The account, room or node, if any.
    pub fn local(&self) -> Option<&str> {
        self.parts.local(&self.text)
    }

    /// The host, in lower case and with international labels in Unicode.
    pub fn domain(&self) -> &str {
        self.parts.domain(&self.text)
    }

    /// The session, occupant or path, if any; case matters.
    pub fn resource(&self) -> Option<&str> {
        self.parts.resource(&self.text)
    }

    /// The whole canonical address.
    pub fn as_str(&self) -> &str {
        self.parts.whole(&self.text)
    }

    /// The canonical address without its resource.
    pub fn bare_str(&self) -> &str {
        self.parts.bare(&self.text)
    }

    /// This address without its resource; shares the text.
    #[must_use]
    pub fn bare(&self) -> Jid {
        Jid { text: Arc::clone(&self.text), parts: self.parts.to_bare() }
    }

    /// The address of this one's host; shares the text.
    #[must_use]
    pub fn domain_jid(&self) -> Jid {
        Jid { text: Arc::clone(&self.text), parts: self.parts.to_domain() }
    }

    /// The bare address with this resource, in any spelling.
    pub fn with_resource(&self, resource: &str) -> Result<Jid, JidError> {
        let resource = canonical::resource(resource)?;
        Ok(scan::join(self.local(), self.domain(), Some(&resource)).into())
    }

    /// Whether there is no resource.
    pub fn is_bare(&self) -> bool {
        self.resource().is_none()
    }

    /// Whether there is a resource.
    pub fn is_full(&self) -> bool {
        !self.is_bare()
    }

    /// Whether this is a host's own address: neither localpart nor resource.
    pub fn is_domain(&self) -> bool {
        self.as_str().len() == self.domain().len()
    }

    /// Whether both belong to the same account, room or host, whatever their resources.
    pub fn same_bare(&self, other: &Jid) -> bool {
        self.bare_str() == other.bare_str()
    }
}

impl From<(String, Parts)> for Jid {
    fn from((text, parts): (String, Parts)) -> Jid {
        Jid { text: text.into(), parts }
    }
}

impl FromStr for Jid {
    type Err = JidError;
    fn from_str(text: &str) -> Result<Jid, JidError> {
        Jid::parse(text)
    }
}

impl fmt::Display for Jid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Jid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq for Jid {
    fn eq(&self, other: &Jid) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Jid {}

impl PartialEq<str> for Jid {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Jid {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialOrd for Jid {
    fn partial_cmp(&self, other: &Jid) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Jid {
    fn cmp(&self, other: &Jid) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Jid {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

/// So that a table keyed by `Jid` can be asked with canonical text, and with a [`JidRef`]'s.
impl Borrow<str> for Jid {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Jid {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

/// A canonical address that borrows the text it was read from, unless that had to be changed.
///
/// Reading canonical ASCII, which is nearly all traffic, takes no memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JidRef<'a> {
    text: Cow<'a, str>,
    parts: Parts,
}

impl<'a> JidRef<'a> {
    /// Reads an address in any spelling; the rules are [`Jid::parse`]'s.
    pub fn parse(text: &'a str) -> Result<JidRef<'a>, JidError> {
        if let Some(parts) = scan::canonical_ascii(text) {
            return Ok(JidRef { text: Cow::Borrowed(text), parts });
        }
        let (text, parts) = scan::canonicalise(text)?;
        Ok(JidRef { text: Cow::Owned(text), parts })
    }

    /// The account, room or node, if any.
    pub fn local(&self) -> Option<&str> {
        self.parts.local(&self.text)
    }

    /// The host, in lower case and with international labels in Unicode.
    pub fn domain(&self) -> &str {
        self.parts.domain(&self.text)
    }

    /// The session, occupant or path, if any.
    pub fn resource(&self) -> Option<&str> {
        self.parts.resource(&self.text)
    }

    /// The whole canonical address.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The canonical address without its resource.
    pub fn bare_str(&self) -> &str {
        self.parts.bare(&self.text)
    }

    /// The same address, owning its text.
    pub fn to_jid(&self) -> Jid {
        Jid { text: Arc::from(&*self.text), parts: self.parts }
    }
}

impl fmt::Display for JidRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
