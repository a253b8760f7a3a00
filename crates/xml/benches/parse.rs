//! How long it takes to read a stanza: this crate beside quick-xml with namespaces and rxml.
//!
//! `cargo bench -p yatter-xml` measures time. For counts of instructions, which do not depend on what else runs:
//! `valgrind --tool=callgrind target/release/deps/parse-… count ours chat 10000`, less the same with `0`.

#![allow(clippy::unwrap_used, clippy::panic)]

use criterion::{Criterion, Throughput};
use quick_xml::events::Event as QuickEvent;
use rxml::Parse;
use std::hint::black_box;
use xml::{Event, Limits, Reader, Scratch};

const HEADER: &[u8] = b"<?xml version='1.0'?><stream:stream to='example.org' version='1.0' xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams'>";

/// 350 bytes: body, chat state, origin-id, receipt request.
const CHAT: &str = concat!(
    "<message to='juliet@capulet.example/balcony' from='romeo@montague.example/orchard' type='chat' id='b3a1c2d4-77'>",
    "<body>But, soft! what light through yonder window &amp; breaks?</body>",
    "<active xmlns='http://jabber.org/protocol/chatstates'/>",
    "<origin-id xmlns='urn:xmpp:sid:0' id='b3a1c2d4-77'/><request xmlns='urn:xmpp:receipts'/>",
    "<markable xmlns='urn:xmpp:x:0'/></message>"
);

/// About 1.8 KB: one Atom entry of a microblog.
const PUBSUB: &str = concat!(
    "<message from='pubsub.shakespeare.example' to='francisco@denmark.example/barracks' id='foo' type='headline'>",
    "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='princely_musings'>",
    "<item id='ae890ac52d0df67ed7cfdf51b644e901' publisher='hamlet@denmark.example'>",
    "<entry xmlns='http://www.w3.org/2005/Atom' xmlns:thr='http://purl.org/syndication/thread/1.0'>",
    "<title type='text'>Soliloquy</title><author><name>Hamlet, Prince of Denmark</name><uri>xmpp:hamlet@denmark.example</uri></author>",
    "<summary type='text'>To be, or not to be: that is the question: Whether 'tis nobler in the mind to suffer The slings and ",
    "arrows of outrageous fortune, Or to take arms against a sea of troubles, And by opposing end them?</summary>",
    "<content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p class='first'>To die: to sleep; No more; and by a sleep to say ",
    "we end <em>The heart-ache</em> and the thousand natural shocks That flesh is heir to, &#8217;tis a consummation ",
    "Devoutly to be wish&apos;d. To die, to sleep;</p><p>To sleep: perchance to dream: ay, there&apos;s the rub; For in that sleep of ",
    "death what dreams may come When we have shuffled off this mortal coil, Must give us pause: there&apos;s the respect</p></div></content>",
    "<link rel='alternate' type='text/html' href='http://denmark.example/2003/12/13/atom03?a=1&amp;b=2'/>",
    "<link rel='replies' thr:count='3' href='xmpp:pubsub.shakespeare.example?;node=princely_musings/comments'/>",
    "<id>tag:denmark.example,2003:entry-32397</id><published>2003-12-13T18:30:02Z</published>",
    "<updated>2003-12-13T18:30:02Z</updated></entry></item></items></event>",
    "<delay xmlns='urn:xmpp:delay' stamp='2003-12-13T23:58:37Z'/>",
    "<addresses xmlns='http://jabber.org/protocol/address'><address type='replyto' jid='hamlet@denmark.example/elsinore'/></addresses></message>"
);

struct Ours(Reader, Scratch);

impl Ours {
    fn new() -> Ours {
        let mut ours = Ours(Reader::new(Limits::default()), Scratch::new());
        assert!(matches!(ours.0.next(&mut ours.1, &mut &HEADER[..]), Ok(Some(Event::Header(_)))));
        ours
    }

    fn read(&mut self, stanza: &str) -> usize {
        match self.0.next(&mut self.1, &mut stanza.as_bytes()) {
            Ok(Some(Event::Element(element))) => black_box(element).memory_bytes(),
            other => panic!("{other:?}"),
        }
    }
}

/// Every event with its namespace resolved, every attribute name too; values and text are left undecoded.
fn quick(stanza: &str) -> usize {
    let mut reader = quick_xml::NsReader::from_str(stanza);
    let mut seen = 0;
    loop {
        let (namespace, event) = reader.read_resolved_event().unwrap();
        black_box(namespace);
        match event {
            QuickEvent::Start(tag) | QuickEvent::Empty(tag) => {
                for attribute in tag.attributes() {
                    let attribute = attribute.unwrap();
                    black_box(reader.resolver().resolve_attribute(attribute.key));
                    seen += attribute.value.len();
                }
            }
            QuickEvent::Eof => return seen,
            event => seen += event.len(),
        }
    }
}

struct Rxml(rxml::Parser);

impl Rxml {
    fn new() -> Rxml {
        let mut rxml = Rxml(rxml::Parser::new());
        rxml.feed(HEADER);
        rxml
    }

    fn feed(&mut self, mut bytes: &[u8]) -> usize {
        let mut seen = 0;
        while let Ok(event) = self.0.parse(&mut bytes, false) {
            seen += usize::from(black_box(event).is_some());
        }
        assert!(bytes.is_empty());
        seen
    }
}

fn measure(criterion: &mut Criterion, name: &str, stanza: &str) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(stanza.len() as u64));
    let mut ours = Ours::new();
    group.bench_function("ours", |b| b.iter(|| ours.read(black_box(stanza))));
    group.bench_function("quick-xml", |b| b.iter(|| quick(black_box(stanza))));
    let mut rxml = Rxml::new();
    group.bench_function("rxml", |b| b.iter(|| rxml.feed(black_box(stanza.as_bytes()))));
    group.finish();
}

/// Reads a stanza so many times and no more.
fn count(which: &str, stanza: &str, times: usize) -> usize {
    let (mut ours, mut rxml) = (Ours::new(), Rxml::new());
    let mut read = || match which {
        "ours" => ours.read(black_box(stanza)),
        "quick-xml" => quick(black_box(stanza)),
        _ => rxml.feed(black_box(stanza.as_bytes())),
    };
    (0..times).map(|_| read()).sum()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["count", which, stanza, times] = words[..] {
        let stanza = if stanza == "chat" { CHAT } else { PUBSUB };
        println!("{} bytes, {}", stanza.len(), count(which, stanza, times.parse().unwrap()));
        return;
    }
    let mut criterion = Criterion::default().configure_from_args();
    measure(&mut criterion, "chat", CHAT);
    measure(&mut criterion, "pubsub", PUBSUB);
    criterion.final_summary();
}
