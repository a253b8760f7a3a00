//! Which characters may stand where: one table of 256 entries for ASCII, the productions of XML 1.0 for the rest.

/// May begin a name. Bytes from 0x80 count here and are looked at again as characters.
pub(crate) const START: u8 = 1;
/// May stand inside a name, colon included.
pub(crate) const NAME: u8 = 2;
/// White space.
pub(crate) const SPACE: u8 = 4;
/// The colon of a name.
pub(crate) const COLON: u8 = 8;
/// Part of a character beyond ASCII.
pub(crate) const WIDE: u8 = 16;

/// The classes of each byte.
pub(crate) static CLASS: [u8; 256] = classes();

/// Whether the byte belongs to any of the classes.
#[inline(always)]
pub(crate) fn is(byte: u8, class: u8) -> bool {
    CLASS[usize::from(byte)] & class != 0
}

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = class(byte as u8);
        byte += 1;
    }
    table
}

const fn class(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => START | NAME,
        b'0'..=b'9' | b'.' | b'-' => NAME,
        b':' => NAME | COLON,
        b' ' | b'\n' | b'\t' | b'\r' => SPACE,
        0x80..=0xff => START | NAME | WIDE,
        _ => 0,
    }
}

/// `Char` of XML 1.0 (5th edition) §2.2.
pub(crate) fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

/// `NameStartChar` of XML 1.0 (5th edition) §2.3, without the colon that namespaces take away.
pub(crate) fn is_name_start(c: char) -> bool {
    matches!(c,
        'A'..='Z' | '_' | 'a'..='z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
        | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}'
        | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
        | '\u{10000}'..='\u{effff}')
}

/// `NameChar` of XML 1.0 (5th edition) §2.3, without the colon.
pub(crate) fn is_name_char(c: char) -> bool {
    is_name_start(c) || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// Whether a text is a name without a colon (`NCName`).
pub fn is_ncname(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(is_name_start) && chars.all(is_name_char)
}
