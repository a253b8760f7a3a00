//! From an element to a stanza: is it one, who is it from and to, what type has it.

use std::fmt;

use xml::{Element, Node};

use super::{Cut, Form, IqType, Kind, MessageType, PresenceType, Stanza};
use crate::{Jid, JidError, StanzaError, ns};

/// Why an element is no stanza that can be handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Neither message nor presence nor iq in the stream's content namespace.
    #[error("neither message nor presence nor iq")]
    NotAStanza,
    /// `to` is no address.
    #[error("to: {0}")]
    BadTo(JidError),
    /// `from` is no address.
    #[error("from: {0}")]
    BadFrom(JidError),
    /// A presence of unknown type, or an iq of unknown or no type.
    #[error("unknown type")]
    BadType,
}

/// An element that could not be read as a stanza, kept so that it can be answered.
#[derive(Debug, Clone)]
pub struct ReadError {
    /// What is wrong with it.
    pub fault: Fault,
    /// The element itself.
    pub element: Element,
}

impl ReadError {
    /// The error to send back, with the original's id and children and without addresses, which the door knows
    /// better. `None` when nothing may be sent back: it is an error or an answer itself, or no stanza at all.
    pub fn reply(&self) -> Option<Stanza> {
        let error = match self.fault {
            Fault::NotAStanza => return None,
            Fault::BadTo(_) => StanzaError::jid_malformed(),
            Fault::BadFrom(_) | Fault::BadType => StanzaError::bad_request(),
        };
        let root = self.element.root();
        let kind = kind(root)?;
        let form = Form::read(kind, root.attr("type").as_deref()).unwrap_or(Form::untyped(kind));
        let mut stanza = Stanza::bare(&self.element, form);
        ["from", "to"].into_iter().filter_map(|name| cut_of(root, name)).for_each(|cut| stanza.cut(cut));
        stanza.may_be_answered().then(|| stanza.error(&error))
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl std::error::Error for ReadError {}

impl Stanza {
    /// Reads a stanza as today's streams have it.
    pub fn read(element: Element) -> Result<Stanza, ReadError> {
        Stanza::read_by(element, Jid::parse, Err)
    }

    /// The same, where one of these addresses is probably in it.
    pub fn read_among(element: Element, known: &[&Jid]) -> Result<Stanza, ReadError> {
        let parse = |text: &str| match known.iter().find(|jid| jid.as_str() == text) {
            Some(jid) => Ok((*jid).clone()),
            None => Jid::parse(text),
        };
        Stanza::read_by(element, parse, Err)
    }

    /// Reads a stanza as streams of 2000 have it: `a@b/` counts as `a@b`, a senseless `from` as none, for the server
    /// stamps it anyway, and an error that is a number and a text becomes a typed one.
    pub fn read_legacy(element: Element) -> Result<Stanza, ReadError> {
        let mut stanza = Stanza::read_by(element, Jid::parse_legacy, |_| Ok(None))?;
        if stanza.is_error() {
            stanza.type_error();
        }
        Ok(stanza)
    }

    fn read_by(
        element: Element,
        parse: impl Fn(&str) -> Result<Jid, JidError>,
        bad_from: fn(JidError) -> Result<Option<Jid>, JidError>,
    ) -> Result<Stanza, ReadError> {
        match read(&element, parse, bad_from) {
            Ok(stanza) => Ok(stanza),
            Err(fault) => Err(ReadError { fault, element }),
        }
    }

    /// A stanza of this form without addresses and changes.
    pub(super) fn bare(element: &Element, form: Form) -> Stanza {
        Stanza {
            element: element.clone(),
            received: element.bytes().len() as u32,
            form,
            type_changed: false,
            cuts: [Cut::NONE; 3],
            from: None,
            to: None,
            lang: None,
            changes: None,
        }
    }

    /// Checks what RFC 6120 §8.2.3 asks of an iq: a request has exactly one child, an answer at most one, and both
    /// have an id, which streams of 2000 may leave out.
    pub fn check_iq(&self, needs_id: bool) -> Result<(), StanzaError> {
        let children = match self.iq_type() {
            None => return Ok(()),
            Some(IqType::Get | IqType::Set) => 1..=1,
            Some(IqType::Result) => 0..=1,
            Some(IqType::Error) => 0..=usize::MAX,
        };
        if needs_id && self.id().is_none() {
            return Err(StanzaError::bad_request().with_text("An iq needs an id."));
        }
        if !children.contains(&self.children().count()) {
            return Err(StanzaError::bad_request().with_text("An iq that asks has exactly one child."));
        }
        Ok(())
    }

    /// Turns the error of a client of 2000 into the typed form.
    fn type_error(&mut self) {
        let untyped = |error: Node<'_>| error.is(ns::CLIENT, "error") && error.attr("type").is_none();
        let Some(typed) = self.children().find(|child| untyped(*child)).map(StanzaError::read) else { return };
        self.remove(untyped);
        self.append(typed.to_element());
    }
}

fn read(
    element: &Element,
    parse: impl Fn(&str) -> Result<Jid, JidError>,
    bad_from: fn(JidError) -> Result<Option<Jid>, JidError>,
) -> Result<Stanza, Fault> {
    let root = element.root();
    let kind = kind(root).ok_or(Fault::NotAStanza)?;
    let mut stanza = Stanza::bare(element, Form::untyped(kind));
    let mut of_type = None;
    for attr in root.attrs() {
        match attr.qname() {
            "to" => stanza.to = Some(parse(&attr.value()).map_err(Fault::BadTo)?),
            "from" => stanza.from = read_from(parse(&attr.value()), bad_from)?,
            "type" => {
                of_type = Some(attr);
                continue;
            }
            _ => continue,
        }
        stanza.cut(Cut::of(attr.range()));
    }
    stanza.form = Form::read(kind, of_type.map(|attr| attr.value()).as_deref()).ok_or(Fault::BadType)?;
    if let (Some(attr), Form::Presence(PresenceType::Available)) = (of_type, stanza.form) {
        // Tolerated in 2000; today the absence of a type says it (T-4.4.10).
        stanza.cut(Cut::of(attr.range()));
    }
    Ok(stanza)
}

fn read_from(
    from: Result<Jid, JidError>,
    otherwise: fn(JidError) -> Result<Option<Jid>, JidError>,
) -> Result<Option<Jid>, Fault> {
    from.map(Some).or_else(otherwise).map_err(Fault::BadFrom)
}

fn kind(root: Node<'_>) -> Option<Kind> {
    let kind = match root.name() {
        "message" => Kind::Message,
        "presence" => Kind::Presence,
        "iq" => Kind::Iq,
        _ => return None,
    };
    root.is_in_content().then_some(kind)
}

impl Form {
    /// An unknown type of message counts as none and is passed on as it is (T-4.2.15).
    fn read(kind: Kind, of_type: Option<&str>) -> Option<Form> {
        match kind {
            Kind::Message => {
                Some(Form::Message(of_type.and_then(MessageType::from_name).unwrap_or(MessageType::Normal)))
            }
            Kind::Presence => {
                of_type.map_or(Some(PresenceType::Available), PresenceType::from_name).map(Form::Presence)
            }
            Kind::Iq => of_type.and_then(IqType::from_name).map(Form::Iq),
        }
    }

    /// As what a stanza of this kind is answered when its type is unknown.
    fn untyped(kind: Kind) -> Form {
        match kind {
            Kind::Message => Form::Message(MessageType::Normal),
            Kind::Presence => Form::Presence(PresenceType::Available),
            Kind::Iq => Form::Iq(IqType::Get),
        }
    }
}

fn cut_of(root: Node<'_>, name: &str) -> Option<Cut> {
    root.attrs().find(|attr| attr.qname() == name).map(|attr| Cut::of(attr.range()))
}
