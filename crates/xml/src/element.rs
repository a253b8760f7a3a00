//! One complete element: its bytes and the map of them, shared by everybody who needs it.

use crate::canonical;
use crate::class;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::map::{ATTR, AttrRecord, NODE, NodeRecord, SPACE, SpaceRecord, space};
use crate::names;
use crate::node::Node;
use crate::outer::{ALONE, Outer};
use crate::run;
use crate::scan::{Context, Outcome, scan};
use crate::scope::EXTRA;
use crate::work::{Scratch, Work};
use std::fmt;
use std::sync::Arc;

/// A complete element with its map, in one shared allocation; a clone is a reference.
///
/// It is self-contained: it means the same on any stream of ours. Names without a prefix that inherit the stream's
/// content namespace stay so, and report [`names::CLIENT`]; everything else that came from around it is declared on it.
#[derive(Clone)]
pub struct Element {
    /// The bytes, then decoded namespace names, then the records of nodes, attributes and namespaces.
    shared: Arc<str>,
    /// Where the map begins.
    map: u32,
    nodes: u32,
    attrs: u32,
}

impl Element {
    /// Reads one element that stands alone, white space around it allowed. Names without a prefix and without a
    /// declaration are in the content namespace.
    pub fn parse(text: &[u8], limits: &Limits) -> Result<Element> {
        Scratch::with(|scratch| Element::parse_with(scratch, text, limits))
    }

    /// As [`Element::parse`], with the worker's arrays.
    pub fn parse_with(scratch: &mut Scratch, text: &[u8], limits: &Limits) -> Result<Element> {
        let text = trim(text);
        let limits = limits.countable();
        if text.len() > limits.stanza_bytes {
            return Err(Error::TooBig("stanza_bytes"));
        }
        if text.first() != Some(&b'<') {
            return Err(Error::NotWellFormed("no element"));
        }
        let context = Context { limits: &limits, lenient: false, header: false, declaration: false, outer: &ALONE };
        scratch.work.clear();
        match scan(&mut scratch.work, context, text)? {
            Outcome::Element(end) if end == text.len() => finish(scratch, None, text, &ALONE, &limits),
            Outcome::Element(_) => Err(Error::NotWellFormed("more than one element")),
            _ => Err(Error::NotWellFormed("element without an end")),
        }
    }

    /// Reads what this server wrote itself; a mistake there becomes an empty element, never a broken stream.
    pub(crate) fn own(text: &[u8]) -> Element {
        let element = Element::parse(text, &Limits::OWN);
        debug_assert!(element.is_ok(), "{element:?}: {}", String::from_utf8_lossy(text));
        element.unwrap_or_else(|_| Element { shared: Arc::from(""), map: 0, nodes: 1, attrs: 0 })
    }

    /// The outermost element.
    pub fn root(&self) -> Node<'_> {
        Node::new(self, 0)
    }

    /// The element as it is written: canonical, self-contained, valid UTF-8.
    pub fn bytes(&self) -> &[u8] {
        self.as_str().as_bytes()
    }

    /// The element as it is written.
    pub fn as_str(&self) -> &str {
        self.slice(0, self.node(0).end)
    }

    /// How many bytes of memory it holds, map included.
    pub fn memory_bytes(&self) -> usize {
        self.shared.len() + 2 * size_of::<usize>()
    }

    /// The same element with another value of one of its outermost attributes. `None`: there is no such attribute, or the two values
    /// are not equally long and plain, so that the map would be another.
    pub fn with_value(&self, name: &str, value: &str) -> Option<Element> {
        let place = self.root().attrs().find(|attr| attr.qname() == name).map(|attr| attr.value_range())?;
        let known = self.shared.get(place.clone())?;
        let plain = |text: &str| run::markup_end(text.as_bytes(), 0) == text.len();
        if known.len() != value.len() || name.starts_with("xmlns") || !plain(known) || !plain(value) {
            return None;
        }
        let mut shared = String::with_capacity(self.shared.len());
        shared.push_str(self.shared.get(..place.start)?);
        shared.push_str(value);
        shared.push_str(self.shared.get(place.end..)?);
        Some(Element { shared: shared.into(), ..*self })
    }

    #[inline]
    pub(crate) fn slice(&self, start: u32, end: u32) -> &str {
        self.shared.get(start as usize..end as usize).unwrap_or_default()
    }

    #[inline(always)]
    pub(crate) fn node(&self, index: u32) -> NodeRecord {
        NodeRecord::read(self.shared.as_bytes(), self.map as usize + index as usize * NODE)
    }

    #[inline]
    pub(crate) fn node_count(&self) -> u32 {
        self.nodes
    }

    #[inline]
    pub(crate) fn attr_count(&self) -> u32 {
        self.attrs
    }

    #[inline]
    pub(crate) fn attr(&self, index: u32) -> AttrRecord {
        AttrRecord::read(self.shared.as_bytes(), self.map as usize + self.nodes as usize * NODE + index as usize * ATTR)
    }

    pub(crate) fn namespace(&self, number: u16) -> &str {
        match number {
            space::CONTENT => names::CLIENT,
            space::NONE => "",
            space::XML => names::XML,
            space::XMLNS => names::XMLNS,
            _ => self.declared_namespace(self.spaces() + usize::from(number - space::FIRST) * SPACE),
        }
    }

    /// Whether it, or anything inside it, may be of a namespace that some declaration names. A quick look at the few
    /// namespaces, however many children there are: asked before the children themselves are.
    pub fn names_namespace(&self, ns: &str) -> bool {
        let is = |record: SpaceRecord| self.slice(record.start, record.start + record.len) == ns;
        self.space_records().any(|record| record.len as usize == ns.len() && is(record))
    }

    /// Where the records of the namespaces begin; they are the last.
    fn spaces(&self) -> usize {
        self.map as usize + self.nodes as usize * NODE + self.attrs as usize * ATTR
    }

    pub(crate) fn space_records(&self) -> impl Iterator<Item = SpaceRecord> {
        (self.spaces()..self.shared.len()).step_by(SPACE).map(|at| SpaceRecord::read(self.shared.as_bytes(), at))
    }

    /// Whether the other has not only the same bytes but the same map of them.
    pub(crate) fn is_same_map(&self, other: &Element) -> bool {
        (&self.shared, self.map, self.nodes, self.attrs) == (&other.shared, other.map, other.nodes, other.attrs)
    }

    fn declared_namespace(&self, at: usize) -> &str {
        let record = SpaceRecord::read(self.shared.as_bytes(), at);
        self.slice(record.start, record.start + record.len)
    }
}

impl PartialEq for Element {
    fn eq(&self, other: &Element) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Element {}

impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Without white space in front and behind.
fn trim(text: &[u8]) -> &[u8] {
    let start = run::space_end(text, 0);
    let end = text.iter().rposition(|&byte| !class::is(byte, class::SPACE)).map_or(start, |last| last + 1);
    text.get(start..end).unwrap_or_default()
}

/// Makes an element of a finished pass over `bytes`, whose map is in `own`, or else in the scratch.
pub(crate) fn finish(
    scratch: &mut Scratch,
    own: Option<&Work>,
    bytes: &[u8],
    outer: &Outer,
    limits: &Limits,
) -> Result<Element> {
    let work = own.unwrap_or(&scratch.work);
    if !work.rewrite {
        return pack(work, &mut scratch.packed, bytes);
    }
    simdutf8::basic::from_utf8(bytes).map_err(|_| Error::BadUtf8)?;
    canonical::write(work, bytes, outer, limits, &mut scratch.canonical)?;
    let own = Limits::OWN;
    let context = Context { limits: &own, lenient: false, header: false, declaration: false, outer: &ALONE };
    scratch.rewrite.clear();
    match scan(&mut scratch.rewrite, context, &scratch.canonical)? {
        Outcome::Element(end) if end == scratch.canonical.len() => {
            pack(&scratch.rewrite, &mut scratch.packed, &scratch.canonical)
        }
        _ => Err(Error::NotWellFormed("element could not be rewritten")),
    }
}

/// Puts bytes and map into one shared allocation; the only look at the bytes' UTF-8.
pub(crate) fn pack(work: &Work, packed: &mut Vec<u8>, bytes: &[u8]) -> Result<Element> {
    packed.clear();
    packed.extend_from_slice(bytes);
    packed.extend_from_slice(&work.extra);
    let map = packed.len();
    let (nodes, attrs, spaces) = (work.nodes.len() * NODE, work.attrs.len() * ATTR, work.spaces.len() * SPACE);
    packed.resize(map + nodes + attrs + spaces, 0);
    let (nodes, rest) = packed.get_mut(map..).unwrap_or_default().split_at_mut(nodes);
    let (attrs, spaces) = rest.split_at_mut(attrs);
    work.nodes.iter().zip(nodes.as_chunks_mut().0).for_each(|(node, place)| node.write(place));
    work.attrs.iter().zip(attrs.as_chunks_mut().0).for_each(|(attr, place)| attr.write(place));
    for (space, place) in work.spaces.iter().zip(spaces.as_chunks_mut().0) {
        let behind = if space.start & EXTRA == 0 { 0 } else { bytes.len() as u32 };
        SpaceRecord { start: (space.start & !EXTRA) + behind, len: space.len }.write(place);
    }
    let whole = simdutf8::basic::from_utf8(packed).map_err(|_| Error::BadUtf8)?;
    let (nodes, attrs) = (work.nodes.len() as u32, work.attrs.len() as u32);
    Ok(Element { shared: Arc::from(whole), map: map as u32, nodes, attrs })
}
