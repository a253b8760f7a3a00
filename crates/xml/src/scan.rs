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
use crate::run;
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
    /// Goes on in this state from this byte.
    To(State, usize),
    /// Stops in this state at this byte until more has come.
    More(State, usize),
    Done(Outcome),
}

use Step::{Done, More, To};

/// Goes on from where `work` stands. `bytes` begin with the `<` of the element and hold all that has come since.
pub(crate) fn scan(work: &mut Work, context: Context<'_>, bytes: &[u8]) -> Result<Outcome> {
    let (mut state, mut at) = (work.state, work.position);
    let mut scanner = Scanner { bytes, work, context };
    loop {
        match scanner.step(state, at)? {
            To(next, place) => (state, at) = (next, place),
            Done(outcome) => return Ok(outcome),
            More(state, at) => {
                scanner.work.state = state;
                scanner.work.position = at;
                return Ok(Outcome::More);
            }
        }
    }
}

struct Scanner<'a> {
    bytes: &'a [u8],
    work: &'a mut Work,
    context: Context<'a>,
}

impl Scanner<'_> {
    /// Content first: whoever stops elsewhere was cut off and takes the slower way once.
    #[inline(always)]
    fn step(&mut self, state: State, at: usize) -> Result<Step> {
        if state == State::Content { self.content(at) } else { self.resume(state, at) }
    }

    #[inline(never)]
    fn resume(&mut self, state: State, at: usize) -> Result<Step> {
        match state {
            State::Content => Ok(To(State::Content, at)),
            State::OpenName => self.open_name(at),
            State::Tag => self.tag(at),
            State::AttrName => self.attr_name(at),
            State::Equals => self.equals(at),
            State::Quote => self.quote(at),
            State::Value => self.value(at),
            State::CloseTail => self.close_tail(at),
            State::CData => self.cdata(at),
            State::Comment => self.comment(at),
            State::Instruction => self.instruction(at),
        }
    }

    #[inline(always)]
    fn rest(&self, at: usize) -> &[u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    #[inline(always)]
    fn content(&mut self, mut at: usize) -> Result<Step> {
        loop {
            at = run::text_end(self.bytes, at);
            match self.bytes.get(at) {
                None => return Ok(More(State::Content, at)),
                Some(b'<') => return self.markup(at),
                Some(_) => match self.text_special(at)? {
                    Some(len) => at += len,
                    None => return Ok(More(State::Content, at)),
                },
            }
        }
    }

    /// How long what stands in text without being plain is; none when more must come before it can be judged.
    #[inline(never)]
    fn text_special(&mut self, at: usize) -> Result<Option<usize>> {
        let rest = self.rest(at);
        let len = match rest {
            [b'\n' | b'\t', ..] => return Ok(Some(1)),
            [b']', ..] => return bracket_len(rest),
            [b'&', ..] => decode::reference_len(rest)?,
            [b'\r', ..] => Some(1),
            _ => return special_len(rest),
        };
        self.mark_coded();
        Ok(len)
    }

    fn mark_coded(&mut self) {
        let open = self.work.open.last().map_or(0, |open| open.node as usize);
        if let Some(node) = self.work.nodes.get_mut(open) {
            node.flags |= CODED;
        }
    }

    /// At a `<`.
    #[inline(always)]
    fn markup(&mut self, at: usize) -> Result<Step> {
        match self.bytes.get(at + 1) {
            None => Ok(More(State::Content, at)),
            Some(b'/') => self.close(at),
            Some(b'!') => self.declaration(at),
            Some(b'?') => self.open_instruction(at),
            Some(_) => {
                self.work.mark = at;
                self.open_name(at + 1)
            }
        }
    }

    /// At `<!`.
    #[inline(never)]
    fn declaration(&mut self, at: usize) -> Result<Step> {
        let rest = self.rest(at);
        if !self.work.open.is_empty()
            && let Some(complete) = begins(rest, b"<![CDATA[")
        {
            return Ok(self.enter(complete, at, b"<![CDATA[".len(), State::CData));
        }
        if rest.starts_with(b"<!-") && !self.context.lenient {
            return Err(Error::RestrictedXml("comment"));
        }
        if let Some(complete) = begins(rest, b"<!--") {
            return Ok(self.enter(complete, at, b"<!--".len(), State::Comment));
        }
        match begins(rest, b"<!DOCTYPE") {
            Some(true) => Err(Error::RestrictedXml("document type")),
            Some(false) => Ok(More(State::Content, at)),
            None => Err(Error::NotWellFormed("unknown declaration")),
        }
    }

    /// Enters a construct whose first bytes are there, or waits for them.
    fn enter(&mut self, complete: bool, at: usize, len: usize, state: State) -> Step {
        if !complete {
            return More(State::Content, at);
        }
        self.work.mark = at;
        if state == State::CData {
            self.mark_coded();
        }
        To(state, at + len)
    }

    /// At `<?`.
    #[inline(never)]
    fn open_instruction(&mut self, at: usize) -> Result<Step> {
        let first = self.context.declaration && self.work.open.is_empty();
        if !self.context.lenient && !first {
            return Err(Error::RestrictedXml("processing instruction"));
        }
        Ok(self.enter(true, at, 2, State::Instruction))
    }

    fn cdata(&mut self, at: usize) -> Result<Step> {
        Ok(match self.find_end(at, b"]]>")? {
            (end, true) => To(State::Content, end + 3),
            (stop, false) => More(State::CData, stop),
        })
    }

    fn comment(&mut self, at: usize) -> Result<Step> {
        let (end, found) = self.find_end(at, b"--")?;
        match self.bytes.get(end + 2) {
            Some(b'>') if found => Ok(self.skipped(end + 3)),
            Some(_) if found => Err(Error::NotWellFormed("-- in a comment")),
            _ => Ok(More(State::Comment, end)),
        }
    }

    fn instruction(&mut self, at: usize) -> Result<Step> {
        let (end, found) = self.find_end(at, b"?>")?;
        if !found {
            return Ok(More(State::Instruction, end));
        }
        let content = self.bytes.get(self.work.mark + 2..end).unwrap_or_default();
        let name_len = content.iter().position(|&byte| is(byte, class::SPACE)).unwrap_or(content.len());
        let name = content.get(..name_len).unwrap_or_default();
        if name == b"xml" && self.context.declaration {
            return Ok(Done(Outcome::Declaration(end + 2)));
        }
        if !self.context.lenient {
            return Err(Error::RestrictedXml("processing instruction"));
        }
        if name.eq_ignore_ascii_case(b"xml") || !std::str::from_utf8(name).is_ok_and(class::is_ncname) {
            return Err(Error::NotWellFormed("name of a processing instruction"));
        }
        Ok(self.skipped(end + 2))
    }

    /// A comment or instruction is complete: it is left out of the element, or it was between elements.
    fn skipped(&mut self, end: usize) -> Step {
        if self.work.open.is_empty() {
            return Done(Outcome::Skipped(end));
        }
        self.work.cuts.push((self.work.mark as u32, end as u32));
        self.work.rewrite = true;
        To(State::Content, end)
    }

    /// Where `end` begins, or where to go on looking for it, and whether it was found.
    fn find_end(&self, mut at: usize, end: &[u8]) -> Result<(usize, bool)> {
        let first = end.first().copied().unwrap_or_default();
        loop {
            at = run::opaque_end(self.bytes, at, first);
            let rest = self.rest(at);
            let step = match rest.first() {
                None => None,
                Some(&byte) if byte == first => match begins(rest, end) {
                    Some(true) => return Ok((at, true)),
                    Some(false) => None,
                    None => Some(1),
                },
                Some(_) => special_len(rest)?,
            };
            match step {
                Some(len) => at += len,
                None => return Ok((at, false)),
            }
        }
    }

    #[inline(always)]
    fn open_name(&mut self, at: usize) -> Result<Step> {
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
    fn tag(&mut self, mut at: usize) -> Result<Step> {
        loop {
            let from = at;
            at = run::space_end(self.bytes, at);
            match self.bytes.get(at) {
                Some(b'>') => return self.opened(at + 1),
                Some(b'/') => return self.slash(at),
                Some(_) if at == from && !self.is_behind_space(at) => return Err(NO_SPACE),
                Some(_) => self.work.mark = at,
                None => return Ok(More(State::Tag, at)),
            }
            match self.attr_name(at)? {
                To(State::Tag, next) => at = next,
                other => return Ok(other),
            }
        }
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

    #[inline(always)]
    fn attr_name(&mut self, at: usize) -> Result<Step> {
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
    fn equals(&mut self, at: usize) -> Result<Step> {
        let at = run::space_end(self.bytes, at);
        match self.bytes.get(at) {
            Some(b'=') => self.quote(at + 1),
            Some(_) => Err(Error::NotWellFormed("attribute without a value")),
            None => Ok(More(State::Equals, at)),
        }
    }

    #[inline(always)]
    fn quote(&mut self, at: usize) -> Result<Step> {
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
    fn value(&mut self, mut at: usize) -> Result<Step> {
        let quote = self.work.quote;
        loop {
            at = run::value_end(self.bytes, at, quote);
            match self.bytes.get(at) {
                Some(&byte) if byte == quote => return self.valued(at),
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
    #[inline(always)]
    fn valued(&mut self, at: usize) -> Result<Step> {
        let first = self.work.nodes.last().map_or(0, |node| node.attr as usize);
        let value = self.work.mark as u32;
        let Some((own, before)) = self.work.attrs.split_last_mut() else { return Err(BAD_NAME) };
        own.value = value;
        own.value_len = at as u32 - value;
        let own = *own;
        let before = before.get(first..).unwrap_or_default();
        if before.len() >= self.context.limits.attributes {
            return Err(Error::TooManyAttributes);
        }
        let name = span(self.bytes, own.start, own.name_len);
        let same = |other: &AttrRecord| {
            other.name_len == own.name_len && span(self.bytes, other.start, other.name_len) == name
        };
        if before.iter().any(same) {
            return Err(TWICE);
        }
        if name.starts_with(b"xmlns") {
            self.declares(own)?;
        }
        self.work.prefixed |= own.flags & PREFIXED != 0;
        Ok(To(State::Tag, at + 1))
    }

    /// The attribute's name begins with `xmlns`.
    #[inline(never)]
    fn declares(&mut self, own: AttrRecord) -> Result<()> {
        if !matches!(self.bytes.get(own.start as usize + 5), Some(b':')) && own.name_len != 5 {
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

    /// At `</`.
    #[inline(always)]
    fn close(&mut self, at: usize) -> Result<Step> {
        let rest = self.rest(at + 2);
        let name = match self.work.open.last().and_then(|open| self.work.nodes.get(open.node as usize)) {
            Some(node) => span(self.bytes, node.start + 1, node.name_len),
            None => self.context.outer.name.as_bytes(),
        };
        match rest.split_at_checked(name.len()) {
            Some((head, [b'>', ..])) if head == name && !name.is_empty() => {
                self.work.mark = at;
                Ok(self.closed(at + 3 + name.len()))
            }
            _ => self.close_slowly(at, name.len()),
        }
    }

    /// A closing tag that is cut off, has white space, or does not match.
    #[cold]
    fn close_slowly(&mut self, at: usize, len: usize) -> Result<Step> {
        let rest = self.rest(at + 2);
        let name = match self.work.open.last().and_then(|open| self.work.nodes.get(open.node as usize)) {
            Some(node) => span(self.bytes, node.start + 1, node.name_len),
            None => self.context.outer.name.as_bytes(),
        };
        if rest.len() <= len {
            return if name.starts_with(rest) { Ok(More(State::Content, at)) } else { Err(MISMATCH) };
        }
        if !rest.starts_with(name) || name.is_empty() {
            return Err(MISMATCH);
        }
        self.work.mark = at;
        self.close_tail(at + 2 + len)
    }

    fn close_tail(&mut self, at: usize) -> Result<Step> {
        let at = run::space_end(self.bytes, at);
        match self.bytes.get(at) {
            Some(b'>') => Ok(self.closed(at + 1)),
            Some(_) => Err(MISMATCH),
            None => Ok(More(State::CloseTail, at)),
        }
    }

    #[inline(always)]
    fn closed(&mut self, at: usize) -> Step {
        let Some(open) = self.work.open.pop() else { return Done(Outcome::Close(at)) };
        let next = self.work.nodes.len() as u32;
        if let Some(node) = self.work.nodes.get_mut(open.node as usize) {
            node.inner_end = self.work.mark as u32;
            node.end = at as u32;
            node.next = next;
        }
        self.left(open.bindings, at)
    }

    /// Behind an element: its prefixes are unbound.
    #[inline(always)]
    fn left(&mut self, bindings: u32, at: usize) -> Step {
        self.work.bindings.truncate(bindings as usize);
        if self.work.open.is_empty() { Done(Outcome::Element(at)) } else { To(State::Content, at) }
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

/// A `]` in text: `]]>` must not stand there (XML 1.0 §2.4).
fn bracket_len(rest: &[u8]) -> Result<Option<usize>> {
    match rest {
        [b']', b']', b'>', ..] => Err(Error::NotWellFormed("]]> in text")),
        [b']'] | [b']', b']'] => Ok(None),
        _ => Ok(Some(1)),
    }
}

/// A byte that only some contexts allow stands first: how many bytes its character has, if it is allowed at all.
fn special_len(rest: &[u8]) -> Result<Option<usize>> {
    match rest {
        [b'\t' | b'\n' | b'\r', ..] => Ok(Some(1)),
        [0xef, 0xbf, 0xbe | 0xbf, ..] => Err(Error::NotWellFormed("U+FFFE or U+FFFF")),
        [0xef, 0x80..=0xbf, 0x80..=0xbf, ..] => Ok(Some(3)),
        [0xef] | [0xef, 0x80..=0xbf] => Ok(None),
        [0xef, ..] => Err(Error::BadUtf8),
        [0..=0x1f, ..] => Err(Error::NotWellFormed("control character")),
        _ => Ok(Some(1)),
    }
}

const MISMATCH: Error = Error::NotWellFormed("closing tag does not match");
const BAD_NAME: Error = Error::NotWellFormed("not a name");
const NO_SPACE: Error = Error::NotWellFormed("space missing before an attribute");
pub(crate) const TWICE: Error = Error::NotWellFormed("attribute twice");
