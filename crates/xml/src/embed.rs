//! Taking a part of an element to another place without losing what it means there.

use crate::canonical::write_declaration;
use crate::element::Element;
use crate::map::{DECLARES, PREFIXED};
use crate::names;
use crate::node::{Attr, Node};
use std::borrow::Cow;

impl<'a> Node<'a> {
    /// This element alone, for storing or forwarding: what it took from the elements around it is declared on it.
    pub fn to_element(self) -> Element {
        if self.index() == 0 {
            return self.element().clone();
        }
        let mut out = Vec::with_capacity(self.raw().len() + 64);
        self.write_inside(&mut out, names::CLIENT);
        Element::own(&out)
    }

    /// Appends this element as it must be written where names without a prefix are in `default`.
    /// [`names::CLIENT`] stands for the content namespace.
    pub fn write_inside(self, out: &mut Vec<u8>, default: &str) {
        let head = self.open_tag_name_end() - self.range().start;
        let raw = self.raw();
        out.extend_from_slice(raw.get(..head).unwrap_or_default());
        let inherited = self.inherited_default();
        if !self.attrs().any(|attr| attr.is_declaration() && attr.prefix().is_none()) && inherited != default {
            write_declaration(out, "", &inherited);
        }
        for (prefix, namespace) in self.inherited_prefixes() {
            write_declaration(out, prefix, &namespace);
        }
        out.extend_from_slice(raw.get(head..).unwrap_or_default());
    }

    /// The namespace of names without a prefix just outside this element.
    fn inherited_default(self) -> Cow<'a, str> {
        let nearest = self.ancestors().find_map(|node| node.declaration(None));
        nearest.map_or(Cow::Borrowed(names::CLIENT), |attr| attr.value())
    }

    /// The prefixes used here that an element around this one declares.
    fn inherited_prefixes(self) -> Vec<(&'a str, Cow<'a, str>)> {
        let mut found: Vec<(&str, Cow<'_, str>)> = Vec::new();
        for prefix in self.used_prefixes() {
            if found.iter().any(|(known, _)| *known == prefix) || self.declaration(Some(prefix)).is_some() {
                continue;
            }
            if let Some(attr) = self.ancestors().find_map(|node| node.declaration(Some(prefix))) {
                found.push((prefix, attr.value()));
            }
        }
        found
    }

    fn used_prefixes(self) -> impl Iterator<Item = &'a str> {
        let of_attr =
            |attr: Attr<'a>| (attr.flags() & (PREFIXED | DECLARES) == PREFIXED).then(|| attr.prefix()).flatten();
        self.descendants().flat_map(move |node| node.prefix().into_iter().chain(node.attrs().filter_map(of_attr)))
    }

    fn declaration(self, prefix: Option<&str>) -> Option<Attr<'a>> {
        self.attrs().find(|attr| match prefix {
            None => attr.flags() & (PREFIXED | DECLARES) == DECLARES,
            Some(prefix) => attr.flags() & (PREFIXED | DECLARES) == PREFIXED | DECLARES && attr.name() == prefix,
        })
    }

    fn ancestors(self) -> impl Iterator<Item = Node<'a>> {
        std::iter::successors(self.parent(), |node| node.parent())
    }
}
