//! What the stream's header means for the elements inside: its default namespace, its prefixes, its own name.

use crate::names;
use std::borrow::Cow;

/// The scope around a stanza.
#[derive(Debug)]
pub(crate) struct Outer {
    /// The namespace of names without a prefix; none when it is one of the content namespaces.
    pub(crate) default: Option<Cow<'static, str>>,
    pub(crate) declared: Cow<'static, [Declared]>,
    /// The header's name as written, which the closing tag must repeat.
    pub(crate) name: Cow<'static, str>,
}

/// A prefix that the header declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Declared {
    pub(crate) prefix: Cow<'static, str>,
    pub(crate) namespace: Cow<'static, str>,
}

/// The scope of nearly every stream; it costs a stream nothing.
pub(crate) static USUAL: Outer =
    Outer { default: None, declared: Cow::Borrowed(&STREAM_ONLY), name: Cow::Borrowed("stream:stream") };

/// The scope of an element that stands alone.
pub(crate) static ALONE: Outer = Outer { default: None, declared: Cow::Borrowed(&[]), name: Cow::Borrowed("") };

/// The scope of the header itself.
pub(crate) static NOTHING: Outer =
    Outer { default: Some(Cow::Borrowed("")), declared: Cow::Borrowed(&[]), name: Cow::Borrowed("") };

static STREAM_ONLY: [Declared; 1] =
    [Declared { prefix: Cow::Borrowed("stream"), namespace: Cow::Borrowed(names::STREAM) }];

impl Outer {
    /// Whether this scope is the usual one, which needs no memory.
    pub(crate) fn is_usual(&self) -> bool {
        self.default == USUAL.default && self.declared == USUAL.declared && self.name == USUAL.name
    }
}
