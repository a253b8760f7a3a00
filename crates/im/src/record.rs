//! An account as the store has it: its name, and what proves its owner.
use crate::credentials::{Credentials, NewCredentials};
use serde::{Deserialize, Serialize};
use xmpp::Timestamp;
use xmpp::sasl::{ScramKeys, ZeroK};

/// An account as it is stored.
#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct Record {
    /// The name as its owner wrote it at registration.
    spelling: String,
    /// Milliseconds of Unix time.
    created_ms: i64,
    #[serde(default)]
    /// Each as `ScramKeys` writes itself.
    scram: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// As `ZeroK` writes itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    zero_k: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    disabled: bool,
    /// The account is gone; its name stays reserved.
    #[serde(default, skip_serializing_if = "is_false")]
    removed: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Record {
    pub(crate) fn new(spelling: &str, created: Timestamp) -> Record {
        Record {
            spelling: spelling.to_owned(),
            created_ms: created.as_millis(),
            scram: Vec::new(),
            digest: None,
            zero_k: None,
            disabled: false,
            removed: false,
        }
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.removed
    }

    pub(crate) fn spelling(&self) -> &str {
        &self.spelling
    }

    pub(crate) fn created(&self) -> Timestamp {
        Timestamp::from_millis(self.created_ms)
    }

    /// Nothing is left but the name.
    pub(crate) fn remove(&mut self) {
        self.removed = true;
        self.set(&NewCredentials::default());
    }

    pub(crate) fn set(&mut self, credentials: &NewCredentials) {
        self.scram = credentials.scram.iter().map(ScramKeys::to_record).collect();
        self.digest.clone_from(&credentials.digest);
        self.zero_k = credentials.zero_k.as_ref().map(ZeroK::to_record);
    }

    pub(crate) fn credentials(&self) -> Credentials {
        let scram = self.scram.iter().filter_map(|kept| ScramKeys::from_record(kept)).collect();
        let zero_k = self.zero_k.as_deref().and_then(ZeroK::from_record);
        Credentials { scram, digest: self.digest.clone(), zero_k, disabled: self.disabled }
    }

    /// The password, where it is kept.
    pub(crate) fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    pub(crate) fn set_zero_k(&mut self, chain: &ZeroK) {
        self.zero_k = Some(chain.to_record());
    }

    /// Whether these are its SCRAM keys.
    pub(crate) fn has_keys(&self, keys: &[ScramKeys]) -> bool {
        self.scram.iter().cloned().eq(keys.iter().map(ScramKeys::to_record))
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        // Strings, numbers and bytes: there is nothing in it that could fail to be written.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
