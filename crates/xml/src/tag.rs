//! Opening tags: names, attributes, and the element that they begin.

use crate::class::{self, is};
use crate::decode;
use crate::error::{Error, Result};
use crate::map::{AttrRecord, CODED, DECLARES, EMPTY, NodeRecord, PREFIXED, space};
use crate::opaque::special_len;
use crate::run;
use crate::scan::Step::{self, Done, More, To};
use crate::scan::{Outcome, Scanner, TWICE, span};
use crate::scope;
use crate::work::{Open, State};

impl Scanner<'_> {
    /// In the name of an opening tag whose `<` is at the mark.
    #[inline(always)]
    pub(crate) fn open_name(&mut self, at: usize) -> Result<Step> {
        let start = self.work.mark + 1;
        let (end, kinds) = name_end(self.bytes, at);
        if end == self.bytes.len() {
            return self.unfinished(State::OpenName, start);
        }
        let (name_len, prefix_len) = self.name(start, end, kinds)?;
        if self.work.open.len() >= self.context.limits.depth {
            return Err(Error::TooDeep);
        }
        self.count()?;
        let (parent, default) = match self.work.open.last() {
            Some(open) => (open.node, open.default),
            None => (0, scope::outermost(self.work, self.context.outer)),
        };
        self.work.default = default;
        self.work.bound = self.work.bindings.len() as u32;
        self.work.prefixed = false;
        self.work.seen = 0;
        self.work.first_attr = self.work.attrs.len();
        self.work.nodes.push(NodeRecord {
            start: start as u32 - 1,
            name_len,
            prefix_len,
            attr: self.work.attrs.len() as u32,
            parent,
            ..NodeRecord::default()
        });
        self.tag(end)
    }

    /// One more element or attribute.
    #[inline(always)]
    fn count(&self) -> Result<()> {
        let full = self.work.nodes.len() + self.work.attrs.len() >= self.context.limits.nodes;
        if full { Err(Error::TooManyNodes) } else { Ok(()) }
    }

    /// The input ended inside a name. It is short enough to be looked at again.
    #[cold]
    fn unfinished(&self, state: State, start: usize) -> Result<Step> {
        let long = self.bytes.len() - start > self.context.limits.name_bytes;
        if long { Err(Error::NameTooLong) } else { Ok(More(state, start)) }
    }

    /// The length of a complete name and of its prefix.
    #[inline(always)]
    fn name(&self, start: usize, end: usize, kinds: u8) -> Result<(u16, u16)> {
        if end - start > self.context.limits.name_bytes {
            return Err(Error::NameTooLong);
        }
        let name = self.bytes.get(start..end).unwrap_or_default();
        let simple = kinds & (class::COLON | class::WIDE) == 0;
        let starts = name.first().is_some_and(|&byte| is(byte, class::START));
        match (simple, starts) {
            (_, false) => Err(BAD_NAME),
            (true, true) => Ok((name.len() as u16, 0)),
            (false, true) => Ok((name.len() as u16, qualified(name)?)),
        }
    }

    /// Behind the name of an opening tag or behind an attribute.
    #[inline(always)]
    pub(crate) fn tag(&mut self, mut at: usize) -> Result<Step> {
        loop {
            let from = at;
            at = run::space_end(self.bytes, at);
            match self.bytes.get(at) {
                Some(b'>') => return self.opened(at + 1),
                Some(b'/') => return self.slash(at),
                Some(_) if at == from && !self.is_behind_space(at) => return Err(NO_SPACE),
                Some(_) => {}
                None => return Ok(More(State::Tag, at)),
            }
            match self.plain_attr(at)? {
                Some(next) => at = next,
                None => {
                    self.work.mark = at;
                    return self.attr_name(at);
                }
            }
        }
    }

    /// An attribute as nearly all are written: no space around `=`, nothing to decode, and all of it there. The place
    /// behind it, or none to leave it to the longer way.
    #[inline(always)]
    fn plain_attr(&mut self, start: usize) -> Result<Option<usize>> {
        let (end, kinds) = name_end(self.bytes, start);
        let Some(&[b'=', quote @ (b'\'' | b'"')]) = self.bytes.get(end..end + 2) else { return Ok(None) };
        let close = run::value_end(self.bytes, end + 2, quote);
        if self.bytes.get(close) != Some(&quote) {
            return Ok(None);
        }
        let (name_len, prefix_len) = self.name(start, end, kinds)?;
        self.count()?;
        let flags = if prefix_len > 0 { PREFIXED } else { 0 };
        let (start, value, value_len) = (start as u32, end as u32 + 2, (close - end) as u32 - 2);
        let own = AttrRecord { start, name_len, flags, space: space::NONE, value, value_len };
        self.work.attrs.push(own);
        self.valued(own).map(|()| Some(close + 1))
    }

    fn is_behind_space(&self, at: usize) -> bool {
        at.checked_sub(1).and_then(|before| self.bytes.get(before)).is_some_and(|&byte| is(byte, class::SPACE))
    }

    #[inline(always)]
    fn slash(&mut self, at: usize) -> Result<Step> {
        match self.bytes.get(at + 1) {
            Some(b'>') => self.opened_and_closed(at + 2),
            Some(_) => Err(Error::NotWellFormed("/ inside a tag")),
            None => Ok(More(State::Tag, at)),
        }
    }

    /// An attribute piece by piece: each may be the last for now.
    #[inline(never)]
    pub(crate) fn attr_name(&mut self, at: usize) -> Result<Step> {
        let start = self.work.mark;
        let (end, kinds) = name_end(self.bytes, at);
        if end == self.bytes.len() {
            return self.unfinished(State::AttrName, start);
        }
        let (name_len, prefix_len) = self.name(start, end, kinds)?;
        self.count()?;
        let flags = if prefix_len > 0 { PREFIXED } else { 0 };
        let start = start as u32;
        self.work.attrs.push(AttrRecord { start, name_len, flags, space: space::NONE, ..AttrRecord::default() });
        self.equals(end)
    }

    #[inline(always)]
    pub(crate) fn equals(&mut self, at: usize) -> Result<Step> {
        let at = run::space_end(self.bytes, at);
        match self.bytes.get(at) {
            Some(b'=') => self.quote(at + 1),
            Some(_) => Err(Error::NotWellFormed("attribute without a value")),
            None => Ok(More(State::Equals, at)),
        }
    }

    #[inline(always)]
    pub(crate) fn quote(&mut self, at: usize) -> Result<Step> {
        let at = run::space_end(self.bytes, at);
        match self.bytes.get(at) {
            Some(&quote @ (b'\'' | b'"')) => {
                self.work.mark = at + 1;
                self.work.quote = quote;
                self.value(at + 1)
            }
            Some(_) => Err(Error::NotWellFormed("attribute value without quotes")),
            None => Ok(More(State::Quote, at)),
        }
    }

    #[inline(always)]
    pub(crate) fn value(&mut self, mut at: usize) -> Result<Step> {
        let quote = self.work.quote;
        loop {
            at = run::value_end(self.bytes, at, quote);
            match self.bytes.get(at) {
                Some(&byte) if byte == quote => return self.end_value(at),
                Some(_) => match self.value_special(at)? {
                    Some(len) => at += len,
                    None => return Ok(More(State::Value, at)),
                },
                None => return Ok(More(State::Value, at)),
            }
        }
    }

    #[inline(never)]
    fn value_special(&mut self, at: usize) -> Result<Option<usize>> {
        let rest = self.rest(at);
        let len = match rest {
            [b'<', ..] => return Err(Error::NotWellFormed("< in an attribute value")),
            [b'&', ..] => decode::reference_len(rest)?,
            [b'\t' | b'\n' | b'\r', ..] => Some(1),
            _ => return special_len(rest),
        };
        if let Some(attr) = self.work.attrs.last_mut() {
            attr.flags |= CODED;
        }
        Ok(len)
    }

    /// At the closing quote of a value.
    #[inline(never)]
    fn end_value(&mut self, at: usize) -> Result<Step> {
        let value = self.work.mark as u32;
        let Some(own) = self.work.attrs.last_mut() else { return Err(BAD_NAME) };
        own.value = value;
        own.value_len = at as u32 - value;
        let own = *own;
        self.valued(own)?;
        Ok(To(State::Tag, at + 1))
    }

    /// The attribute pushed last is complete.
    #[inline(always)]
    fn valued(&mut self, own: AttrRecord) -> Result<()> {
        if self.work.attrs.len() - self.work.first_attr > self.context.limits.attributes {
            return Err(Error::TooManyAttributes);
        }
        let initial = self.bytes.get(own.start as usize).copied().unwrap_or_default();
        let mark = 1 << ((u64::from(initial) + 7 * u64::from(own.name_len)) & 63);
        if self.work.seen & mark != 0 {
            self.check_twice(own)?;
        }
        self.work.seen |= mark;
        self.work.prefixed |= own.flags & PREFIXED != 0;
        if initial == b'x' && span(self.bytes, own.start, own.name_len).starts_with(b"xmlns") {
            self.declares(own)?;
        }
        Ok(())
    }

    /// Another attribute may have the same name.
    #[inline(never)]
    fn check_twice(&self, own: AttrRecord) -> Result<()> {
        let name = span(self.bytes, own.start, own.name_len);
        let own_attrs = self.work.first_attr..self.work.attrs.len() - 1;
        let before = self.work.attrs.get(own_attrs).unwrap_or_default();
        let same = |other: &AttrRecord| {
            other.name_len == own.name_len && span(self.bytes, other.start, other.name_len) == name
        };
        if before.iter().any(same) { Err(TWICE) } else { Ok(()) }
    }

    /// The attribute's name begins with `xmlns`.
    #[inline(never)]
    fn declares(&mut self, own: AttrRecord) -> Result<()> {
        if own.name_len != 5 && self.bytes.get(own.start as usize + 5) != Some(&b':') {
            return Ok(());
        }
        if let Some(own) = self.work.attrs.last_mut() {
            own.flags |= DECLARES;
            own.space = space::XMLNS;
        }
        scope::declare(self.work, self.context.header, self.bytes, own)
    }

    /// Behind the `>` of an opening tag.
    #[inline(always)]
    fn opened(&mut self, at: usize) -> Result<Step> {
        scope::resolve(self.work, self.context, self.bytes)?;
        let number = self.work.nodes.len().saturating_sub(1) as u32;
        if let Some(node) = self.work.nodes.last_mut() {
            node.open_end = at as u32;
        }
        if self.context.header {
            return Ok(Done(Outcome::Element(at)));
        }
        self.work.open.push(Open { node: number, bindings: self.work.bound, default: self.work.default });
        Ok(To(State::Content, at))
    }

    /// Behind `/>`.
    #[inline(always)]
    fn opened_and_closed(&mut self, at: usize) -> Result<Step> {
        scope::resolve(self.work, self.context, self.bytes)?;
        let next = self.work.nodes.len() as u32;
        if let Some(node) = self.work.nodes.last_mut() {
            node.open_end = at as u32;
            node.inner_end = at as u32;
            node.end = at as u32;
            node.next = next;
            node.flags |= EMPTY;
        }
        Ok(self.left(self.work.bound, at))
    }
}

/// Where a name ends that goes on at `at`, and the classes of its bytes together.
#[inline(always)]
fn name_end(bytes: &[u8], mut at: usize) -> (usize, u8) {
    let mut kinds = 0;
    while let Some(&byte) = bytes.get(at) {
        let kind = class::CLASS[usize::from(byte)];
        if kind & class::NAME == 0 {
            break;
        }
        kinds |= kind;
        at += 1;
    }
    (at, kinds)
}

/// Checks a name that has colons or letters beyond ASCII; the length of its prefix.
#[inline(never)]
fn qualified(name: &[u8]) -> Result<u16> {
    let name = std::str::from_utf8(name).map_err(|_| Error::BadUtf8)?;
    let (prefix, local) = name.split_once(':').map_or((None, name), |(prefix, local)| (Some(prefix), local));
    let prefix_ok = prefix.is_none_or(class::is_ncname);
    if prefix_ok && class::is_ncname(local) { Ok(prefix.map_or(0, str::len) as u16) } else { Err(BAD_NAME) }
}

const BAD_NAME: Error = Error::NotWellFormed("not a name");
const NO_SPACE: Error = Error::NotWellFormed("space missing before an attribute");
