//! The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), right or wrong in a way of one's choice.

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Our part of the nonce; fixed, so that a case can repeat it.
const NONCE: &str = "hostile0123456789";

/// One exchange.
#[derive(Default)]
pub(super) struct Scram {
    last: Vec<u8>,
}

impl Scram {
    /// What stands for `scram …` in a case: a message, still without base64.
    ///
    /// `first` begins an exchange, `final` answers the challenge; `final` may be followed by what is wrong with it.
    pub(super) fn message(
        &mut self,
        what: &str,
        user: &str,
        password: &str,
        challenge: Option<&str>,
    ) -> Result<Vec<u8>> {
        let bare = format!("n={user},r={NONCE}");
        if what == "first" {
            return Ok(format!("n,,{bare}").into_bytes());
        }
        if what == "final again" {
            return Ok(self.last.clone());
        }
        let challenge = challenge.context("no challenge was heard")?;
        let challenge = String::from_utf8(STANDARD.decode(challenge).context("the challenge is not base64")?)?;
        let field = |name: &str| {
            let found = challenge.split(',').find_map(|pair| pair.strip_prefix(name));
            found.with_context(|| format!("no {name} in {challenge}"))
        };
        let (nonce, salt, iterations) = (field("r=")?, STANDARD.decode(field("s=")?)?, field("i=")?.parse()?);
        let (binding, nonce, password) = match what {
            "final" | "final without proof" | "final with half a proof" | "final with an extension" => {
                ("biws", nonce.to_owned(), password)
            }
            "final with another nonce" => ("biws", format!("{nonce}x"), password),
            "final with our nonce only" => ("biws", NONCE.to_owned(), password),
            "final with another header" => ("eSws", nonce.to_owned(), password),
            "final of another password" => ("biws", nonce.to_owned(), "wrong"),
            other => bail!("scram {other} means nothing"),
        };
        let plain = format!("c={binding},r={nonce}");
        let proof = proof(password, &salt, iterations, &format!("{bare},{challenge},{plain}"))?;
        self.last = match what {
            "final without proof" => plain,
            "final with half a proof" => format!("{plain},p={}", STANDARD.encode(&proof[..16])),
            "final with an extension" => format!("{plain},m=mandatory,p={}", STANDARD.encode(&proof)),
            _ => format!("{plain},p={}", STANDARD.encode(&proof)),
        }
        .into_bytes();
        Ok(self.last.clone())
    }
}

fn proof(password: &str, salt: &[u8], iterations: u32, message: &str) -> Result<Vec<u8>> {
    let mut salted = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), salt, iterations, &mut salted);
    let key = hmac(&salted, b"Client Key")?;
    let stored = Sha256::digest(&key);
    let signature = hmac(&stored, message.as_bytes())?;
    Ok(key.iter().zip(signature).map(|(key, sign)| key ^ sign).collect())
}

fn hmac(key: &[u8], text: &[u8]) -> Result<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)?;
    mac.update(text);
    Ok(mac.finalize().into_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677 §3
    #[test]
    fn the_example_of_the_standard() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let message = "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                       s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let proof = proof("pencil", &salt, 4096, message).unwrap();
        assert_eq!(STANDARD.encode(proof), "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    }
}
