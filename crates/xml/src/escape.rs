//! Writing text and attribute values so that no reader takes them for anything else.

use crate::run;

/// Appends text as it may stand between tags: `&`, `<` and `>` escaped, a carriage return kept by a reference.
/// What XML cannot carry becomes U+FFFD.
pub fn write_escaped_text(out: &mut Vec<u8>, text: &str) {
    write(out, text, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'\r' => Some("&#13;"),
        _ => None,
    });
}

/// Appends text as it may stand between quotes of either kind: `& < > ' "` escaped, tabs and line ends kept by
/// references. What XML cannot carry becomes U+FFFD.
pub fn write_escaped_attr(out: &mut Vec<u8>, value: &str) {
    write(out, value, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'\'' => Some("&apos;"),
        b'"' => Some("&quot;"),
        b'\t' => Some("&#9;"),
        b'\n' => Some("&#10;"),
        b'\r' => Some("&#13;"),
        _ => None,
    });
}

fn write(out: &mut Vec<u8>, text: &str, escaped: impl Fn(u8) -> Option<&'static str>) {
    let bytes = text.as_bytes();
    let (mut plain, mut at) = (0, 0);
    loop {
        at = run::markup_end(bytes, at);
        let Some(&byte) = bytes.get(at) else { break };
        let (with, len) = match escaped(byte) {
            Some(with) => (with, 1),
            None => match replaced(bytes.get(at..).unwrap_or_default()) {
                Some(len) => ("\u{fffd}", len),
                None => {
                    at += 1;
                    continue;
                }
            },
        };
        out.extend_from_slice(bytes.get(plain..at).unwrap_or_default());
        out.extend_from_slice(with.as_bytes());
        at += len;
        plain = at;
    }
    out.extend_from_slice(bytes.get(plain..).unwrap_or_default());
}

/// How many bytes at the head are a character that XML has not.
fn replaced(rest: &[u8]) -> Option<usize> {
    match rest {
        [b'\t' | b'\n' | b'\r', ..] => None,
        [0..=0x1f, ..] => Some(1),
        [0xef, 0xbf, 0xbe | 0xbf, ..] => Some(3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> String {
        let mut out = Vec::new();
        write_escaped_text(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    fn attr(value: &str) -> String {
        let mut out = Vec::new();
        write_escaped_attr(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes() {
        assert_eq!(text("a<b>&'\"]]>\r\n\té"), "a&lt;b&gt;&amp;'\"]]&gt;&#13;\n\té");
        assert_eq!(attr("a<b>&'\"\r\n\té"), "a&lt;b&gt;&amp;&apos;&quot;&#13;&#10;&#9;é");
    }

    #[test]
    fn what_xml_lacks_is_replaced() {
        assert_eq!(
            text("\0a\u{b}\u{fffe}\u{ffff}\u{fffd}\u{feff}\u{7f}"),
            "\u{fffd}a\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{feff}\u{7f}"
        );
        assert_eq!(attr("\u{1f}\u{ffff}"), "\u{fffd}\u{fffd}");
    }
}
