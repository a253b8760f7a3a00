//! Namespaces: what a prefix means where it is used (Namespaces in XML 1.0).

use crate::decode;
use crate::error::{Error, Result};
use crate::map::{AttrRecord, CODED, DECLARES, PREFIXED, SpaceRecord, space};
use crate::names;
use crate::outer::Outer;
use crate::scan::{Context, TWICE, span};
use crate::work::{Binding, Work};
use std::borrow::Cow;

/// The default namespace around the outermost element.
#[inline(always)]
pub(crate) fn outermost(work: &mut Work, outer: &Outer) -> u16 {
    match outer.default.as_deref() {
        None => space::CONTENT,
        Some("") => space::NONE,
        Some(other) => add_extra(work, other).unwrap_or(space::NONE),
    }
}

/// Takes in one `xmlns` or `xmlns:prefix` attribute.
#[inline(always)]
pub(crate) fn declare(work: &mut Work, header: bool, bytes: &[u8], attr: AttrRecord) -> Result<()> {
    if attr.flags & (PREFIXED | CODED) == 0 && !may_be_special(attr.value_len) {
        work.default = push(work, SpaceRecord { start: attr.value, len: attr.value_len })?;
        return Ok(());
    }
    declare_with_care(work, header, bytes, attr)
}

/// Whether a namespace of this length may be one of those that are treated in their own way.
#[inline(always)]
fn may_be_special(len: u32) -> bool {
    const SPECIAL: [&str; 6] = ["", names::CLIENT, names::SERVER, names::COMPONENT, names::XML, names::XMLNS];
    SPECIAL.iter().any(|special| special.len() as u32 == len)
}

#[inline(never)]
fn declare_with_care(work: &mut Work, header: bool, bytes: &[u8], attr: AttrRecord) -> Result<()> {
    let namespace = bytes.get(attr.value as usize..(attr.value + attr.value_len) as usize).unwrap_or_default();
    let namespace = if attr.flags & CODED == 0 { Cow::Borrowed(namespace) } else { decode::value_bytes(namespace) };
    let prefixed = attr.flags & PREFIXED != 0;
    let prefix = if prefixed { span(bytes, attr.start + 6, attr.name_len - 6) } else { &[] };
    check_declaration(prefix, &namespace)?;
    if !prefixed {
        work.default = default_space(work, header, attr, &namespace)?;
        return Ok(());
    }
    if work.bindings.len() >= MOST_BINDINGS {
        return Err(Error::TooManyNodes);
    }
    let space = add(work, attr, &namespace)?;
    work.bindings.push(Binding { start: attr.start + 6, len: attr.name_len - 6, space });
    Ok(())
}

/// Each use of a prefix looks through all that are bound around it.
const MOST_BINDINGS: usize = 512;

/// Namespaces in XML 1.0 §3 and §5: what may not be declared.
fn check_declaration(prefix: &[u8], namespace: &[u8]) -> Result<()> {
    let xml = namespace == names::XML.as_bytes();
    let xmlns = namespace == names::XMLNS.as_bytes();
    let undeclared = !prefix.is_empty() && namespace.is_empty();
    if prefix == b"xmlns" || (prefix == b"xml") != xml || xmlns || undeclared {
        return Err(Error::InvalidNamespace);
    }
    Ok(())
}

/// What `xmlns='…'` makes of the default. A content namespace declared where it holds anyway is no declaration.
fn default_space(work: &mut Work, header: bool, attr: AttrRecord, namespace: &[u8]) -> Result<u16> {
    if namespace.is_empty() {
        return Ok(space::NONE);
    }
    let inherited = work.open.last().map_or(space::CONTENT, |open| open.default);
    if !header && inherited == space::CONTENT && is_content(namespace) {
        work.rewrite = true;
        return Ok(space::CONTENT);
    }
    add(work, attr, namespace)
}

pub(crate) fn is_content(namespace: &[u8]) -> bool {
    [names::CLIENT, names::SERVER, names::COMPONENT].iter().any(|content| content.as_bytes() == namespace)
}

/// Whether an element in a content namespace names another one than that of clients.
#[inline]
pub(crate) fn is_of_another_content(work: &Work, bytes: &[u8]) -> bool {
    // Who names a content namespace at all is written anew.
    work.rewrite && names_another_content(work, bytes)
}

#[cold]
fn names_another_content(work: &Work, bytes: &[u8]) -> bool {
    let Some(root) = work.nodes.first() else { return false };
    let is_another = |namespace: &[u8]| is_content(namespace) && namespace != names::CLIENT.as_bytes();
    if root.prefix_len > 0 {
        return is_another(name(work, bytes, root.space));
    }
    let end = work.nodes.get(1).map_or(work.attrs.len(), |next| next.attr as usize);
    let attrs = work.attrs.get(root.attr as usize..end).unwrap_or_default();
    let declared = attrs.iter().find(|attr| attr.flags & (DECLARES | PREFIXED) == DECLARES);
    declared.is_some_and(|attr| {
        let value = bytes.get(attr.value as usize..(attr.value + attr.value_len) as usize).unwrap_or_default();
        is_another(&decode::value_bytes(value))
    })
}

/// Keeps a namespace name that lies in the bytes of an attribute, or its decoded form.
fn add(work: &mut Work, attr: AttrRecord, namespace: &[u8]) -> Result<u16> {
    if attr.flags & CODED != 0 {
        let decoded = std::str::from_utf8(namespace).map_err(|_| Error::BadUtf8)?;
        return add_extra(work, decoded);
    }
    push(work, SpaceRecord { start: attr.value, len: attr.value_len })
}

/// Marks a record whose text lies behind the element's bytes.
pub(crate) const EXTRA: u32 = 1 << 31;

fn add_extra(work: &mut Work, namespace: &str) -> Result<u16> {
    let start = work.extra.len() as u32 | EXTRA;
    work.extra.extend_from_slice(namespace.as_bytes());
    push(work, SpaceRecord { start, len: namespace.len() as u32 })
}

fn push(work: &mut Work, record: SpaceRecord) -> Result<u16> {
    let number = work.spaces.len() + usize::from(space::FIRST);
    if number >= space::MOST {
        return Err(Error::TooManyNodes);
    }
    work.spaces.push(record);
    Ok(number as u16)
}

/// The namespace that a number stands for while the element is being read.
pub(crate) fn name<'a>(work: &'a Work, bytes: &'a [u8], space: u16) -> &'a [u8] {
    match space {
        space::CONTENT => names::CLIENT.as_bytes(),
        space::NONE => b"",
        space::XML => names::XML.as_bytes(),
        space::XMLNS => names::XMLNS.as_bytes(),
        _ => {
            let record = work.spaces.get(usize::from(space - space::FIRST)).copied().unwrap_or_default();
            let (bytes, start) = if record.start & EXTRA == 0 {
                (bytes, record.start)
            } else {
                (&work.extra[..], record.start & !EXTRA)
            };
            bytes.get(start as usize..(start + record.len) as usize).unwrap_or_default()
        }
    }
}

/// Gives the element whose opening tag is complete, and its attributes, their namespaces.
#[inline(always)]
pub(crate) fn resolve(work: &mut Work, context: Context<'_>, bytes: &[u8]) -> Result<()> {
    let Some(node) = work.nodes.last().copied() else { return Ok(()) };
    let space = if node.prefix_len == 0 { bare(work, context.outer) } else { element(work, context, bytes)? };
    if let Some(node) = work.nodes.last_mut() {
        node.space = space;
    }
    if work.prefixed {
        attributes(work, context, bytes, node.attr as usize)?;
    }
    Ok(())
}

/// The namespace of an element without a prefix.
#[inline(always)]
fn bare(work: &mut Work, outer: &Outer) -> u16 {
    if work.open.is_empty() && outer.default.is_some() && work.default != space::CONTENT {
        work.rewrite = true;
    }
    work.default
}

#[inline(never)]
fn element(work: &mut Work, context: Context<'_>, bytes: &[u8]) -> Result<u16> {
    let Some(node) = work.nodes.last().copied() else { return Ok(space::NONE) };
    let prefix = span(bytes, node.start + 1, node.prefix_len);
    let space = prefix_space(work, context.outer, bytes, prefix)?;
    let around = work.open.last().map_or(space::CONTENT, |open| open.default);
    if around == space::CONTENT && is_content(name(work, bytes, space)) {
        work.rewrite = true;
    }
    if work.open.is_empty() && context.outer.default.is_some() {
        work.rewrite = true;
    }
    Ok(space)
}

fn prefix_space(work: &mut Work, outer: &Outer, bytes: &[u8], prefix: &[u8]) -> Result<u16> {
    if let Some(binding) = work.bindings.iter().rev().find(|bound| span(bytes, bound.start, bound.len) == prefix) {
        return Ok(binding.space);
    }
    if prefix == b"xml" {
        return Ok(space::XML);
    }
    let place = outer.declared.iter().position(|declared| declared.prefix.as_bytes() == prefix);
    let (Some(place), true) = (place, prefix != b"xmlns") else { return Err(Error::BadNamespacePrefix) };
    borrow(work, outer, place)
}

/// A prefix of the stream's header is used: the element will have to declare it.
#[cold]
fn borrow(work: &mut Work, outer: &Outer, place: usize) -> Result<u16> {
    work.rewrite = true;
    if let Some(known) = work.borrowed.iter().find(|borrowed| usize::from(borrowed.place) == place) {
        return Ok(known.space);
    }
    let namespace = outer.declared.get(place).map_or("", |declared| &declared.namespace);
    let space = add_extra(work, namespace)?;
    work.borrowed.push(crate::work::Borrowed { place: place as u16, space });
    Ok(space)
}

/// Resolves the prefixes of attributes and refuses two of the same name in the same namespace.
#[inline(never)]
fn attributes(work: &mut Work, context: Context<'_>, bytes: &[u8], first: usize) -> Result<()> {
    for at in first..work.attrs.len() {
        let Some(attr) = work.attrs.get(at).copied() else { continue };
        if attr.flags & (PREFIXED | DECLARES) != PREFIXED {
            continue;
        }
        let (prefix, local) = split(span(bytes, attr.start, attr.name_len));
        let space = prefix_space(work, context.outer, bytes, prefix)?;
        let same = |other: &AttrRecord| {
            other.flags & (PREFIXED | DECLARES) == PREFIXED
                && split(span(bytes, other.start, other.name_len)).1 == local
                && name(work, bytes, other.space) == name(work, bytes, space)
        };
        if work.attrs.get(first..at).unwrap_or_default().iter().any(same) {
            return Err(TWICE);
        }
        if let Some(attr) = work.attrs.get_mut(at) {
            attr.space = space;
        }
    }
    Ok(())
}

fn split(name: &[u8]) -> (&[u8], &[u8]) {
    match name.iter().position(|&byte| byte == b':') {
        Some(colon) => (name.get(..colon).unwrap_or_default(), name.get(colon + 1..).unwrap_or_default()),
        None => (b"", name),
    }
}
