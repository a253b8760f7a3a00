//! Bytes that no stream may contain, what the server has to say to them, and that it hangs up then.

use crate::client::{Client, X_HEADER};
use crate::hostile::House;
use crate::hostile::ways::{BLIND_ALLEYS, Dialect, Door, PASSWORD, WAYS, Way};

/// When in the life of a stream something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Instead of the opening tag.
    First,
    /// Instead of the opening tag that follows SASL.
    Restart,
    /// Before the login.
    Stranger,
    /// In a session.
    Session,
}

/// Bytes: a head, a piece many times over, a tail.
pub(crate) struct Bytes {
    head: Vec<u8>,
    piece: Vec<u8>,
    times: usize,
    tail: Vec<u8>,
}

/// Something hostile and the answer to it.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    moments: &'static [Moment],
    bytes: Bytes,
    /// The conditions that may be told today.
    today: &'static [&'static str],
    /// What is told in 2000; none where it is no error there.
    in_2000: Option<&'static str>,
}

const EARLY: &[Moment] = &[Moment::First, Moment::Restart];
const LATE: &[Moment] = &[Moment::Stranger, Moment::Session];
const ALWAYS: &[Moment] = &[Moment::First, Moment::Restart, Moment::Stranger, Moment::Session];

const INVALID: Option<&str> = Some("Invalid XML");
const LIMIT: &[&str] = &["policy-violation"];
const MALFORMED: &[&str] = &["not-well-formed"];
const RESTRICTED: &[&str] = &["restricted-xml"];
/// RFC 6120 §4.9.3.22
const ENCODING: &[&str] = &["unsupported-encoding"];

const GIGABYTE: usize = 1 << 30;

const LAUGHS: &str = "<!DOCTYPE lolz [<!ENTITY lol 'lol'><!ENTITY lol2 '&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;'>\
                      <!ENTITY lol3 '&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;'>]>\
                      <message to='juliet@localhost'><body>&lol3;</body></message>";

impl Bytes {
    fn new(text: impl Into<Vec<u8>>) -> Bytes {
        Bytes { head: text.into(), piece: Vec::new(), times: 0, tail: Vec::new() }
    }

    /// The head, so many times the piece, the tail.
    fn many(head: &str, piece: &str, times: usize, tail: &str) -> Bytes {
        Bytes { head: head.into(), piece: piece.into(), times, tail: tail.into() }
    }

    fn endless(head: &str, piece: &str) -> Bytes {
        Bytes::many(head, piece, GIGABYTE / piece.len(), "")
    }

    /// Says it until the server hangs up.
    pub(crate) fn say(&self, client: &mut Client) {
        const BATCH: usize = 64 * 1024;
        let per_batch = BATCH / self.piece.len().max(1);
        let batch = self.piece.repeat(per_batch.min(self.times));
        let mut left = self.times;
        let mut said = client.type_in(&self.head);
        while said.is_ok() && left > 0 {
            let count = left.min(per_batch);
            said = client.type_in(&batch[..count * self.piece.len()]);
            left -= count;
        }
        let _ = said.and_then(|()| client.type_in(&self.tail));
    }
}

fn attack(
    name: &'static str,
    moments: &'static [Moment],
    bytes: Bytes,
    today: &'static [&'static str],
    in_2000: Option<&'static str>,
) -> Attack {
    Attack { name, moments, bytes, today, in_2000 }
}

/// What is said to open a stream.
fn headers() -> Vec<Attack> {
    let text = |bytes: &[u8]| Bytes::new(bytes);
    let attributes: String = (0..1_000).map(|n| format!(" a{n}=''")).collect();
    let header = |from: &str, to: &str| Bytes::new(X_HEADER.replace(from, to));
    vec![
        attack("HTTP", EARLY, text(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), MALFORMED, INVALID),
        attack("a TLS hello", EARLY, text(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), MALFORMED, INVALID),
        attack("UTF-16", EARLY, text(b"\xff\xfe<\0?\0x\0m\0l\0"), MALFORMED, INVALID),
        attack("an endless tag", EARLY, Bytes::endless("<stream:stream to='", "localhost"), LIMIT, INVALID),
        attack(
            "endless attributes",
            EARLY,
            Bytes::endless("<stream:stream", " a='b'"),
            &["policy-violation", "not-well-formed"],
            INVALID,
        ),
        attack("endless space", EARLY, Bytes::endless("<stream:stream", "    "), LIMIT, INVALID),
        attack(
            "1,000 attributes on the stream",
            EARLY,
            Bytes::new(format!("<stream:stream{attributes}>")),
            LIMIT,
            INVALID,
        ),
        attack("another encoding", EARLY, header("?>", " encoding='ISO-8859-1'?>"), &["unsupported-encoding"], INVALID),
        attack(
            "no declaration of the prefix",
            EARLY,
            header("xmlns:stream=", "xmlns:st="),
            &["bad-namespace-prefix"],
            INVALID,
        ),
        attack(
            "an element without a stream",
            EARLY,
            text(b"<message to='juliet@localhost'/>"),
            &["invalid-namespace", "bad-format"],
            Some("Invalid Stream Namespace"),
        ),
    ]
}

/// What is not well-formed, or forbidden in XMPP.
fn bad_xml() -> Vec<Attack> {
    let text = |bytes: &[u8]| Bytes::new(bytes);
    let message = |inner: &[u8]| Bytes::new([b"<message to='juliet@localhost'>", inner, b"</message>"].concat());
    vec![
        attack("garbage", ALWAYS, text(&[0x9c, 0xff, 0x00, 0xfe, 0x01]), &["not-well-formed", "bad-format"], INVALID),
        attack("zeros", ALWAYS, text(&[0; 100]), &["not-well-formed", "bad-format"], INVALID),
        attack("text", ALWAYS, text(b"hello, is there anybody?"), &["not-well-formed", "bad-format"], INVALID),
        attack("a DTD bomb", ALWAYS, text(LAUGHS.as_bytes()), RESTRICTED, INVALID),
        attack("an entity", LATE, message(b"<body>&lol3;</body>"), &["restricted-xml", "not-well-formed"], INVALID),
        attack("a comment", LATE, message(b"<!-- a -->"), RESTRICTED, None),
        attack("a comment between", LATE, text(b"<!-- a -->"), RESTRICTED, None),
        attack("an instruction", LATE, message(b"<?a b?>"), RESTRICTED, None),
        attack("an instruction between", LATE, text(b"<?php exit; ?>"), RESTRICTED, None),
        attack("overlong UTF-8", LATE, message(b"<body>\xc0\xaf</body>"), ENCODING, INVALID),
        attack("a surrogate in UTF-8", LATE, message(b"<body>\xed\xa0\x80</body>"), ENCODING, INVALID),
        attack("half a character", LATE, message(b"<body>\xe2\x82</body>"), ENCODING, INVALID),
        attack("Latin-1 in an attribute", LATE, message(b"<body xml:lang='\xe9'/>"), ENCODING, INVALID),
        attack("a NUL", LATE, message(b"<body>\0</body>"), MALFORMED, INVALID),
        attack("a control character", LATE, message(b"<body>\x0b</body>"), MALFORMED, INVALID),
        attack("a control character by number", LATE, message(b"<body>&#11;</body>"), MALFORMED, INVALID),
        attack("U+FFFF", LATE, message(b"<body>\xef\xbf\xbf</body>"), MALFORMED, INVALID),
        attack("an attribute twice", LATE, message(b"<body a='1' a='2'/>"), MALFORMED, INVALID),
        attack(
            "an attribute twice by namespace",
            LATE,
            message(b"<body xmlns:p='n' xmlns:q='n' p:a='1' q:a='2'/>"),
            MALFORMED,
            INVALID,
        ),
        attack("a prefix that nobody declared", LATE, message(b"<p:body/>"), &["bad-namespace-prefix"], INVALID),
        attack(
            "a prefix that nobody declared on an attribute",
            LATE,
            message(b"<body p:a=''/>"),
            &["bad-namespace-prefix"],
            INVALID,
        ),
        attack(
            "a wrong closing tag",
            LATE,
            text(b"<message to='juliet@localhost'><body></message></body>"),
            MALFORMED,
            INVALID,
        ),
        attack("the end of a section", LATE, message(b"<body>]]></body>"), MALFORMED, INVALID),
    ]
}

/// What is too much.
fn too_much() -> Vec<Attack> {
    let attributes: String = (0..1_000).map(|n| format!(" a{n}=''")).collect();
    let to = "<message to='juliet@localhost'>";
    vec![
        attack(
            "a 1 GB stanza",
            LATE,
            Bytes::endless("<message to='juliet@localhost'><body>", "0123456789abcdef"),
            LIMIT,
            INVALID,
        ),
        attack("a 1 GB attribute", LATE, Bytes::endless("<message to='", "0123456789abcdef"), LIMIT, INVALID),
        attack("a 1 GB tag name", LATE, Bytes::endless("<m", "message"), LIMIT, INVALID),
        attack("1 GB of entities", LATE, Bytes::endless("<message><body>", "&amp;"), LIMIT, INVALID),
        attack("10,000 deep", LATE, Bytes::many(to, "<a>", 10_000, ""), LIMIT, INVALID),
        attack("250 KiB of empty elements", LATE, Bytes::many(to, "<a/>", 64_000, "</message>"), LIMIT, INVALID),
        attack("1,000 attributes", LATE, Bytes::new(format!("{to}<body{attributes}/></message>")), LIMIT, INVALID),
        attack(
            "1,000 declarations",
            LATE,
            Bytes::new(format!("{to}<body{}/></message>", attributes.replace(" a", " xmlns:a").replace("''", "'n'"))),
            LIMIT,
            INVALID,
        ),
        attack(
            "a name of 10,000 letters",
            LATE,
            Bytes::many("<message><", "a", 10_000, "/></message>"),
            LIMIT,
            INVALID,
        ),
        attack(
            "an attribute's name of 10,000 letters",
            LATE,
            Bytes::many("<message ", "a", 10_000, "=''/>"),
            LIMIT,
            INVALID,
        ),
    ]
}

/// All of them, everywhere.
pub(crate) fn table() -> Vec<Attack> {
    [headers(), bad_xml(), too_much()].into_iter().flatten().collect()
}

impl Attack {
    /// Every way and moment at which it makes sense.
    pub(crate) fn occasions(&self) -> impl Iterator<Item = (Way, Moment)> + '_ {
        let ways = |moment| match moment {
            Moment::Stranger | Moment::First => [&WAYS[..], &BLIND_ALLEYS].concat(),
            Moment::Restart | Moment::Session => WAYS.to_vec(),
        };
        let all = self.moments.iter().flat_map(move |moment| ways(*moment).into_iter().map(|way| (way, *moment)));
        all.filter(|(way, moment)| self.makes_sense(*way, *moment))
    }

    fn makes_sense(&self, way: Way, moment: Moment) -> bool {
        match moment {
            Moment::First => way.dialect == Dialect::X || way.door == Door::Old,
            Moment::Restart => way.dialect == Dialect::X,
            Moment::Stranger | Moment::Session => way.dialect == Dialect::X || self.in_2000.is_some(),
        }
    }

    /// Attacks; what was wrong with the answer.
    pub(crate) fn run(&self, house: &House, way: Way, moment: Moment) -> Result<(), String> {
        let mut client = match moment {
            Moment::First => way.reach(house),
            Moment::Restart => {
                let mut client = way.open(house);
                client.authenticate("mallory", PASSWORD);
                client
            }
            Moment::Stranger => way.open(house),
            Moment::Session => way.log_in(house, "mallory", "attack"),
        };
        self.bytes.say(&mut client);
        let (heard, hung_up) = client.hear_out();
        let header = matches!(moment, Moment::First | Moment::Restart);
        let spoken = if moment == Moment::First { way.at_first() } else { way.dialect };
        if hung_up && self.is_answer(spoken, header, &heard) {
            return Ok(());
        }
        let ending = if hung_up { "" } else { " and stays on the line" };
        Err(format!("{} ({way:?}, {moment:?}): the server says {heard}{ending}", self.name))
    }

    fn is_answer(&self, spoken: Dialect, header: bool, heard: &str) -> bool {
        let Some((before, error)) = heard.split_once("<stream:error>") else { return false };
        let starts = if header {
            before.starts_with("<?xml version='1.0'?><stream:stream ") && before.ends_with('>')
        } else {
            before.is_empty()
        };
        let says = match spoken {
            Dialect::J => self.in_2000.is_some_and(|text| error == format!("{text}</stream:error></stream:stream>")),
            Dialect::X => {
                let told = |condition| {
                    error.starts_with(&format!("<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"))
                };
                self.today.iter().any(told) && error.ends_with("</stream:error></stream:stream>")
            }
        };
        starts && says
    }
}
