//! A password in the form in which both sides feed it to the hash functions.

use precis_profiles::OpaqueString;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use zeroize::Zeroizing;

use crate::prep::saslprep;

/// Longer passwords are refused: hashing must cost the same whatever a stranger sends.
const LONGEST: usize = 1023;

/// Why a text cannot be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Nothing was given.
    #[error("the password is empty")]
    Empty,
    /// More than 1023 bytes.
    #[error("the password is longer than 1023 bytes")]
    TooLong,
    /// It holds what neither SASLprep nor OpaqueString accepts, such as control characters.
    #[error("the password holds a character that passwords may not hold")]
    Forbidden,
}

/// Prepares a password: SASLprep, which RFC 5802 asks for and clients apply, else OpaqueString, by which RFC 8265
/// replaced it and which lets writing directions mix.
pub(super) fn prepare(password: &str) -> Result<Zeroizing<String>, PasswordError> {
    match password.len() {
        0 => return Err(PasswordError::Empty),
        1..=LONGEST => {}
        _ => return Err(PasswordError::TooLong),
    }
    let opaque = || OpaqueString::enforce(password).ok().map(Into::into);
    let prepared = Zeroizing::new(saslprep(password).or_else(opaque).ok_or(PasswordError::Forbidden)?);
    if prepared.is_empty() { Err(PasswordError::Forbidden) } else { Ok(prepared) }
}
