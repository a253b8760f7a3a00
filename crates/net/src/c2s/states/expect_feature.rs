//! Expecting a modern client's choice: TLS, a SASL mechanism, or one of the questions that need no login.

use std::sync::Arc;

use im::{Dialect, Host};
use xml::{Element, Node};
use xmpp::sasl::Failure;
use xmpp::{Condition, StanzaError, StreamError, ns};

use super::{Bound, End, ExpectHeader, ExpectResponse, Next, State, unexpected};
use crate::c2s::iq_auth::{self, Answer, Asked};
use crate::c2s::party::Party;
use crate::c2s::sasl::{self, Turn};
use crate::c2s::{ask, reply};
use crate::{dialect, nonza};

/// A modern stream on which nobody has logged in.
pub(in crate::c2s) struct ExpectFeature {
    pub(super) host: Arc<Host>,
    stream_id: String,
    lang: Option<Arc<str>>,
    failures: u32,
    sasl_failed: bool,
    questions: u32,
}

impl ExpectFeature {
    pub(super) fn new(host: Arc<Host>, stream_id: String, lang: Option<Arc<str>>) -> ExpectFeature {
        ExpectFeature { host, stream_id, lang, failures: 0, sasl_failed: false, questions: 0 }
    }

    pub(super) async fn handle(mut self, party: &Party, element: &Element, out: &mut Vec<u8>) -> Result<Next, End> {
        let root = element.root();
        match (root.ns(), root.name()) {
            (ns::STARTTLS, "starttls") => start_tls(party, out),
            (ns::SASL, "auth") => {
                let mechanism = root.attr("mechanism").unwrap_or_default();
                let turn = sasl::begin(party, &self.host, &mechanism, &root.text()).await;
                self.follow(party, sasl::known_name(&mechanism), turn, out).await
            }
            (ns::SASL, "abort") => self.follow(party, "-", Err(Failure::Aborted), out).await,
            (ns::SASL, "response") => self.follow(party, "-", Err(Failure::MalformedRequest), out).await,
            (ns::CLIENT, "iq") if reply::is_iq_to_host(root, &self.host) => {
                self.questions += 1;
                if self.questions > party.doors.limits().login_questions {
                    return Err(StreamError::policy_violation().into());
                }
                self.answer(party, element, out).await
            }
            _ if nonza::is_wish(root) => {
                self.questions += 1;
                if self.questions > party.doors.limits().login_questions {
                    return Err(StreamError::policy_violation().into());
                }
                // XEP-0198 §3: not before the login.
                nonza::write_failed(Condition::UnexpectedRequest, None, out);
                Ok(self.into())
            }
            _ => Err(unexpected(element).into()),
        }
    }

    /// Goes where a step of SASL leads.
    pub(super) async fn follow(
        mut self,
        party: &Party,
        mechanism: &'static str,
        turn: Result<Turn, Failure>,
        out: &mut Vec<u8>,
    ) -> Result<Next, End> {
        match turn {
            Ok(Turn::Challenge(message, exchange)) => {
                let text = if message.is_empty() { String::new() } else { xmpp::sasl::encode(&message) };
                sasl::write(out, "challenge", &text);
                Ok(Next::State(State::Response(ExpectResponse { back: self, exchange })))
            }
            Ok(Turn::Success(account, ours)) => {
                sasl::write(out, "success", &ours.map(|ours| xmpp::sasl::encode(&ours)).unwrap_or_default());
                Ok(Next::Restart(ExpectHeader::LoggedIn(self.host, account)))
            }
            Err(failure) => {
                party.login_failed(self.host.name(), mechanism, failure).await;
                sasl::write_failure(out, failure);
                self.sasl_failed = true;
                self.try_again(party)
            }
        }
    }

    async fn answer(self, party: &Party, element: &Element, out: &mut Vec<u8>) -> Result<Next, End> {
        let iq = element.root();
        if iq_auth::is_for(iq, &self.host) && party.listener.iq_auth != crate::IqAuth::Never {
            return self.iq_auth(party, iq, out).await;
        }
        match ask::as_stranger(party, &self.host, element, Dialect::X).await {
            Some(answer) => {
                dialect::write(Dialect::X, &answer, out);
                Ok(self.into())
            }
            None if ask::is_registration(iq) => {
                reply::write_error(out, Dialect::X, iq, &StanzaError::service_unavailable());
                Ok(self.into())
            }
            None => Err(StreamError::not_authorized().into()),
        }
    }

    async fn iq_auth(self, party: &Party, iq: Node<'_>, out: &mut Vec<u8>) -> Result<Next, End> {
        // Who failed with SASL is not let in by a weaker way (XEP-0078 §3).
        if self.sasl_failed {
            return Err(StreamError::policy_violation().into());
        }
        if !party.may_use_iq_auth() {
            reply::write_error(out, Dialect::X, iq, &StanzaError::service_unavailable());
            return Ok(self.into());
        }
        let asked = Asked { party, host: &self.host, stream_id: &self.stream_id, dialect: Dialect::X };
        match asked.answer(iq, out).await {
            Answer::Told => Ok(self.into()),
            Answer::Failed => self.try_again(party),
            Answer::LoggedIn(door) => {
                let early = Default::default();
                Ok(Next::Bound(Bound { door, dialect: Dialect::X, host: self.host, lang: self.lang, early }))
            }
        }
    }

    fn try_again(mut self, party: &Party) -> Result<Next, End> {
        self.failures += 1;
        if self.failures >= party.doors.limits().login_attempts {
            return Err(StreamError::policy_violation().with_text("too many failed logins").into());
        }
        Ok(self.into())
    }
}

/// RFC 6120 §5.4.2: either TLS follows, or the stream ends.
fn start_tls(party: &Party, out: &mut Vec<u8>) -> Result<Next, End> {
    if party.may_start_tls() {
        out.extend_from_slice(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        Ok(Next::Encrypt(ExpectHeader::Encrypted))
    } else {
        out.extend_from_slice(b"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        Err(End::Closed)
    }
}
