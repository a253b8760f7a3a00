//! What a reader skips over without looking inside: CDATA, comments, processing instructions.

use crate::class::{self, is};
use crate::error::{Error, Result};
use crate::run;
use crate::scan::Step::{self, Done, More, To};
use crate::scan::{Outcome, Scanner};
use crate::work::State;

impl Scanner<'_> {
    /// At `<!`.
    #[inline(never)]
    pub(crate) fn declaration(&mut self, at: usize) -> Result<Step> {
        let rest = self.rest(at);
        if !self.work.open.is_empty()
            && let Some(complete) = begins(rest, b"<![CDATA[")
        {
            return Ok(self.enter(complete, at, b"<![CDATA[".len(), State::CData));
        }
        let between = self.work.open.is_empty() && !self.context.header;
        if let Some(complete) = begins(rest, b"<![CDATA[").filter(|_| between) {
            return if complete { Err(Error::StrayText) } else { Ok(More(State::Content, at)) };
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
    pub(crate) fn open_instruction(&mut self, at: usize) -> Result<Step> {
        let first = self.context.declaration && self.work.open.is_empty();
        if !self.context.lenient && !first {
            return Err(Error::RestrictedXml("processing instruction"));
        }
        Ok(self.enter(true, at, 2, State::Instruction))
    }

    pub(crate) fn cdata(&mut self, at: usize) -> Result<Step> {
        Ok(match self.find_end(at, b"]]>")? {
            (end, true) => To(State::Content, end + 3),
            (stop, false) => More(State::CData, stop),
        })
    }

    pub(crate) fn comment(&mut self, at: usize) -> Result<Step> {
        let (end, found) = self.find_end(at, b"--")?;
        match self.bytes.get(end + 2) {
            Some(b'>') if found => Ok(self.skipped(end + 3)),
            Some(_) if found => Err(Error::NotWellFormed("-- in a comment")),
            _ => Ok(More(State::Comment, end)),
        }
    }

    pub(crate) fn instruction(&mut self, at: usize) -> Result<Step> {
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
}

/// Whether `bytes` begin with `wanted`: yes, not yet (`false`), or never (`None`).
fn begins(bytes: &[u8], wanted: &[u8]) -> Option<bool> {
    let len = bytes.len().min(wanted.len());
    (bytes.get(..len) == wanted.get(..len)).then_some(len == wanted.len())
}

/// A byte that only some contexts allow stands first: how many bytes its character has, if it is allowed at all.
pub(crate) fn special_len(rest: &[u8]) -> Result<Option<usize>> {
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
