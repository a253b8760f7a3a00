//! The canonical form of each part: PRECIS's where it accepts the text, else stringprep's.
//!
//! RFC 7622 asks for PRECIS (UsernameCaseMapped, OpaqueString); the servers in the field still prepare with
//! stringprep (RFC 6122). Addresses that only these accept must stay reachable, so their form is the second choice.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use precis_profiles::{OpaqueString, UsernameCaseMapped};

use super::{DOMAIN_BYTES, JidError, PART_BYTES};
use crate::prep::{nodeprep, resourceprep};

/// Longer input is refused before it is looked at: normalising may shorten a text, but not that much.
const RAW_BYTES: usize = 2 * PART_BYTES;

/// See [`precis_reads`].
const COMPANY_CHARS: usize = 32;

/// Applications of the rules after which a text that still changes is refused.
const ROUNDS: usize = 4;

/// Whether a localpart may not hold this character even where PRECIS's base class allows it (RFC 7622 §3.3.1).
pub(super) const fn forbidden_in_local(c: char) -> bool {
    matches!(c, '\0'..=' ' | '"' | '&' | '\'' | '/' | ':' | '<' | '>' | '@' | '\x7f')
}

/// The canonical localpart.
pub(super) fn local(raw: &str) -> Result<Cow<'_, str>, JidError> {
    check_length(raw, JidError::EmptyLocal)?;
    let local = if raw.is_ascii() {
        Some(fold_ascii(raw)).filter(|folded| !folded.contains(forbidden_in_local))
    } else {
        stable(raw, |text| precis_local(text).or_else(|| prepared_local(text)))
    };
    bounded(local, JidError::BadLocal)
}

/// The canonical resourcepart.
pub(super) fn resource(raw: &str) -> Result<Cow<'_, str>, JidError> {
    check_length(raw, JidError::EmptyResource)?;
    let resource = if raw.is_ascii() {
        Some(Cow::Borrowed(raw)).filter(|raw| !raw.contains(|c: char| c.is_ascii_control()))
    } else {
        stable(raw, |text| precis_resource(text).or_else(|| resourceprep(text).map(Cow::Owned)))
    };
    bounded(resource, JidError::BadResource)
}

/// The canonical domainpart: lower case, Unicode labels, no trailing dot, or an IP address.
pub(super) fn domain(raw: &str) -> Result<Cow<'_, str>, JidError> {
    check_length(raw, JidError::EmptyDomain)?;
    if raw.len() > PART_BYTES + 1 {
        return Err(JidError::TooLong);
    }
    if let Some(address) = raw.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr = address.parse().map_err(|_| JidError::BadDomain)?;
        return Ok(format!("[{address}]").into());
    }
    let host = if raw.is_ascii() && !has_a_label(raw) { fold_ascii(raw) } else { unicode_labels(raw)? };
    let host = without_trailing_dot(host);
    if host.is_empty() {
        return Err(JidError::EmptyDomain);
    }
    check_host(&host)?;
    Ok(host)
}

fn check_length(raw: &str, when_empty: JidError) -> Result<(), JidError> {
    match raw.len() {
        0 => Err(when_empty),
        1..=RAW_BYTES => Ok(()),
        _ => Err(JidError::TooLong),
    }
}

fn check_host(host: &str) -> Result<(), JidError> {
    let allowed = |c: char| !c.is_ascii() || matches!(c, 'a'..='z' | '0'..='9' | '.' | '-' | '_');
    if !host.chars().all(allowed) || host.split('.').any(str::is_empty) {
        return Err(JidError::BadDomain);
    }
    let ascii = ascii_labels(host)?;
    if host.len() > PART_BYTES || ascii.len() > DOMAIN_BYTES { Err(JidError::TooLong) } else { Ok(()) }
}

fn ascii_labels(host: &str) -> Result<Cow<'_, str>, JidError> {
    if host.is_ascii() {
        return Ok(Cow::Borrowed(host));
    }
    let ascii = Uts46::new().to_ascii(host.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow, DnsLength::Ignore);
    ascii.map_err(|_| JidError::BadDomain)
}

fn unicode_labels(raw: &str) -> Result<Cow<'_, str>, JidError> {
    let (host, verdict) = Uts46::new().to_unicode(raw.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow);
    verdict.map(|()| host).map_err(|_| JidError::BadDomain)
}

fn has_a_label(host: &str) -> bool {
    host.split('.').any(|label| label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--")))
}

fn without_trailing_dot(host: Cow<'_, str>) -> Cow<'_, str> {
    match host {
        Cow::Borrowed(host) => Cow::Borrowed(host.strip_suffix('.').unwrap_or(host)),
        Cow::Owned(mut host) => {
            if host.ends_with('.') {
                host.pop();
            }
            Cow::Owned(host)
        }
    }
}

fn fold_ascii(raw: &str) -> Cow<'_, str> {
    let upper = raw.bytes().any(|byte| byte.is_ascii_uppercase());
    if upper { raw.to_ascii_lowercase().into() } else { raw.into() }
}

fn bounded<'a>(part: Option<Cow<'a, str>>, otherwise: JidError) -> Result<Cow<'a, str>, JidError> {
    match part {
        Some(part) if part.len() > PART_BYTES => Err(JidError::TooLong),
        Some(part) if !part.is_empty() => Ok(part),
        _ => Err(otherwise),
    }
}

/// Applies the rules until they change nothing: what one of them maps may be mapped again by the other, and a
/// canonical address must be its own canonical form.
fn stable<'a>(raw: &'a str, rules: impl Fn(&str) -> Option<Cow<'_, str>>) -> Option<Cow<'a, str>> {
    let mut text = Cow::Borrowed(raw);
    for _ in 0..ROUNDS {
        let next = rules(&text)?;
        // What is too long already does not become shorter.
        if next == text || next.len() > PART_BYTES {
            return Some(Cow::Owned(next.into_owned()));
        }
        text = Cow::Owned(next.into_owned());
    }
    None
}

/// The PRECIS form of a localpart (RFC 7622 §3.3).
pub(super) fn precis_local(text: &str) -> Option<Cow<'_, str>> {
    precis_reads(text)?;
    UsernameCaseMapped::enforce(text).ok().filter(|local| !local.contains(forbidden_in_local))
}

/// The PRECIS form of a resourcepart (RFC 7622 §3.4).
fn precis_resource(text: &str) -> Option<Cow<'_, str>> {
    precis_reads(text)?;
    OpaqueString::enforce(text).ok()
}

/// Some characters are judged by their company (RFC 5892 appendix A), and for each of them the whole text is looked
/// through. No real name has many; a name that has is left to stringprep, or reading it would take milliseconds.
fn precis_reads(text: &str) -> Option<()> {
    let judged_by_company = |c: &char| {
        matches!(c, '\u{b7}' | '\u{375}' | '\u{5f3}' | '\u{5f4}' | '\u{660}'..='\u{669}' | '\u{6f0}'..='\u{6f9}')
            || matches!(c, '\u{200c}' | '\u{200d}' | '\u{30fb}')
    };
    (text.chars().filter(judged_by_company).count() <= COMPANY_CHARS).then_some(())
}

/// The stringprep form of a localpart (RFC 6122 §2.3).
fn prepared_local(text: &str) -> Option<Cow<'_, str>> {
    nodeprep(text).filter(|local| !local.contains(forbidden_in_local)).map(Cow::Owned)
}
