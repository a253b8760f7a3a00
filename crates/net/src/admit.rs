//! Stop 2 of a stanza's way: an element becomes a stanza that the heart may see, or is answered at the door.
//!
//! **Source** RFC 6120 §8; §8.1.2.1 for `from`, §8.1.5 for the language. **Refuses** what is malformed with a stanza error, a foreign `from` and
//! unknown elements with a stream error; a J-stream is forgiven both.

use std::collections::VecDeque;
use std::sync::Arc;

use im::{Dialect, Door, Host, Signal};
use xml::{Element, Node};
use xmpp::stanza::{Fault, ReadError};
use xmpp::{IqType, Jid, Kind, Stanza, StanzaError, StreamError, ns};

use crate::dialect;
use crate::nonza::{self, Said};

/// What became of an element.
pub(crate) enum Admitted {
    /// A stanza: it is among the others.
    Stanza,
    /// A word of the stream: it is to be carried out after what came before it.
    Signal(Signal),
    /// It was answered at the door.
    Nothing,
    /// The client has said why it ends its stream: that is its goodbye (RFC 6120 §4.9.1.1).
    Goodbye,
}

/// A session as its own stanzas see it.
pub(crate) struct Admission<'a> {
    pub(crate) door: &'a Door,
    pub(crate) dialect: Dialect,
    pub(crate) host: &'a Host,
    /// The language of stanzas that do not say theirs.
    pub(crate) lang: Option<&'a Arc<str>>,
}

impl Admission<'_> {
    /// Lets one element in among the `admitted`, or says what else is to be done. The error ends the stream.
    #[inline]
    pub(crate) fn admit(
        &self,
        element: Element,
        admitted: &mut VecDeque<Stanza>,
        out: &mut Vec<u8>,
    ) -> Result<Admitted, StreamError> {
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
            None => {
                admitted.push_back(stanza);
                Ok(Admitted::Stanza)
            }
            Some(answer) => Ok(self.settled(answer)),
        }
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

    fn refuse(&self, unread: &ReadError, out: &mut Vec<u8>) -> Result<Admitted, StreamError> {
        match unread.fault {
            Fault::NotAStanza if dialect::is_stream_error(unread.element.root()) => Ok(Admitted::Goodbye),
            Fault::NotAStanza if self.dialect == Dialect::X => match nonza::read(&unread.element) {
                Some(said) => match said? {
                    Said::Signal(signal) => Ok(Admitted::Signal(signal)),
                    Said::Refused(condition) => {
                        nonza::write_failed(condition, None, out);
                        Ok(Admitted::Nothing)
                    }
                },
                None => Err(StreamError::unsupported_stanza_type()),
            },
            Fault::NotAStanza => {
                dialect::bounce_unknown(&unread.element, out);
                Ok(Admitted::Nothing)
            }
            Fault::BadFrom(_) => Err(StreamError::invalid_from()),
            Fault::BadTo(_) | Fault::BadType => Ok(self.settled(unread.reply())),
        }
    }

    /// Settled here: the answer comes from the host, and counts as the session's.
    fn settled(&self, answer: Option<Stanza>) -> Admitted {
        Admitted::Signal(Signal::Settled(answer.map(|mut answer| {
            answer.set_from(self.host.name().clone());
            answer.set_to(Some(self.door.jid().clone()));
            Box::new(answer)
        })))
    }
}
