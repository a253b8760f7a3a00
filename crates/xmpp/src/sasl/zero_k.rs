//! The zero-knowledge login of 2000 ("0k"): a chain of hashes, of which each login spends the last one that is left.
//!
//! With `H` SHA-1 in lower-case hex, over the text of what it is given: `hash0 = H(H(password) token)`, and each further hash is `H` of the one before.
//! The server keeps `hash(S)`, tells the token and `S - 1`, and is sent `hash(S - 1)`; that is kept from then on. Nobody who listens can use what he
//! heard. It is no stronger than the digest against somebody who has read what the server keeps: guessing costs him some hundred hashes a word.

use std::fmt;

use sha1::{Digest, Sha1};

use super::binding::same;
use super::hash::Hash;
use super::message::random;

/// What the server keeps of a chain.
#[derive(Clone, PartialEq, Eq)]
pub struct ZeroK {
    token: String,
    /// Logins that are left: the number of the hash that is kept.
    left: u32,
    hash: String,
}

impl ZeroK {
    /// The logins of a new chain, as in jabberd 1.x.
    pub const LOGINS: u32 = 500;

    /// Begins a chain with a token of its own.
    pub fn begin(password: &str) -> ZeroK {
        ZeroK::of(password, &hex(&random::<4>()).to_ascii_uppercase(), ZeroK::LOGINS)
    }

    /// The chain of this password and token, with so many logins left.
    pub fn of(password: &str, token: &str, logins: u32) -> ZeroK {
        ZeroK { token: token.to_owned(), left: logins, hash: answer(password, token, logins) }
    }

    /// A chain for somebody who does not exist, the same each time a name is tried; no password fits.
    pub fn fake(secret: &[u8], account: &str) -> ZeroK {
        let tell = Hash::Sha1.hmac(secret, &[b"0k\0", account.as_bytes()]);
        let bytes = tell.as_bytes();
        let number = bytes.iter().skip(4).take(4).fold(0, |number: u32, byte| number << 8 | u32::from(*byte));
        let token = hex(bytes.get(..4).unwrap_or_default()).to_ascii_uppercase();
        ZeroK { token, left: number % ZeroK::LOGINS + 1, hash: String::new() }
    }

    /// What a client is told, `sequence` and `token`; nothing when the chain is used up.
    pub fn offered(&self) -> Option<(u32, &str)> {
        Some((self.left.checked_sub(1)?, &self.token))
    }

    /// Whether every login of it has been used.
    pub fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// The chain after a login with this hash, written as it must be; nothing if it is the wrong one.
    pub fn after(&self, given: &str) -> Option<ZeroK> {
        let left = self.left.checked_sub(1)?;
        let fits = same(step(given).as_bytes(), self.hash.as_bytes());
        fits.then(|| ZeroK { token: self.token.clone(), left, hash: given.to_owned() })
    }

    /// The form in which it is stored: `500:token:hash`.
    pub fn to_record(&self) -> String {
        format!("{}:{}:{}", self.left, self.token, self.hash)
    }

    /// Reads [`ZeroK::to_record`]'s form.
    pub fn from_record(record: &str) -> Option<ZeroK> {
        let (left, rest) = record.split_once(':')?;
        let (token, hash) = rest.split_once(':')?;
        Some(ZeroK { token: token.to_owned(), left: left.parse().ok()?, hash: hash.to_owned() })
    }
}

/// Nothing that could be used: this ends in logs.
impl fmt::Debug for ZeroK {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ZeroK({} left)", self.left)
    }
}

/// What a client that knows the password sends for this token and sequence.
pub fn answer(password: &str, token: &str, sequence: u32) -> String {
    let begin = hex(&Sha1::new().chain_update(step(password)).chain_update(token).finalize());
    (0..sequence).fold(begin, |hash, _| step(&hash))
}

/// One of `choices`, for a name that nobody has: the same each time, and told by nothing that others know.
pub fn draw(secret: &[u8], account: &str, choices: usize) -> usize {
    let told = Hash::Sha1.hmac(secret, &[b"draw\0", account.as_bytes()]);
    usize::from(told.as_bytes().first().copied().unwrap_or_default()) % choices.max(1)
}

fn step(text: &str) -> String {
    hex(&Sha1::digest(text))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
