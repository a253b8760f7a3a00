//! Stop 2 of a stanza's way: an element becomes a stanza that the heart may see, or is answered at the door.
//!
//! **Source** RFC 6120 §8; §8.1.2.1 for `from`, §8.1.5 for the language. **Refuses** what is malformed with a stanza error, a foreign `from` and
//! unknown elements with a stream error; a J-stream is forgiven both.

use std::sync::Arc;

use im::{Dialect, Door, Host};
use xml::{Element, Node};
use xmpp::stanza::{Fault, ReadError};
use xmpp::{IqType, Jid, Kind, Stanza, StanzaError, StreamError, ns};

use crate::dialect;

/// A session as its own stanzas see it.
pub(crate) struct Admission<'a> {
    pub(crate) door: &'a Door,
    pub(crate) dialect: Dialect,
    pub(crate) host: &'a Host,
    /// The language of stanzas that do not say theirs.
    pub(crate) lang: Option<&'a Arc<str>>,
}

impl Admission<'_> {
    /// Lets one element in among the `admitted`, or answers it into `out`. The error ends the stream.
    #[inline]
    pub(crate) fn admit(
        &self,
        element: Element,
        admitted: &mut Vec<Stanza>,
        out: &mut Vec<u8>,
    ) -> Result<(), StreamError> {
        let mut stanza = match dialect::read(self.dialect, element, self.host) {
            Ok(stanza) => stanza,
            Err(unread) => return self.refuse(&unread, out),
        };
        if self.dialect == Dialect::X && !self.is_own(stanza.from()) {
            return Err(StreamError::invalid_from());
        }
        if let Some(lang) = self.lang {
            stanza.stamp_lang(lang);
        }
        match if stanza.kind() == Kind::Iq { self.settle(&stanza) } else { None } {
            None => admitted.push(stanza),
            Some(answer) => answer.into_iter().for_each(|answer| self.reply(answer, out)),
        }
        Ok(())
    }

    fn is_own(&self, from: Option<&Jid>) -> bool {
        let own = self.door.jid();
        from.is_none_or(|from| from == own || from.as_str() == own.bare_str())
    }

    /// Settles here what the heart need not see: an iq of wrong form, and what belongs to a stream's beginning. Inside
    /// is the answer, if it may have one.
    fn settle(&self, iq: &Stanza) -> Option<Option<Stanza>> {
        if let Err(error) = iq.check_iq(self.dialect == Dialect::X) {
            return Some(iq.may_be_answered().then(|| iq.error(&error)));
        }
        if iq.iq_type() != Some(IqType::Set) || iq.to().is_some_and(|to| to != self.host.name()) {
            return None;
        }
        match iq.payload().map(Node::ns)? {
            ns::SESSION => Some(Some(iq.result())),
            ns::BIND => Some(Some(iq.error(&StanzaError::not_allowed()))),
            _ => None,
        }
    }

    fn refuse(&self, unread: &ReadError, out: &mut Vec<u8>) -> Result<(), StreamError> {
        match unread.fault {
            Fault::NotAStanza => dialect::bounce_unknown(self.dialect, &unread.element, out),
            Fault::BadFrom(_) => Err(StreamError::invalid_from()),
            Fault::BadTo(_) | Fault::BadType => {
                if let Some(answer) = unread.reply() {
                    self.reply(answer, out);
                }
                Ok(())
            }
        }
    }

    /// Answers straight onto the stream, from the host to the session.
    fn reply(&self, mut answer: Stanza, out: &mut Vec<u8>) {
        answer.set_from(self.host.name().clone());
        answer.set_to(Some(self.door.jid().clone()));
        dialect::write(self.dialect, &answer, out);
    }
}
