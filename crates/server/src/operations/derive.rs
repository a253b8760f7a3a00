//! From passwords to SCRAM keys, on all cores: slow by design, so never inside the server.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use im::{LegacyCredentials, NewCredentials};
use parking_lot::Mutex;
use xmpp::sasl::{Hash, ScramKeys};

use super::Proof;

/// One password to work on.
pub struct Secret {
    /// The password.
    pub password: String,
    /// What is kept beside SCRAM keys, for the logins of 2000.
    pub keep: LegacyCredentials,
}

/// Derives the keys of every password, in the order given; a password that no client could send is an error sentence.
pub fn derive(secrets: &[Secret]) -> Vec<Result<Proof, String>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(secrets.len()));
    let work = || {
        while let Some((n, secret)) = {
            let n = next.fetch_add(1, Ordering::Relaxed);
            secrets.get(n).map(|secret| (n, secret))
        } {
            let proof = one(secret);
            done.lock().push((n, proof));
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(secrets.len().max(1));
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let mut done = done.into_inner();
    done.sort_by_key(|(n, _)| *n);
    done.into_iter().map(|(_, proof)| proof).collect()
}

fn one(secret: &Secret) -> Result<Proof, String> {
    let record = |hash| {
        ScramKeys::generate(hash, &secret.password, ScramKeys::ITERATIONS)
            .map(|keys| keys.to_record())
            .map_err(|error| format!("the password cannot be used: {error}"))
    };
    let scram = vec![record(Hash::Sha1)?, record(Hash::Sha256)?];
    let kept = NewCredentials::default().keeping(secret.keep, &secret.password);
    Ok(Proof { scram, digest: kept.digest, zero_k: kept.zero_k.map(|chain| chain.to_record()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_passwords_is_kept() {
        let keep = |n| LegacyCredentials::ALL.get(n).copied().unwrap_or_default();
        let secrets: Vec<Secret> = (0..20).map(|n| Secret { password: format!("secret {n}"), keep: keep(n) }).collect();
        for (n, proof) in derive(&secrets).into_iter().enumerate() {
            let proof = proof.unwrap();
            let keys = ScramKeys::from_record(&proof.scram[1]).unwrap();
            assert!(keys.check_password(&format!("secret {n}")));
            assert_eq!((proof.digest.is_some(), proof.zero_k.is_some()), (n == 2, n == 1 || n == 2));
        }
    }
}
