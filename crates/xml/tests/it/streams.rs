//! Streams for the tests, read in pieces of any size.

use xml::{Element, Error, Event, Limits, Reader, Scratch, Strictness};

pub(crate) const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='example.org' version='1.0' xml:lang='en'>";

/// Everything that is read before the end of the input or the first error, and that error.
pub(crate) fn read(input: &[u8], piece: usize, strictness: Strictness) -> (Vec<Event>, Option<Error>) {
    read_within(Limits::default(), input, piece, strictness)
}

pub(crate) fn read_within(
    limits: Limits,
    input: &[u8],
    piece: usize,
    strictness: Strictness,
) -> (Vec<Event>, Option<Error>) {
    let mut reader = Reader::new(limits);
    reader.set_strictness(strictness);
    let mut scratch = Scratch::new();
    let mut events = Vec::new();
    for mut bytes in input.chunks(piece) {
        loop {
            match reader.next(&mut scratch, &mut bytes) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => return (events, Some(error)),
            }
            assert!(reader.buffered() <= limits.stanza_bytes.max(limits.header_bytes));
        }
        assert!(bytes.is_empty());
    }
    (events, None)
}

/// The elements of a stream that must be without fault.
pub(crate) fn elements(input: &str, piece: usize, strictness: Strictness) -> Vec<Element> {
    let (events, error) = read(input.as_bytes(), piece, strictness);
    assert_eq!(error, None, "{input}");
    only_elements(events)
}

pub(crate) fn only_elements(events: Vec<Event>) -> Vec<Element> {
    let element = |event| if let Event::Element(element) = event { Some(element) } else { None };
    events.into_iter().filter_map(element).collect()
}

/// The error that a stanza gives on an ordinary stream, the same whatever the pieces.
pub(crate) fn error_of(stanza: &[u8], strictness: Strictness) -> Option<Error> {
    let input = [HEADER.as_bytes(), stanza, b"<end/>"].concat();
    let whole = read(&input, input.len(), strictness).1;
    for piece in [1, 2, 3, 5, 16] {
        assert_eq!(read(&input, piece, strictness).1, whole, "in pieces of {piece}: {}", stanza.escape_ascii());
    }
    whole
}
