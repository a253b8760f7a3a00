//! Stanzas that the server itself makes: answers, refusals, and its own.

use xml::{Builder, Element, Limits};

use super::{Form, IqType, MessageType, PresenceType, Stanza};
use crate::{Jid, StanzaError, ns};

/// The largest stanza that goes back with its error.
const ECHOED_BYTES: usize = 4096;

impl Stanza {
    /// A stanza of an element that this server built itself. That it is one is the code's business, so a mistake
    /// shows in tests, and yields an empty message in the field.
    pub fn made(element: Element) -> Stanza {
        let read = Stanza::read(element);
        debug_assert!(read.is_ok(), "{read:?}");
        read.unwrap_or_else(|_| Stanza::message(MessageType::Normal, None, None))
    }

    /// An empty message.
    pub fn message(kind: MessageType, from: Option<Jid>, to: Option<Jid>) -> Stanza {
        let kind_name = (kind != MessageType::Normal).then(|| kind.name());
        Stanza::built(Form::Message(kind), Builder::new(ns::CLIENT, "message").attr_opt("type", kind_name), from, to)
    }

    /// An empty presence.
    pub fn presence(kind: PresenceType, from: Option<Jid>, to: Option<Jid>) -> Stanza {
        let kind_name = (kind != PresenceType::Available).then(|| kind.name());
        Stanza::built(Form::Presence(kind), Builder::new(ns::CLIENT, "presence").attr_opt("type", kind_name), from, to)
    }

    /// A request.
    pub fn iq(kind: IqType, id: &str, from: Option<Jid>, to: Option<Jid>, payload: &Element) -> Stanza {
        let iq = Builder::new(ns::CLIENT, "iq").attr("type", kind.name()).attr("id", id).raw_child(payload);
        Stanza::built(Form::Iq(kind), iq, from, to)
    }

    fn built(form: Form, builder: Builder, from: Option<Jid>, to: Option<Jid>) -> Stanza {
        Stanza { from, to, ..Stanza::bare(&builder.finish(), form) }
    }

    /// The answer to a request that needs no words.
    #[must_use]
    pub fn result(&self) -> Stanza {
        self.answer(IqType::Result, None)
    }

    /// The answer to a request.
    #[must_use]
    pub fn result_with(&self, payload: Element) -> Stanza {
        self.answer(IqType::Result, Some(&payload))
    }

    /// The refusal: addresses swapped, id and children kept, the error last (RFC 6120 §8.3). Whether one may be sent
    /// at all says [`Stanza::may_be_answered`]. A large stanza's children are left out (§8.3.1: they may be), or many that
    /// come back together would bury their sender.
    #[must_use]
    pub fn error(&self, error: &StanzaError) -> Stanza {
        if self.size() > ECHOED_BYTES {
            return self.error_alone(error);
        }
        if self.payload().is_some_and(|payload| payload.ns() == ns::AUTH || payload.ns() == ns::REGISTER) {
            // It may hold a password.
            return self.error_alone(error);
        }
        let mut reply = self.clone();
        reply.set_form(self.form.as_error());
        std::mem::swap(&mut reply.from, &mut reply.to);
        reply.remove(|child| child.is(ns::CLIENT, "error"));
        reply.append(error.to_element());
        reply
    }

    /// The refusal without the original's children: what held a password is not sent back.
    #[must_use]
    pub fn error_alone(&self, error: &StanzaError) -> Stanza {
        let (id, form) = (self.id(), self.form.as_error());
        let reply = Builder::new(ns::CLIENT, self.kind().name()).attr("type", "error").attr_opt("id", id.as_deref());
        Stanza::built(form, reply.raw_child(&error.to_element()), self.to.clone(), self.from.clone())
    }

    /// Replaces all children by one, or by none.
    fn answer(&self, kind: IqType, payload: Option<&Element>) -> Stanza {
        let id = self.id();
        let mut iq = Builder::new(ns::CLIENT, "iq").attr("type", kind.name()).attr_opt("id", id.as_deref());
        if let Some(payload) = payload {
            iq = iq.raw_child(payload);
        }
        Stanza::built(Form::Iq(kind), iq, self.to.clone(), self.from.clone())
    }

    /// The stanza with all its changes as one element, for the archive or to be wrapped into another stanza.
    pub fn to_element(&self) -> Element {
        let mut bytes = Vec::with_capacity(self.size());
        self.write(&mut bytes);
        let element = Element::parse(&bytes, &Limits::OWN);
        debug_assert!(element.is_ok(), "{}", String::from_utf8_lossy(&bytes));
        element.unwrap_or_else(|_| self.element.clone())
    }
}
