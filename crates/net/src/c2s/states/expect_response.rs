//! Expecting a client's answer to a SASL challenge.

use xml::Element;
use xmpp::ns;
use xmpp::sasl::Failure;

use super::{End, ExpectFeature, Next, unexpected};
use crate::c2s::party::Party;
use crate::c2s::sasl::Exchange;

/// A modern stream in the middle of a login.
pub(in crate::c2s) struct ExpectResponse {
    /// Where a failure leads back to.
    pub(super) back: ExpectFeature,
    pub(super) exchange: Exchange,
}

impl ExpectResponse {
    pub(super) async fn handle(self, party: &Party, element: &Element, out: &mut Vec<u8>) -> Result<Next, End> {
        let root = element.root();
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
