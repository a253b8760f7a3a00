//! A client comes back to a session that has lost its connection (XEP-0198 §5).
use crate::door::{DoorOptions, Near};
use crate::fault::Fault;
use crate::hub::Hub;
use std::future::poll_fn;
use xmpp::{Jid, StreamError};

/// Why a session cannot be resumed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// There is no such account, or it may not log in.
    #[error("no such account")]
    NoAccount,
    /// Sessions are not resumed here.
    #[error("sessions are not resumed here")]
    NotOffered,
    /// This account has no such session: it never had, or the client comes too late.
    #[error("no such session")]
    NotFound {
        /// How many stanzas of the client were handled, modulo 2^32, if that is still known.
        handled: Option<u32>,
    },
    /// The stream has to end.
    #[error("the stream has to end")]
    Stream(Box<StreamError>),
    /// Our own failure.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<StreamError> for ResumeError {
    fn from(error: StreamError) -> ResumeError {
        ResumeError::Stream(Box::new(error))
    }
}

impl Hub {
    /// [`Hub::resume`] at the account's home.
    pub(crate) async fn resume_here(
        &self,
        account: &Jid,
        id: &str,
        h: u32,
        options: DoorOptions,
    ) -> Result<Near, ResumeError> {
        if self.limits().hibernate_s == 0 || !options.may_resume() {
            return Err(ResumeError::NotOffered);
        }
        let home = self.wake(account).await?.ok_or(ResumeError::NoAccount)?;
        let (session, number) = home.with(self, |within| within.take_over(id, h))?;
        // From here on the door is responsible: when the client goes away meanwhile, the session sleeps again.
        let door = Near::new(self.clone(), session.clone(), number);
        let handled = poll_fn(|cx| session.poll_handled(number, cx)).await.ok_or_else(StreamError::conflict)?;
        home.with(self, |within| within.wake_up(&session, h, handled))?;
        Ok(door)
    }
}
