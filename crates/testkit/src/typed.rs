//! Bytes that somebody types: text, `\x00` and other escapes, and `{<a/> × 10000}` for what nobody would write out.

use crate::placeholders::{Bindings, Unbound};

/// Bytes to be typed; names are filled in when it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// Text in which names are filled in.
    Text(String),
    /// One byte that was escaped.
    Byte(u8),
    /// The same again and again.
    Repeat(Typed, usize),
}

impl Typed {
    /// Reads the form that scenes write.
    pub fn read(text: &str) -> Result<Typed, String> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some(first) = rest.chars().next() {
            let (part, after) = match first {
                '\\' => escape(rest)?,
                '{' => match repeat(rest)? {
                    Some(found) => found,
                    None => (Part::Text("{".to_owned()), &rest[1..]),
                },
                _ => {
                    let end = rest.find(['\\', '{']).unwrap_or(rest.len());
                    (Part::Text(rest[..end].to_owned()), &rest[end..])
                }
            };
            match (part, parts.last_mut()) {
                (Part::Text(more), Some(Part::Text(text))) => text.push_str(&more),
                (part, _) => parts.push(part),
            }
            rest = after;
        }
        Ok(Typed(parts))
    }

    /// The bytes, names filled in.
    pub fn bytes(&self, bindings: &Bindings) -> Result<Vec<u8>, Unbound> {
        let mut bytes = Vec::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => bytes.extend_from_slice(bindings.fill(text, str::to_owned)?.as_bytes()),
                Part::Byte(byte) => bytes.push(*byte),
                Part::Repeat(typed, times) => bytes.extend(typed.bytes(bindings)?.repeat(*times)),
            }
        }
        Ok(bytes)
    }
}

/// The escape that `text` begins with, and what follows it.
fn escape(text: &str) -> Result<(Part, &str), String> {
    let byte = match text.as_bytes().get(1) {
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'\\') => b'\\',
        Some(b'{') => return Ok((Part::Text("\\{".to_owned()), &text[2..])),
        Some(b'x') => {
            let digits = text.get(2..4).unwrap_or_default();
            let byte = u8::from_str_radix(digits, 16).map_err(|_| "\\x needs two hexadecimal digits".to_owned())?;
            return Ok((Part::Byte(byte), &text[4..]));
        }
        _ => return Err("after \\ comes n, r, t, x, { or another \\".to_owned()),
    };
    Ok((Part::Byte(byte), &text[2..]))
}

/// `{text × number}` at the beginning of `text`, and what follows it.
fn repeat(text: &str) -> Result<Option<(Part, &str)>, String> {
    let Some(end) = closing_brace(text) else { return Ok(None) };
    let Some((inside, times)) = text[1..end].rsplit_once(" × ") else { return Ok(None) };
    match times.trim().parse() {
        Ok(times) => Ok(Some((Part::Repeat(Typed::read(inside)?, times), &text[end + 1..]))),
        Err(_) => Err(format!("\"{times}\" is no number of times")),
    }
}

fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some(index),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        let mut bindings = Bindings::default();
        bindings.bind("host", "verona.example");
        Typed::read(text).unwrap().bytes(&bindings).unwrap()
    }

    #[test]
    fn text_is_text() {
        assert_eq!(bytes("<a to='{host}'>é</a>"), "<a to='verona.example'>é</a>".as_bytes());
        assert_eq!(bytes("{1}"), b"{1}");
        assert_eq!(bytes("\\{host}"), b"{host}");
    }

    #[test]
    fn escapes_are_bytes() {
        assert_eq!(bytes("a\\x00\\xFF\\n\\\\b"), b"a\x00\xff\n\\b");
        assert!(Typed::read("\\xé").is_err());
        assert!(Typed::read("\\q").is_err());
    }

    #[test]
    fn repeats_may_nest_and_hold_names() {
        assert_eq!(bytes("[{ab × 3}]"), b"[ababab]");
        assert_eq!(bytes("{<{a × 2}/> × 2}"), b"<aa/><aa/>");
        assert_eq!(bytes("{{host}, × 2}"), b"verona.example,verona.example,");
        assert_eq!(bytes("{\\x00 × 3}"), [0, 0, 0]);
        assert!(Typed::read("{a × many}").is_err());
    }
}
