//! What another strict parser (rxml) makes of the same bytes.

use rxml::Parse;
use rxml::parser::CommentMode;
use std::collections::BTreeMap;
use xml::{Item, Node, names};

/// An element as it is meant, whatever the spelling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// By namespace and name; no declarations.
    pub(crate) attrs: BTreeMap<(String, String), String>,
    pub(crate) content: Vec<Content>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Text(String),
    Element(Tree),
}

impl Tree {
    fn push_text(&mut self, text: &str) {
        match self.content.last_mut() {
            Some(Content::Text(before)) => before.push_str(text),
            _ if text.is_empty() => {}
            _ => self.content.push(Content::Text(text.to_owned())),
        }
    }
}

/// The header and the complete elements below it that rxml reads before its first error.
pub(crate) fn read(input: &[u8], lenient: bool) -> (Option<Tree>, Vec<Tree>) {
    let comments = if lenient { CommentMode::Discard } else { CommentMode::Reject };
    let options = rxml::Options { max_token_length: 1 << 20, comments, ..rxml::Options::default() };
    let mut parser = <rxml::Parser as rxml::WithOptions>::with_options(options);
    let (mut header, mut open, mut complete) = (None, Vec::<Tree>::new(), Vec::new());
    let input = line_ends(input);
    let mut rest = &input[..];
    if !rest.trim_ascii_start().starts_with(b"<?") {
        // rxml 0.14 refuses white space in front of a root without a declaration.
        rest = rest.trim_ascii_start();
    }
    while let Ok(Some(event)) = parser.parse(&mut rest, false) {
        match event {
            rxml::Event::XmlDeclaration(..) => {}
            rxml::Event::StartElement(_, (namespace, name), attrs) => {
                let attrs = attrs.into_iter().map(|((namespace, name), value)| {
                    ((namespace.as_str().to_owned(), name.as_str().to_owned()), value)
                });
                let (namespace, name) = (namespace.as_str().to_owned(), name.as_str().to_owned());
                let tree = Tree { namespace, name, attrs: attrs.collect(), content: Vec::new() };
                if header.is_none() { header = Some(tree) } else { open.push(tree) }
            }
            rxml::Event::Text(_, text) => {
                if let Some(open) = open.last_mut() {
                    open.push_text(&text);
                }
            }
            rxml::Event::EndElement(_) => match (open.pop(), open.last_mut()) {
                (Some(tree), Some(around)) => around.content.push(Content::Element(tree)),
                (Some(tree), None) => complete.push(tree),
                (None, _) => break,
            },
        }
    }
    (header, complete)
}

/// Line ends as XML 1.0 §2.11 has them before all parsing; rxml 0.14 loses or refuses a carriage return that stands
/// alone in a value.
fn line_ends(input: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(input.len());
    for (at, &byte) in input.iter().enumerate() {
        match byte {
            b'\r' if input.get(at + 1) == Some(&b'\n') => {}
            b'\r' => out.push(b'\n'),
            _ => out.push(byte),
        }
    }
    out
}

/// What we make of an element. Names in the content namespace are given the one of the stream it is compared on.
pub(crate) fn ours(node: Node<'_>, content: &str) -> Tree {
    let namespace = if node.is_in_content() { content } else { node.ns() };
    let mut tree = Tree { namespace: namespace.to_owned(), name: node.name().to_owned(), ..Tree::default() };
    for attr in node.attrs().filter(|attr| !attr.is_declaration()) {
        tree.attrs.insert((attr.ns().to_owned(), attr.name().to_owned()), attr.value().into_owned());
    }
    for item in node.items() {
        match item {
            Item::Text(text) => tree.push_text(&text),
            Item::Element(child) => tree.content.push(Content::Element(ours(child, content))),
        }
    }
    tree
}

/// Whether we understand of a peer's element what rxml does. The three content namespaces are one for us wherever the
/// stream's content is implied, so that there any of them may stand in rxml's.
pub(crate) fn same_as_sent(node: Node<'_>, sent: &Tree) -> bool {
    let namespace = if node.is_in_content() { names::is_content(&sent.namespace) } else { node.ns() == sent.namespace };
    let mut own = ours(node, "");
    let mut theirs = sent.clone();
    let children: Vec<Tree> = theirs.content.iter().filter_map(as_element).collect();
    for tree in [&mut own, &mut theirs] {
        tree.namespace.clear();
        for content in &mut tree.content {
            if let Content::Element(child) = content {
                *child = Tree::default();
            }
        }
    }
    namespace
        && own == theirs
        && node.children().count() == children.len()
        && node.children().zip(&children).all(|(child, sent)| same_as_sent(child, sent))
}

fn as_element(content: &Content) -> Option<Tree> {
    if let Content::Element(tree) = content { Some(tree.clone()) } else { None }
}
