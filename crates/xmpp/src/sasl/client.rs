//! The client's side of SCRAM, for the examples, the tests and whoever writes a bot.

use std::fmt;

use zeroize::Zeroizing;

use super::binding::{self, Binding};
use super::hash::{Hash, Key};
use super::message::{self, from_base64, to_base64};
use super::password;

/// More iterations would only burn the client's time.
const MOST_ITERATIONS: u32 = 10_000_000;

/// What the client says about channel binding (the GS2 flag, RFC 5802 §6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gs2 {
    /// `n`: the client cannot bind.
    Unsupported,
    /// `y`: it could, but the server does not offer it.
    NotOffered,
    /// `p`: it binds to the connection with this data; for -PLUS mechanisms.
    Bound(Binding, Vec<u8>),
}

/// Why a login went wrong from the client's view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScramClientError {
    /// The server's message breaks SCRAM's grammar, or its nonce is not ours.
    #[error("the server's message breaks SCRAM's rules")]
    Malformed,
    /// The password cannot be prepared.
    #[error("the password cannot be used")]
    Password,
    /// The server does not know the password either.
    #[error("the server could not prove that it knows the account")]
    WrongServer,
}

/// One login as a client.
pub struct ScramClient {
    hash: Hash,
    password: Zeroizing<String>,
    bare: String,
    nonce: String,
    header: Vec<u8>,
    bound: Vec<u8>,
    /// The signature that the server must send last; known once its challenge was answered.
    expected: Option<Key>,
}

impl ScramClient {
    /// Starts a login. `hash` is that of the mechanism chosen; [`Gs2::Bound`] belongs to the -PLUS ones.
    pub fn new(hash: Hash, username: &str, password: &str, gs2: &Gs2) -> ScramClient {
        ScramClient::with_nonce(hash, username, password, gs2, None, message::nonce())
    }

    /// Starts a login that asks to act as `authzid`.
    pub fn acting_as(hash: Hash, username: &str, password: &str, gs2: &Gs2, authzid: &str) -> ScramClient {
        ScramClient::with_nonce(hash, username, password, gs2, Some(authzid), message::nonce())
    }

    fn with_nonce(
        hash: Hash,
        username: &str,
        password: &str,
        gs2: &Gs2,
        authzid: Option<&str>,
        nonce: String,
    ) -> ScramClient {
        let (flag, data) = match gs2 {
            Gs2::Unsupported => ("n".to_owned(), &[][..]),
            Gs2::NotOffered => ("y".to_owned(), &[][..]),
            Gs2::Bound(binding, data) => (format!("p={}", binding.name()), &data[..]),
        };
        let authzid = authzid.map(|name| format!("a={}", message::name_to(name))).unwrap_or_default();
        let header = format!("{flag},{authzid},").into_bytes();
        let bound = [&header, data].concat();
        let bare = format!("n={},r={nonce}", message::name_to(username));
        ScramClient { hash, password: password.to_owned().into(), bare, nonce, header, bound, expected: None }
    }

    /// The message to send first.
    pub fn first(&self) -> Vec<u8> {
        [&self.header[..], self.bare.as_bytes()].concat()
    }

    /// Answers the server's challenge. Takes milliseconds.
    pub fn answer(&mut self, challenge: &[u8]) -> Result<Vec<u8>, ScramClientError> {
        let challenge = std::str::from_utf8(challenge).map_err(|_| ScramClientError::Malformed)?;
        let (nonce, salt, iterations) = self.read(challenge).ok_or(ScramClientError::Malformed)?;
        let password = password::prepare(&self.password).map_err(|_| ScramClientError::Password)?;
        let plain = format!("c={},r={nonce}", to_base64(&self.bound));
        let auth_message = [&self.bare, challenge, &plain].join(",").into_bytes();

        let salted = self.hash.stretch(password.as_bytes(), &salt, iterations);
        let client_key = self.hash.hmac(salted.as_bytes(), &[b"Client Key"]);
        let stored_key = self.hash.digest(client_key.as_bytes());
        let proof = client_key.xor(&self.hash.hmac(stored_key.as_bytes(), &[&auth_message]));
        let server_key = self.hash.hmac(salted.as_bytes(), &[b"Server Key"]);
        self.expected = Some(self.hash.hmac(server_key.as_bytes(), &[&auth_message]));
        Ok(format!("{plain},p={}", to_base64(proof.as_bytes())).into_bytes())
    }

    fn read<'a>(&self, challenge: &'a str) -> Option<(&'a str, Vec<u8>, u32)> {
        let mut rest = challenge;
        let nonce = message::take(&mut rest, 'r')?;
        let ours = nonce.starts_with(&self.nonce) && nonce.len() > self.nonce.len() && message::is_nonce(nonce);
        let salt = from_base64(message::take(&mut rest, 's')?.as_bytes())?;
        let iterations = message::take(&mut rest, 'i')?.parse().ok()?;
        let right = ours && (1..=MOST_ITERATIONS).contains(&iterations) && message::only_extensions(rest);
        right.then_some((nonce, salt, iterations))
    }

    /// Checks the server's last message: only who knows the account's keys can send it.
    pub fn finish(&self, verdict: &[u8]) -> Result<(), ScramClientError> {
        let signature = verdict.strip_prefix(b"v=").and_then(from_base64).ok_or(ScramClientError::Malformed)?;
        let expected = self.expected.as_ref().ok_or(ScramClientError::Malformed)?;
        let right = binding::same(&signature, expected.as_bytes());
        if right { Ok(()) } else { Err(ScramClientError::WrongServer) }
    }
}

/// Never the password: this ends in logs.
impl fmt::Debug for ScramClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScramClient({:?})", self.hash)
    }
}
