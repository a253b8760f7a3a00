//! Reads just enough XML to know where a stanza ends and what it says, whichever way a server chose to write it.
//!
//! Not a parser to trust with strangers: it serves a measurement on one's own machine, and gives up with an error on
//! anything that a server has no reason to send.

use anyhow::{Result, bail};

/// What an element is made of, in the order of the document.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Token<'a> {
    /// A start tag. The attributes are sorted, because their order means nothing.
    Open {
        name: &'a [u8],
        attributes: Vec<(&'a [u8], &'a [u8])>,
    },
    Text(&'a [u8]),
    Close,
}

/// The length of the complete element that `input` starts with; `None` while its end is not there yet.
pub(crate) fn element(input: &[u8]) -> Result<Option<usize>> {
    walk(input, |_| {})
}

/// The element that `input` starts with, taken apart; `None` while its end is not there yet.
pub(crate) fn tokens(input: &[u8]) -> Result<Option<(Vec<Token<'_>>, usize)>> {
    let mut tokens = Vec::new();
    let end = walk(input, |token| tokens.push(token))?;
    Ok(end.map(|length| (tokens, length)))
}

fn walk<'a>(input: &'a [u8], mut visit: impl FnMut(Token<'a>)) -> Result<Option<usize>> {
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) else { return Ok(None) };
        if rest[0] != b'<' {
            if depth == 0 {
                bail!("expected an element, got {}", shown(rest));
            }
            let Some(length) = rest.iter().position(|byte| *byte == b'<') else { return Ok(None) };
            visit(Token::Text(&rest[..length]));
            at += length;
            continue;
        }
        let Some(length) = tag_length(rest) else { return Ok(None) };
        let tag = &rest[1..length - 1];
        at += length;
        match (tag.first(), tag.last()) {
            (Some(b'/'), _) => {
                depth = depth.checked_sub(1).ok_or_else(|| anyhow::anyhow!("got {}", shown(rest)))?;
                visit(Token::Close);
            }
            (Some(b'?' | b'!'), _) => bail!("a server has no reason to send {}", shown(rest)),
            (_, Some(b'/')) => {
                visit(open(&tag[..tag.len() - 1])?);
                visit(Token::Close);
            }
            _ => {
                visit(open(tag)?);
                depth += 1;
            }
        }
        if depth == 0 {
            return Ok(Some(at));
        }
    }
}

/// The length of a tag from `<` to `>`, quotes respected.
fn tag_length(input: &[u8]) -> Option<usize> {
    let mut quote = None;
    for (index, &byte) in input.iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(index + 1),
            (None, b'\'' | b'"') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

fn open(tag: &[u8]) -> Result<Token<'_>> {
    let name_end = tag.iter().position(u8::is_ascii_whitespace).unwrap_or(tag.len());
    let (name, mut rest) = tag.split_at(name_end);
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            break;
        }
        let Some((attribute, after)) = attribute(rest) else { bail!("cannot read the tag {}", shown(tag)) };
        attributes.push(attribute);
        rest = after;
    }
    attributes.sort_unstable();
    Ok(Token::Open { name, attributes })
}

/// `name='value'` and what follows.
type Attribute<'a> = ((&'a [u8], &'a [u8]), &'a [u8]);

fn attribute(input: &[u8]) -> Option<Attribute<'_>> {
    let equals = input.iter().position(|byte| *byte == b'=')?;
    let name = input[..equals].trim_ascii();
    let value = input[equals + 1..].trim_ascii_start();
    let quote = *value.first().filter(|byte| matches!(byte, b'\'' | b'"'))?;
    let length = value[1..].iter().position(|byte| *byte == quote)?;
    Some(((name, &value[1..=length]), &value[length + 2..]))
}

/// Bytes as a person can read them in an error, cut where it gets long.
pub(crate) fn shown(bytes: &[u8]) -> String {
    const ENOUGH: usize = 600;
    let cut = &bytes[..bytes.len().min(ENOUGH)];
    let more = if cut.len() < bytes.len() { "…" } else { "" };
    format!("`{}`{more}", String::from_utf8_lossy(cut))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_end_of_an_element() {
        assert_eq!(element(b"<a/><b/>").unwrap(), Some(4));
        assert_eq!(element(b"<a x='/>'><b>t</b></a> ").unwrap(), Some(22));
        assert_eq!(element(b"<a><b>").unwrap(), None);
        assert_eq!(element(b"<a x='").unwrap(), None);
        assert!(element(b"text").is_err());
        assert!(element(b"</a>").is_err());
    }

    #[test]
    fn sees_through_quotes_and_order() {
        let one = tokens(b"<m to='b' id='1'><x/>t</m>").unwrap().unwrap().0;
        let other = tokens(b"<m id=\"1\"  to=\"b\" ><x></x>t</m>").unwrap().unwrap().0;
        assert_eq!(one, other);
        assert_ne!(one, tokens(b"<m id='2' to='b'><x/>t</m>").unwrap().unwrap().0);
    }
}
