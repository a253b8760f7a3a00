//! What a stream says, event by event.

use xml::{Builder, Element, Event, Limits, Reader, Scratch, names};

const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='example.org' version='1.0' xml:lang='en'>";

fn read_all(input: &str, piece: usize) -> Vec<Event> {
    let mut reader = Reader::new(Limits::default());
    let mut scratch = Scratch::new();
    let mut events = Vec::new();
    for mut bytes in input.as_bytes().chunks(piece) {
        while let Some(event) = reader.next(&mut scratch, &mut bytes).unwrap() {
            events.push(event);
        }
        assert!(bytes.is_empty());
    }
    assert_eq!(reader.buffered(), 0);
    events
}

fn elements(header: &str, stanzas: &str, piece: usize) -> Vec<Element> {
    let element = |event| if let Event::Element(element) = event { Some(element) } else { None };
    read_all(&format!("{header}{stanzas}</stream:stream>"), piece).into_iter().filter_map(element).collect()
}

#[test]
fn a_stream_at_any_pace() {
    let stanzas = "<message to='romeo@example.net/orchard' id=\"m&amp;1\"><body>What &lt;light&gt;?</body>\
        <active xmlns='http://jabber.org/protocol/chatstates'/></message>\n <presence/>";
    for piece in [1, 2, 3, 7, 100, 10_000] {
        let events = read_all(&format!("{HEADER}{stanzas}</stream:stream>\n"), piece);
        let [Event::Header(header), Event::Element(message), Event::Element(presence), Event::Close] = &events[..]
        else {
            panic!("{events:?}")
        };
        assert_eq!(header.to(), Some("example.org"));
        assert_eq!(header.version(), Some("1.0"));
        assert_eq!(header.lang(), Some("en"));
        assert_eq!(header.stream_ns, names::STREAM);
        assert_eq!(header.content_ns.as_deref(), Some(names::CLIENT));
        assert_eq!(header.declares("stream"), Some(names::STREAM));
        let root = message.root();
        assert!(root.is(names::CLIENT, "message"));
        assert_eq!(root.attr("to").unwrap(), "romeo@example.net/orchard");
        assert_eq!(root.attr("id").unwrap(), "m&1");
        assert_eq!(root.attr("from"), None);
        assert_eq!(root.child(names::CLIENT, "body").unwrap().text(), "What <light>?");
        let active = root.children().nth(1).unwrap();
        assert!(active.is("http://jabber.org/protocol/chatstates", "active"));
        assert_eq!(active.inner_range(), None);
        assert_eq!(active.parent().unwrap().index(), 0);
        assert!(presence.root().is(names::CLIENT, "presence"));
        assert_eq!(presence.bytes(), b"<presence/>");
    }
}

#[test]
fn prefixes_of_the_header_are_declared_on_the_element() {
    let header = "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:server' \
        xmlns:db='jabber:server:dialback' xmlns:s='jabber:server'>";
    for piece in [1, 5, 1000] {
        let got = elements(
            header,
            "<db:result to='a'>k</db:result><s:message><s:body>x</s:body><x xmlns='u:x'><s:y/></x></s:message>\
             <message xmlns='jabber:server'><body xmlns='jabber:client'/><f xmlns='u:f'><message xmlns='jabber:client'/></f></message>\
             <iq><stream:a db:b='c'/></iq>",
            piece,
        );
        let texts: Vec<_> = got.iter().map(Element::as_str).collect();
        assert_eq!(
            texts,
            [
                "<db:result xmlns:db='jabber:server:dialback' to='a'>k</db:result>",
                "<message xmlns:s='jabber:server'><body>x</body><x xmlns='u:x'><s:y/></x></message>",
                "<message><body/><f xmlns='u:f'><message xmlns='jabber:client'/></f></message>",
                "<iq xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback'><stream:a db:b='c'/></iq>",
            ]
        );
        assert!(got[1].root().child(names::CLIENT, "body").is_some());
    }
}

#[test]
fn an_unprefixed_root() {
    let got = |piece| {
        let input = "<stream xmlns='http://etherx.jabber.org/streams' xmlns:c='jabber:client'>\
            <message xmlns='jabber:client'><body/></message><error><x/></error><c:iq><a/></c:iq></stream>";
        read_all(input, piece)
            .into_iter()
            .filter_map(|event| if let Event::Element(element) = event { Some(element) } else { None })
            .map(|element| element.as_str().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        got(1),
        [
            "<message><body/></message>",
            "<error xmlns='http://etherx.jabber.org/streams'><x/></error>",
            "<iq><a xmlns='http://etherx.jabber.org/streams'/></iq>",
        ]
    );
    assert_eq!(got(1), got(500));
}

#[test]
fn what_is_built_can_be_read() {
    let iq = Builder::new(names::CLIENT, "iq")
        .attr("type", "result")
        .attr("id", "a'b")
        .open("jabber:iq:roster", "query")
        .open("jabber:iq:roster", "item")
        .attr("jid", "a@b")
        .text_child("jabber:iq:roster", "group", "<Friends & co>")
        .finish();
    assert_eq!(
        iq.as_str(),
        "<iq type='result' id='a&apos;b'><query xmlns='jabber:iq:roster'><item jid='a@b'>\
         <group>&lt;Friends &amp; co&gt;</group></item></query></iq>"
    );
    let item = iq.root().child("jabber:iq:roster", "query").unwrap().first_child().unwrap().to_element();
    assert_eq!(
        item.as_str(),
        "<item xmlns='jabber:iq:roster' jid='a@b'><group>&lt;Friends &amp; co&gt;</group></item>"
    );
    let message = Element::parse(b"<message to='x'><body>hi</body></message>", &Limits::default()).unwrap();
    let forwarded = Builder::new("urn:xmpp:forward:0", "forwarded").raw_child(&message).finish();
    assert_eq!(
        forwarded.as_str(),
        "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' to='x'><body>hi</body></message></forwarded>"
    );
    assert_eq!(forwarded.root().first_child().unwrap().to_element().root().attr("to").unwrap(), "x");
}
