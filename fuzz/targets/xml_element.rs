//! An element of any bytes, or of any choices: its parts can be taken elsewhere and mean the same.

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

use generate::{Choices, damage, stream};
use judge::{agree, is_forwarded, is_movable};
use xml::{Element, Limits};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let place = ["jabber:client", "urn:d", "", "urn:p"][usize::from(first >> 1 & 3)];
    if first & 1 == 0 {
        if let Ok(element) = Element::parse(rest, &Limits::default()) {
            is_forwarded(&element);
            element.root().descendants().take(20).for_each(|node| is_movable(node, place));
        }
        return;
    }
    let mut choices = Choices(rest);
    let (header, stanzas) = stream(&mut choices, false);
    let mut input = (header + &stanzas.concat()).into_bytes();
    if first & 8 != 0 {
        damage(&mut choices, &mut input);
    }
    let read = agree(&input, false);
    assert!(first & 8 != 0 || read == stanzas.len(), "{}", input.escape_ascii());
});
