//! What a client of 2000 sends ahead of its login, kept in order until it is somebody.
//!
//! **Keeps** at most `early_stanzas` stanzas of `early_bytes` bytes together; more ends the stream.

use std::collections::VecDeque;

use xml::Element;
use xmpp::StreamError;

use crate::Limits;

/// The waiting stanzas of one stream.
#[derive(Default)]
pub(super) struct Early {
    stanzas: VecDeque<Element>,
    bytes: usize,
}

impl Early {
    /// Keeps one more.
    pub(super) fn push(&mut self, element: Element, limits: &Limits) -> Result<(), StreamError> {
        self.bytes += element.bytes().len();
        if self.stanzas.len() >= limits.early_stanzas || self.bytes > limits.early_bytes {
            return Err(StreamError::policy_violation().with_legacy_text("Timeout waiting for authentication"));
        }
        self.stanzas.push_back(element);
        Ok(())
    }

    /// Everything that waited, in order.
    pub(super) fn into_stanzas(self) -> VecDeque<Element> {
        self.stanzas
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stanza(bytes: usize) -> Element {
        let text = format!("<message>{}</message>", "x".repeat(bytes - "<message></message>".len()));
        Element::parse(text.as_bytes(), &xml::Limits::default()).unwrap()
    }

    /// T-3.2.3
    #[test]
    fn is_bounded_in_number_and_bytes() {
        let limits = Limits { early_stanzas: 3, early_bytes: 300, ..Limits::default() };
        let mut early = Early::default();
        for _ in 0..3 {
            early.push(stanza(50), &limits).unwrap();
        }
        assert!(early.push(stanza(50), &limits).is_err());
        let mut early = Early::default();
        early.push(stanza(200), &limits).unwrap();
        assert!(early.push(stanza(101), &limits).is_err());
    }
}
