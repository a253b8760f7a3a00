//! The grammar that SCRAM's messages share: `a=value` pairs between commas (RFC 5802 §7).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Longer messages are refused: names have at most 1023 bytes, nonces a few dozen.
pub(super) const LONGEST: usize = 8192;

/// Bytes of our part of a nonce, before base64.
const NONCE_BYTES: usize = 18;

pub(super) fn to_base64(data: &[u8]) -> String {
    STANDARD.encode(data)
}

pub(super) fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Bytes that nobody can guess. Without a source of them no login can be safe, so there is no way on.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Err(error) = getrandom::fill(&mut bytes) {
        unreachable!("the system gives no random bytes: {error}");
    }
    bytes
}

pub(super) fn nonce() -> String {
    to_base64(&random::<NONCE_BYTES>())
}

/// The value of the first pair, if it has this name, and what follows its comma.
pub(super) fn take<'a>(rest: &mut &'a str, name: char) -> Option<&'a str> {
    let value = rest.strip_prefix(name)?.strip_prefix('=')?;
    let (value, after) = match value.split_once(',') {
        Some((_, "")) => return None,
        Some(cut) => cut,
        None => (value, ""),
    };
    *rest = after;
    Some(value)
}

/// Whether this is a list of extensions, which are ignored, or nothing.
pub(super) fn only_extensions(rest: &str) -> bool {
    let extension = |pair: &str| {
        let mut chars = pair.chars();
        chars.next().is_some_and(|c| c.is_ascii_alphabetic()) && chars.next() == Some('=') && chars.next().is_some()
    };
    rest.is_empty() || rest.split(',').all(extension)
}

/// Whether this can be a nonce: printable ASCII without commas.
pub(super) fn is_nonce(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x21..=0x2b | 0x2d..=0x7e))
}

/// Reads a saslname: `=2C` is a comma, `=3D` an equals sign, and no other equals sign may stand there.
pub(super) fn name_from(text: &str) -> Option<String> {
    let mut pieces = text.split('=');
    let mut name = pieces.next()?.to_owned();
    for piece in pieces {
        let (sign, rest) = match piece.split_at_checked(2)? {
            ("2C", rest) => (',', rest),
            ("3D", rest) => ('=', rest),
            _ => return None,
        };
        name.push(sign);
        name.push_str(rest);
    }
    (!name.is_empty() && !name.contains('\0')).then_some(name)
}

/// Writes a saslname.
pub(super) fn name_to(name: &str) -> Cow<'_, str> {
    if name.contains([',', '=']) { name.replace('=', "=3D").replace(',', "=2C").into() } else { name.into() }
}
