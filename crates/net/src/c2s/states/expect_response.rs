//! Expecting a client's answer to a SASL challenge.

use xml::Element;
use xmpp::sasl::Failure;
use xmpp::{Condition, ns};

use super::{End, ExpectFeature, Next, State, unexpected};
use crate::c2s::party::Party;
use crate::c2s::sasl::Exchange;
use crate::nonza;

/// A modern stream in the middle of a login.
pub(in crate::c2s) struct ExpectResponse {
    /// Where a failure leads back to.
    pub(super) back: ExpectFeature,
    pub(super) exchange: Exchange,
}

impl ExpectResponse {
    pub(super) async fn handle(self, party: &Party, element: &Element, out: &mut Vec<u8>) -> Result<Next, End> {
        let root = element.root();
        if nonza::is_wish(root) {
            // XEP-0198 §3: not before the login; that goes on.
            nonza::write_failed(Condition::UnexpectedRequest, None, out);
            return Ok(Next::State(State::Response(self)));
        }
        let mechanism = self.exchange.mechanism();
        let turn = match (root.ns(), root.name()) {
            (ns::SASL, "response") => self.exchange.answer(party, &self.back.host, &root.text()).await,
            (ns::SASL, "abort") => Err(Failure::Aborted),
            (ns::SASL, _) => Err(Failure::MalformedRequest),
            _ => return Err(unexpected(element).into()),
        };
        self.back.follow(party, mechanism, turn, out).await
    }
}
