//! Finding the end of a run of ordinary bytes, eight at a time.
//!
//! A run of names is short and goes byte by byte through the class table; text and values are longer. The arithmetic
//! marks bytes in a word: above the first marked byte there may be false marks, the first one is always true.

use crate::class::{self, is};

/// The first byte from `at` on that is not plain text: `<`, `&`, `]`, a control character (line ends and tabs too), or
/// the head of U+F000 to U+FFFF.
#[inline(always)]
pub(crate) fn text_end(bytes: &[u8], at: usize) -> usize {
    let marks = |word| control(word) | equal(word, b'<') | equal(word, b'&') | equal(word, b']') | equal(word, 0xef);
    run(bytes, at, marks, |byte| is(byte, class::TEXT) || byte < b' ')
}

/// The first byte from `at` on that is not plain inside a value in these quotes.
#[inline(always)]
pub(crate) fn value_end(bytes: &[u8], at: usize, quote: u8) -> usize {
    let marks = |word| control(word) | equal(word, quote) | equal(word, b'<') | equal(word, b'&') | equal(word, 0xef);
    run(bytes, at, marks, |byte| is(byte, class::VALUE))
}

/// The first byte from `at` on that begins the end of an opaque run, or must be looked at.
#[inline(always)]
pub(crate) fn opaque_end(bytes: &[u8], at: usize, end: u8) -> usize {
    let marks = |word| control(word) | equal(word, end) | equal(word, 0xef);
    run(bytes, at, marks, |byte| byte == end || byte == 0xef || byte < b' ')
}

/// The first byte from `at` on that is not white space.
#[inline(always)]
pub(crate) fn space_end(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|&byte| is(byte, class::SPACE)) {
        at += 1;
    }
    at
}

#[inline(always)]
fn run(bytes: &[u8], mut at: usize, marks: impl Fn(u64) -> u64, stops: impl Fn(u8) -> bool) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let marked = marks(u64::from_le_bytes(*chunk));
        if marked != 0 {
            return at + (marked.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|&byte| !stops(byte)) {
        at += 1;
    }
    at
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

#[inline(always)]
fn control(word: u64) -> u64 {
    word.wrapping_sub(ONES * 0x20) & !word & HIGHS
}

#[inline(always)]
fn equal(word: u64, byte: u8) -> u64 {
    let zero = word ^ (ONES * u64::from(byte));
    zero.wrapping_sub(ONES) & !zero & HIGHS
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
                    assert_eq!(opaque_end(&bytes, 0, b'-'), slow(&|b| b < 0x20 || b == b'-' || b == 0xef));
                }
            }
        }
    }
}
