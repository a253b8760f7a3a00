//! A relay of bytes between two connections. The heart opens no socket: `net` has the connections, and an extension says which two belong together.
use std::net::SocketAddr;
use xmpp::Jid;

/// Joins connections that have asked for the same destination (XEP-0065 §6).
pub trait Relay: Send + Sync {
    /// Joins the two connections that wait for `destination`, at the cost of `account`.
    ///
    /// # Errors
    /// Why they are not joined; then nothing is changed.
    fn activate(&self, destination: &str, account: &Jid) -> Result<(), RelayError>;

    /// Where clients connect to. `None`: nowhere now.
    fn address(&self) -> Option<SocketAddr>;
}

/// Why two connections were not joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// Nobody waits for this destination.
    #[error("nobody waits for this destination")]
    Nobody,
    /// Only one of the two is there.
    #[error("only one side is connected")]
    Alone,
    /// The account has as many streams, or has sent as many bytes, as it may.
    #[error("the account has used up what it may relay")]
    UsedUp,
}
