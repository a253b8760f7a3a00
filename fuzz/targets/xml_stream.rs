//! A stream of any bytes: pieces change nothing, limits hold, rxml agrees, and what is forwarded means the same.
//!
//! The first byte chooses the header and the strictness, the next eight the pieces.

#![no_main]

#[path = "../../crates/xml/tests/it/generate.rs"]
#[allow(dead_code)]
mod generate;
#[path = "../../crates/xml/tests/it/judge.rs"]
#[allow(dead_code)]
mod judge;
#[path = "../../crates/xml/tests/it/oracle.rs"]
mod oracle;
#[path = "../../crates/xml/tests/it/streams.rs"]
#[allow(dead_code)]
mod streams;

use generate::{Choices, HEADERS};
use judge::{agree, is_forwarded, read_in_pieces, same_events, strictness};
use streams::{only_elements, read};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((choices, rest)) = data.split_at_checked(9) else { return };
    let (header, lenient) = (usize::from(choices[0] & 15), choices[0] & 128 != 0);
    let header = HEADERS.get(header).copied().unwrap_or_default();
    let input = [header.as_bytes(), rest].concat();
    let whole = read(&input, input.len().max(1), strictness(lenient));
    let pieces = read_in_pieces(Choices(&choices[1..]), &input, lenient);
    assert!(same_events(&whole.0, &pieces.0) && whole.1 == pieces.1, "{whole:?}\n{pieces:?}");
    let has_instructions = || rest.windows(2).any(|pair| pair == b"<?");
    if !(lenient && has_instructions()) {
        agree(&input, lenient);
    } else {
        only_elements(whole.0).iter().for_each(is_forwarded);
    }
});
