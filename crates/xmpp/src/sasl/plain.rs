//! The password, sent as it is (RFC 4616).

use std::fmt;

use super::Failure;

/// What a client sent with PLAIN.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Plain<'a> {
    /// Whom to act as; `None` when it is whom one logs in as.
    pub authzid: Option<&'a str>,
    /// Who logs in: the account's name, in any spelling.
    pub username: &'a str,
    /// The password.
    pub password: &'a str,
}

impl<'a> Plain<'a> {
    /// Reads the decoded message: three texts with a zero byte between.
    pub fn read(message: &'a [u8]) -> Result<Plain<'a>, Failure> {
        let message = std::str::from_utf8(message).map_err(|_| Failure::MalformedRequest)?;
        let mut parts = message.split('\0');
        match [parts.next(), parts.next(), parts.next(), parts.next()] {
            [Some(authzid), Some(username), Some(password), None] if !username.is_empty() && !password.is_empty() => {
                Ok(Plain { authzid: (!authzid.is_empty()).then_some(authzid), username, password })
            }
            _ => Err(Failure::MalformedRequest),
        }
    }

    /// Writes the message, as a client does.
    pub fn message(&self) -> Vec<u8> {
        [self.authzid.unwrap_or_default(), self.username, self.password].join("\0").into_bytes()
    }
}

/// Never the password: this ends in logs.
impl fmt::Debug for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plain({:?}, {:?})", self.authzid, self.username)
    }
}
