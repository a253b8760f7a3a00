//! What is well-formed for XMPP and what is not; the same whatever the pieces it comes in.

use crate::streams::{HEADER, error_of, read};
use xml::{Element, Error, Limits, Strictness::Lenient, Strictness::Strict};

const ACCEPTED: &[&str] = &[
    "<a/>",
    "<a />",
    "<a\n\t\r />",
    "<a></a>",
    "<a></a >",
    "<a></a\r\n>",
    "<_a-b.c1/>",
    "<a b='1' c=\"2\"/>",
    "<a b = '1'\nc\t=\r\n\"2\"/>",
    "<a b='\"' c=\"'\"/>",
    "<a b='>'/>",
    "<a>></a>",
    "<a>]]</a>",
    "<a>]]]]</a>",
    "<a>]] ></a>",
    "<a>'\"</a>",
    "<a>&amp;&lt;&gt;&apos;&quot;</a>",
    "<a>&#9;&#xA;&#xd;&#x20;&#xD7FF;&#xE000;&#xFFFD;&#x10000;&#x10FFFF;&#0000065;</a>",
    "<a b='&#10;&amp;'/>",
    "<a><![CDATA[]]></a>",
    "<a><![CDATA[<b>&x;]]]]><![CDATA[>]]></a>",
    "<a><![CDATA[]]]]]]></a>",
    "<é/>",
    "<a é='1'/>",
    "<\u{10000}\u{b7}/>",
    "<a·\u{300}\u{203f}/>",
    "<a>é漢\u{1f600}\u{fffd}\u{feff}\u{7f}\u{85}\u{fe0f}\u{ff21}</a>",
    "<a b='漢\u{1f600}\u{fe0f}'/>",
    "<a xml:lang='de' xml:space='preserve'/>",
    "<a xmlns:xml='http://www.w3.org/XML/1998/namespace'/>",
    "<a xmlns=''/>",
    "<a xmlns='urn:a'><b xmlns=''/></a>",
    "<p:a xmlns:p='urn:p' p:b='1' b='2'/>",
    "<a xmlns:p='urn:p' xmlns:q='urn:q' p:b='1' q:b='2'/>",
    "<p:a p:b='1' xmlns:p='urn:p'><p:c xmlns:p='urn:q'/></p:a>",
    "<stream:error/>",
    "<xmla/>",
    "<a xmlnsb='1' xmlb='2'/>",
    "<a xmlns:xmlb='urn:b'><xmlb:c/></a>",
    " \t\r\n<a/>",
];

#[test]
fn accepted() {
    for stanza in ACCEPTED {
        assert_eq!(error_of(stanza.as_bytes(), Strict), None, "{stanza}");
        assert_eq!(error_of(stanza.as_bytes(), Lenient), None, "{stanza}");
    }
}

const NOT_WELL_FORMED: &[&str] = &[
    "< a/>",
    "<>",
    "</a>",
    "<a></b>",
    "<a></ab>",
    "<ab></a>",
    "<a></a b='1'>",
    "<a><b></a></b>",
    "</ a>",
    "<a/ >",
    "<a//>",
    "<a b/>",
    "<a b=/>",
    "<a b=1/>",
    "<a b='1/>",
    "<a b='1'c='2'/>",
    "<a b='<'/>",
    "<a b='1' b='2'/>",
    "<a b='1' c='2' b='1'/>",
    "<a xmlns='urn:a' xmlns='urn:b'/>",
    "<a xmlns:p='urn:a' xmlns:p='urn:b'/>",
    "<a xmlns:p='urn:a' xmlns:q='urn:a' p:b='1' q:b='2'/>",
    "<a xmlns:p='urn:a&amp;' xmlns:q='urn:a&#38;' p:b='1' q:b='2'/>",
    "<1/>",
    "<-a/>",
    "<.a/>",
    "<a!/>",
    "<a\u{d7}/>",
    "<\u{b7}a/>",
    "<\u{300}/>",
    "<a\u{2190}/>",
    "<:a/>",
    "<a:/>",
    "<p:1 xmlns:p='urn:p'/>",
    "<p:a:b xmlns:p='urn:p'/>",
    "<a p:b:c='' xmlns:p='urn:p'/>",
    "<a :b='1'/>",
    "<a b:='1'/>",
    "<a xmlns:='urn:a'/>",
    "<a 1='1'/>",
    "<a>]]></a>",
    "<a>]]]></a>",
    "<a>\u{0}</a>",
    "<a>\u{1}</a>",
    "<a>\u{b}</a>",
    "<a>\u{1f}</a>",
    "<a>\u{fffe}</a>",
    "<a>\u{ffff}</a>",
    "<a b='\u{8}'/>",
    "<a b='\u{ffff}'/>",
    "<a><![CDATA[\u{fffe}]]></a>",
    "<a><![CDATA[\u{3}]]></a>",
    "<a\u{1}/>",
    "<a>&</a>",
    "<a>& </a>",
    "<a>&;</a>",
    "<a>&amp</a>",
    "<a>&am<b/>p;</a>",
    "<a>&#;</a>",
    "<a>&#x;</a>",
    "<a>&#xg;</a>",
    "<a>&#X41;</a>",
    "<a>&#0;</a>",
    "<a>&#8;</a>",
    "<a>&#xD800;</a>",
    "<a>&#xDFFF;</a>",
    "<a>&#xFFFE;</a>",
    "<a>&#xFFFF;</a>",
    "<a>&#x110000;</a>",
    "<a>&#4294967337;</a>",
    "<a>&#18446744073709551681;</a>",
    "<a b='&#0;'/>",
    "<a b='&'/>",
    "<![cdata[x]]>",
    "<a><![cdata[x]]></a>",
    "<a><![CDATA [x]]></a>",
    "<a><!x></a>",
    "<!>",
    "<!ELEMENT a ANY>",
];

#[test]
fn not_well_formed() {
    for stanza in NOT_WELL_FORMED {
        let error = error_of(stanza.as_bytes(), Strict);
        assert!(matches!(error, Some(Error::NotWellFormed(_))), "{stanza}: {error:?}");
    }
}

#[test]
fn restricted() {
    for stanza in [
        "<!-- x -->",
        "<a><!-- x --></a>",
        "<?x y?>",
        "<a><?x?></a>",
        "<?xml version='1.0'?>",
        "<!DOCTYPE a>",
        "<a>&nbsp;</a>",
        "<a>&Amp;</a>",
        "<a b='&eacute;'/>",
        "<a>&a.b-c;</a>",
    ] {
        let error = error_of(stanza.as_bytes(), Strict);
        assert!(matches!(error, Some(Error::RestrictedXml(_))), "{stanza}: {error:?}");
    }
    for stanza in ["<!DOCTYPE a>", "<a>&nbsp;</a>"] {
        assert!(matches!(error_of(stanza.as_bytes(), Lenient), Some(Error::RestrictedXml(_))), "{stanza}");
    }
}

#[test]
fn namespaces() {
    for stanza in [
        "<a xmlns:p=''/>",
        "<a xmlns:xml='urn:a'/>",
        "<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
        "<a xmlns='http://www.w3.org/XML/1998/namespace'/>",
        "<a xmlns:xmlns='urn:a'/>",
        "<a xmlns:xmlns='http://www.w3.org/2000/xmlns/'/>",
        "<a xmlns:p='http://www.w3.org/2000/xmlns/'/>",
        "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
        "<a xmlns='http&#58;//www.w3.org/2000/xmlns/'/>",
    ] {
        assert_eq!(error_of(stanza.as_bytes(), Strict), Some(Error::InvalidNamespace), "{stanza}");
    }
    for stanza in ["<p:a/>", "<a p:b='1'/>", "<a><b xmlns:p='urn:p'/><p:c/></a>", "<xmlns:a/>", "<XML:a/>"] {
        assert_eq!(error_of(stanza.as_bytes(), Strict), Some(Error::BadNamespacePrefix), "{stanza}");
    }
}

#[test]
fn bytes_that_are_not_utf8() {
    let bad: [&[u8]; 11] = [
        b"\x80",
        b"\xc0\xbc",
        b"\xc3",
        b"\xe2\x82",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xff",
        b"\xfe",
        b"\xe2",
        b"\xef\xbf",
    ];
    for bytes in bad {
        let text = [b"<a>", bytes, b"</a>"].concat();
        assert_eq!(error_of(&text, Strict), Some(Error::BadUtf8), "{}", text.escape_ascii());
        let value = [b"<a b='", bytes, b"'/>"].concat();
        assert_eq!(error_of(&value, Strict), Some(Error::BadUtf8), "{}", value.escape_ascii());
        let name = [b"<a", bytes, b"/>"].concat();
        assert_eq!(error_of(&name, Strict), Some(Error::BadUtf8), "{}", name.escape_ascii());
        let comment = [b"<a><!--", bytes, b"--></a>"].concat();
        assert_eq!(error_of(&comment, Lenient), Some(Error::BadUtf8), "{}", comment.escape_ascii());
        let between = [b"<!--", bytes, b"-->"].concat();
        assert_eq!(error_of(&between, Lenient), Some(Error::BadUtf8), "{}", between.escape_ascii());
    }
}

#[test]
fn between_stanzas() {
    for stray in
        [&b"x"[..], b"<a/>x", b"&#32;", b"\xef\xbb\xbf<a/>", b"\0", b"<![CDATA[x]]>", b"<a/><![CDATA[]]>", b"<![CDATA["]
    {
        assert_eq!(error_of(stray, Strict), Some(Error::StrayText), "{}", stray.escape_ascii());
    }
}

#[test]
fn lenient_streams_may_hold_comments_and_instructions() {
    for stanza in
        ["<!-- x -->", "<!---->", "<!-- - -->", "<?x?>", "<?x y??>", "<a><!-- <b> --><?c d?></a>", "<?xml-stylesheet?>"]
    {
        assert_eq!(error_of(stanza.as_bytes(), Lenient), None, "{stanza}");
    }
    for stanza in [
        "<!-- -- -->",
        "<!-- --->",
        "<!- x -->",
        "<!-- \u{1} -->",
        "<!-- \u{fffe} -->",
        "<?xml version='1.0'?>",
        "<?XmL?>",
        "<? x?>",
        "<??>",
        "<?1?>",
        "<?a:b?>",
        "<a <!-- x --> b='1'/>",
    ] {
        let error = error_of(stanza.as_bytes(), Lenient);
        assert!(matches!(error, Some(Error::NotWellFormed(_))), "{stanza}: {error:?}");
    }
}

#[test]
fn headers() {
    let rest = &HEADER[HEADER.find("<stream").unwrap()..];
    let error = |head: &str| {
        let input = format!("{head}{rest}");
        let whole = read(input.as_bytes(), input.len(), Strict).1;
        assert_eq!(read(input.as_bytes(), 1, Strict).1, whole, "{head}");
        whole
    };
    for head in [
        "",
        " ",
        "\n",
        "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>\r\n",
        "<?xml version='1.0' encoding='utf-8'?>",
    ] {
        assert_eq!(error(head), None, "{head}");
    }
    assert_eq!(error("<?xml version='1.0' encoding='latin1'?>"), Some(Error::UnsupportedEncoding));
    for head in [
        "<!DOCTYPE a>",
        "<!-- -->",
        "<?a?>",
        " <?xml version='1.0'?>",
        "<?xml version='1.0'?><?xml version='1.0'?>",
        "<?xml-x?>",
    ] {
        assert!(matches!(error(head), Some(Error::RestrictedXml(_))), "{head}");
    }
    for head in ["x", "</a>", "\u{feff}", "<?xml version='1.1'?>", "<?xml?>", "<![CDATA[]]>", "&#32;"] {
        assert!(matches!(error(head), Some(Error::NotWellFormed(_))), "{head}");
    }
    for (header, error) in [
        (&b"<stream:stream>"[..], Error::BadNamespacePrefix),
        (b"<a b='1' b='1'>", Error::NotWellFormed("attribute twice")),
        (b"<a b='\xff'>", Error::BadUtf8),
        (b"<a xmlns:b=''>", Error::InvalidNamespace),
    ] {
        assert_eq!(read(header, 1, Strict).1, Some(error));
    }
}

#[test]
fn the_end_of_a_stream() {
    let behind = |tail: &str| read(format!("{HEADER}<a/>{tail}").as_bytes(), 1, Strict).1;
    for tail in ["</stream:stream>", "</stream:stream \n> \r\n\t", ""] {
        assert_eq!(behind(tail), None, "{tail}");
    }
    for tail in [
        "</stream>",
        "</stream:streams>",
        "</stream:stream></stream:stream>",
        "</stream:stream>x",
        "</stream:stream><a/>",
        "</stream:stream a='1'>",
    ] {
        assert!(matches!(behind(tail), Some(Error::NotWellFormed(_))), "{tail}");
    }
}

#[test]
fn elements_that_stand_alone() {
    let parse = |text: &str| Element::parse(text.as_bytes(), &Limits::default());
    assert_eq!(parse(" \t\r\n<a>\n</a>\n").unwrap().as_str(), "<a>\n</a>");
    for text in [
        "",
        " ",
        "x",
        "<a",
        "<a>",
        "</a>",
        "<a/><b/>",
        "<a/>x",
        "x<a/>",
        "\u{c}<a/>",
        "<a/>\u{b}",
        "<?xml version='1.0'?><a/>",
        "<!-- --><a/>",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
    assert_eq!(parse("<stream:a/>").unwrap_err(), Error::BadNamespacePrefix);
}
