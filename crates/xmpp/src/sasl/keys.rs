//! What the server keeps instead of a password.

use std::fmt;

use zeroize::Zeroizing;

use super::hash::{Hash, Key};
use super::message::{from_base64, to_base64};
use super::password::{self, PasswordError};

/// Bytes of a new salt.
const SALT_BYTES: usize = 16;

/// Everything that checks a SCRAM login or a plain password, and from which the password cannot be read
/// (RFC 5802 §3).
#[derive(Clone)]
pub struct ScramKeys {
    hash: Hash,
    salt: Vec<u8>,
    iterations: u32,
    stored_key: Key,
    server_key: Key,
}

impl ScramKeys {
    /// The iterations of new keys unless the configuration says otherwise (RFC 7677 §4 asks for at least 4096).
    pub const ITERATIONS: u32 = 10_000;

    /// Derives keys with a fresh salt. Takes milliseconds: not for a thread that serves streams.
    pub fn generate(hash: Hash, password: &str, iterations: u32) -> Result<ScramKeys, PasswordError> {
        ScramKeys::derive(hash, password, &super::message::random::<SALT_BYTES>(), iterations)
    }

    /// Derives keys with this salt. Takes milliseconds.
    pub fn derive(hash: Hash, password: &str, salt: &[u8], iterations: u32) -> Result<ScramKeys, PasswordError> {
        let password = password::prepare(password)?;
        let iterations = iterations.max(1);
        let salted = hash.stretch(password.as_bytes(), salt, iterations);
        let stored_key = hash.digest(hash.hmac(salted.as_bytes(), &[b"Client Key"]).as_bytes());
        let server_key = hash.hmac(salted.as_bytes(), &[b"Server Key"]);
        Ok(ScramKeys { hash, salt: salt.to_vec(), iterations, stored_key, server_key })
    }

    /// Keys for somebody who does not exist, so that logging in looks the same until it fails: the salt is always
    /// the same for a name, and no password fits.
    pub fn fake(hash: Hash, secret: &[u8], username: &str, iterations: u32) -> ScramKeys {
        let tell = |what: &[u8]| hash.hmac(secret, &[what, b"\0", username.as_bytes()]);
        let salt = tell(b"salt").as_bytes()[..SALT_BYTES].to_vec();
        ScramKeys {
            hash,
            salt,
            iterations: iterations.max(1),
            stored_key: tell(b"stored"),
            server_key: tell(b"server"),
        }
    }

    /// The hash function these keys are for.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// How often the password was hashed.
    pub fn iterations(&self) -> u32 {
        self.iterations
    }

    /// Whether this is the password. Takes milliseconds, also when it is not.
    pub fn check_password(&self, password: &str) -> bool {
        let derived = ScramKeys::derive(self.hash, password, &self.salt, self.iterations);
        derived.is_ok_and(|keys| keys.stored_key.ct_eq(&self.stored_key).into())
    }

    pub(super) fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// Whether H(`client_key`) is the stored key.
    pub(super) fn fits(&self, client_key: &Key) -> bool {
        self.hash.digest(client_key.as_bytes()).ct_eq(&self.stored_key).into()
    }

    pub(super) fn client_signature(&self, auth_message: &[u8]) -> Key {
        self.hash.hmac(self.stored_key.as_bytes(), &[auth_message])
    }

    pub(super) fn server_signature(&self, auth_message: &[u8]) -> Key {
        self.hash.hmac(self.server_key.as_bytes(), &[auth_message])
    }

    /// The form in which keys are stored: `SCRAM-SHA-256$4096:salt$stored:server` (RFC 5803).
    pub fn to_record(&self) -> String {
        let [salt, stored, server] =
            [&self.salt[..], self.stored_key.as_bytes(), self.server_key.as_bytes()].map(to_base64);
        format!("{}${}:{salt}${stored}:{server}", scheme(self.hash), self.iterations)
    }

    /// Reads [`ScramKeys::to_record`]'s form.
    pub fn from_record(record: &str) -> Option<ScramKeys> {
        let (name, rest) = record.split_once('$')?;
        let hash = Hash::ALL.into_iter().find(|&hash| scheme(hash) == name)?;
        let (info, value) = rest.split_once('$')?;
        let ((iterations, salt), (stored, server)) = (info.split_once(':')?, value.split_once(':')?);
        let key = |text: &str| Key::exactly(hash, &Zeroizing::new(from_base64(text.as_bytes())?));
        let iterations = iterations.parse().ok().filter(|&count| count > 0)?;
        let salt = from_base64(salt.as_bytes())?;
        Some(ScramKeys { hash, salt, iterations, stored_key: key(stored)?, server_key: key(server)? })
    }
}

fn scheme(hash: Hash) -> &'static str {
    super::Mechanism::Scram(hash).name()
}

/// Never the keys themselves: this ends in logs.
impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScramKeys({:?}, {} iterations)", self.hash, self.iterations)
    }
}
