//! Bounds hold before memory is taken, and a slow peer costs no more than a fast one.

use crate::streams::{HEADER, read_within};
use std::time::Instant;
use xml::{Element, Error, Event, Limits, Reader, Scratch, Strictness::Strict};

const SMALL: Limits =
    Limits { stanza_bytes: 1000, nodes: 50, depth: 8, attributes: 5, name_bytes: 20, header_bytes: 300 };

fn error_of(stanza: &str) -> Option<Error> {
    let input = format!("{HEADER}{stanza}");
    let whole = read_within(SMALL, input.as_bytes(), input.len(), Strict).1;
    for piece in [1, 7, 100] {
        assert_eq!(read_within(SMALL, input.as_bytes(), piece, Strict).1, whole);
    }
    whole
}

#[test]
fn each_limit_to_the_last_one() {
    let text = |len: usize| format!("<a>{}</a>", "x".repeat(len - 7));
    assert_eq!(error_of(&text(1000)), None);
    assert_eq!(error_of(&text(1001)), Some(Error::TooBig("stanza_bytes")));
    assert_eq!(error_of(&format!("<a b='{}'/>", "x".repeat(2000))), Some(Error::TooBig("stanza_bytes")));
    let nested = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
    assert_eq!(error_of(&nested(8)), None);
    assert_eq!(error_of(&nested(9)), Some(Error::TooDeep));
    assert_eq!(error_of(&format!("<a>{}</a>", "<b/>".repeat(49))), None);
    assert_eq!(error_of(&format!("<a>{}</a>", "<b/>".repeat(50))), Some(Error::TooManyNodes));
    assert_eq!(error_of(&format!("<a>{}</a>", "<b c=''/>".repeat(25))), Some(Error::TooManyNodes));
    assert_eq!(error_of("<a b='' c='' d='' e='' f=''/>"), None);
    assert_eq!(error_of("<a b='' c='' d='' e='' f='' g=''/>"), Some(Error::TooManyAttributes));
    assert_eq!(error_of(&format!("<{}/>", "a".repeat(20))), None);
    assert_eq!(error_of(&format!("<{}/>", "a".repeat(21))), Some(Error::NameTooLong));
    assert_eq!(error_of(&format!("<a {}=''/>", "a".repeat(21))), Some(Error::NameTooLong));
    assert_eq!(error_of(&format!("<{}", "a".repeat(2000))), Some(Error::NameTooLong));
}

#[test]
fn the_header_has_its_own_limit() {
    let header = format!("<a b='{}'>", "x".repeat(300));
    for piece in [1, 300, 1000] {
        assert_eq!(read_within(SMALL, header.as_bytes(), piece, Strict).1, Some(Error::TooBig("header_bytes")));
    }
}

#[test]
fn what_rewriting_adds_is_bounded_too() {
    let header = HEADER.replace("xmlns=", "xmlns:c='jabber:client' xmlns=");
    let stanza = format!("<c:a xmlns='urn:{}'>{}</c:a>", "x".repeat(400), "<b/>".repeat(40));
    let limits = Limits { attributes: 10, ..SMALL };
    let error = read_within(limits, format!("{header}{stanza}").as_bytes(), 5000, Strict).1;
    assert_eq!(error, Some(Error::TooBig("stanza_bytes")));
}

#[test]
fn an_endless_stanza_is_refused_at_the_limit() {
    let mut reader = Reader::new(SMALL);
    let mut scratch = Scratch::new();
    assert!(matches!(reader.next(&mut scratch, &mut HEADER.as_bytes()), Ok(Some(Event::Header(_)))));
    assert!(matches!(reader.next(&mut scratch, &mut &b"<a>"[..]), Ok(None)));
    let huge = vec![b'x'; 100_000];
    assert_eq!(reader.next(&mut scratch, &mut &huge[..]).unwrap_err(), Error::TooBig("stanza_bytes"));
    assert_eq!(reader.buffered(), 0);
    assert_eq!(reader.next(&mut scratch, &mut &b"<a/>"[..]).unwrap_err(), Error::TooBig("stanza_bytes"), "for good");
}

#[test]
fn own_elements_may_be_large() {
    let text = format!("<a>{}</a>", "<b c='d'/>".repeat(100_000));
    let element = Element::parse(text.as_bytes(), &Limits::OWN).unwrap();
    assert_eq!(element.root().children().count(), 100_000);
    assert_eq!(element.root().children().last().unwrap().attr("c").unwrap(), "d");
}

/// Byte by byte must stay linear: each of these would take minutes if any part were read again from its start.
#[test]
fn a_stanza_byte_by_byte_is_linear() {
    let len = 250_000;
    let stanzas = [
        format!("<a>{}</a>", "x".repeat(len)),
        format!("<a>{}</a>", "]".repeat(len)),
        format!("<a>{}</a>", "&amp;".repeat(len / 5)),
        format!("<a b='{}'/>", "x".repeat(len)),
        format!("<a b='{}'/>", "\u{fe0f}".repeat(len / 3)),
        format!("<a><![CDATA[{}]]></a>", "]".repeat(len)),
        format!("<a{}/>", " ".repeat(len)),
        format!("<a b{}={}''/>", " ".repeat(len / 2), " ".repeat(len / 2)),
        format!("<a></a{}>", " ".repeat(len)),
        format!("<a>{}</a>", "<b/>".repeat(8000)),
        format!("<a>{}</a>", format!("<{}/>", "b".repeat(250)).repeat(len / 260)),
    ];
    let limits = Limits::default();
    for stanza in stanzas {
        let started = Instant::now();
        let (events, error) = read_within(limits, format!("{HEADER}{stanza}").as_bytes(), 1, Strict);
        assert_eq!((events.len(), error), (2, None));
        assert!(started.elapsed().as_secs() < 5, "{:?} for {}", started.elapsed(), &stanza[..20]);
    }
}

/// What costs most for its size: many prefixes in scope, used often.
#[test]
fn prefixes_cost_little() {
    let level = |n: usize| (0..60).map(|i| format!(" xmlns:p{n}x{i}='u'")).collect::<String>();
    let levels: String = (0..8).map(|n| format!("<a{}>", level(n))).collect();
    let uses = "<b p0x0:a='' p0x1:b='' p0x2:c=''/>".repeat(1500);
    let stanza = format!("{levels}{uses}{}", "</a>".repeat(8));
    let started = Instant::now();
    let (events, error) = read_within(Limits::default(), format!("{HEADER}{stanza}").as_bytes(), 10_000, Strict);
    assert_eq!((events.len(), error), (2, None));
    assert!(started.elapsed().as_millis() < 1000, "{:?}", started.elapsed());
    let more = (0..10).map(|n| format!("<a{}>", level(n))).collect::<String>();
    let (_, error) = read_within(Limits::default(), format!("{HEADER}{more}").as_bytes(), 10_000, Strict);
    assert_eq!(error, Some(Error::TooManyNodes));
}
