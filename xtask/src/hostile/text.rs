//! What a case sends, as it is written in its file: escapes, repetition, names that are filled in.

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Sent where a case says `endless` and the server does not hang up, bytes.
const ENDLESS: usize = 64 << 20;

/// Bytes that are handed on at once.
const BATCH: usize = 64 * 1024;

/// A text with holes.
#[derive(Clone, Debug, Default)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Bytes(Vec<u8>),
    /// A name, to be filled in.
    Name(String),
    Base64(Template),
    Many(Template, Times),
    /// How often this has been said, from 1.
    Number,
}

#[derive(Clone, Copy, Debug)]
enum Times {
    Exactly(usize),
    Endless,
}

/// Knows what stands for a name.
pub(super) trait Names {
    fn value(&mut self, name: &str) -> Result<Vec<u8>>;
}

impl<F: FnMut(&str) -> Result<Vec<u8>>> Names for F {
    fn value(&mut self, name: &str) -> Result<Vec<u8>> {
        self(name)
    }
}

/// Takes bytes; false when nobody wants more.
type Take<'t> = &'t mut dyn FnMut(&[u8]) -> bool;

impl Template {
    /// Reads `text`: `\n \r \t \\ \{ \}`, `\xHH` a byte, `\u{HHHH}` a character, `{piece × 10}` and `{piece × endless}`,
    /// `{base64 text}`, `{n}` the number of the repetition, `{name}`.
    pub(super) fn read(text: &str) -> Result<Template> {
        let mut parts = Vec::new();
        let mut plain = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            match first {
                '\\' => rest = escape(rest, &mut plain)?,
                '{' => {
                    let end = closing(rest).with_context(|| format!("a brace that is not closed: {text}"))?;
                    if !plain.is_empty() {
                        parts.push(Part::Bytes(std::mem::take(&mut plain)));
                    }
                    parts.push(hole(&rest[1..end])?);
                    rest = &rest[end + 1..];
                }
                '}' => bail!("a brace that is not open: {text}"),
                other => {
                    plain.extend_from_slice(other.to_string().as_bytes());
                    rest = &rest[other.len_utf8()..];
                }
            }
        }
        if !plain.is_empty() {
            parts.push(Part::Bytes(plain));
        }
        Ok(Template(parts))
    }

    /// Gives all of it, in pieces of about [`BATCH`] bytes, as long as it is wanted.
    pub(super) fn give(&self, names: &mut dyn Names, take: Take<'_>) -> Result<()> {
        let mut batch = Vec::new();
        let mut wanted = true;
        self.write(names, 0, &mut batch, &mut |bytes| {
            wanted = wanted && take(bytes);
            wanted
        })?;
        if wanted && !batch.is_empty() {
            take(&batch);
        }
        Ok(())
    }

    /// All of it at once.
    pub(super) fn bytes(&self, names: &mut dyn Names) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        self.give(names, &mut |bytes| {
            all.extend_from_slice(bytes);
            true
        })?;
        Ok(all)
    }

    /// All of it as text.
    pub(super) fn text(&self, names: &mut dyn Names) -> Result<String> {
        String::from_utf8(self.bytes(names)?).context("not UTF-8")
    }

    /// Fills `batch`, and empties it into `take` whenever it is full. False when nobody wants more.
    fn write(&self, names: &mut dyn Names, number: usize, batch: &mut Vec<u8>, take: Take<'_>) -> Result<bool> {
        for part in &self.0 {
            match part {
                Part::Bytes(bytes) => batch.extend_from_slice(bytes),
                Part::Name(name) => batch.extend_from_slice(&names.value(name)?),
                Part::Base64(inner) => batch.extend_from_slice(STANDARD.encode(inner.bytes(names)?).as_bytes()),
                Part::Number => batch.extend_from_slice(number.to_string().as_bytes()),
                Part::Many(inner, times) => {
                    if !inner.many(*times, names, batch, take)? {
                        return Ok(false);
                    }
                }
            }
            if batch.len() >= BATCH {
                if !take(batch) {
                    return Ok(false);
                }
                batch.clear();
            }
        }
        Ok(true)
    }

    fn many(&self, times: Times, names: &mut dyn Names, batch: &mut Vec<u8>, take: Take<'_>) -> Result<bool> {
        let constant = match self.is_constant() {
            true => Some(self.bytes(names)?),
            false => None,
        };
        let times = match times {
            Times::Exactly(times) => times,
            Times::Endless => ENDLESS / constant.as_ref().map_or(64, Vec::len).max(1),
        };
        for number in 1..=times {
            match &constant {
                Some(bytes) => batch.extend_from_slice(bytes),
                None => {
                    if !self.write(names, number, batch, take)? {
                        return Ok(false);
                    }
                }
            }
            if batch.len() >= BATCH {
                if !take(batch) {
                    return Ok(false);
                }
                batch.clear();
            }
        }
        Ok(true)
    }

    /// Whether it is the same each time.
    fn is_constant(&self) -> bool {
        self.0.iter().all(|part| match part {
            Part::Bytes(_) | Part::Name(_) => true,
            Part::Base64(inner) | Part::Many(inner, _) => inner.is_constant(),
            Part::Number => false,
        })
    }
}

fn hole(inside: &str) -> Result<Part> {
    // Within the braces of something else it is not ours.
    if let Some((piece, times)) = inside.rsplit_once(" × ").filter(|(_, times)| !times.contains('}')) {
        let times = match times {
            "endless" => Times::Endless,
            number => Times::Exactly(number.replace('_', "").parse().with_context(|| format!("× {number}"))?),
        };
        return Ok(Part::Many(Template::read(piece)?, times));
    }
    if let Some(text) = inside.strip_prefix("base64 ") {
        return Ok(Part::Base64(Template::read(text)?));
    }
    Ok(if inside == "n" { Part::Number } else { Part::Name(inside.to_owned()) })
}

/// Where the brace at the start is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    let mut escaped = false;
    for (at, char) in text.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// Reads the escape at the start; what follows it.
fn escape<'t>(text: &'t str, out: &mut Vec<u8>) -> Result<&'t str> {
    let rest = &text[1..];
    let sign = rest.chars().next().context("a backslash at the end")?;
    let after = &rest[sign.len_utf8()..];
    match sign {
        'n' => out.push(b'\n'),
        'r' => out.push(b'\r'),
        't' => out.push(b'\t'),
        '\\' | '{' | '}' => out.push(sign as u8),
        'x' => {
            let digits = after.get(..2).context("\\x needs two digits")?;
            out.push(u8::from_str_radix(digits, 16).with_context(|| format!("\\x{digits}"))?);
            return Ok(&after[2..]);
        }
        'u' => {
            ensure!(after.starts_with('{'), "\\u needs braces");
            let end = after.find('}').context("\\u needs braces")?;
            let code = u32::from_str_radix(&after[1..end], 16)?;
            let char = char::from_u32(code).with_context(|| format!("U+{code:X} is no character"))?;
            out.extend_from_slice(char.to_string().as_bytes());
            return Ok(&after[end + 1..]);
        }
        other => bail!("\\{other} means nothing"),
    }
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        let mut names = |name: &str| Ok(format!("<{name}>").into_bytes());
        Template::read(text).unwrap().bytes(&mut names).unwrap()
    }

    #[test]
    fn escapes_repetition_and_names() {
        assert_eq!(bytes(r"a\x00\xff\n\\\{\u{e9}"), b"a\0\xff\n\\{\xc3\xa9");
        assert_eq!(bytes("{ab × 3}c"), b"abababc");
        assert_eq!(bytes("{<a x='{n}'/> × 2}"), b"<a x='1'/><a x='2'/>");
        assert_eq!(bytes("{me}{base64 \\x00a{you}}"), b"<me>AGE8eW91Pg==");
        assert_eq!(bytes("{{ab × 2}- × 2}"), b"abab-abab-");
        assert_eq!(bytes("{base64 \\x00{a × 5}b}"), b"AGFhYWFhYg==");
        assert!(Template::read("{a").is_err() && Template::read("a}").is_err() && Template::read("\\q").is_err());
    }

    #[test]
    fn endless_ends_when_nobody_wants_more() {
        let mut left = 3;
        let mut given = 0;
        let mut names = |_: &str| Ok(Vec::new());
        let endless = Template::read("<a>{0123456789abcdef × endless}").unwrap();
        endless
            .give(&mut names, &mut |bytes| {
                left -= 1;
                given += bytes.len();
                left > 0
            })
            .unwrap();
        assert!((3 * BATCH..4 * BATCH).contains(&given), "{given}");
        given = 0;
        endless
            .give(&mut names, &mut |bytes| {
                given += bytes.len();
                true
            })
            .unwrap();
        assert_eq!(given, ENDLESS + 3);
    }
}
