//! The opening tag of a stream: who speaks to whom, and in which namespaces.

use crate::decode;
use crate::error::{Error, Result};
use crate::map::{DECLARES, PREFIXED};
use crate::names;
use crate::outer::{Declared, Outer};
use crate::scan::span;
use crate::scope;
use crate::work::Work;
use std::borrow::Cow;

/// The stream's opening tag (RFC 6120 §4.7). Whether its namespaces will do is for the reader's owner to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The name without its prefix; `stream` for XMPP.
    pub name: String,
    /// The prefix as written; `stream` on nearly every stream, none on an unprefixed root.
    pub prefix: Option<String>,
    /// The namespace of the root; [`names::STREAM`] for XMPP.
    pub stream_ns: String,
    /// The default namespace for stanzas; none when the header declares none, or when it is the root's own.
    pub content_ns: Option<String>,
    /// All attributes but namespace declarations: name as written, value.
    attrs: Vec<(String, String)>,
    /// The prefixes declared and their namespaces.
    declared: Vec<(String, String)>,
}

impl Header {
    /// The value of an attribute, named as it is written (`to`, `version`, `xml:lang`).
    pub fn attr(&self, name: &str) -> Option<&str> {
        find(&self.attrs, name)
    }

    /// All attributes in order, as written; namespace declarations are not among them.
    pub fn attrs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attrs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The namespace that a prefix stands for on this stream.
    pub fn declares(&self, prefix: &str) -> Option<&str> {
        find(&self.declared, prefix)
    }

    /// Whom the stream is meant for.
    pub fn to(&self) -> Option<&str> {
        self.attr("to")
    }

    /// Who opened it.
    pub fn from(&self) -> Option<&str> {
        self.attr("from")
    }

    /// The stream's identifier.
    pub fn id(&self) -> Option<&str> {
        self.attr("id")
    }

    /// The version as written; none on the streams of 2000.
    pub fn version(&self) -> Option<&str> {
        self.attr("version")
    }

    /// The default language of what follows.
    pub fn lang(&self) -> Option<&str> {
        self.attr("xml:lang")
    }

    /// Makes a header of a finished pass over an opening tag.
    pub(crate) fn read(work: &Work, bytes: &[u8]) -> Result<Header> {
        let text = simdutf8::basic::from_utf8(bytes).map_err(|_| Error::BadUtf8)?;
        let node = work.nodes.first().copied().unwrap_or_default();
        let root = str_at(text, span(bytes, node.start + 1, node.name_len), node.start + 1);
        let (prefix, name) = root.split_once(':').map_or((None, root), |(prefix, name)| (Some(prefix), name));
        let mut header = Header {
            name: name.to_owned(),
            prefix: prefix.map(str::to_owned),
            stream_ns: String::from_utf8_lossy(scope::name(work, bytes, node.space)).into_owned(),
            content_ns: None,
            attrs: Vec::new(),
            declared: Vec::new(),
        };
        for attr in &work.attrs {
            let name = str_at(text, span(bytes, attr.start, attr.name_len), attr.start);
            let raw = text.get(attr.value as usize..(attr.value + attr.value_len) as usize).unwrap_or_default();
            header.take(attr.flags, name, decode::value(raw).into_owned());
        }
        if header.prefix.is_none() {
            header.content_ns = None;
        }
        Ok(header)
    }

    fn take(&mut self, flags: u8, name: &str, value: String) {
        match (flags & DECLARES != 0, flags & PREFIXED != 0) {
            (false, _) => self.attrs.push((name.to_owned(), value)),
            (true, true) => self.declared.push((name.strip_prefix("xmlns:").unwrap_or(name).to_owned(), value)),
            (true, false) => self.content_ns = Some(value).filter(|value| !value.is_empty()),
        }
    }

    /// What the header means for the elements inside.
    pub(crate) fn outer(&self) -> Outer {
        let default = match (&self.prefix, &self.content_ns) {
            (None, _) => self.stream_ns.clone(),
            (Some(_), content) => content.clone().unwrap_or_default(),
        };
        let declared = self.declared.iter().map(|(prefix, namespace)| Declared {
            prefix: Cow::Owned(prefix.clone()),
            namespace: Cow::Owned(namespace.clone()),
        });
        let name = self.prefix.as_ref().map_or(self.name.clone(), |prefix| format!("{prefix}:{}", self.name));
        Outer {
            default: (!names::is_content(&default)).then_some(Cow::Owned(default)),
            declared: Cow::Owned(declared.collect()),
            name: Cow::Owned(name),
        }
    }
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn str_at<'a>(text: &'a str, bytes: &[u8], start: u32) -> &'a str {
    text.get(start as usize..start as usize + bytes.len()).unwrap_or_default()
}
