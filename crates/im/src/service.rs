//! Services that a host has beside itself: one list, from which every protocol of discovery is answered.
use xmpp::Jid;

/// Something with an address of its own that people may use: a gateway, a directory, a place for rooms or files.
///
/// Its category and type are those of service discovery's registry (XEP-0030 §3.1); what older protocols called it follows from these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Where it is.
    pub jid: Jid,
    /// Its name for people.
    pub name: String,
    /// The category of its identity: "gateway", "directory", "conference", "store", …
    pub category: &'static str,
    /// The type of its identity: "icq", "user", "text", "file", …
    pub kind: String,
    /// What it supports.
    pub features: Vec<String>,
    /// For a gateway: what people are asked for when they add a contact there ("Enter ID").
    pub prompt: Option<String>,
}

impl Service {
    /// Whether it supports this.
    pub fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|known| known == feature)
    }
}
