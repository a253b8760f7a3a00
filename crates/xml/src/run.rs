//! Finding the end of a run of ordinary bytes, eight at a time.
//!
//! A run of names is short and goes byte by byte through the class table; text and values are longer. A quick look
//! says whether a word of eight bytes may be passed over: it is sure for ASCII, and takes any other byte for a stop. Only
//! then the exact look is taken. Both set the high bit of bytes that stop; above the first of them the marks may be false.

use crate::class::{self, is};

/// The first byte from `at` on that is not plain text: `<`, `&`, `]`, a control character (line ends and tabs too), or
/// the head of U+F000 to U+FFFF.
#[inline(always)]
pub(crate) fn text_end(bytes: &[u8], at: usize) -> usize {
    run(bytes, at, [b'<', b'&', b']'])
}

/// The first byte from `at` on that is not plain inside a value in these quotes.
#[inline(always)]
pub(crate) fn value_end(bytes: &[u8], at: usize, quote: u8) -> usize {
    run(bytes, at, [b'<', b'&', quote])
}

/// The first byte from `at` on that may need escaping somewhere.
#[inline(always)]
pub(crate) fn markup_end(bytes: &[u8], at: usize) -> usize {
    run(bytes, at, [b'<', b'&', b'>', b'\'', b'"'])
}

/// The first byte from `at` on that begins the end of an opaque run, or must be looked at.
#[inline(always)]
pub(crate) fn opaque_end(bytes: &[u8], at: usize, end: u8) -> usize {
    run(bytes, at, [end])
}

/// The first byte from `at` on that is not white space.
#[inline(always)]
pub(crate) fn space_end(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|&byte| is(byte, class::SPACE)) {
        at += 1;
    }
    at
}

/// The first byte from `at` on that is one of `stops`, a control character or 0xEF.
#[inline(always)]
fn run<const N: usize>(bytes: &[u8], mut at: usize, stops: [u8; N]) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let word = u64::from_le_bytes(*chunk);
        if quick(word, stops) != 0 {
            let marks = exact(word, stops);
            if marks != 0 {
                return at + (marks.trailing_zeros() / 8) as usize;
            }
        }
        at += 8;
    }
    let stops = |byte: u8| byte < b' ' || byte == 0xef || stops.contains(&byte);
    while bytes.get(at).is_some_and(|&byte| !stops(byte)) {
        at += 1;
    }
    at
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Whether any byte of the word stops, or is beyond ASCII.
#[inline(always)]
fn quick<const N: usize>(word: u64, stops: [u8; N]) -> u64 {
    let low = word.wrapping_sub(ONES * 0x20) | word;
    let equal = |stop: u8| (word ^ (ONES * u64::from(stop))).wrapping_sub(ONES);
    stops.iter().fold(low, |marks, &stop| marks | equal(stop)) & HIGHS
}

/// Marks the bytes of the word that stop.
#[inline(always)]
fn exact<const N: usize>(word: u64, stops: [u8; N]) -> u64 {
    let low = word.wrapping_sub(ONES * 0x20) & !word;
    let equal = |stop: u8| {
        let zero = word ^ (ONES * u64::from(stop));
        zero.wrapping_sub(ONES) & !zero
    };
    stops.iter().fold(low | equal(0xef), |marks, &stop| marks | equal(stop)) & HIGHS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_end_where_a_slow_look_says() {
        for stop in 0..=255_u8 {
            for place in 0..24 {
                for filler in [b'a', 0x80, 0xff, b'=', b'%', b'\\', b'^', 0xf0, 0xee, b' '] {
                    let mut bytes = [filler; 24];
                    bytes[place] = stop;
                    let slow = |stops: &dyn Fn(u8) -> bool| bytes.iter().position(|&b| stops(b)).unwrap_or(24);
                    let text = |b| b < 0x20 || matches!(b, b'<' | b'&' | b']' | 0xef);
                    let value = |b| b < 0x20 || matches!(b, b'<' | b'&' | b'\'' | 0xef);
                    assert_eq!(text_end(&bytes, 0), slow(&text), "{stop} at {place} in {filler}");
                    if stop != b'"' {
                        assert_eq!(value_end(&bytes, 0, b'\''), slow(&value), "{stop} at {place} in {filler}");
                    }
                    let markup = |b| b < 0x20 || matches!(b, b'<' | b'&' | b'>' | b'\'' | b'"' | 0xef);
                    assert_eq!(markup_end(&bytes, 0), slow(&markup), "{stop} at {place} in {filler}");
                    assert_eq!(opaque_end(&bytes, 0, b'-'), slow(&|b| b < 0x20 || b == b'-' || b == 0xef));
                }
            }
        }
    }
}
