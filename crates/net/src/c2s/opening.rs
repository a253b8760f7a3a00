//! The opening tag of a client's stream: which Jabber it speaks, whom it means, and what we answer.
//!
//! **Source** RFC 6120 §4.7 and §4.9.1.2; for streams without a version, the draft of June 2000.

use std::sync::Arc;

use im::{Dialect, Host};
use xml::{Header, write_escaped_attr};
use xmpp::{Jid, JidRef, StreamError, ns};

use super::party::Party;
use crate::Legacy;

/// What a client's opening tag amounts to. A stream error comes with the dialect in which it is to be told.
pub(super) struct Opening {
    pub(super) dialect: Dialect,
    pub(super) host: Result<Arc<Host>, StreamError>,
}

/// Judges a client's opening tag.
pub(super) fn judge(header: &Header, party: &Party) -> Opening {
    let dialect = dialect(header.version(), party.listener.legacy);
    let versionless = dialect == Dialect::X && !is_xmpp(header.version());
    let host = if versionless { Err(StreamError::unsupported_version()) } else { check(header, party, dialect) };
    Opening { dialect, host }
}

fn dialect(version: Option<&str>, legacy: Legacy) -> Dialect {
    match legacy {
        Legacy::Always => Dialect::J,
        Legacy::Never => Dialect::X,
        Legacy::Auto if is_xmpp(version) => Dialect::X,
        Legacy::Auto => Dialect::J,
    }
}

/// Whether a version is at least 1.0, in the form digits.digits; only that makes a stream one of XMPP.
fn is_xmpp(version: Option<&str>) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = version.and_then(|version| version.split_once('.'));
    parts.is_some_and(|(major, minor)| digits(major) && digits(minor) && major.bytes().any(|digit| digit != b'0'))
}

fn check(header: &Header, party: &Party, dialect: Dialect) -> Result<Arc<Host>, StreamError> {
    if header.stream_ns != ns::STREAM {
        return Err(StreamError::invalid_stream_namespace());
    }
    if header.name != "stream" {
        return Err(StreamError::bad_format());
    }
    // An unprefixed root leaves the default namespace to each stanza.
    if header.prefix.is_some() && header.content_ns.as_deref() != Some(ns::CLIENT) {
        return Err(StreamError::invalid_namespace());
    }
    find_host(header.to(), party, dialect)
}

fn find_host(to: Option<&str>, party: &Party, dialect: Dialect) -> Result<Arc<Host>, StreamError> {
    let hub = party.doors.hub();
    match (to, dialect) {
        (Some(to), _) => {
            let to = JidRef::parse(to).map_err(|_| StreamError::improper_addressing())?;
            hub.host(to.domain()).ok_or_else(StreamError::host_unknown)
        }
        (None, Dialect::J) => hub.default_host().ok_or_else(StreamError::host_unknown),
        (None, Dialect::X) => Err(StreamError::improper_addressing()),
    }
}

/// The language that the client's stanzas are in unless they say otherwise (RFC 6120 §4.7.4); what is no language tag
/// is nobody's.
pub(super) fn language(header: &Header) -> Option<Arc<str>> {
    const LONGEST: usize = 35;
    let tag = |lang: &&str| {
        (1..=LONGEST).contains(&lang.len()) && lang.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    header.lang().filter(tag).map(Arc::from)
}

/// Writes our opening tag; the form for J-streams is the one that clients of 2000 know, letter by letter.
pub(super) fn write(out: &mut Vec<u8>, dialect: Dialect, id: &str, from: Option<&Jid>) {
    out.extend_from_slice(b"<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams'");
    attribute(out, "id", id);
    out.extend_from_slice(b" xmlns='jabber:client'");
    if let Some(from) = from {
        attribute(out, "from", from.as_str());
    }
    if dialect == Dialect::X {
        out.extend_from_slice(b" version='1.0' xml:lang='en'");
    }
    out.push(b'>');
}

fn attribute(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"='");
    write_escaped_attr(out, value);
    out.push(b'\'');
}

/// A stream's identifier: 128 random bits, so that nobody guesses another's and no digest is seen twice.
pub(super) fn random_id() -> Result<String, StreamError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| StreamError::internal_server_error())?;
    let half = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
    Ok(bytes.iter().flat_map(|byte| [half(byte >> 4), half(byte & 15)]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T-3.1.3
    #[test]
    fn only_digits_dot_digits_from_1_0_on_make_an_x_stream() {
        for version in [None, Some(""), Some("0.9"), Some("1"), Some("1."), Some(".1"), Some("1.0.0"), Some("00.9")] {
            assert!(!is_xmpp(version), "{version:?}");
        }
        for version in ["-1.0", "+1.0", "1.0 ", "one.zero", "1,0", "1.x", "\u{661}.0"] {
            assert!(!is_xmpp(Some(version)), "{version:?}");
        }
        for version in ["1.0", "1.1", "01.0", "2.0", "10.5", "99999999999999999999999.0"] {
            assert!(is_xmpp(Some(version)), "{version:?}");
        }
    }

    #[test]
    fn a_listener_may_decide_the_dialect() {
        assert_eq!(dialect(Some("1.0"), Legacy::Always), Dialect::J);
        assert_eq!(dialect(None, Legacy::Never), Dialect::X);
        assert_eq!(dialect(None, Legacy::Auto), Dialect::J);
        assert_eq!(dialect(Some("1.0"), Legacy::Auto), Dialect::X);
    }

    #[test]
    fn our_header_in_the_words_of_2000_and_of_today() {
        let host = Jid::parse("example.org").unwrap();
        let mut out = Vec::new();
        write(&mut out, Dialect::J, "k3Zq9", Some(&host));
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' id='k3Zq9' \
             xmlns='jabber:client' from='example.org'>"
        );
        let mut out = Vec::new();
        write(&mut out, Dialect::X, "k3Zq9", None);
        assert!(out.ends_with(b" xmlns='jabber:client' version='1.0' xml:lang='en'>"));
    }

    /// T-3.1.4
    #[test]
    fn identifiers_differ() {
        let (one, other) = (random_id().unwrap(), random_id().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), 32);
    }
}
