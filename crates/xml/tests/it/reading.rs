//! What a stream says, event by event.

use crate::streams::{HEADER, elements, read};
use xml::{Element, Event, Header, Limits, Reader, Scratch, Strictness::Strict, names};

#[test]
fn a_stream_at_any_pace() {
    let stanzas = "<message to='romeo@example.net/orchard' id=\"m&amp;1\"><body>What &lt;light&gt;?</body>\
        <active xmlns='http://jabber.org/protocol/chatstates'/></message>\n <presence/>";
    for piece in [1, 2, 3, 7, 100, 10_000] {
        let (events, error) = read(format!("{HEADER}{stanzas}</stream:stream>\n").as_bytes(), piece, Strict);
        let [Event::Header(header), Event::Element(message), Event::Element(presence), Event::Close] = &events[..]
        else {
            panic!("{events:?}")
        };
        assert_eq!(error, None);
        is_the_header(header);
        is_the_message(message);
        assert!(presence.root().is(names::CLIENT, "presence"));
        assert_eq!(presence.bytes(), b"<presence/>");
    }
}

fn is_the_header(header: &Header) {
    assert_eq!((header.name.as_str(), header.prefix.as_deref()), ("stream", Some("stream")));
    assert_eq!(header.to(), Some("example.org"));
    assert_eq!(header.version(), Some("1.0"));
    assert_eq!(header.lang(), Some("en"));
    assert_eq!(header.id(), None);
    assert_eq!(header.stream_ns, names::STREAM);
    assert_eq!(header.content_ns.as_deref(), Some(names::CLIENT));
    assert_eq!(header.declares("stream"), Some(names::STREAM));
}

fn is_the_message(message: &Element) {
    let root = message.root();
    assert!(root.is(names::CLIENT, "message") && root.is_in_content());
    assert_eq!(root.attr("to").unwrap(), "romeo@example.net/orchard");
    assert_eq!(root.attr("id").unwrap(), "m&1");
    assert_eq!(root.attr("from"), None);
    assert_eq!(root.child(names::CLIENT, "body").unwrap().text(), "What <light>?");
    let active = root.children().nth(1).unwrap();
    assert!(active.is("http://jabber.org/protocol/chatstates", "active"));
    assert_eq!(active.inner_range(), None);
    assert_eq!(active.parent().unwrap().index(), 0);
}

#[test]
fn headers_of_all_times() {
    let cases = [
        (
            "<stream:stream to='a' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
            "jabber:client",
        ),
        (
            "<?xml version=\"1.0\"?>\n<stream:stream\n to=\"a\"\txmlns=\"jabber:server\" xmlns:stream = 'http://etherx.jabber.org/streams' >",
            "jabber:server",
        ),
        (
            "\n<s:s xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:component:accept' to='a'>",
            "jabber:component:accept",
        ),
    ];
    for (header, content) in cases {
        for piece in [1, 1000] {
            let (events, error) = read(header.as_bytes(), piece, Strict);
            let [Event::Header(header)] = &events[..] else { panic!("{header} {error:?}") };
            assert_eq!(header.stream_ns, names::STREAM);
            assert_eq!(header.content_ns.as_deref(), Some(content));
            assert_eq!(header.attrs().collect::<Vec<_>>(), [("to", "a")]);
        }
    }
}

#[test]
fn a_header_that_is_its_own_end() {
    let (events, error) = read(b"<a:b xmlns:a='urn:a'/> ", 1, Strict);
    assert!(matches!(&events[..], [Event::Header(header), Event::Close] if header.stream_ns == "urn:a"), "{error:?}");
}

#[test]
fn a_stream_that_begins_anew_skips_what_was_left() {
    let mut scratch = Scratch::new();
    for (mut reader, fine) in [(Reader::restarted(Limits::default()), true), (Reader::new(Limits::default()), false)] {
        let input = format!(" \n{HEADER}");
        assert_eq!(reader.next(&mut scratch, &mut input.as_bytes()).is_ok(), fine);
    }
}

#[test]
fn an_idle_reader_is_small() {
    assert!(size_of::<Reader>() <= 96, "{}", size_of::<Reader>());
    assert!(size_of::<Element>() <= 32, "{}", size_of::<Element>());
}

#[test]
fn children_text_and_spans() {
    let element = &elements(
        &format!("{HEADER}<m a='1'  b = \"x y\"> t1 <a/>t&amp;2<b>u</b >\r\nt3<![CDATA[<c/>]]></m>"),
        9,
        Strict,
    )[0];
    let root = element.root();
    assert_eq!(root.text(), " t1 t&2\nt3<c/>");
    let items: Vec<String> = root
        .items()
        .map(|item| match item {
            xml::Item::Text(text) => format!("{text:?}"),
            xml::Item::Element(node) => node.name().to_owned(),
        })
        .collect();
    assert_eq!(items, ["\" t1 \"", "a", "\"t&2\"", "b", "\"\\nt3<c/>\""]);
    let attrs: Vec<_> = root.attrs().map(|attr| &element.as_str()[attr.range()]).collect();
    assert_eq!(attrs, [" a='1'", "  b = \"x y\""]);
    let b = root.children().nth(1).unwrap();
    assert_eq!(b.raw(), b"<b>u</b >");
    assert_eq!(&element.as_str()[b.inner_range().unwrap()], "u");
    assert_eq!(&element.as_str()[..root.open_tag_name_end()], "<m");
    assert_eq!(&element.as_str()[..root.open_tag_end()], "<m a='1'  b = \"x y\">");
    assert!(root.has_children() && !b.has_children());
    assert_eq!(root.descendants().map(|node| node.name()).collect::<Vec<_>>(), ["m", "a", "b"]);
}
