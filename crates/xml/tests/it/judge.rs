//! Judging what was read: against another parser, and against what becomes of it when it is forwarded.
//!
//! The fuzz targets judge by the same functions.

use crate::generate::{CONTENTS, Choices};
use crate::oracle::{Content, Tree, ours, read as read_theirs, same_as_sent};
use crate::streams::{only_elements, read};
use xml::{Builder, Element, Event, Limits, Node, Reader, Scratch, Strictness, names};

pub(crate) fn strictness(lenient: bool) -> Strictness {
    if lenient { Strictness::Lenient } else { Strictness::Strict }
}

/// Compares both parsers on one input; how many elements we read.
pub(crate) fn agree(input: &[u8], lenient: bool) -> usize {
    let (header, theirs) = read_theirs(input, lenient);
    let (events, _) = read(input, input.len().max(1), strictness(lenient));
    let own = only_elements(events.clone());
    if own.iter().any(|own| own.root().descendants().any(has_letters_that_rxml_lacks)) {
        return own.len();
    }
    if let Some(Event::Header(own)) = events.first() {
        let tags = input.split(|&byte| byte == b'<').take(if input.starts_with(b"<?") { 3 } else { 2 });
        if tags.map(String::from_utf8_lossy).any(|tag| tag.contains(RXML_LACKS) || tag.contains("standalone")) {
            return 0;
        }
        is_their_header(own, header.as_ref(), input);
    }
    assert!(own.len() <= theirs.len(), "accepted what rxml refuses: {}\n{own:?}", input.escape_ascii());
    for (own, theirs) in own.iter().zip(&theirs) {
        assert!(same_as_sent(own.root(), theirs), "{}\n{own}\n{theirs:?}", input.escape_ascii());
        is_forwarded(own);
    }
    own.len()
}

/// rxml 0.14 leaves U+FDF0 to U+FFFD out of the letters of names (XML 1.0 §2.3 has them).
const RXML_LACKS: fn(char) -> bool = |c| matches!(c, '\u{fdf0}'..='\u{fffd}');

fn has_letters_that_rxml_lacks(node: xml::Node<'_>) -> bool {
    let lacks = |name: &str| name.contains(RXML_LACKS);
    lacks(node.prefix().unwrap_or_default()) || lacks(node.name()) || node.attrs().any(|attr| lacks(attr.qname()))
}

fn is_their_header(own: &xml::Header, theirs: Option<&Tree>, input: &[u8]) {
    let Some(theirs) = theirs else { panic!("a header that rxml refuses: {}", input.escape_ascii()) };
    assert_eq!((&own.stream_ns, &own.name), (&theirs.namespace, &theirs.name));
    assert_eq!(own.attrs().count(), theirs.attrs.len());
    for (name, value) in own.attrs() {
        let local = name.split_once(':').map_or(name, |(_, local)| local);
        assert!(theirs.attrs.iter().any(|((_, known), text)| known == local && text == value), "{name}='{value}'");
    }
}

/// Written to a stream of ours, an element means to rxml and to us what it means here.
pub(crate) fn is_forwarded(element: &Element) {
    if element.root().descendants().any(has_letters_that_rxml_lacks) {
        return;
    }
    for content in CONTENTS {
        let prolog = format!("<stream:stream xmlns='{content}' xmlns:stream='http://etherx.jabber.org/streams'>");
        let out = [prolog.as_bytes(), element.bytes()].concat();
        let (_, theirs) = read_theirs(&out, false);
        assert_eq!(theirs, [ours(element.root(), content)], "{element}");
        let again = only_elements(read(&out, out.len(), Strictness::Strict).0);
        is_the_same(&again, element);
    }
    is_the_same(&[Element::parse(element.bytes(), &Limits::OWN).unwrap()], element);
}

fn is_the_same(again: &[Element], element: &Element) {
    let [again] = again else { panic!("{again:?}") };
    assert_eq!(again.bytes(), element.bytes());
    assert_eq!(ours(again.root(), "content"), ours(element.root(), "content"));
    assert_eq!(again.memory_bytes(), element.memory_bytes());
}

/// Reads in pieces whose lengths the choices say.
pub(crate) fn read_in_pieces(
    mut choices: Choices<'_>,
    input: &[u8],
    lenient: bool,
) -> (Vec<Event>, Option<xml::Error>) {
    let (mut reader, mut scratch) = (Reader::new(Limits::default()), Scratch::new());
    reader.set_strictness(strictness(lenient));
    let (mut rest, mut events) = (input, Vec::new());
    while !rest.is_empty() {
        let (mut piece, behind) = rest.split_at(rest.len().min(1 + choices.below(40)));
        rest = behind;
        loop {
            match reader.next(&mut scratch, &mut piece) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => return (events, Some(error)),
            }
        }
    }
    (events, None)
}

pub(crate) fn same_events(one: &[Event], other: &[Event]) -> bool {
    let same = |(one, other): (&Event, &Event)| match (one, other) {
        (Event::Header(one), Event::Header(other)) => one == other,
        (Event::Element(one), Event::Element(other)) => one == other && ours(one.root(), "") == ours(other.root(), ""),
        (Event::Close, Event::Close) => true,
        _ => false,
    };
    one.len() == other.len() && one.iter().zip(other).all(same)
}

/// A part of an element means the same alone, and in a payload of ours whose default namespace is `place`.
pub(crate) fn is_movable(node: Node<'_>, place: &str) {
    let meant = with_content(ours(node, names::CLIENT));
    let alone = node.to_element();
    assert_eq!(with_content(ours(alone.root(), names::CLIENT)), meant, "{node:?}\n{alone}");
    let moved = moved(node, place);
    assert_eq!(with_content(ours(moved.root(), names::CLIENT)), meant, "{node:?}\n{moved}");
}

/// The element in a payload of our own, and taken out again.
fn moved(node: Node<'_>, place: &str) -> Element {
    let around = Builder::new(names::CLIENT, "iq").open(place, "payload").text("x").node(node).finish();
    let payload = around.root().first_child().unwrap();
    assert_eq!((payload.ns(), payload.text().as_ref()), (place, "x"));
    payload.first_child().unwrap().to_element()
}

/// Taken elsewhere, the three content namespaces may become one.
fn with_content(tree: Tree) -> Tree {
    let mut tree = tree;
    if names::is_content(&tree.namespace) {
        tree.namespace = names::CLIENT.to_owned();
    }
    for content in &mut tree.content {
        if let Content::Element(child) = content {
            *child = with_content(std::mem::take(child));
        }
    }
    tree
}
