//! XML as scenes compare it: names with their namespaces, attributes without order, children with it.
//!
//! What the server writes is read here by a parser that is not the server's own, strict about well-formedness and
//! namespaces, so that one mistake cannot hide in both.

mod compare;
mod liberty;
mod read;

pub use compare::{Mismatch, compare};
pub use liberty::{Liberties, eased};
pub use read::{Content, Item, StreamReader, read_fragment};

use std::collections::BTreeMap;
use std::fmt;

/// A name and the namespace that it is in ("" for none).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The namespace's name.
    pub ns: String,
    /// The name without a prefix.
    pub local: String,
}

/// One element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// Its name.
    pub name: Name,
    /// Its attributes, declarations of namespaces left out.
    pub attrs: BTreeMap<Name, String>,
    /// Its elements and texts; no two texts are neighbours.
    pub children: Vec<Child>,
}

/// What stands inside an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Child {
    /// An element.
    Element(Tree),
    /// Text, unescaped.
    Text(String),
}

impl Tree {
    /// The attribute of this name that is in no namespace.
    pub fn attr(&self, local: &str) -> Option<&str> {
        self.attrs.get(&Name { ns: String::new(), local: local.to_owned() }).map(String::as_str)
    }

    /// Whether the element has this name.
    pub fn is(&self, ns: &str, local: &str) -> bool {
        self.name.ns == ns && self.name.local == local
    }

    /// The first element child of this name.
    pub fn child(&self, ns: &str, local: &str) -> Option<&Tree> {
        self.elements().find(|child| child.is(ns, local))
    }

    /// The element children.
    pub fn elements(&self) -> impl Iterator<Item = &Tree> {
        self.children.iter().filter_map(|child| match child {
            Child::Element(element) => Some(element),
            Child::Text(_) => None,
        })
    }

    /// The texts directly inside, joined.
    pub fn text(&self) -> String {
        let texts = self.children.iter().filter_map(|child| match child {
            Child::Text(text) => Some(text.as_str()),
            Child::Element(_) => None,
        });
        texts.collect()
    }

    /// The element over several lines, as a person would write it in a scene.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        self.write_lines(CLIENT, 0, &mut lines);
        lines
    }

    fn write_lines(&self, outer_ns: &str, depth: usize, lines: &mut Vec<String>) {
        let (margin, open) = ("  ".repeat(depth), self.open_tag(outer_ns));
        if self.children.is_empty() {
            lines.push(format!("{margin}<{open}/>"));
        } else if self.elements().next().is_none() {
            lines.push(format!("{margin}<{open}>{}</{}>", shown(&self.text()), self.prefixed()));
        } else {
            lines.push(format!("{margin}<{open}>"));
            for child in &self.children {
                match child {
                    Child::Element(element) => element.write_lines(&self.name.ns, depth + 1, lines),
                    Child::Text(text) => lines.push(format!("{margin}  {}", shown(text))),
                }
            }
            lines.push(format!("{margin}</{}>", self.prefixed()));
        }
    }

    fn open_tag(&self, outer_ns: &str) -> String {
        let mut tag = self.prefixed();
        if self.name.ns != outer_ns && prefix(&self.name.ns).is_none() {
            tag.push_str(&format!(" xmlns=\"{}\"", shown(&self.name.ns)));
        }
        for (name, value) in &self.attrs {
            tag.push_str(&format!(" {name}=\"{}\"", shown(value)));
        }
        tag
    }

    fn prefixed(&self) -> String {
        match prefix(&self.name.ns) {
            Some(prefix) => format!("{prefix}:{}", self.name.local),
            None => self.name.local.clone(),
        }
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().iter().try_for_each(|line| f.write_str(line.trim_start()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ns.as_str(), prefix(&self.ns)) {
            ("", _) => f.write_str(&self.local),
            (_, Some(prefix)) => write!(f, "{prefix}:{}", self.local),
            (ns, None) => write!(f, "{{{ns}}}{}", self.local),
        }
    }
}

/// Escapes a text for people to read: an apostrophe may stand between double quotes.
fn shown(text: &str) -> String {
    escape(text).replace("&apos;", "'")
}

/// Escapes a text for an attribute or between tags.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c => escaped.push(c),
        }
    }
    escaped
}

fn prefix(ns: &str) -> Option<&'static str> {
    PREFIXES.iter().find(|(_, known)| *known == ns).map(|(prefix, _)| *prefix)
}

/// The namespace of stanzas on a client's stream, and of what a scene writes without one.
pub const CLIENT: &str = "jabber:client";
/// The namespace of the stream's own elements.
pub const STREAM: &str = "http://etherx.jabber.org/streams";

const PREFIXES: [(&str, &str); 3] =
    [("stream", STREAM), ("db", "jabber:server:dialback"), ("xml", "http://www.w3.org/XML/1998/namespace")];
