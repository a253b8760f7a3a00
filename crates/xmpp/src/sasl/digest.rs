//! The digest of 2000: SHA-1 over the stream's id and the password, in hex (XEP-0078 §3.2).
//!
//! To check it the server must know the password itself, so an account takes part only if its owner agreed.

use std::fmt;

use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use super::binding::same;

/// The digest that a client sends, in lower case. `stream_id` is exactly the one in our header.
pub fn digest(stream_id: &str, password: &str) -> String {
    let hash = Sha1::new().chain_update(stream_id).chain_update(password).finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A password kept as it is, for accounts that opted into the logins of 2000. Wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct ClearPassword(Zeroizing<String>);

impl ClearPassword {
    /// Keeps a password.
    pub fn new(password: &str) -> ClearPassword {
        ClearPassword(Zeroizing::new(password.to_owned()))
    }

    /// The password, for the store and nobody else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether a client that sent this digest on this stream knows the password. Case does not matter.
    pub fn fits_digest(&self, stream_id: &str, given: &str) -> bool {
        let given = given.to_ascii_lowercase();
        same(digest(stream_id, &self.0).as_bytes(), given.as_bytes())
    }

    /// Whether this is the password.
    pub fn fits(&self, password: &str) -> bool {
        same(self.0.as_bytes(), password.as_bytes())
    }
}

/// Never the password: this ends in logs.
impl fmt::Debug for ClearPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClearPassword")
    }
}
