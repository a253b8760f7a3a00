//! The map of an element that is being built, drawn while it is written, so that it need not be read again.
//!
//! What is rare here is not drawn (prefixes, namespaces that the reader treats in their own way, parts of other elements
//! that lean on what is around them): then the finished bytes are read as anybody's are. Tests compare every drawn map
//! with the one that the reader makes.

use crate::element::{Element, pack};
use crate::limits::Limits;
use crate::map::{AttrRecord, CODED, DECLARES, EMPTY, NodeRecord, PREFIXED, SpaceRecord, space};
use crate::names;
use crate::scan::span;
use crate::work::Scratch;
use std::ops::Range;

/// Larger elements are read again: what the map can count is checked there.
const MOST_BYTES: usize = 64 * 1024;

/// A map that is being drawn, in arrays that the thread lends.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    scratch: Box<Scratch>,
    /// There is something whose map only the reader knows.
    unknown: bool,
}

impl Draft {
    /// Begins, with an empty vector to write to.
    pub(crate) fn new() -> (Draft, Vec<u8>) {
        let mut scratch = Scratch::take();
        scratch.work.clear();
        let mut out = std::mem::take(&mut scratch.canonical);
        out.clear();
        (Draft { scratch, unknown: false }, out)
    }

    /// The rest can only be read.
    pub(crate) fn give_up(&mut self) {
        self.unknown = true;
    }

    /// An element begins with its `<` at `start`; its number.
    pub(crate) fn opens(&mut self, start: usize, name_len: usize, parent: u32, space: u16) -> u32 {
        let work = &mut self.scratch.work;
        let number = work.nodes.len() as u32;
        self.unknown |= name_len > Limits::OWN.name_bytes;
        let (start, name_len, attr) = (start as u32, name_len as u16, work.attrs.len() as u32);
        work.nodes.push(NodeRecord { start, name_len, attr, parent, space, ..NodeRecord::default() });
        number
    }

    /// The element opened last declares a default namespace, whose value lies there; the number of that namespace.
    pub(crate) fn declares(&mut self, bytes: &[u8], ns: &str, value: Range<usize>) -> u16 {
        let special = names::is_content(ns) || ns == names::XML || ns == names::XMLNS;
        // Only escaping makes it longer.
        self.unknown |= special || value.len() != ns.len();
        let number = match ns {
            "" => space::NONE,
            _ => space::FIRST.saturating_add(self.scratch.work.spaces.len() as u16),
        };
        if !ns.is_empty() {
            let record = SpaceRecord { start: value.start as u32, len: value.len() as u32 };
            self.scratch.work.spaces.push(record);
        }
        self.attr(bytes, "xmlns".len(), value, DECLARES, space::XMLNS);
        if let Some(node) = self.scratch.work.nodes.last_mut() {
            node.space = number;
        }
        number
    }

    /// The element opened last has an attribute `name='value'`.
    pub(crate) fn has(&mut self, bytes: &[u8], name: &str, value: Range<usize>) {
        let coded = if is_coded(bytes, value.clone()) { CODED } else { 0 };
        match name {
            "xml:lang" => self.attr(bytes, name.len(), value, coded | PREFIXED, space::XML),
            _ => self.attr(bytes, name.len(), value, coded, space::NONE),
        }
    }

    fn attr(&mut self, bytes: &[u8], name_len: usize, value: Range<usize>, flags: u8, space: u16) {
        let work = &mut self.scratch.work;
        let start = value.start.saturating_sub(name_len + "='".len()) as u32;
        let own = AttrRecord {
            start,
            name_len: name_len as u16,
            space,
            flags,
            value: value.start as u32,
            value_len: value.len() as u32,
        };
        let first = work.nodes.last().map_or(0, |node| node.attr as usize);
        let name = span(bytes, start, own.name_len);
        let before = work.attrs.get(first..).unwrap_or_default();
        let twice = before.iter().any(|other| span(bytes, other.start, other.name_len) == name);
        self.unknown |= twice || name_len > Limits::OWN.name_bytes;
        work.attrs.push(own);
    }

    /// The opening tag of the element opened last ends there.
    pub(crate) fn tag_ends(&mut self, at: usize) {
        if let Some(node) = self.scratch.work.nodes.last_mut() {
            node.open_end = at as u32;
        }
    }

    /// There is text directly inside `node`.
    pub(crate) fn text(&mut self, bytes: &[u8], node: u32, text: Range<usize>) {
        if is_coded(bytes, text)
            && let Some(node) = self.scratch.work.nodes.get_mut(node as usize)
        {
            node.flags |= CODED;
        }
    }

    /// `node` has ended with a closing tag.
    pub(crate) fn closes(&mut self, node: u32, inner_end: usize, end: usize) {
        let next = self.scratch.work.nodes.len() as u32;
        if let Some(node) = self.scratch.work.nodes.get_mut(node as usize) {
            (node.inner_end, node.end, node.next) = (inner_end as u32, end as u32, next);
        }
    }

    /// `node` has ended without content.
    pub(crate) fn is_empty(&mut self, node: u32, end: usize) {
        self.closes(node, end, end);
        if let Some(node) = self.scratch.work.nodes.get_mut(node as usize) {
            node.open_end = end as u32;
            node.flags |= EMPTY;
        }
    }

    /// All of `element` follows at `at`, inside `parent`, where names without a prefix are in the content namespace.
    pub(crate) fn grafts(&mut self, element: &Element, parent: u32, at: usize) {
        let work = &mut self.scratch.work;
        let (at, bytes) = (at as u32, element.bytes().len() as u32);
        let (node_base, attr_base, space_base) =
            (work.nodes.len() as u32, work.attrs.len() as u32, work.spaces.len() as u16);
        let moved = |space: u16| if space < space::FIRST { space } else { space.saturating_add(space_base) };
        for index in 0..element.node_count() {
            let node = element.node(index);
            work.nodes.push(NodeRecord {
                start: node.start + at,
                open_end: node.open_end + at,
                inner_end: node.inner_end + at,
                end: node.end + at,
                next: node.next + node_base,
                space: moved(node.space),
                attr: node.attr + attr_base,
                parent: if index == 0 { parent } else { node.parent + node_base },
                ..node
            });
        }
        for index in 0..element.attr_count() {
            let attr = element.attr(index);
            let (start, value) = (attr.start + at, attr.value + at);
            work.attrs.push(AttrRecord { start, value, space: moved(attr.space), ..attr });
        }
        for space in element.space_records() {
            // Decoded names lie behind the bytes, which are all that is copied.
            self.unknown |= space.start >= bytes;
            work.spaces.push(SpaceRecord { start: space.start + at, len: space.len });
        }
    }

    /// Makes the element of the finished bytes.
    pub(crate) fn finish(mut self, out: Vec<u8>, depth: usize) -> Element {
        let scratch = &mut self.scratch;
        let drawn = !self.unknown && out.len() <= MOST_BYTES && depth <= Limits::OWN.depth;
        let drawn = if drawn { pack(&scratch.work, &mut scratch.packed, &out).ok() } else { None };
        let element = drawn.unwrap_or_else(|| Element::own(&out));
        debug_assert!(element.is_same_map(&Element::own(&out)), "another map than the reader's: {element}");
        self.scratch.canonical = out;
        self.scratch.give_back();
        element
    }
}

/// Whether what was escaped has references.
fn is_coded(bytes: &[u8], range: Range<usize>) -> bool {
    bytes.get(range).unwrap_or_default().contains(&b'&')
}
