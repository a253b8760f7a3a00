//! The server's side of SCRAM: read the client's first message, challenge it, check its answer.
//!
//! Looking up the account's keys comes between the first two, and is the caller's: nothing here waits.

use std::fmt;

use super::binding::{self, Binding, Bindings};
use super::hash::Key;
use super::message::{self, from_base64, to_base64};
use super::{Failure, Mechanism, ScramKeys};

/// What the client said first (`client-first-message`, RFC 5802 §7).
#[derive(Debug, Clone)]
pub struct ClientFirst {
    username: String,
    authzid: Option<String>,
    nonce: String,
    /// The message without its GS2 header.
    bare: String,
    /// What the client must send back as `c=`: the header, and the data of the channel that it was bound to.
    bound: Vec<u8>,
}

impl ClientFirst {
    /// Reads the message. `bindings` are those of this connection; offering any means that -PLUS was offered.
    pub fn read(mechanism: Mechanism, message: &[u8], bindings: &Bindings) -> Result<ClientFirst, Failure> {
        ClientFirst::parse(message, |flag| check_flag(mechanism, flag, bindings))
    }

    fn parse<'b>(
        message: &[u8],
        binding: impl FnOnce(&str) -> Result<&'b [u8], Failure>,
    ) -> Result<ClientFirst, Failure> {
        if message.len() > message::LONGEST {
            return Err(Failure::MalformedRequest);
        }
        let message = std::str::from_utf8(message).map_err(|_| Failure::MalformedRequest)?;
        let (flag, rest) = message.split_once(',').ok_or(Failure::MalformedRequest)?;
        let (authzid, bare) = rest.split_once(',').ok_or(Failure::MalformedRequest)?;
        let header = &message[..message.len() - bare.len()];
        let data = binding(flag)?;
        let authzid = read_authzid(authzid).ok_or(Failure::MalformedRequest)?;
        let (username, nonce) = read_bare(bare).ok_or(Failure::MalformedRequest)?;
        let bound = [header.as_bytes(), data].concat();
        Ok(ClientFirst { username, authzid, nonce, bare: bare.to_owned(), bound })
    }

    /// Who logs in: the account's name, in any spelling.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Whom the client wants to act as, for [`super::authorize`].
    pub fn authzid(&self) -> Option<&str> {
        self.authzid.as_deref()
    }

    /// Answers with the salt of the account's keys, or of [`ScramKeys::fake`] ones.
    pub fn challenge(self, keys: ScramKeys) -> ScramServer {
        self.challenge_with(keys, &message::nonce())
    }

    fn challenge_with(self, keys: ScramKeys, nonce: &str) -> ScramServer {
        let nonce = self.nonce + nonce;
        let challenge = format!("r={nonce},s={},i={}", to_base64(keys.salt()), keys.iterations());
        ScramServer { keys, nonce, bound: self.bound, client_first: self.bare, challenge }
    }
}

/// The data that the client binds to. A client that believes we offer no binding although we do was lied to.
fn check_flag<'b>(mechanism: Mechanism, flag: &str, bindings: &'b Bindings) -> Result<&'b [u8], Failure> {
    match (flag, mechanism.is_plus()) {
        ("n", false) => Ok(&[]),
        ("y", false) if bindings.is_empty() => Ok(&[]),
        ("y", false) => Err(Failure::NotAuthorized),
        (flag, true) => {
            let kind = flag.strip_prefix("p=").and_then(Binding::from_name);
            kind.and_then(|kind| bindings.data(kind)).ok_or(Failure::MalformedRequest)
        }
        _ => Err(Failure::MalformedRequest),
    }
}

fn read_authzid(text: &str) -> Option<Option<String>> {
    match text {
        "" => Some(None),
        text => text.strip_prefix("a=").and_then(message::name_from).map(Some),
    }
}

/// The name and nonce. A mandatory extension (`m=`) comes first and is none that we know.
fn read_bare(bare: &str) -> Option<(String, String)> {
    let mut rest = bare;
    let username = message::name_from(message::take(&mut rest, 'n')?)?;
    let nonce = message::take(&mut rest, 'r').filter(|nonce| message::is_nonce(nonce))?;
    message::only_extensions(rest).then(|| (username, nonce.to_owned()))
}

/// A login that was challenged and waits for the client's proof.
pub struct ScramServer {
    keys: ScramKeys,
    nonce: String,
    bound: Vec<u8>,
    client_first: String,
    challenge: String,
}

impl ScramServer {
    /// The message to send now (`server-first-message`).
    pub fn message(&self) -> &[u8] {
        self.challenge.as_bytes()
    }

    /// Checks the client's proof and returns the message that proves us to it (`server-final-message`).
    pub fn finish(self, answer: &[u8]) -> Result<Vec<u8>, Failure> {
        let (plain, proof) = self.read_answer(answer)?;
        let auth_message = [self.client_first.as_str(), &self.challenge, plain].join(",");
        let client_key = self.keys.client_signature(auth_message.as_bytes()).xor(&proof);
        if !self.keys.fits(&client_key) {
            return Err(Failure::NotAuthorized);
        }
        let signature = self.keys.server_signature(auth_message.as_bytes());
        Ok(format!("v={}", to_base64(signature.as_bytes())).into_bytes())
    }

    /// The answer without its proof, and the proof, if nonce and channel are the right ones.
    fn read_answer<'a>(&self, answer: &'a [u8]) -> Result<(&'a str, Key), Failure> {
        let answer = std::str::from_utf8(answer).ok().filter(|answer| answer.len() <= message::LONGEST);
        let (plain, proof) = answer.and_then(|text| text.rsplit_once(",p=")).ok_or(Failure::MalformedRequest)?;
        let mut rest = plain;
        let (bound, nonce) = message::take(&mut rest, 'c')
            .and_then(|bound| Some((from_base64(bound.as_bytes())?, message::take(&mut rest, 'r')?)))
            .filter(|_| message::only_extensions(rest))
            .ok_or(Failure::MalformedRequest)?;
        let proof = from_base64(proof.as_bytes()).and_then(|proof| Key::exactly(self.keys.hash(), &proof));
        let proof = proof.ok_or(Failure::MalformedRequest)?;
        let right = binding::same(&bound, &self.bound) & binding::same(nonce.as_bytes(), self.nonce.as_bytes());
        if right { Ok((plain, proof)) } else { Err(Failure::NotAuthorized) }
    }
}

/// Never the keys: this ends in logs.
impl fmt::Debug for ScramServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScramServer({:?})", self.keys)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Hash;
    use super::*;

    fn vector(
        mechanism: Mechanism,
        salt: &str,
        server_nonce: &str,
        first: &str,
        challenge: &str,
        answer: &str,
    ) -> String {
        let hash = mechanism.hash().unwrap();
        let keys = ScramKeys::derive(hash, "pencil", &from_base64(salt.as_bytes()).unwrap(), 4096).unwrap();
        let first = ClientFirst::read(mechanism, first.as_bytes(), &Bindings::none()).unwrap();
        assert_eq!(first.username(), "user");
        let server = first.challenge_with(keys, server_nonce);
        assert_eq!(server.message(), challenge.as_bytes());
        String::from_utf8(server.finish(answer.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn the_exchange_of_rfc_5802_section_5() {
        let verdict = vector(
            Mechanism::Scram(Hash::Sha1),
            "QSXCR+Q6sek8bf92",
            "3rfcNHYJY1ZVvWVs7j",
            "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        );
        assert_eq!(verdict, "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=");
    }

    #[test]
    fn the_exchange_of_rfc_7677_section_3() {
        let verdict = vector(
            Mechanism::Scram(Hash::Sha256),
            "W22ZaJ0SNY7soEsUEjb6gQ==",
            "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
            "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        );
        assert_eq!(verdict, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }
}
