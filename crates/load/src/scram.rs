//! The client's side of SCRAM-SHA-1 (RFC 5802), with a memory for stretched passwords.
//!
//! Stretching takes the client milliseconds for each account: with thousands of accounts the load would measure itself.
//! `--keys FILE` keeps the results from one run to the next.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};

type Key = [u8; 20];

/// A login that has sent its first message.
pub(crate) struct Exchange {
    bare: String,
    nonce: String,
}

/// Stretched passwords by salt, rounds and password.
pub(crate) struct Keys {
    known: Mutex<HashMap<String, Key>>,
    file: Option<PathBuf>,
}

impl Exchange {
    /// A login of `user`, whose name needs no escaping; `nonce` is never used twice.
    pub(crate) fn new(user: &str, nonce: &str) -> Exchange {
        Exchange { bare: format!("n={user},r={nonce}"), nonce: nonce.to_owned() }
    }

    /// The client's first message.
    pub(crate) fn first(&self) -> String {
        format!("n,,{}", self.bare)
    }

    /// The client's last message, and the server's signature that must answer it.
    pub(crate) fn answer(&self, challenge: &str, password: &str, keys: &Keys) -> Result<(String, Vec<u8>)> {
        let field = |name: &str| {
            let found = challenge.split(',').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
            found.with_context(|| format!("no {name} in the challenge {challenge}"))
        };
        let nonce = field("r")?;
        ensure!(nonce.len() > self.nonce.len() && nonce.starts_with(&self.nonce), "not our nonce: {challenge}");
        let salted = keys.stretched(password, field("s")?, field("i")?.parse().context("the number of rounds")?)?;
        let client_key = hmac(&salted, b"Client Key");
        let without_proof = format!("c=biws,r={nonce}");
        let said = format!("{},{challenge},{without_proof}", self.bare);
        let signature = hmac(&Sha1::digest(client_key), said.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(key, signature)| key ^ signature).collect();
        let expected = hmac(&hmac(&salted, b"Server Key"), said.as_bytes());
        Ok((format!("{without_proof},p={}", BASE64.encode(proof)), expected.to_vec()))
    }
}

impl Keys {
    /// Starts with what an earlier run kept in `file`.
    pub(crate) fn read(file: Option<PathBuf>) -> Keys {
        let text = file.as_ref().and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
        let entry = |line: &str| {
            let (name, key) = line.rsplit_once(' ')?;
            Some((name.to_owned(), BASE64.decode(key).ok()?.try_into().ok()?))
        };
        Keys { known: Mutex::new(text.lines().filter_map(entry).collect()), file }
    }

    /// Keeps what is known for the next run.
    pub(crate) fn keep(&self) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut text = String::new();
        for (name, key) in self.known.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            writeln!(text, "{name} {}", BASE64.encode(key))?;
        }
        // Written aside and then moved, so that nobody reads half of it.
        let aside = file.with_extension("new");
        fs::File::create(&aside)?.write_all(text.as_bytes())?;
        Ok(fs::rename(aside, file)?)
    }

    fn stretched(&self, password: &str, salt: &str, rounds: u32) -> Result<Key> {
        let name = format!("{salt} {rounds} {}", BASE64.encode(password));
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = known().get(&name) {
            return Ok(*key);
        }
        let mut key = Key::default();
        pbkdf2::pbkdf2_hmac::<Sha1>(password.as_bytes(), &BASE64.decode(salt).context("the salt")?, rounds, &mut key);
        known().insert(name, key);
        Ok(key)
    }
}

fn hmac(key: &[u8], text: &[u8]) -> Key {
    // The only error is a key of a wrong length, and HMAC takes every length.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(key) else { return Key::default() };
    mac.update(text);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 5802 §5.
    #[test]
    fn the_example_of_the_rfc() {
        let exchange = Exchange::new("user", "fyko+d2lbbFgONRv9qkxdawL");
        assert_eq!(exchange.first(), "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
        let challenge = "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";
        let keys = Keys::read(None);
        let (last, signature) = exchange.answer(challenge, "pencil", &keys).unwrap();
        assert_eq!(last, "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=");
        assert_eq!(BASE64.encode(signature), "rmF9pqV8S7suAoZWja4dJRkFsKQ=");
        assert!(exchange.answer("r=other,s=QSXCR+Q6sek8bf92,i=4096", "pencil", &keys).is_err());
    }
}
