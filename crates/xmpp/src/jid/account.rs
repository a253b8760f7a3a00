//! What a new account may be called here, which is less than what an address may hold.

use super::{PART_BYTES, canonical};

/// The longest name of a new account, in code points (section 2.3 of the draft of 2000).
const NAME_CHARS: usize = 255;

/// Why nobody may register this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NewAccountError {
    /// Nothing was given.
    #[error("the name is empty")]
    Empty,
    /// More than 255 characters, or more than 1023 bytes. Never cut: the rest could be somebody else's name.
    #[error("the name is longer than 255 characters")]
    TooLong,
    /// A space, a control character, or one of `: @ < > ' " & /`, or what is no letter, digit or ASCII sign.
    #[error("the name holds a character that a name may not hold")]
    Forbidden,
    /// PRECIS and stringprep read this name differently: others would write to a different account.
    #[error("the name is read differently by old and new programs")]
    Ambiguous,
}

/// The name of an account that may be created, with the spelling its owner gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    local: String,
    spelling: String,
}

impl NewAccount {
    /// Judges a name in any spelling.
    pub fn check(name: &str) -> Result<NewAccount, NewAccountError> {
        if name.is_empty() {
            return Err(NewAccountError::Empty);
        }
        fits(name)?;
        let precis = canonical::precis_local(name).ok_or(NewAccountError::Forbidden)?;
        let stringprep = stringprep::nodeprep(name).map_err(|_| NewAccountError::Ambiguous)?;
        fits(&precis)?;
        if precis != stringprep || canonical::local(&precis).as_deref() != Ok(&*precis) {
            return Err(NewAccountError::Ambiguous);
        }
        Ok(NewAccount { local: precis.into_owned(), spelling: name.to_owned() })
    }

    /// The canonical localpart: the account's key.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The name as it was given, to be shown where people look.
    pub fn spelling(&self) -> &str {
        &self.spelling
    }
}

fn fits(name: &str) -> Result<(), NewAccountError> {
    let long = name.len() > PART_BYTES || name.chars().count() > NAME_CHARS;
    if long { Err(NewAccountError::TooLong) } else { Ok(()) }
}
