//! What goes wrong on our side: logged once with an id, and told to the peer only as that id.
use xmpp::StanzaError;

/// Our own failure: disk, a broken extension, a store that is gone. Never the peer's doing.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The store refused or could not answer.
    #[error("storage: {0}")]
    Store(#[from] store::Error),
    /// What the store gave back could not be understood.
    #[error("stored {what} of {owner} cannot be read: {why}")]
    Unreadable {
        /// The shape's name.
        what: &'static str,
        /// Whose it is.
        owner: String,
        /// The decoder's words.
        why: String,
    },
    /// An extension panicked.
    #[error("extension failed at {at}: {why}")]
    Panic {
        /// The moment or iq at which it happened.
        at: &'static str,
        /// The panic's words.
        why: String,
    },
    /// Another member of the cluster could not do its part.
    #[error("another member: {0}")]
    Elsewhere(String),
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
}

impl Fault {
    /// The home that something is for was nowhere to be found.
    pub(crate) fn moving() -> Fault {
        Fault::Elsewhere("the account's home is being moved".into())
    }

    /// Logs this fault once and gives the stanza error that the peer sees: `internal-server-error` with the fault's id.
    pub fn tell(&self) -> StanzaError {
        // Only to find the line in the log: it need not be unique for ever.
        let id = format!("{:08x}", getrandom::u32().unwrap_or_default());
        tracing::error!(fault = id, error = %self, "fault");
        StanzaError::internal_server_error().with_text(format!("fault {id}"))
    }
}
