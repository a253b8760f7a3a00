//! An element means the same wherever it goes: what came from around it is written on it, and nothing else changes.

use crate::streams::elements;
use xml::{Builder, Element, Limits, Strictness::Lenient, Strictness::Strict, names};

const STREAM: &str = "xmlns:stream='http://etherx.jabber.org/streams'";

/// The elements of a stream with these declarations, as they are forwarded; the same whatever the pieces.
fn forwarded(declarations: &str, stanzas: &str) -> Vec<String> {
    let input = format!("<stream:stream {STREAM} {declarations}>{stanzas}");
    let texts = |piece| -> Vec<String> {
        elements(&input, piece, Lenient).iter().map(|element| element.as_str().to_owned()).collect()
    };
    let whole = texts(input.len());
    assert_eq!(texts(1), whole);
    for text in &whole {
        let again = Element::parse(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(again.as_str(), text, "canonical once, canonical for good");
    }
    whole
}

#[test]
fn ordinary_stanzas_are_not_touched() {
    for stanza in [
        "<message to='a'  id=\"b\" ><body>&#x41;<![CDATA[<]]>\r\n</body ></message>",
        "<iq><query xmlns='urn:q'><item xmlns='urn:q'/><message xmlns='jabber:client'/></query></iq>",
        "<iq><p:a xmlns:p='urn:p' p:b='1'><c/></p:a></iq>",
        "<iq><x xmlns=''><y/></x></iq>",
        "<iq><x xmlns='jabber:client:x'/></iq>",
        "<p:x xmlns:p='urn:p' xmlns='urn:q'><y/></p:x>",
    ] {
        for content in ["jabber:client", "jabber:server", "jabber:component:accept"] {
            assert_eq!(forwarded(&format!("xmlns='{content}'"), stanza), [stanza]);
        }
    }
}

#[test]
fn the_content_namespace_goes_without_saying() {
    for content in ["jabber:client", "jabber:server", "jabber:component:accept"] {
        for repeated in ["jabber:client", "jabber:server", "jabber:component:accept"] {
            let stanza = format!("<message xmlns='{repeated}' to='a'><body xmlns='{repeated}'>x</body></message>");
            assert_eq!(forwarded(&format!("xmlns='{content}'"), &stanza), ["<message to='a'><body>x</body></message>"]);
            let stanza = format!("<c:message xmlns:c='{repeated}'><c:body>x</c:body></c:message>");
            let expected = format!("<message xmlns:c='{repeated}'><body>x</body></message>");
            assert_eq!(forwarded(&format!("xmlns='{content}'"), &stanza), [expected]);
        }
    }
}

#[test]
fn every_declared_namespace_is_known_without_looking_at_the_nodes() {
    for (stanza, others) in [
        ("<iq><p:a xmlns:p='urn:p' p:b='1'><c xmlns='urn:c'/></p:a><d/></iq>", "urn:d"),
        ("<presence><show>away</show></presence>", "urn:xmpp:delay"),
        ("<message><x xmlns='urn:a&amp;b'/><y xmlns='urn:a'/></message>", "urn:b"),
    ] {
        let element = Element::parse(stanza.as_bytes(), &Limits::default()).unwrap();
        for node in element.root().descendants().filter(|node| !node.is_in_content()) {
            assert!(element.names_namespace(node.ns()), "{}", node.ns());
        }
        assert!(!element.names_namespace(others));
    }
}

#[test]
fn inside_a_payload_it_is_said() {
    for stanza in [
        "<message><f xmlns='urn:xmpp:forward:0'><message xmlns='jabber:server'><body/></message></f></message>",
        "<message><f xmlns='urn:f' xmlns:c='jabber:client'><c:message c:a='b'/></f></message>",
    ] {
        assert_eq!(forwarded("xmlns='jabber:client'", stanza), [stanza]);
    }
}

#[test]
fn prefixes_of_the_header_are_declared_where_they_are_used() {
    let header =
        "xmlns='jabber:server' xmlns:db='jabber:server:dialback' xmlns:s='jabber:server' xmlns:q='urn:q&amp;&#39;'";
    let cases = [
        ("<db:result to='a'>k</db:result>", "<db:result xmlns:db='jabber:server:dialback' to='a'>k</db:result>"),
        (
            "<stream:error><a/></stream:error>",
            "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><a/></stream:error>",
        ),
        ("<s:message><s:body/></s:message>", "<message><body/></message>"),
        (
            "<s:message><x xmlns='u:x'><s:y/></x></s:message>",
            "<message xmlns:s='jabber:server'><x xmlns='u:x'><s:y/></x></message>",
        ),
        (
            "<s:message xmlns='urn:x'><y/><z a='>'/></s:message>",
            "<message><y xmlns='urn:x'/><z a='>' xmlns='urn:x'/></message>",
        ),
        ("<iq s:a='b'/>", "<iq xmlns:s='jabber:server' s:a='b'/>"),
        ("<iq><q:a q:b='1'/></iq>", "<iq xmlns:q='urn:q&amp;&apos;'><q:a q:b='1'/></iq>"),
        (
            "<iq><stream:a db:b='c'/></iq>",
            "<iq xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback'><stream:a db:b='c'/></iq>",
        ),
        ("<db:a xmlns:db='urn:own'><db:b/></db:a>", "<db:a xmlns:db='urn:own'><db:b/></db:a>"),
    ];
    for (stanza, expected) in cases {
        assert_eq!(forwarded(header, stanza), [expected]);
    }
}

#[test]
fn other_defaults_are_declared() {
    let cases = [
        ("xmlns='urn:d'", "<a><b/></a>", "<a xmlns='urn:d'><b/></a>"),
        ("xmlns='urn:d'", "<message xmlns='jabber:client'><b/></message>", "<message><b/></message>"),
        (
            "xmlns='urn:d'",
            "<stream:a><b/></stream:a>",
            "<stream:a xmlns:stream='http://etherx.jabber.org/streams'><b xmlns='urn:d'/></stream:a>",
        ),
        ("xmlns=''", "<a><b/></a>", "<a xmlns=''><b/></a>"),
        ("", "<a><b/></a>", "<a xmlns=''><b/></a>"),
        ("", "<a xmlns='urn:d'><b/></a>", "<a xmlns='urn:d'><b/></a>"),
        ("xmlns='urn:d' xmlns:c='jabber:client'", "<c:a><b/><c:d/></c:a>", "<a><b xmlns='urn:d'/><d/></a>"),
    ];
    for (header, stanza, expected) in cases {
        assert_eq!(forwarded(header, stanza), [expected]);
    }
}

#[test]
fn an_unprefixed_root() {
    let input = "<stream xmlns='http://etherx.jabber.org/streams' xmlns:c='jabber:client'>\
        <message xmlns='jabber:client'><body/></message><error><x/></error><c:iq><a/></c:iq></stream>";
    for piece in [1, 500] {
        let got = elements(input, piece, Strict);
        let texts: Vec<_> = got.iter().map(Element::as_str).collect();
        assert_eq!(
            texts,
            [
                "<message><body/></message>",
                "<error xmlns='http://etherx.jabber.org/streams'><x/></error>",
                "<iq><a xmlns='http://etherx.jabber.org/streams'/></iq>",
            ]
        );
        assert!(got[0].root().child(names::CLIENT, "body").is_some());
    }
}

#[test]
fn comments_and_instructions_vanish() {
    let cases = [
        ("<a>x<!-- y -->z</a>", "<a>xz</a>"),
        ("<!-- a --><a><!----><b/><?c d?></a><?e?>", "<a><b/></a>"),
        ("<a>]<!-- -->]<?b?>></a>", "<a>]]&gt;</a>"),
        ("<a>]<!-- -->]></a>", "<a>]]&gt;</a>"),
        ("<a>]]<!-- -->></a>", "<a>]]&gt;</a>"),
        ("<a>]<!-- -->></a>", "<a>]></a>"),
        ("<a><![CDATA[]]]]><!-- -->></a>", "<a><![CDATA[]]]]>></a>"),
        ("<a>\r<!-- -->\n</a>", "<a>\n\n</a>"),
        ("<a>&amp;<!-- -->amp;</a>", "<a>&amp;amp;</a>"),
        ("<a b='<!--'><c/></a>", ""),
    ];
    for (stanza, expected) in cases {
        if !expected.is_empty() {
            assert_eq!(forwarded("xmlns='jabber:client'", stanza), [expected], "{stanza}");
        }
    }
}

#[test]
fn what_is_built_can_be_read() {
    let iq = Builder::new(names::CLIENT, "iq")
        .attr("type", "result")
        .attr("id", "a'b")
        .attr_opt("to", None)
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
}

#[test]
fn elements_move_between_places() {
    let message = Element::parse(b"<message to='x'><body>hi</body></message>", &Limits::default()).unwrap();
    let forwarded = Builder::new("urn:xmpp:forward:0", "forwarded").raw_child(&message).finish();
    assert_eq!(
        forwarded.as_str(),
        "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' to='x'><body>hi</body></message></forwarded>"
    );
    assert_eq!(forwarded.root().first_child().unwrap().to_element(), message);
    let nested = Element::parse(
        b"<a xmlns:p='urn:p' xmlns='urn:a'><b xmlns:q='urn:q'><p:c q:d='1'><e/></p:c></b></a>",
        &Limits::default(),
    );
    let c = nested.as_ref().unwrap().root().first_child().unwrap().first_child().unwrap().to_element();
    assert_eq!(c.as_str(), "<p:c xmlns='urn:a' xmlns:p='urn:p' xmlns:q='urn:q' q:d='1'><e/></p:c>");
    let inside = Builder::new(names::CLIENT, "iq").open("urn:a", "x").raw_child(&c).finish();
    assert_eq!(
        inside.as_str(),
        "<iq><x xmlns='urn:a'><p:c xmlns='urn:a' xmlns:p='urn:p' xmlns:q='urn:q' q:d='1'><e/></p:c></x></iq>"
    );
}

#[test]
fn builders_write_prefixes_when_asked() {
    let result = Builder::new_prefixed("db", "jabber:server:dialback", "result").attr("to", "a").text("key").finish();
    assert_eq!(result.as_str(), "<db:result xmlns:db='jabber:server:dialback' to='a'>key</db:result>");
    let body =
        Builder::new(names::CLIENT, "body").attr("xml:lang", "de").attr_ns("p", "urn:p", "a", "b").text("ä").finish();
    assert_eq!(body.as_str(), "<body xml:lang='de' xmlns:p='urn:p' p:a='b'>ä</body>");
    assert_eq!(body.root().lang().unwrap(), "de");
    assert_eq!(body.root().attr_ns("urn:p", "a").unwrap(), "b");
}
