//! Writing an element anew when its bytes lean on what was around them.
//!
//! Needed when a stanza used a prefix or default namespace of its stream's header, repeated the content namespace,
//! named it with a prefix, or held comments on a stream that allows them. Ordinary stanzas never come here.

use crate::decode;
use crate::error::{Error, Result};
use crate::escape::write_escaped_attr;
use crate::limits::Limits;
use crate::map::{AttrRecord, DECLARES, EMPTY, NodeRecord, PREFIXED};
use crate::outer::Outer;
use crate::scan::span;
use crate::scope;
use crate::work::Work;
use std::borrow::Cow;

/// Writes the finished element of `work` into `out` so that it means the same wherever the default is the content
/// namespace. `bytes` are valid UTF-8.
pub(crate) fn write(work: &Work, bytes: &[u8], outer: &Outer, limits: &Limits, out: &mut Vec<u8>) -> Result<()> {
    out.clear();
    let mut rewriter = Rewriter { work, bytes, out, open: Vec::new(), from: 0, cuts: &work.cuts, used: Vec::new() };
    let most = limits.stanza_bytes.saturating_add(limits.header_bytes);
    for (index, node) in work.nodes.iter().enumerate() {
        rewriter.close_until(index);
        rewriter.text(node.start as usize);
        rewriter.open(index, *node);
        if rewriter.out.len() > most {
            return Err(Error::TooBig("stanza_bytes"));
        }
    }
    rewriter.close_until(work.nodes.len());
    rewriter.declare_borrowed(outer);
    Ok(())
}

struct Rewriter<'a> {
    work: &'a Work,
    bytes: &'a [u8],
    out: &'a mut Vec<u8>,
    open: Vec<Written<'a>>,
    /// What is in front of here is written.
    from: usize,
    cuts: &'a [(u32, u32)],
    /// Places in `work.borrowed` of header prefixes that are still needed.
    used: Vec<usize>,
}

struct Written<'a> {
    node: NodeRecord,
    name: &'a [u8],
    /// The default namespace of its children as written; none for the content namespace.
    default: Option<Cow<'a, [u8]>>,
}

impl<'a> Rewriter<'a> {
    fn open(&mut self, index: usize, node: NodeRecord) {
        let around = self.open.last().and_then(|open| open.default.clone());
        let namespace = scope::name(self.work, self.bytes, node.space);
        let mut name = span(self.bytes, node.start + 1, node.name_len);
        let loses_prefix = node.prefix_len > 0 && around.is_none() && scope::is_content(namespace);
        if loses_prefix {
            name = name.get(usize::from(node.prefix_len) + 1..).unwrap_or_default();
        } else if node.prefix_len > 0 {
            self.note_use(node.space);
        }
        self.out.push(b'<');
        self.out.extend_from_slice(name);
        let attrs = self.attrs(index, node);
        let declared = match attrs.iter().find(|attr| attr.flags & (DECLARES | PREFIXED) == DECLARES) {
            _ if node.prefix_len == 0 => Some(Cow::Borrowed(namespace)),
            Some(own) if !loses_prefix => Some(decode::value_bytes(self.raw_value(own))),
            _ => None,
        };
        let declared = declared.filter(|wanted| !holds(&around, wanted));
        self.write_attrs(attrs, declared.as_deref());
        self.from = node.open_end as usize;
        if node.flags & EMPTY != 0 {
            self.out.extend_from_slice(b"/>");
        } else {
            self.out.push(b'>');
            self.open.push(Written { node, name, default: declared.or(around) });
        }
    }

    fn attrs(&self, index: usize, node: NodeRecord) -> &'a [AttrRecord] {
        let end = self.work.nodes.get(index + 1).map_or(self.work.attrs.len(), |next| next.attr as usize);
        self.work.attrs.get(node.attr as usize..end).unwrap_or_default()
    }

    fn raw_value(&self, attr: &AttrRecord) -> &'a [u8] {
        self.bytes.get(attr.value as usize..(attr.value + attr.value_len) as usize).unwrap_or_default()
    }

    /// The attributes as they stand, the default namespace as wanted: where it was declared, or else last.
    fn write_attrs(&mut self, attrs: &[AttrRecord], mut declared: Option<&[u8]>) {
        for attr in attrs {
            if attr.flags & (DECLARES | PREFIXED) == DECLARES {
                self.write_default(declared.take());
                continue;
            }
            self.note_use(attr.space);
            self.out.push(b' ');
            self.out.extend_from_slice(span(self.bytes, attr.start, attr.name_len));
            self.out.push(b'=');
            let quoted = attr.value as usize - 1..(attr.value + attr.value_len) as usize + 1;
            self.out.extend_from_slice(self.bytes.get(quoted).unwrap_or_default());
        }
        self.write_default(declared);
    }

    fn write_default(&mut self, namespace: Option<&[u8]>) {
        if let Some(namespace) = namespace {
            write_declaration(self.out, "", &String::from_utf8_lossy(namespace));
        }
    }

    fn note_use(&mut self, space: u16) {
        let place = self.work.borrowed.iter().position(|borrowed| borrowed.space == space);
        self.used.extend(place.filter(|place| !self.used.contains(place)));
    }

    /// Closes the open elements that do not hold the node `index`.
    fn close_until(&mut self, index: usize) {
        while let Some(top) = self.open.pop_if(|top| top.node.next as usize <= index) {
            self.text(top.node.inner_end as usize);
            self.out.extend_from_slice(b"</");
            self.out.extend_from_slice(top.name);
            self.out.push(b'>');
            self.from = top.node.end as usize;
        }
    }

    /// Copies text up to `to` without the comments and instructions in it. A carriage return in front of one must not
    /// become one line end with a line feed behind it.
    fn text(&mut self, to: usize) {
        while let Some(((start, end), rest)) = self.cuts.split_first().filter(|(cut, _)| (cut.0 as usize) < to) {
            self.piece(*start as usize);
            self.from = *end as usize;
            self.cuts = rest;
            self.out.iter_mut().rev().take_while(|byte| **byte == b'\r').for_each(|byte| *byte = b'\n');
        }
        self.piece(to);
        self.from = to;
    }

    /// Copies text, guarding against a `]]>` that only the loss of a comment would make.
    fn piece(&mut self, to: usize) {
        let mut piece = self.bytes.get(self.from..to).unwrap_or_default();
        if self.out.ends_with(b"]") && piece.starts_with(b"]>") {
            self.out.push(b']');
            piece = piece.get(1..).unwrap_or_default();
        }
        if self.out.ends_with(b"]]") && piece.starts_with(b">") {
            self.out.extend_from_slice(b"&gt;");
            piece = piece.get(1..).unwrap_or_default();
        }
        self.out.extend_from_slice(piece);
    }

    /// Declares on the root the prefixes of the stream's header that are used.
    fn declare_borrowed(&mut self, outer: &Outer) {
        let mut declarations = Vec::new();
        for place in &self.used {
            let borrowed = self.work.borrowed.get(*place);
            if let Some(declared) = borrowed.and_then(|borrowed| outer.declared.get(usize::from(borrowed.place))) {
                write_declaration(&mut declarations, &declared.prefix, &declared.namespace);
            }
        }
        let name_end = self.out.iter().position(|byte| matches!(byte, b' ' | b'>' | b'/')).unwrap_or(0);
        self.out.splice(name_end..name_end, declarations);
    }
}

/// Whether names without a prefix are in `wanted` already. The content namespaces are one where they are implied.
fn holds(around: &Option<Cow<'_, [u8]>>, wanted: &[u8]) -> bool {
    match around {
        None => scope::is_content(wanted),
        Some(around) => around.as_ref() == wanted,
    }
}

/// Appends ` xmlns='…'` or ` xmlns:prefix='…'`.
pub(crate) fn write_declaration(out: &mut Vec<u8>, prefix: &str, namespace: &str) {
    out.extend_from_slice(b" xmlns");
    if !prefix.is_empty() {
        out.push(b':');
        out.extend_from_slice(prefix.as_bytes());
    }
    out.extend_from_slice(b"='");
    write_escaped_attr(out, namespace);
    out.push(b'\'');
}
