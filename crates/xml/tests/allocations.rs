//! In the steady state a stanza costs one allocation, and an idle or hostile stream holds what the limits say.

#![allow(clippy::unwrap_used, clippy::panic)]

use xml::{Element, Error, Event, Limits, Reader, Scratch};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const HEADER: &[u8] = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
const CHAT: &[u8] = b"<message to='juliet@capulet.example/balcony' from='romeo@montague.example' type='chat' id='a1'>\
    <body>What light through yonder window &amp; breaks?</body><active xmlns='http://jabber.org/protocol/chatstates'/>\
    <x xmlns='urn:a' xmlns:p='urn:p'><p:y p:z='1' xml:lang='en'/></x></message>";

fn main() {
    let profiler = dhat::Profiler::builder().testing().build();
    one_allocation_for_a_stanza();
    looking_takes_none();
    an_idle_stream_holds_nothing();
    a_hostile_stanza_is_bounded();
    drop(profiler);
    println!("allocations: ok");
}

fn opened(scratch: &mut Scratch, limits: Limits) -> Reader {
    let mut reader = Reader::new(limits);
    assert!(matches!(reader.next(scratch, &mut &HEADER[..]), Ok(Some(Event::Header(_)))));
    reader
}

fn element(reader: &mut Reader, scratch: &mut Scratch, mut bytes: &[u8]) -> Element {
    match reader.next(scratch, &mut bytes) {
        Ok(Some(Event::Element(element))) => element,
        other => panic!("{other:?}"),
    }
}

/// How often `act` allocates, and how many bytes it holds afterwards.
fn taken<T>(act: impl FnOnce() -> T) -> (T, u64, isize) {
    let before = dhat::HeapStats::get();
    let result = act();
    let after = dhat::HeapStats::get();
    let held = after.curr_bytes as isize - before.curr_bytes as isize;
    (result, after.total_blocks - before.total_blocks, held)
}

fn one_allocation_for_a_stanza() {
    let mut scratch = Scratch::new();
    let mut reader = opened(&mut scratch, Limits::default());
    let first = element(&mut reader, &mut scratch, CHAT);
    let (elements, blocks, _) = taken(|| [0; 100].map(|_| element(&mut reader, &mut scratch, CHAT)));
    assert_eq!(blocks, 100);
    let (copies, blocks, _) = taken(|| elements.clone());
    assert_eq!((blocks, copies.iter().all(|copy| *copy == first)), (0, true));
    let (_, _, held) = taken(|| drop(elements));
    assert_eq!(held, 0, "the copies share");
}

fn looking_takes_none() {
    let element = Element::parse(CHAT, &Limits::default()).unwrap();
    let (_, blocks, _) = taken(|| {
        let root = element.root();
        assert_eq!(root.attr("to").unwrap(), "juliet@capulet.example/balcony");
        assert!(root.child("urn:a", "x").unwrap().first_child().unwrap().attr_ns("urn:p", "z").is_some());
        assert!(root.children().nth(1).unwrap().text().is_empty());
        root.descendants().map(|node| node.ns().len() + node.attrs().count()).sum::<usize>()
    });
    assert_eq!(blocks, 0);
}

fn an_idle_stream_holds_nothing() {
    let mut scratch = Scratch::new();
    let (mut reader, _, held) = taken(|| opened(&mut scratch, Limits::default()));
    let scratch_holds = held;
    let (_, _, held) = taken(|| opened(&mut scratch, Limits::default()));
    assert_eq!(held, 0, "a second stream takes nothing that lasts beside {scratch_holds} of scratch");
    let (_, _, held) = taken(|| {
        for byte in CHAT.chunks(1) {
            let _ = reader.next(&mut scratch, &mut &byte[..]).unwrap();
        }
    });
    let (_, blocks, afterwards) = taken(|| reader.next(&mut scratch, &mut &b" \n "[..]).unwrap().is_none());
    assert_eq!((blocks, afterwards), (0, 0));
    assert!(held < 4096, "only the scratch has grown: {held}");
}

fn a_hostile_stanza_is_bounded() {
    let limits = Limits::default();
    for (head, part) in [
        ("<a>", "x"),
        ("<a b='", "&lt;"),
        ("<a>", "<a/>"),
        ("<a>", "<a>"),
        ("<a ", "b"),
        ("<a>", "<b xmlns='urn:a' c='d'>e</b>"),
        ("<a xmlns:p='urn:&amp;'>", "<p:b xmlns:q='&lt;'/>"),
    ] {
        for read in [1000, 65_536] {
            let (reader, _, held) = taken(|| until_refused(limits, head, &part.repeat(read / part.len())));
            assert_eq!(held, 0, "a refused stream holds nothing of {head}{part}");
            drop(reader);
        }
    }
    let most = dhat::HeapStats::get().max_bytes;
    assert!(most < limits.stanza_bytes + (1 << 20), "{most} bytes at the most");
}

/// Sends `part` again and again.
fn until_refused(limits: Limits, head: &str, part: &str) -> Reader {
    let mut scratch = Scratch::new();
    let mut reader = opened(&mut scratch, limits);
    assert!(reader.next(&mut scratch, &mut head.as_bytes()).unwrap().is_none());
    for _ in 0..=limits.stanza_bytes / part.len() {
        match reader.next(&mut scratch, &mut part.as_bytes()) {
            Ok(None) => {}
            Err(Error::TooBig(_) | Error::TooDeep | Error::TooManyNodes | Error::NameTooLong) => return reader,
            other => panic!("{other:?}"),
        }
    }
    panic!("{head}{part}… has no end")
}
