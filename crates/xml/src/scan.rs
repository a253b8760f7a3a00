//! The one pass over a peer's bytes: is it well-formed, and where does everything lie.
//!
//! The pass may stop behind any byte and go on when more has come; nothing is looked at twice but the few bytes of an
//! unfinished name or reference. UTF-8 is checked when the element is complete; until then bytes from 0x80 are taken
//! for characters wherever a character may stand.

use crate::decode;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::map::CODED;
use crate::opaque::special_len;
use crate::outer::Outer;
use crate::run;
use crate::work::{State, Work};

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

pub(crate) enum Step {
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

/// One pass at work.
pub(crate) struct Scanner<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) work: &'a mut Work,
    pub(crate) context: Context<'a>,
}

impl<'a> Scanner<'a> {
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
    pub(crate) fn rest(&self, at: usize) -> &[u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    #[inline(always)]
    fn content(&mut self, mut at: usize) -> Result<Step> {
        loop {
            if self.bytes.get(at) != Some(&b'<') {
                at = run::text_end(self.bytes, at);
            }
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

    pub(crate) fn mark_coded(&mut self) {
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

    /// At `</`.
    #[inline(always)]
    fn close(&mut self, at: usize) -> Result<Step> {
        let name = self.innermost();
        match self.rest(at + 2).split_at_checked(name.len()) {
            Some((head, [b'>', ..])) if head == name && !name.is_empty() => {
                self.work.mark = at;
                Ok(self.closed(at + 3 + name.len()))
            }
            _ => self.close_slowly(at, name),
        }
    }

    /// The name that the next closing tag must have.
    #[inline(always)]
    fn innermost(&self) -> &'a [u8] {
        match self.work.open.last().and_then(|open| self.work.nodes.get(open.node as usize)) {
            Some(node) => span(self.bytes, node.start + 1, node.name_len),
            None => self.context.outer.name.as_bytes(),
        }
    }

    /// A closing tag that is cut off, has white space, or does not match.
    #[cold]
    fn close_slowly(&mut self, at: usize, name: &[u8]) -> Result<Step> {
        let rest = self.rest(at + 2);
        if rest.len() <= name.len() {
            return if name.starts_with(rest) { Ok(More(State::Content, at)) } else { Err(MISMATCH) };
        }
        if !rest.starts_with(name) || name.is_empty() {
            return Err(MISMATCH);
        }
        self.work.mark = at;
        self.close_tail(at + 2 + name.len())
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
    pub(crate) fn left(&mut self, bindings: u32, at: usize) -> Step {
        self.work.bindings.truncate(bindings as usize);
        if self.work.open.is_empty() { Done(Outcome::Element(at)) } else { To(State::Content, at) }
    }
}

/// The bytes of a name.
#[inline(always)]
pub(crate) fn span(bytes: &[u8], start: u32, len: u16) -> &[u8] {
    bytes.get(start as usize..start as usize + usize::from(len)).unwrap_or_default()
}

/// A `]` in text: `]]>` must not stand there (XML 1.0 §2.4).
fn bracket_len(rest: &[u8]) -> Result<Option<usize>> {
    match rest {
        [b']', b']', b'>', ..] => Err(Error::NotWellFormed("]]> in text")),
        [b']'] | [b']', b']'] => Ok(None),
        _ => Ok(Some(1)),
    }
}

const MISMATCH: Error = Error::NotWellFormed("closing tag does not match");
pub(crate) const TWICE: Error = Error::NotWellFormed("attribute twice");
