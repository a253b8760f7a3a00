//! Expecting a client of 2000 to log in; what it says ahead of that waits for it.
//!
//! **Source** the draft's 3.2 and 4.1.

use std::sync::Arc;

use im::{Dialect, Host};
use xml::Element;
use xmpp::{StanzaError, StreamError};

use super::{Bound, End, Next};
use crate::c2s::early::Early;
use crate::c2s::iq_auth::{self, Answer, Asked};
use crate::c2s::party::Party;
use crate::c2s::{ask, reply};

/// A stream without a version, on which nobody has logged in.
pub(in crate::c2s) struct ExpectLegacyAuth {
    host: Arc<Host>,
    stream_id: String,
    failures: u32,
    questions: u32,
    early: Early,
}

impl ExpectLegacyAuth {
    pub(super) fn new(host: Arc<Host>, stream_id: String) -> ExpectLegacyAuth {
        ExpectLegacyAuth { host, stream_id, failures: 0, questions: 0, early: Early::default() }
    }

    pub(super) async fn handle(mut self, party: &Party, element: Element, out: &mut Vec<u8>) -> Result<Next, End> {
        let iq = element.root();
        let is_auth = iq_auth::is_for(iq, &self.host);
        let is_registration = reply::is_iq_to_host(iq, &self.host) && ask::is_registration(iq);
        if !(is_auth || is_registration) {
            self.early.push(element, party.doors.limits())?;
            return Ok(self.into());
        }
        self.questions += 1;
        if self.questions > party.doors.limits().login_questions {
            return Err(StreamError::policy_violation().into());
        }
        if is_auth { self.log_in(party, &element, out).await } else { self.register(party, &element, out).await }
    }

    async fn log_in(mut self, party: &Party, element: &Element, out: &mut Vec<u8>) -> Result<Next, End> {
        let asked = Asked { party, host: &self.host, stream_id: &self.stream_id, dialect: Dialect::J };
        match asked.answer(element.root(), out).await {
            Answer::Told => Ok(self.into()),
            Answer::Failed => {
                self.failures += 1;
                if self.failures >= party.doors.limits().login_attempts {
                    return Err(StreamError::policy_violation().with_text("too many failed logins").into());
                }
                Ok(self.into())
            }
            Answer::LoggedIn(door) => {
                let early = self.early.into_stanzas();
                Ok(Next::Bound(Bound { door, dialect: Dialect::J, host: self.host, lang: None, early }))
            }
        }
    }

    async fn register(self, party: &Party, element: &Element, out: &mut Vec<u8>) -> Result<Next, End> {
        match ask::as_stranger(party, &self.host, element, Dialect::J).await {
            Some(answer) => crate::dialect::write(Dialect::J, &answer, out),
            None => reply::write_error(out, Dialect::J, element.root(), &StanzaError::feature_not_implemented()),
        }
        Ok(self.into())
    }
}
