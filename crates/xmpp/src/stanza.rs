//! Stanzas: a message, a presence or a request, as it was received and with what changes when it is written.
//!
//! Nobody takes a stanza apart. It is the bytes that came, shared by everybody who needs it, with a short list of
//! changes: who it is from and to, children that were added or removed. Writing copies the bytes between them.

mod make;
mod read;
mod write;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;
use xml::{Element, Node};

use crate::{Jid, StanzaError, ns};

pub use read::{Fault, ReadError};
pub use write::{AsItIs, Dialect};

/// The three kinds of stanza (RFC 6120 §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Pushed to somebody.
    Message,
    /// Told to everybody who may know.
    Presence,
    /// Asked and answered.
    Iq,
}

impl Kind {
    /// The name of the element.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Message => "message",
            Kind::Presence => "presence",
            Kind::Iq => "iq",
        }
    }
}

/// Declares the types of one kind of stanza with the values of the attribute `type`.
macro_rules! types {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $each:literal])+ $variant:ident $value:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[doc = $each])+ $variant,)+ }

        impl $name {
            const ALL: &[$name] = &[$($name::$variant,)+];

            /// The value of the attribute `type`.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $value,)+ }
            }

            /// The type of this name.
            pub fn from_name(name: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|kind| kind.name() == name)
            }
        }
    };
}

types! {
    /// What a message is for (RFC 6121 §5.2.2).
    MessageType {
        /// A single message; also what an unknown or missing type means.
        Normal "normal",
        /// One line of a conversation.
        Chat "chat",
        /// To or from a room.
        GroupChat "groupchat",
        /// News, to which nobody answers.
        Headline "headline",
        /// An earlier message failed.
        Error "error",
    }
}

types! {
    /// What a presence says (RFC 6121 §4.7.1).
    PresenceType {
        /// The session can be talked to; has no `type`.
        Available "available",
        /// The session no longer can.
        Unavailable "unavailable",
        /// Asks to see somebody's presence.
        Subscribe "subscribe",
        /// Grants that.
        Subscribed "subscribed",
        /// No longer wants to see it.
        Unsubscribe "unsubscribe",
        /// Refuses or takes back the grant.
        Unsubscribed "unsubscribed",
        /// A server asks for it on somebody's behalf.
        Probe "probe",
        /// An earlier presence failed.
        Error "error",
        /// Available, but nobody shall be told (XEP-0018, jabberd 1.x).
        Invisible "invisible",
    }
}

types! {
    /// Which step of a request an iq is (RFC 6120 §8.2.3).
    IqType {
        /// Asks for something.
        Get "get",
        /// Asks to change something.
        Set "set",
        /// The answer.
        Result "result",
        /// The refusal.
        Error "error",
    }
}

/// Kind and type together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Message(MessageType),
    Presence(PresenceType),
    Iq(IqType),
}

impl Form {
    fn as_error(self) -> Form {
        match self {
            Form::Message(_) => Form::Message(MessageType::Error),
            Form::Presence(_) => Form::Presence(PresenceType::Error),
            Form::Iq(_) => Form::Iq(IqType::Error),
        }
    }
}

/// Bytes of the element that are left out when it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cut {
    start: u32,
    end: u32,
}

impl Cut {
    const NONE: Cut = Cut { start: u32::MAX, end: u32::MAX };

    fn of(range: Range<usize>) -> Cut {
        Cut { start: range.start as u32, end: range.end as u32 }
    }
}

/// What was added to and removed from a stanza's children.
#[derive(Debug, Clone, Default)]
struct Changes {
    /// In document order, not overlapping.
    removed: SmallVec<[Cut; 4]>,
    added: SmallVec<[Element; 1]>,
}

/// One stanza. A clone shares everything.
#[derive(Debug, Clone)]
pub struct Stanza {
    element: Element,
    /// Bytes of the element as it was received.
    received: u32,
    form: Form,
    /// Whether `type` is written from `form`; else it stands in the bytes, if anywhere.
    type_changed: bool,
    /// The attributes that are left out of the opening tag, in document order: they are written from the fields.
    cuts: [Cut; 3],
    from: Option<Jid>,
    to: Option<Jid>,
    /// The stream's language, for a stanza that has none of its own.
    lang: Option<Arc<str>>,
    changes: Option<Arc<Changes>>,
}

impl Stanza {
    /// Message, presence or iq.
    pub fn kind(&self) -> Kind {
        match self.form {
            Form::Message(_) => Kind::Message,
            Form::Presence(_) => Kind::Presence,
            Form::Iq(_) => Kind::Iq,
        }
    }

    /// The type of a message; [`MessageType::Normal`] of anything else.
    pub fn message_type(&self) -> MessageType {
        match self.form {
            Form::Message(kind) => kind,
            _ => MessageType::Normal,
        }
    }

    /// The type of a presence; [`PresenceType::Available`] of anything else.
    pub fn presence_type(&self) -> PresenceType {
        match self.form {
            Form::Presence(kind) => kind,
            _ => PresenceType::Available,
        }
    }

    /// The type of an iq.
    pub fn iq_type(&self) -> Option<IqType> {
        match self.form {
            Form::Iq(kind) => Some(kind),
            _ => None,
        }
    }

    /// Whether it reports the failure of another one.
    pub fn is_error(&self) -> bool {
        self.form == self.form.as_error()
    }

    /// Whether an error may be sent back: never for errors, and never for the answer to a request, or two servers
    /// would write to each other for ever (RFC 6120 §8.3.1).
    pub fn may_be_answered(&self) -> bool {
        !self.is_error() && self.form != Form::Iq(IqType::Result)
    }

    /// Who sent it.
    pub fn from(&self) -> Option<&Jid> {
        self.from.as_ref()
    }

    /// Who shall have it.
    pub fn to(&self) -> Option<&Jid> {
        self.to.as_ref()
    }

    /// Stamps the sender.
    pub fn set_from(&mut self, from: Jid) {
        self.from = Some(from);
    }

    /// Removes the sender, as answers to a login have none.
    pub fn clear_from(&mut self) {
        self.from = None;
    }

    /// Addresses it to somebody else, or to nobody.
    pub fn set_to(&mut self, to: Option<Jid>) {
        self.to = to;
    }

    /// The sender's mark, by which answers are recognised.
    pub fn id(&self) -> Option<Cow<'_, str>> {
        self.element.root().attr("id")
    }

    /// The language of its texts: its own, or that of the stream it came from.
    pub fn lang(&self) -> Option<Cow<'_, str>> {
        self.element.root().lang().or(self.lang.as_deref().map(Cow::Borrowed))
    }

    /// Gives it the language of the stream it came from, unless it has its own (RFC 6120 §8.1.5).
    pub fn stamp_lang(&mut self, lang: &Arc<str>) {
        if self.element.root().lang().is_none() {
            self.lang = Some(Arc::clone(lang));
        }
    }

    /// The element as it was received: without what has changed since. [`Stanza::to_element`] has it.
    pub fn root(&self) -> Node<'_> {
        self.element.root()
    }

    /// The child elements as they will be written: what was removed is gone, what was added comes last.
    pub fn children(&self) -> impl Iterator<Item = Node<'_>> {
        let changes = self.changes.as_deref();
        let added = changes.into_iter().flat_map(|changes| &changes.added).map(Element::root);
        let kept = move |child: &Node<'_>| changes.is_none_or(|changes| !changes.removes(*child));
        self.element.root().children().filter(kept).chain(added)
    }

    /// The first child of this namespace and name.
    pub fn child(&self, ns: &str, name: &str) -> Option<Node<'_>> {
        self.children().find(|child| child.is(ns, name))
    }

    /// Whether a child may be of this namespace; cheaper than looking at the children, and most stanzas say no.
    pub fn names_namespace(&self, ns: &str) -> bool {
        let added = self.changes.as_deref().map_or(&[][..], |changes| &changes.added);
        self.element.names_namespace(ns) || added.iter().any(|child| child.names_namespace(ns))
    }

    /// What an iq asks or answers: its first child that is no `<error/>`.
    pub fn payload(&self) -> Option<Node<'_>> {
        self.children().find(|child| !child.is(ns::CLIENT, "error"))
    }

    /// The error that it reports, in either dialect.
    pub fn reported_error(&self) -> Option<StanzaError> {
        self.child(ns::CLIENT, "error").map(StanzaError::read)
    }

    /// Adds a child behind the others.
    pub fn append(&mut self, child: Element) {
        self.changes_mut().added.push(child);
    }

    /// Removes the children for which `unwanted` says so.
    pub fn remove(&mut self, mut unwanted: impl FnMut(Node<'_>) -> bool) {
        let gone: SmallVec<[usize; 4]> = self.positions(&mut unwanted).collect();
        if gone.is_empty() {
            return;
        }
        let received = self.received_children();
        let cuts: SmallVec<[Cut; 4]> = gone.iter().filter_map(|&at| received.get(at).copied()).collect();
        let changes = self.changes_mut();
        for &at in gone.iter().rev().filter(|&&at| at >= received.len()) {
            changes.added.remove(at - received.len());
        }
        changes.removed.extend(cuts);
        changes.removed.sort_unstable_by_key(|cut| cut.start);
    }

    /// Which of the effective children these are, counted from 0.
    fn positions<'s>(&'s self, unwanted: &'s mut impl FnMut(Node<'_>) -> bool) -> impl Iterator<Item = usize> + 's {
        self.children().enumerate().filter_map(move |(at, child)| unwanted(child).then_some(at))
    }

    /// Where those effective children lie that came with the element.
    fn received_children(&self) -> SmallVec<[Cut; 8]> {
        let removes = |child: &Node<'_>| self.changes.as_deref().is_some_and(|changes| changes.removes(*child));
        self.element.root().children().filter(|child| !removes(child)).map(|child| Cut::of(child.range())).collect()
    }

    fn changes_mut(&mut self) -> &mut Changes {
        Arc::make_mut(self.changes.get_or_insert_default())
    }

    /// Makes a presence say something else.
    pub fn set_presence_type(&mut self, kind: PresenceType) {
        if matches!(self.form, Form::Presence(_)) {
            self.set_form(Form::Presence(kind));
        }
    }

    /// Makes a message one of another type.
    pub fn set_message_type(&mut self, kind: MessageType) {
        if matches!(self.form, Form::Message(_)) {
            self.set_form(Form::Message(kind));
        }
    }

    fn set_form(&mut self, form: Form) {
        let written = self.element.root().attrs().find(|attr| attr.qname() == "type").map(|attr| Cut::of(attr.range()));
        if let Some(cut) = written.filter(|cut| !self.cuts.contains(cut)) {
            self.cut(cut);
        }
        self.form = form;
        self.type_changed = true;
    }

    /// Leaves an attribute out. There are three that are written anew, and room for three.
    fn cut(&mut self, cut: Cut) {
        self.cuts[2] = cut;
        self.cuts.sort_unstable_by_key(|cut| cut.start);
    }

    /// About how many bytes it takes to write.
    pub fn size(&self) -> usize {
        let jid = |jid: &Option<Jid>| jid.as_ref().map_or(0, |jid| jid.as_str().len() + 9);
        let added = self.changes.as_deref().map_or(0, |c| c.added.iter().map(|child| child.bytes().len()).sum());
        self.received as usize + added + jid(&self.from) + jid(&self.to) + 32
    }

    /// About how many bytes of memory it holds; clones share most of them.
    pub fn memory_bytes(&self) -> usize {
        let added = self.changes.as_deref().map_or(0, |c| c.added.iter().map(Element::memory_bytes).sum());
        size_of::<Stanza>() + self.element.memory_bytes() + added
    }
}

impl Changes {
    fn removes(&self, child: Node<'_>) -> bool {
        self.removed.contains(&Cut::of(child.range()))
    }
}
