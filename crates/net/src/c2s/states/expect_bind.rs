//! Expecting a logged-in client to say what its address shall be, or which session it goes on with.
//!
//! **Source** RFC 6120 §7, XEP-0198 §5. Until then nothing else may be sent (§7.1).

use std::sync::Arc;

use im::{BindError, Dialect, Host, ResumeError};
use xml::{Builder, Element, Node};
use xmpp::{Condition, Jid, StanzaError, StreamError, ns};

use super::{Bound, End, Next, State, unexpected};
use crate::c2s::party::Party;
use crate::c2s::reply;
use crate::nonza::{self, Resume};

/// A modern stream whose account is known.
pub(in crate::c2s) struct ExpectBind {
    pub(super) host: Arc<Host>,
    pub(super) account: Jid,
    pub(super) lang: Option<Arc<str>>,
    /// Wishes to resume that were not granted: each may have had an account woken.
    pub(super) failures: u32,
}

impl ExpectBind {
    pub(super) async fn handle(self, party: &Party, element: &Element, out: &mut Vec<u8>) -> Result<Next, End> {
        let iq = element.root();
        if nonza::is_wish(iq) {
            return self.resume(party, iq, out).await;
        }
        let bind = iq.child(ns::BIND, "bind").filter(|_| iq.is(ns::CLIENT, "iq"));
        let bind = bind.ok_or_else(|| unexpected(element))?;
        if iq.attr("type").as_deref() != Some("set") || iq.attr("id").is_none() {
            return Ok(self.refuse(iq, &StanzaError::bad_request(), out));
        }
        let wish = bind.child(ns::BIND, "resource").map(Node::text).filter(|resource| !resource.is_empty());
        let options = party.door_options(Dialect::X);
        match party.doors.hub().bind(&self.account, wish.as_deref(), options).await {
            Ok(door) => {
                let payload = Builder::new(ns::BIND, "bind").text_child(ns::BIND, "jid", door.jid().as_str());
                reply::write_result(out, iq, Some(&payload.finish()));
                let early = Default::default();
                Ok(Next::Bound(Bound { door, dialect: Dialect::X, host: self.host, lang: self.lang, early }))
            }
            // The account has gone since it logged in.
            Err(BindError::NoAccount) => Err(StreamError::not_authorized().into()),
            Err(error) => Ok(self.refuse(iq, &refusal(&error), out)),
        }
    }

    /// XEP-0198 §5: whoever cannot go on with an earlier session may still bind.
    async fn resume(mut self, party: &Party, wish: Node<'_>, out: &mut Vec<u8>) -> Result<Next, End> {
        let (condition, h) = match nonza::read_resume(wish) {
            // Stanzas are counted once there is a session (§3).
            _ if wish.name() != "resume" => (Condition::UnexpectedRequest, None),
            None => (Condition::BadRequest, None),
            Some(Resume { id, h }) => {
                match party.doors.hub().resume(&self.account, &id, h, party.door_options(Dialect::X)).await {
                    Ok(door) => {
                        let early = Default::default();
                        let (host, lang) = (self.host, self.lang);
                        return Ok(Next::Bound(Bound { door, dialect: Dialect::X, host, lang, early }));
                    }
                    Err(ResumeError::NoAccount) => return Err(StreamError::not_authorized().into()),
                    Err(ResumeError::Stream(error)) => return Err((*error).into()),
                    Err(ResumeError::NotOffered) => (Condition::FeatureNotImplemented, None),
                    Err(ResumeError::NotFound { handled }) => (Condition::ItemNotFound, handled),
                    Err(ResumeError::Fault(fault)) => (fault.tell().condition, None),
                    Err(_) => (Condition::InternalServerError, None),
                }
            }
        };
        self.failures += 1;
        nonza::write_failed(condition, h, out);
        if self.failures >= party.doors.limits().login_attempts {
            return Err(StreamError::policy_violation().with_text("too many failed attempts to resume").into());
        }
        Ok(Next::State(State::Bind(self)))
    }

    fn refuse(self, iq: Node<'_>, error: &StanzaError, out: &mut Vec<u8>) -> Next {
        reply::write_error(out, Dialect::X, iq, error);
        Next::State(State::Bind(self))
    }
}

/// RFC 6120 §7.6.2 and §7.7.2.
fn refusal(error: &BindError) -> StanzaError {
    match error {
        BindError::BadResource => StanzaError::bad_request(),
        BindError::TooManySessions => StanzaError::resource_constraint(),
        BindError::Fault(fault) => fault.tell(),
        _ => StanzaError::internal_server_error(),
    }
}
