//! The hash functions of SCRAM, behind one face.

use hmac::{EagerHash, Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroize;

/// The longest output of any of the functions, in bytes.
const LONGEST: usize = 32;

/// A hash function that SCRAM may use here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hash {
    /// SHA-1 (RFC 5802); old, but sound in this use, and what every client has.
    Sha1,
    /// SHA-256 (RFC 7677).
    Sha256,
}

impl Hash {
    /// Every function, the best first.
    pub const ALL: [Hash; 2] = [Hash::Sha256, Hash::Sha1];

    /// The bytes of an output.
    pub(super) const fn size(self) -> usize {
        match self {
            Hash::Sha1 => 20,
            Hash::Sha256 => 32,
        }
    }

    /// H(data).
    pub(super) fn digest(self, data: &[u8]) -> Key {
        match self {
            Hash::Sha1 => Key::new(&Sha1::digest(data)),
            Hash::Sha256 => Key::new(&Sha256::digest(data)),
        }
    }

    /// HMAC(key, the parts joined).
    pub(super) fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Key {
        match self {
            Hash::Sha1 => hmac::<Sha1>(key, parts),
            Hash::Sha256 => hmac::<Sha256>(key, parts),
        }
    }

    /// Hi(password, salt, iterations): PBKDF2 with one block of output. Slow on purpose.
    pub(super) fn stretch(self, password: &[u8], salt: &[u8], iterations: u32) -> Key {
        let mut key = Key { bytes: [0; LONGEST], size: self.size() };
        let out = &mut key.bytes[..key.size];
        match self {
            Hash::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, iterations, out),
            Hash::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, out),
        }
        key
    }
}

fn hmac<D: EagerHash>(key: &[u8], parts: &[&[u8]]) -> Key
where
    Hmac<D>: Mac + KeyInit,
{
    let Ok(mut mac) = <Hmac<D> as KeyInit>::new_from_slice(key) else {
        unreachable!("HMAC takes keys of any length");
    };
    for part in parts {
        mac.update(part);
    }
    Key::new(&mac.finalize().into_bytes())
}

/// The output of a hash function; wiped when dropped, compared in constant time.
#[derive(Clone)]
pub(super) struct Key {
    bytes: [u8; LONGEST],
    size: usize,
}

impl Drop for Key {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl Key {
    /// Takes over bytes; more than [`LONGEST`] are cut off, which no function here yields.
    pub(super) fn new(from: &[u8]) -> Key {
        let size = from.len().min(LONGEST);
        let mut bytes = [0; LONGEST];
        bytes[..size].copy_from_slice(&from[..size]);
        Key { bytes, size }
    }

    /// A key of exactly the size that this function yields.
    pub(super) fn exactly(hash: Hash, from: &[u8]) -> Option<Key> {
        (from.len() == hash.size()).then(|| Key::new(from))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.size]
    }

    pub(super) fn xor(&self, other: &Key) -> Key {
        let mut out = self.clone();
        out.bytes.iter_mut().zip(other.bytes).for_each(|(byte, with)| *byte ^= with);
        out
    }

    pub(super) fn ct_eq(&self, other: &Key) -> Choice {
        self.as_bytes().ct_eq(other.as_bytes())
    }
}
