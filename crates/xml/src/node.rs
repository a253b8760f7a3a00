//! Looking at an element: names, attributes, children, text.

use crate::decode;
use crate::element::Element;
use crate::map::{AttrRecord, CODED, DECLARES, EMPTY, NodeRecord, PREFIXED, space};
use crate::names;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// A view of one element inside an [`Element`].
#[derive(Clone, Copy)]
pub struct Node<'a> {
    element: &'a Element,
    index: u32,
}

/// One attribute or namespace declaration of a [`Node`].
#[derive(Clone, Copy)]
pub struct Attr<'a> {
    element: &'a Element,
    record: AttrRecord,
    /// Where the white space in front of it begins.
    lead: u32,
}

/// What stands between two tags.
#[derive(Clone, Debug)]
pub enum Item<'a> {
    /// Text, decoded; never empty.
    Text(Cow<'a, str>),
    /// A child element.
    Element(Node<'a>),
}

impl<'a> Node<'a> {
    pub(crate) fn new(element: &'a Element, index: u32) -> Node<'a> {
        Node { element, index }
    }

    #[inline(always)]
    pub(crate) fn record(self) -> NodeRecord {
        self.element.node(self.index)
    }

    /// Its place in document order; the root is 0.
    pub fn index(self) -> usize {
        self.index as usize
    }

    /// The element that it is part of.
    pub fn element(self) -> &'a Element {
        self.element
    }

    /// The name without a prefix.
    #[inline]
    pub fn name(self) -> &'a str {
        let record = self.record();
        let skip = if record.prefix_len == 0 { 0 } else { u32::from(record.prefix_len) + 1 };
        let start = record.start + 1;
        self.element.slice(start + skip, start + u32::from(record.name_len))
    }

    /// The prefix as written, if there is one.
    pub fn prefix(self) -> Option<&'a str> {
        let record = self.record();
        let start = record.start + 1;
        (record.prefix_len > 0).then(|| self.element.slice(start, start + u32::from(record.prefix_len)))
    }

    /// The namespace; empty when there is none, [`names::CLIENT`] for the stream's content namespace.
    #[inline]
    pub fn ns(self) -> &'a str {
        self.element.namespace(self.record().space)
    }

    /// Whether its namespace is the content namespace of whatever stream it is written to, declared nowhere.
    pub fn is_in_content(self) -> bool {
        self.record().space == space::CONTENT
    }

    /// Whether it has this namespace and name.
    #[inline]
    pub fn is(self, ns: &str, name: &str) -> bool {
        let record = self.record();
        let skip = if record.prefix_len == 0 { 0 } else { usize::from(record.prefix_len) + 1 };
        usize::from(record.name_len) == skip + name.len() && self.name() == name && self.ns() == ns
    }

    /// The value of an attribute without a prefix, decoded.
    pub fn attr(self, name: &str) -> Option<Cow<'a, str>> {
        let found =
            self.records().find(|attr| attr.flags & (PREFIXED | DECLARES) == 0 && self.attr_name(attr) == name)?;
        Some(self.value(found))
    }

    /// The value of an attribute in a namespace (such as `xml:lang` in [`names::XML`]), decoded.
    pub fn attr_ns(self, ns: &str, name: &str) -> Option<Cow<'a, str>> {
        let found = self.records().find(|attr| {
            attr.flags & (PREFIXED | DECLARES) == PREFIXED
                && self.attr_name(attr).split_once(':').is_some_and(|(_, local)| local == name)
                && self.element.namespace(attr.space) == ns
        })?;
        Some(self.value(found))
    }

    /// The language declared on this element itself (`xml:lang`).
    pub fn lang(self) -> Option<Cow<'a, str>> {
        self.attr_ns(names::XML, "lang")
    }

    /// All attributes in order, namespace declarations included.
    pub fn attrs(self) -> impl Iterator<Item = Attr<'a>> {
        let mut lead = self.open_tag_name_end() as u32;
        self.records().map(move |record| {
            let attr = Attr { element: self.element, record, lead };
            lead = record.value + record.value_len + 1;
            attr
        })
    }

    fn records(self) -> impl Iterator<Item = AttrRecord> + use<'a> {
        let end = match self.index + 1 {
            next if next < self.element.node_count() => self.element.node(next).attr,
            _ => self.element.attr_count(),
        };
        (self.record().attr..end).map(move |index| self.element.attr(index))
    }

    fn attr_name(self, attr: &AttrRecord) -> &'a str {
        self.element.slice(attr.start, attr.start + u32::from(attr.name_len))
    }

    fn value(self, attr: AttrRecord) -> Cow<'a, str> {
        Attr { element: self.element, record: attr, lead: 0 }.value()
    }

    /// The child elements in order.
    pub fn children(self) -> impl Iterator<Item = Node<'a>> + use<'a> {
        let end = self.record().next;
        let mut index = self.index + 1;
        std::iter::from_fn(move || {
            let child = Node { element: self.element, index };
            (index < end).then(|| {
                index = child.record().next.max(index + 1);
                child
            })
        })
    }

    /// The first child element with this namespace and name.
    pub fn child(self, ns: &str, name: &str) -> Option<Node<'a>> {
        self.children().find(|child| child.is(ns, name))
    }

    /// The first child element.
    pub fn first_child(self) -> Option<Node<'a>> {
        self.children().next()
    }

    /// Whether there is any child element.
    pub fn has_children(self) -> bool {
        self.record().next > self.index + 1
    }

    /// Itself and all elements inside it, in document order.
    pub fn descendants(self) -> impl Iterator<Item = Node<'a>> + use<'a> {
        (self.index..self.record().next.max(self.index + 1)).map(move |index| Node { element: self.element, index })
    }

    /// The element around it; none for the root.
    pub fn parent(self) -> Option<Node<'a>> {
        (self.index > 0).then(|| Node { element: self.element, index: self.record().parent })
    }

    /// The text directly inside, put together and decoded; the children's text is theirs.
    pub fn text(self) -> Cow<'a, str> {
        let record = self.record();
        if !self.has_children() {
            let raw = self.element.slice(record.open_end, record.inner_end);
            return if record.flags & CODED == 0 { Cow::Borrowed(raw) } else { decode::text(raw) };
        }
        let mut pieces = self.gaps().filter(|raw| !raw.is_empty());
        let Some(first) = pieces.next() else { return Cow::Borrowed("") };
        let mut text = decode::text(first);
        for raw in pieces {
            decode::push_text(text.to_mut(), raw);
        }
        text
    }

    /// The raw text before, between and behind the children.
    fn gaps(self) -> impl Iterator<Item = &'a str> {
        let record = self.record();
        let mut from = record.open_end;
        let ends = self.children().map(|child| child.record()).map(|child| (child.start, child.end));
        ends.chain(std::iter::once((record.inner_end, record.end))).map(move |(start, end)| {
            let gap = self.element.slice(from, start);
            from = end;
            gap
        })
    }

    /// Text and children in document order.
    pub fn items(self) -> impl Iterator<Item = Item<'a>> {
        let children = self.children().map(Some).chain(std::iter::once(None));
        self.gaps().zip(children).flat_map(|(gap, child)| {
            let text = (!gap.is_empty()).then(|| decode::text(gap)).filter(|text| !text.is_empty());
            text.map(Item::Text).into_iter().chain(child.map(Item::Element))
        })
    }

    /// The bytes as they stand. They may lean on declarations around them; see [`Node::to_element`].
    pub fn raw(self) -> &'a [u8] {
        let record = self.record();
        self.element.slice(record.start, record.end).as_bytes()
    }

    /// Where its bytes lie in the element's.
    pub fn range(self) -> Range<usize> {
        let record = self.record();
        record.start as usize..record.end as usize
    }

    /// Behind the name in the opening tag: where an attribute can be added.
    pub fn open_tag_name_end(self) -> usize {
        let record = self.record();
        record.start as usize + 1 + usize::from(record.name_len)
    }

    /// Behind the `>` (or `/>`) of the opening tag.
    pub fn open_tag_end(self) -> usize {
        self.record().open_end as usize
    }

    /// Where its content lies; none when it is written `<a/>`.
    pub fn inner_range(self) -> Option<Range<usize>> {
        let record = self.record();
        (record.flags & EMPTY == 0).then_some(record.open_end as usize..record.inner_end as usize)
    }
}

impl<'a> Attr<'a> {
    /// The name without a prefix; of a declaration the prefix that it declares, or `xmlns`.
    pub fn name(&self) -> &'a str {
        let qname = self.qname();
        qname.split_once(':').map_or(qname, |(_, local)| local)
    }

    #[inline]
    pub(crate) fn flags(&self) -> u8 {
        self.record.flags
    }

    /// The name as written.
    pub fn qname(&self) -> &'a str {
        self.element.slice(self.record.start, self.record.start + u32::from(self.record.name_len))
    }

    /// The prefix as written, if there is one.
    pub fn prefix(&self) -> Option<&'a str> {
        self.qname().split_once(':').map(|(prefix, _)| prefix)
    }

    /// The namespace; empty without a prefix.
    pub fn ns(&self) -> &'a str {
        self.element.namespace(self.record.space)
    }

    /// Whether it is `xmlns` or `xmlns:prefix`.
    pub fn is_declaration(&self) -> bool {
        self.record.flags & DECLARES != 0
    }

    /// The value, decoded.
    pub fn value(&self) -> Cow<'a, str> {
        let raw = self.raw_value();
        if self.record.flags & CODED == 0 { Cow::Borrowed(raw) } else { decode::value(raw) }
    }

    /// The value as written between its quotes.
    pub fn raw_value(&self) -> &'a str {
        self.element.slice(self.record.value, self.record.value + self.record.value_len)
    }

    /// Where it lies in the element's bytes, the white space in front of it included: cut this to remove it.
    pub fn range(&self) -> Range<usize> {
        self.lead as usize..self.value_range().end + 1
    }

    /// Where its value lies in the element's bytes, without the quotes.
    pub fn value_range(&self) -> Range<usize> {
        let start = self.record.value as usize;
        start..start + self.record.value_len as usize
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.raw()))
    }
}

impl fmt::Debug for Attr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}='{}'", self.qname(), self.raw_value())
    }
}
