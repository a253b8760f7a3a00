//! Reading a stream as it arrives: its opening tag, then one element after the other, then its end.

use crate::class;
use crate::declaration;
use crate::element::{self, Element};
use crate::error::{Error, Result};
use crate::header::Header;
use crate::limits::{Limits, Strictness};
use crate::outer::{NOTHING, Outer, USUAL};
use crate::scan::{Context, Outcome, scan};
use crate::scope;
use crate::work::{Scratch, Work};

/// What a stream says.
#[derive(Clone, Debug)]
pub enum Event {
    /// The opening tag.
    Header(Header),
    /// A complete element directly below the root.
    Element(Element),
    /// The closing tag.
    Close,
}

/// Reads one XML stream, handed over in pieces of any size. White space between elements is skipped silently.
///
/// While nothing is unfinished it holds no memory of its own beyond itself; of an unfinished element it keeps the
/// bytes and the map so far, never more bytes than the limit, and goes on where it stopped.
#[derive(Debug)]
pub struct Reader {
    limits: Small,
    strictness: Strictness,
    stage: Stage,
    /// What the header means for the elements, unless it is as usual.
    outer: Option<Box<Outer>>,
    partial: Option<Box<Partial>>,
    of_a_client: bool,
}

/// The limits, as small as they can be kept.
#[derive(Clone, Copy, Debug)]
struct Small {
    stanza_bytes: u32,
    nodes: u32,
    depth: u32,
    attributes: u32,
    name_bytes: u32,
    header_bytes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing was read; an XML declaration may come.
    Start,
    /// White space in front of the declaration belongs to the stream before this one.
    Restart,
    /// The header must come.
    Prolog,
    /// Elements come.
    Open,
    /// The header was its own closing tag.
    Ending,
    Closed,
    Failed(Error),
}

/// An element that has begun and not ended.
#[derive(Debug)]
struct Partial {
    bytes: Vec<u8>,
    work: Work,
}

impl Reader {
    /// Expects an XML declaration or the stream's opening tag; strict until told otherwise.
    pub fn new(limits: Limits) -> Reader {
        Reader {
            limits: Small::from(limits.countable()),
            strictness: Strictness::Strict,
            stage: Stage::Start,
            outer: None,
            partial: None,
            of_a_client: false,
        }
    }

    /// For a client's stream: while it is strict, an element in the content namespace of servers or components is as
    /// foreign to it as any other (RFC 6120 §4.8.3, §4.9.3.24).
    #[must_use]
    pub fn of_a_client(self) -> Reader {
        Reader { of_a_client: true, ..self }
    }

    /// As [`Reader::new`], for a stream that begins anew on the same connection (after SASL): white space that was
    /// sent behind the last element of the stream before is skipped.
    pub fn restarted(limits: Limits) -> Reader {
        Reader { stage: Stage::Restart, ..Reader::new(limits) }
    }

    /// Says what the stream may contain from here on.
    pub fn set_strictness(&mut self, strictness: Strictness) {
        self.strictness = strictness;
    }

    /// Sets other limits, as after authentication.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = Small::from(limits.countable());
    }

    /// Reads from `input` and moves it forward. `Ok(None)`: all of it is consumed and more is needed. After an error
    /// the stream is over and every call repeats it.
    pub fn next(&mut self, scratch: &mut Scratch, input: &mut &[u8]) -> Result<Option<Event>> {
        let result = self.advance(scratch, input);
        if let Err(error) = result {
            self.stage = Stage::Failed(error);
            self.partial = None;
        }
        result
    }

    /// How many bytes of an unfinished element are kept.
    pub fn buffered(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| partial.bytes.len())
    }

    fn advance(&mut self, scratch: &mut Scratch, input: &mut &[u8]) -> Result<Option<Event>> {
        loop {
            if let Stage::Failed(error) = self.stage {
                return Err(error);
            }
            if self.stage == Stage::Ending {
                self.stage = Stage::Closed;
                return Ok(Some(Event::Close));
            }
            if self.partial.is_none() && !self.skip_space(input)? {
                return Ok(None);
            }
            let outcome = match self.partial.take() {
                None => self.read_here(scratch, input)?,
                Some(partial) => self.read_on(partial, scratch, input)?,
            };
            match outcome {
                Read::More => return Ok(None),
                Read::Event(event) => return Ok(Some(event)),
                Read::Nothing => {}
            }
        }
    }

    /// Skips white space where it may stand; false when nothing else is there.
    fn skip_space(&mut self, input: &mut &[u8]) -> Result<bool> {
        let space = input.iter().take_while(|&&byte| class::is(byte, class::SPACE)).count();
        if space > 0 && self.stage == Stage::Start {
            self.stage = Stage::Prolog;
        }
        *input = input.get(space..).unwrap_or_default();
        match input.first() {
            None => Ok(false),
            Some(_) if self.stage == Stage::Closed => {
                Err(Error::NotWellFormed("something behind the end of the stream"))
            }
            Some(b'<') => Ok(true),
            Some(_) if self.stage == Stage::Open => Err(Error::StrayText),
            Some(_) => Err(Error::NotWellFormed("text in front of the stream")),
        }
    }

    /// Reads an element that begins in `input`, straight from there.
    fn read_here(&mut self, scratch: &mut Scratch, input: &mut &[u8]) -> Result<Read> {
        let limits = Limits::from(self.limits);
        let (most, name) = self.most(&limits);
        let bytes = input.get(..input.len().min(most)).unwrap_or_default();
        scratch.work.clear();
        let outcome = scan(&mut scratch.work, self.context(&limits), bytes)?;
        if outcome != Outcome::More {
            let (bytes, rest) = input.split_at(end_of(outcome));
            *input = rest;
            return self.complete(scratch, None, bytes, outcome, &limits);
        }
        if bytes.len() >= most {
            return Err(Error::TooBig(name));
        }
        self.partial = Some(Box::new(Partial { bytes: bytes.to_vec(), work: scratch.work.clone() }));
        *input = &[];
        Ok(Read::More)
    }

    /// Goes on with an unfinished element. Bytes are taken over in pieces, so that not much of what follows the
    /// element is taken in vain.
    fn read_on(&mut self, mut partial: Box<Partial>, scratch: &mut Scratch, input: &mut &[u8]) -> Result<Read> {
        let limits = Limits::from(self.limits);
        let (most, name) = self.most(&limits);
        while !input.is_empty() {
            let before = partial.bytes.len();
            if before >= most {
                return Err(Error::TooBig(name));
            }
            let piece = input.len().min(before.clamp(PIECE, 16 * PIECE)).min(most - before);
            partial.take(input.get(..piece).unwrap_or_default(), most);
            let outcome = scan(&mut partial.work, self.context(&limits), &partial.bytes)?;
            let taken = if outcome == Outcome::More { piece } else { end_of(outcome) - before };
            *input = input.get(taken..).unwrap_or_default();
            if outcome != Outcome::More {
                partial.bytes.truncate(end_of(outcome));
                return self.complete(scratch, Some(&partial.work), &partial.bytes, outcome, &limits);
            }
        }
        if partial.bytes.len() >= most {
            return Err(Error::TooBig(name));
        }
        self.partial = Some(partial);
        Ok(Read::More)
    }

    /// How many bytes may be taken for what is being read, and the name of that limit.
    fn most(&self, limits: &Limits) -> (usize, &'static str) {
        match self.stage {
            Stage::Start | Stage::Restart | Stage::Prolog => (limits.header_bytes, "header_bytes"),
            _ => (limits.stanza_bytes, "stanza_bytes"),
        }
    }

    fn context<'a>(&'a self, limits: &'a Limits) -> Context<'a> {
        let header = matches!(self.stage, Stage::Start | Stage::Restart | Stage::Prolog);
        Context {
            limits,
            lenient: self.strictness == Strictness::Lenient,
            header,
            declaration: matches!(self.stage, Stage::Start | Stage::Restart),
            outer: if header { &NOTHING } else { self.outer() },
        }
    }

    fn outer(&self) -> &Outer {
        self.outer.as_deref().unwrap_or(&USUAL)
    }

    /// Makes of what is complete what it means.
    fn complete(
        &mut self,
        scratch: &mut Scratch,
        own: Option<&Work>,
        bytes: &[u8],
        outcome: Outcome,
        limits: &Limits,
    ) -> Result<Read> {
        match outcome {
            Outcome::More => Ok(Read::More),
            Outcome::Close(_) => {
                self.stage = Stage::Closed;
                Ok(Read::Event(Event::Close))
            }
            Outcome::Declaration(_) => {
                self.stage = Stage::Prolog;
                declaration::check(bytes).map(|()| Read::Nothing)
            }
            Outcome::Skipped(_) => {
                if self.stage != Stage::Open {
                    self.stage = Stage::Prolog;
                }
                simdutf8::basic::from_utf8(bytes).map(|_| Read::Nothing).map_err(|_| Error::BadUtf8)
            }
            Outcome::Element(_) if self.stage == Stage::Open => {
                let strict = self.of_a_client && self.strictness == Strictness::Strict;
                if strict && scope::is_of_another_content(own.unwrap_or(&scratch.work), bytes) {
                    return Err(Error::ForeignContent);
                }
                let outer = self.outer.as_deref().unwrap_or(&USUAL);
                element::finish(scratch, own, bytes, outer, limits).map(|element| Read::Event(Event::Element(element)))
            }
            Outcome::Element(_) => self.open(own.unwrap_or(&scratch.work), bytes),
        }
    }

    fn open(&mut self, work: &Work, bytes: &[u8]) -> Result<Read> {
        let header = Header::read(work, bytes)?;
        let outer = header.outer();
        self.outer = (!outer.is_usual()).then(|| Box::new(outer));
        self.stage = if bytes.ends_with(b"/>") { Stage::Ending } else { Stage::Open };
        Ok(Read::Event(Event::Header(header)))
    }
}

enum Read {
    Event(Event),
    /// Something without a meaning was read.
    Nothing,
    More,
}

/// How many bytes are taken at first into an unfinished element.
const PIECE: usize = 1024;

impl Partial {
    /// Takes bytes, growing by half at a time and never beyond the limit.
    fn take(&mut self, bytes: &[u8], most: usize) {
        let wanted = self.bytes.len() + bytes.len();
        if wanted > self.bytes.capacity() {
            let grown = (self.bytes.capacity() * 3 / 2).clamp(wanted, most.max(wanted));
            self.bytes.reserve_exact(grown - self.bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
    }
}

fn end_of(outcome: Outcome) -> usize {
    match outcome {
        Outcome::More => 0,
        Outcome::Element(end) | Outcome::Skipped(end) | Outcome::Declaration(end) | Outcome::Close(end) => end,
    }
}

impl From<Limits> for Small {
    fn from(limits: Limits) -> Small {
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Small {
            stanza_bytes: small(limits.stanza_bytes),
            nodes: small(limits.nodes),
            depth: small(limits.depth),
            attributes: small(limits.attributes),
            name_bytes: small(limits.name_bytes),
            header_bytes: small(limits.header_bytes),
        }
    }
}

impl From<Small> for Limits {
    fn from(small: Small) -> Limits {
        Limits {
            stanza_bytes: small.stanza_bytes as usize,
            nodes: small.nodes as usize,
            depth: small.depth as usize,
            attributes: small.attributes as usize,
            name_bytes: small.name_bytes as usize,
            header_bytes: small.header_bytes as usize,
        }
    }
}
