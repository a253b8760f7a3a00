//! The one pass over a peer's bytes: is it well-formed, and where does everything lie.
//!
//! The pass may stop behind any byte and go on when more has come; nothing is looked at twice but the few bytes of an
//! unfinished name or reference. UTF-8 is checked when the element is complete; until then bytes from 0x80 are taken
//! for characters wherever a character may stand.

use crate::class::{self, is};
use crate::decode;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::map::{AttrRecord, CODED, DECLARES, EMPTY, NodeRecord, PREFIXED, space};
use crate::outer::Outer;
use crate::scope;
use crate::work::{Open, State, Work};

/// What surrounds the bytes and what they may be.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) limits: &'a Limits,
    /// Comments and instructions are skipped.
    pub(crate) lenient: bool,
    /// The stream's opening tag is wanted, not a whole element.
    pub(crate) header: bool,
    /// An XML declaration may come.
    pub(crate) declaration: bool,
    pub(crate) outer: &'a Outer,
}

/// How far the pass came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All bytes were looked at and more are needed.
    More,
    /// An element ends here.
    Element(usize),
    /// A comment or instruction outside the element ends here.
    Skipped(usize),
    /// The XML declaration ends here.
    Declaration(usize),
    /// The stream's closing tag ends here.
    Close(usize),
}

enum Step {
    To(State),
    More,
    Done(Outcome),
}

/// Goes on from where `work` stands. `bytes` begin with the `<` of the element and hold all that has come since.
pub(crate) fn scan(work: &mut Work, context: Context<'_>, bytes: &[u8]) -> Result<Outcome> {
    let position = work.position;
    let mut scanner = Scanner { bytes, position, work, context };
    let mut state = scanner.work.state;
    loop {
        match scanner.step(state)? {
            Step::To(next) => state = next,
            Step::Done(outcome) => return Ok(outcome),
            Step::More => {
                scanner.work.state = state;
                scanner.work.position = scanner.position;
                return Ok(Outcome::More);
            }
        }
    }
}

struct Scanner<'a> {
    bytes: &'a [u8],
    position: usize,
    work: &'a mut Work,
    context: Context<'a>,
}

impl Scanner<'_> {
    #[inline(always)]
    fn step(&mut self, state: State) -> Result<Step> {
        match state {
            State::Content => self.content(),
            State::OpenName => self.open_name(),
            State::Tag => self.tag(),
            State::AttrName => self.attr_name(),
            State::Equals => self.equals(),
            State::Quote => self.quote(),
            State::Value => self.value(),
            State::CloseTail => self.close_tail(),
            State::CData => self.cdata(),
            State::Comment => self.comment(),
            State::Instruction => self.instruction(),
        }
    }

    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    /// Moves over bytes until one of `class`.
    #[inline(always)]
    fn run_until(&mut self, class: u8) {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        self.position += rest.iter().position(|&byte| is(byte, class)).unwrap_or(rest.len());
    }

    /// Moves over bytes of `class`.
    #[inline(always)]
    fn run_while(&mut self, class: u8) {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        self.position += rest.iter().position(|&byte| !is(byte, class)).unwrap_or(rest.len());
    }

    #[inline(always)]
    fn content(&mut self) -> Result<Step> {
        loop {
            self.run_until(class::TEXT);
            let Some(byte) = self.peek() else { return Ok(Step::More) };
            if byte == b'<' {
                return self.markup();
            }
            if !self.text_special(byte)? {
                return Ok(Step::More);
            }
        }
    }

    /// Text that is not plain; false when more must come before it can be judged.
    fn text_special(&mut self, byte: u8) -> Result<bool> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let len = match byte {
            b'&' => decode::reference_len(rest)?,
            b'\r' => Some(1),
            b']' => return self.bracket(rest),
            _ => special_len(rest)?,
        };
        self.position += len.unwrap_or(0);
        if matches!(byte, b'&' | b'\r') {
            self.mark_coded();
        }
        Ok(len.is_some())
    }

    /// `]]>` must not stand in text (XML 1.0 §2.4).
    fn bracket(&mut self, rest: &[u8]) -> Result<bool> {
        match rest {
            [b']', b']', b'>', ..] => Err(Error::NotWellFormed("]]> in text")),
            [b']'] | [b']', b']'] => Ok(false),
            _ => {
                self.position += 1;
                Ok(true)
            }
        }
    }

    fn mark_coded(&mut self) {
        let open = self.work.open.last().map_or(0, |open| open.node as usize);
        if let Some(node) = self.work.nodes.get_mut(open) {
            node.flags |= CODED;
        }
    }

    /// At a `<`.
    #[inline(always)]
    fn markup(&mut self) -> Result<Step> {
        match self.bytes.get(self.position + 1) {
            None => Ok(Step::More),
            Some(b'/') => self.close(),
            Some(b'!') => self.declaration(),
            Some(b'?') => self.open_instruction(),
            Some(_) => {
                self.work.mark = self.position;
                self.position += 1;
                Ok(Step::To(State::OpenName))
            }
        }
    }

    /// At `<!`.
    fn declaration(&mut self) -> Result<Step> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let inside = !self.work.open.is_empty();
        if inside && let Some(complete) = begins(rest, b"<![CDATA[") {
            return Ok(self.enter(complete, b"<![CDATA[".len(), State::CData));
        }
        if let Some(complete) = begins(rest, b"<!--") {
            if !self.context.lenient && rest.len() > 2 {
                return Err(Error::RestrictedXml("comment"));
            }
            return Ok(self.enter(complete, b"<!--".len(), State::Comment));
        }
        match begins(rest, b"<!DOCTYPE") {
            Some(true) => Err(Error::RestrictedXml("document type")),
            Some(false) => Ok(Step::More),
            None => Err(Error::NotWellFormed("unknown declaration")),
        }
    }

    /// Enters a construct whose first bytes are there, or waits for them.
    fn enter(&mut self, complete: bool, len: usize, state: State) -> Step {
        if !complete {
            return Step::More;
        }
        self.work.mark = self.position;
        self.position += len;
        if state == State::CData {
            self.mark_coded();
        }
        Step::To(state)
    }

    /// At `<?`.
    fn open_instruction(&mut self) -> Result<Step> {
        let first = self.context.declaration && self.work.open.is_empty();
        if !self.context.lenient && !first {
            return Err(Error::RestrictedXml("processing instruction"));
        }
        Ok(self.enter(true, 2, State::Instruction))
    }

    fn cdata(&mut self) -> Result<Step> {
        let Some(_) = self.find_end(b"]]>")? else { return Ok(Step::More) };
        Ok(Step::To(State::Content))
    }

    fn comment(&mut self) -> Result<Step> {
        let Some(_) = self.find_end(b"--")? else { return Ok(Step::More) };
        match self.peek() {
            Some(b'>') => {
                self.position += 1;
                Ok(self.skipped())
            }
            Some(_) => Err(Error::NotWellFormed("-- in a comment")),
            None => {
                self.position -= 2;
                Ok(Step::More)
            }
        }
    }

    fn instruction(&mut self) -> Result<Step> {
        let Some(end) = self.find_end(b"?>")? else { return Ok(Step::More) };
        let content = self.bytes.get(self.work.mark + 2..end).unwrap_or_default();
        let name_len = content.iter().position(|&byte| is(byte, class::SPACE)).unwrap_or(content.len());
        let name = content.get(..name_len).unwrap_or_default();
        if name == b"xml" && self.context.declaration {
            return Ok(Step::Done(Outcome::Declaration(self.position)));
        }
        if !self.context.lenient {
            return Err(Error::RestrictedXml("processing instruction"));
        }
        if name.eq_ignore_ascii_case(b"xml") || name.contains(&b':') || !valid_name(name) {
            return Err(Error::NotWellFormed("name of a processing instruction"));
        }
        Ok(self.skipped())
    }

    /// A comment or instruction is complete: it is left out of the element, or it was between elements.
    fn skipped(&mut self) -> Step {
        if self.work.open.is_empty() {
            return Step::Done(Outcome::Skipped(self.position));
        }
        self.work.cuts.push((self.work.mark as u32, self.position as u32));
        self.work.rewrite = true;
        Step::To(State::Content)
    }

    /// Moves behind `end` and says where it began; without it, stands where the search must go on.
    fn find_end(&mut self, end: &[u8]) -> Result<Option<usize>> {
        loop {
            let rest = self.bytes.get(self.position..).unwrap_or_default();
            let first = end.first().copied().unwrap_or_default();
            let stop = rest.iter().position(|&byte| byte == first || is(byte, class::OPAQUE));
            self.position += stop.unwrap_or(rest.len());
            let rest = self.bytes.get(self.position..).unwrap_or_default();
            match rest.first() {
                None => return Ok(None),
                Some(&byte) if byte == first => match begins(rest, end) {
                    Some(true) => {
                        self.position += end.len();
                        return Ok(Some(self.position - end.len()));
                    }
                    Some(false) => return Ok(None),
                    None => self.position += 1,
                },
                Some(_) => match special_len(rest)? {
                    Some(len) => self.position += len,
                    None => return Ok(None),
                },
            }
        }
    }

    #[inline(always)]
    fn open_name(&mut self) -> Result<Step> {
        let start = self.work.mark + 1;
        let Some((name_len, prefix_len)) = self.name(start)? else { return Ok(Step::More) };
        let limits = self.context.limits;
        if self.work.open.len() >= limits.depth {
            return Err(Error::TooDeep);
        }
        if self.work.nodes.len() + self.work.attrs.len() >= limits.nodes {
            return Err(Error::TooManyNodes);
        }
        let (parent, default) = match self.work.open.last() {
            Some(open) => (open.node, open.default),
            None => (0, scope::outermost(self.work, self.context.outer)),
        };
        self.work.default = default;
        self.work.nodes.push(NodeRecord {
            start: self.work.mark as u32,
            name_len,
            prefix_len,
            attr: self.work.attrs.len() as u32,
            parent,
            ..NodeRecord::default()
        });
        Ok(Step::To(State::Tag))
    }

    /// Reads on in the name that began at `start`; its length and its prefix's when it is complete.
    #[inline(always)]
    fn name(&mut self, start: usize) -> Result<Option<(u16, u16)>> {
        self.run_while(class::NAME);
        let len = self.position - start;
        if len > self.context.limits.name_bytes {
            return Err(Error::NameTooLong);
        }
        if self.position >= self.bytes.len() {
            return Ok(None);
        }
        let name = self.bytes.get(start..self.position).unwrap_or_default();
        Ok(Some((len as u16, qualified(name)?)))
    }

    #[inline(always)]
    fn tag(&mut self) -> Result<Step> {
        self.run_while(class::SPACE);
        match self.peek() {
            None => Ok(Step::More),
            Some(b'>') => {
                self.position += 1;
                self.opened()
            }
            Some(b'/') => match self.bytes.get(self.position + 1) {
                None => Ok(Step::More),
                Some(b'>') => {
                    self.position += 2;
                    self.opened_and_closed()
                }
                Some(_) => Err(Error::NotWellFormed("/ inside a tag")),
            },
            Some(_) if !self.is_behind_space() => Err(Error::NotWellFormed("space missing before an attribute")),
            Some(_) => {
                self.work.mark = self.position;
                Ok(Step::To(State::AttrName))
            }
        }
    }

    #[inline(always)]
    fn is_behind_space(&self) -> bool {
        self.position.checked_sub(1).and_then(|before| self.bytes.get(before)).is_some_and(|&b| is(b, class::SPACE))
    }

    #[inline(always)]
    fn attr_name(&mut self) -> Result<Step> {
        let start = self.work.mark;
        let Some((name_len, prefix_len)) = self.name(start)? else { return Ok(Step::More) };
        if self.work.nodes.len() + self.work.attrs.len() >= self.context.limits.nodes {
            return Err(Error::TooManyNodes);
        }
        let flags = if prefix_len > 0 { PREFIXED } else { 0 };
        self.work.attrs.push(AttrRecord {
            start: start as u32,
            name_len,
            flags,
            space: space::NONE,
            ..AttrRecord::default()
        });
        Ok(Step::To(State::Equals))
    }

    #[inline(always)]
    fn equals(&mut self) -> Result<Step> {
        self.run_while(class::SPACE);
        match self.peek() {
            Some(b'=') => {
                self.position += 1;
                Ok(Step::To(State::Quote))
            }
            Some(_) => Err(Error::NotWellFormed("attribute without a value")),
            None => Ok(Step::More),
        }
    }

    #[inline(always)]
    fn quote(&mut self) -> Result<Step> {
        self.run_while(class::SPACE);
        match self.peek() {
            Some(quote @ (b'\'' | b'"')) => {
                self.position += 1;
                self.work.mark = self.position;
                self.work.quote = quote;
                Ok(Step::To(State::Value))
            }
            Some(_) => Err(Error::NotWellFormed("attribute value without quotes")),
            None => Ok(Step::More),
        }
    }

    #[inline(always)]
    fn value(&mut self) -> Result<Step> {
        loop {
            self.run_until(class::VALUE);
            let Some(byte) = self.peek() else { return Ok(Step::More) };
            if byte == self.work.quote {
                self.position += 1;
                return self.valued();
            }
            if !self.value_special(byte)? {
                return Ok(Step::More);
            }
        }
    }

    fn value_special(&mut self, byte: u8) -> Result<bool> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let len = match byte {
            b'<' => return Err(Error::NotWellFormed("< in an attribute value")),
            b'&' => decode::reference_len(rest)?,
            b'\'' | b'"' | b'\t' | b'\n' | b'\r' => Some(1),
            _ => special_len(rest)?,
        };
        self.position += len.unwrap_or(0);
        if matches!(byte, b'&' | b'\t' | b'\n' | b'\r')
            && let Some(attr) = self.work.attrs.last_mut()
        {
            attr.flags |= CODED;
        }
        Ok(len.is_some())
    }

    /// Behind the closing quote of a value.
    #[inline(always)]
    fn valued(&mut self) -> Result<Step> {
        let first = self.work.nodes.last().map_or(0, |node| node.attr as usize);
        let value = self.work.mark as u32;
        let value_len = self.position as u32 - 1 - value;
        let (before, own) = match self.work.attrs.split_last_mut() {
            Some((own, rest)) => (rest.get(first..).unwrap_or_default(), own),
            None => return Err(Error::NotWellFormed("attribute without a name")),
        };
        own.value = value;
        own.value_len = value_len;
        let own = *own;
        if before.len() >= self.context.limits.attributes {
            return Err(Error::TooManyAttributes);
        }
        let name = span(self.bytes, own.start, own.name_len);
        if before
            .iter()
            .any(|other| other.name_len == own.name_len && span(self.bytes, other.start, other.name_len) == name)
        {
            return Err(Error::NotWellFormed("attribute twice"));
        }
        if name.starts_with(b"xmlns") && matches!(name.get(5), None | Some(b':')) {
            if let Some(own) = self.work.attrs.last_mut() {
                own.flags |= DECLARES;
                own.space = space::XMLNS;
            }
            scope::declare(self.work, self.bytes, own)?;
        }
        Ok(Step::To(State::Tag))
    }

    /// Behind the `>` of an opening tag.
    #[inline(always)]
    fn opened(&mut self) -> Result<Step> {
        let bindings = scope::resolve(self.work, self.context, self.bytes)?;
        let node = self.work.nodes.len().saturating_sub(1);
        if let Some(node) = self.work.nodes.last_mut() {
            node.open_end = self.position as u32;
        }
        if self.context.header {
            return Ok(Step::Done(Outcome::Element(self.position)));
        }
        self.work.open.push(Open { node: node as u32, bindings, default: self.work.default });
        Ok(Step::To(State::Content))
    }

    /// Behind `/>`.
    #[inline(always)]
    fn opened_and_closed(&mut self) -> Result<Step> {
        let bindings = scope::resolve(self.work, self.context, self.bytes)?;
        let position = self.position as u32;
        let next = self.work.nodes.len() as u32;
        if let Some(node) = self.work.nodes.last_mut() {
            node.open_end = position;
            node.inner_end = position;
            node.end = position;
            node.next = next;
            node.flags |= EMPTY;
        }
        Ok(self.left(bindings))
    }

    /// At `</`.
    #[inline(always)]
    fn close(&mut self) -> Result<Step> {
        let rest = self.bytes.get(self.position + 2..).unwrap_or_default();
        let name = match self.work.open.last().and_then(|open| self.work.nodes.get(open.node as usize)) {
            Some(node) => span(self.bytes, node.start + 1, node.name_len),
            None => self.context.outer.name.as_bytes(),
        };
        if rest.len() <= name.len() {
            return if name.starts_with(rest) { Ok(Step::More) } else { Err(MISMATCH) };
        }
        if !rest.starts_with(name) || name.is_empty() {
            return Err(MISMATCH);
        }
        self.work.mark = self.position;
        self.position += 2 + name.len();
        self.close_tail()
    }

    #[inline(always)]
    fn close_tail(&mut self) -> Result<Step> {
        self.run_while(class::SPACE);
        match self.peek() {
            Some(b'>') => {
                self.position += 1;
                Ok(self.closed())
            }
            Some(_) => Err(MISMATCH),
            None => Ok(Step::To(State::CloseTail)),
        }
    }

    #[inline(always)]
    fn closed(&mut self) -> Step {
        let Some(open) = self.work.open.pop() else { return Step::Done(Outcome::Close(self.position)) };
        let next = self.work.nodes.len() as u32;
        if let Some(node) = self.work.nodes.get_mut(open.node as usize) {
            node.inner_end = self.work.mark as u32;
            node.end = self.position as u32;
            node.next = next;
        }
        self.left(open.bindings)
    }

    /// Behind an element: its prefixes are unbound.
    #[inline(always)]
    fn left(&mut self, bindings: u32) -> Step {
        self.work.bindings.truncate(bindings as usize);
        if self.work.open.is_empty() { Step::Done(Outcome::Element(self.position)) } else { Step::To(State::Content) }
    }
}

const MISMATCH: Error = Error::NotWellFormed("closing tag does not match");

/// The bytes of a name.
#[inline(always)]
pub(crate) fn span(bytes: &[u8], start: u32, len: u16) -> &[u8] {
    bytes.get(start as usize..start as usize + usize::from(len)).unwrap_or_default()
}

/// Whether `bytes` begin with `wanted`: yes, not yet (`false`), or never (`None`).
fn begins(bytes: &[u8], wanted: &[u8]) -> Option<bool> {
    let len = bytes.len().min(wanted.len());
    (bytes.get(..len) == wanted.get(..len)).then_some(len == wanted.len())
}

/// A byte that only some contexts allow stands first: how many bytes its character has, if it is allowed at all.
fn special_len(rest: &[u8]) -> Result<Option<usize>> {
    match rest {
        [b'\t' | b'\n' | b'\r', ..] => Ok(Some(1)),
        [0xef, 0xbf, 0xbe | 0xbf, ..] => Err(Error::NotWellFormed("U+FFFE or U+FFFF")),
        [0xef, _, _, ..] => Ok(Some(3)),
        [0xef, ..] => Ok(None),
        [0..=0x1f, ..] => Err(Error::NotWellFormed("control character")),
        _ => Ok(Some(1)),
    }
}

/// Checks a name with at most one colon; the length of its prefix.
#[inline(always)]
fn qualified(name: &[u8]) -> Result<u16> {
    let ascii = name.iter().fold(0, |all, &byte| all | byte) < 0x80;
    if !ascii {
        return qualified_unicode(name);
    }
    let colon = name.iter().position(|&byte| byte == b':');
    let local = colon.map_or(name, |colon| name.get(colon + 1..).unwrap_or_default());
    let starts = |part: &[u8]| part.first().is_some_and(|&byte| is(byte, class::START));
    if starts(name) && starts(local) && !local.contains(&b':') {
        return Ok(colon.unwrap_or(0) as u16);
    }
    Err(BAD_NAME)
}

#[cold]
fn qualified_unicode(name: &[u8]) -> Result<u16> {
    let name = std::str::from_utf8(name).map_err(|_| Error::BadUtf8)?;
    let (prefix, local) = name.split_once(':').map_or((None, name), |(prefix, local)| (Some(prefix), local));
    let prefix_ok = prefix.is_none_or(class::is_ncname);
    if prefix_ok && class::is_ncname(local) { Ok(prefix.map_or(0, str::len) as u16) } else { Err(BAD_NAME) }
}

fn valid_name(name: &[u8]) -> bool {
    std::str::from_utf8(name).is_ok_and(class::is_ncname)
}

const BAD_NAME: Error = Error::NotWellFormed("not a name");
