//! From what is written to what is meant: references, CDATA and line ends.

use crate::class;
use crate::error::{Error, Result};
use std::borrow::Cow;

/// The bytes of the reference at the head of `rest`, `&` and `;` included; none when more must come. XMPP knows the
/// five predefined entities and numbers, nothing else (RFC 6120 §11.1).
pub(crate) fn reference_len(rest: &[u8]) -> Result<Option<usize>> {
    let end = rest.iter().skip(1).take(LONGEST).position(|&byte| !may_refer(byte)).map_or(rest.len(), |end| end + 1);
    match rest.get(end) {
        Some(b';') => check_reference(rest.get(1..end).unwrap_or_default()).map(|()| Some(end + 1)),
        None if end <= LONGEST => Ok(None),
        _ => Err(Error::NotWellFormed("& without a reference")),
    }
}

fn check_reference(name: &[u8]) -> Result<()> {
    match (reference(name), name) {
        (Some(_), _) => Ok(()),
        (None, []) => Err(Error::NotWellFormed("& without a reference")),
        (None, [b'#', ..]) => Err(Error::NotWellFormed("reference to a character that XML lacks")),
        (None, _) => Err(Error::RestrictedXml("entity reference")),
    }
}

/// Leading zeros are legal without end; nobody sends more than these.
const LONGEST: usize = 32;

fn may_refer(byte: u8) -> bool {
    class::is(byte, class::NAME) || byte == b'#'
}

/// The character that a reference means, given what stands between `&` and `;`.
fn reference(name: &[u8]) -> Option<char> {
    match name {
        b"amp" => Some('&'),
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        [b'#', b'x', digits @ ..] => number(digits, 16),
        [b'#', digits @ ..] => number(digits, 10),
        _ => None,
    }
}

fn number(digits: &[u8], radix: u32) -> Option<char> {
    if digits.is_empty() {
        return None;
    }
    let add = |sum: u32, &digit: &u8| Some((sum * radix + char::from(digit).to_digit(radix)?).min(0x11_0000));
    digits.iter().try_fold(0, add).and_then(char::from_u32).filter(|&c| class::is_char(c))
}

/// A value of which the reader found that it needs decoding, before its UTF-8 was checked.
pub(crate) fn value_bytes(raw: &[u8]) -> Cow<'_, [u8]> {
    match std::str::from_utf8(raw) {
        Ok(text) => match value(text) {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        },
        Err(_) => Cow::Borrowed(raw),
    }
}

/// The meaning of an attribute value: references resolved, white space as XML 1.0 §3.3.3 normalises it.
pub(crate) fn value(raw: &str) -> Cow<'_, str> {
    if !raw.bytes().any(|byte| matches!(byte, b'&' | b'\t' | b'\n' | b'\r')) {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '\t', '\n', '\r']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        rest = match rest.as_bytes().first() {
            Some(b'&') => push_reference(&mut out, rest),
            _ => {
                out.push(' ');
                rest.strip_prefix("\r\n").unwrap_or(&rest[1..])
            }
        };
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The meaning of text between tags: references and CDATA resolved, every line end a line feed (XML 1.0 §2.11).
pub(crate) fn text(raw: &str) -> Cow<'_, str> {
    if !raw.bytes().any(|byte| matches!(byte, b'&' | b'<' | b'\r')) {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    push_text(&mut out, raw);
    Cow::Owned(out)
}

/// Appends the meaning of `raw`.
pub(crate) fn push_text(out: &mut String, raw: &str) {
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '<', '\r']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        rest = match rest.as_bytes().first() {
            Some(b'&') => push_reference(out, rest),
            Some(b'<') => push_cdata(out, rest),
            _ => push_line_end(out, rest),
        };
    }
    out.push_str(rest);
}

fn push_line_end<'a>(out: &mut String, rest: &'a str) -> &'a str {
    out.push('\n');
    rest.strip_prefix("\r\n").unwrap_or(&rest[1..])
}

fn push_reference<'a>(out: &mut String, rest: &'a str) -> &'a str {
    let (name, behind) = rest[1..].split_once(';').unwrap_or((&rest[1..], ""));
    out.extend(reference(name.as_bytes()));
    behind
}

fn push_cdata<'a>(out: &mut String, rest: &'a str) -> &'a str {
    let inner = rest.strip_prefix("<![CDATA[").unwrap_or_default();
    let (mut text, behind) = inner.split_once("]]>").unwrap_or((inner, ""));
    while let Some(at) = text.find('\r') {
        out.push_str(&text[..at]);
        text = push_line_end(out, &text[at..]);
    }
    out.push_str(text);
    behind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        let good: [(&[u8], usize); 7] = [
            (b"&amp;x", 5),
            (b"&lt;", 4),
            (b"&gt;", 4),
            (b"&quot;", 6),
            (b"&apos;", 6),
            (b"&#9;", 4),
            (b"&#x10FFFF;", 10),
        ];
        for (bytes, len) in good {
            assert_eq!(reference_len(bytes), Ok(Some(len)), "{bytes:?}");
        }
        for bytes in [&b"&"[..], b"&a", b"&am", b"&#", b"&#x", b"&#x1"] {
            assert_eq!(reference_len(bytes), Ok(None), "{bytes:?}");
        }
        for bytes in [
            &b"& "[..],
            b"&;",
            b"&#;",
            b"&#x;",
            b"&#0;",
            b"&#x1;",
            b"&#xD800;",
            b"&#xFFFE;",
            b"&#x110000;",
            b"&#x-1;",
            b"&#+1;",
            b"&#xG;",
            b"&nbsp;",
            b"&AMP;",
            b"&<",
            b"&#X41;",
            b"&#99999999999999999999;",
        ] {
            assert!(reference_len(bytes).is_err(), "{bytes:?}");
        }
        assert_eq!(reference_len(b"&nbsp;"), Err(Error::RestrictedXml("entity reference")));
    }

    #[test]
    fn values_are_normalised() {
        assert_eq!(value("a\tb\nc\r\nd\re"), "a b c d e");
        assert_eq!(value("a&#9;b&#10;c&#13;&#10;"), "a\tb\nc\r\n");
        assert_eq!(value("&lt;&amp;amp;&gt;"), "<&amp;>");
    }

    #[test]
    fn text_is_decoded() {
        assert_eq!(text("a\r\nb\rc\n"), "a\nb\nc\n");
        assert_eq!(text("x<![CDATA[<&amp;\r\n]]]>&#13;"), "x<&amp;\n]\r");
        assert_eq!(text("]]&gt;"), "]]>");
    }
}
