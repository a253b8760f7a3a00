//! Stanzas: what is read is what is written, but for what changed on purpose.

use std::sync::Arc;

use proptest::prelude::*;
use xml::{Builder, Element, Limits, Node};
use xmpp::delay::Delay;
use xmpp::stanza::{Dialect, Fault};
use xmpp::{IqType, Jid, JidError, Kind, MessageType, PresenceType, Stanza, StanzaError, ns};

fn element(text: &str) -> Element {
    Element::parse(text.as_bytes(), &Limits::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn stanza(text: &str) -> Stanza {
    Stanza::read(element(text)).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn written(stanza: &Stanza) -> String {
    let mut out = Vec::new();
    stanza.write(&mut out);
    assert!(out.len() <= stanza.size(), "size() is what is reserved: {stanza:?}");
    String::from_utf8(out).unwrap()
}

fn jid(text: &str) -> Jid {
    Jid::parse(text).unwrap()
}

fn fault(text: &str) -> Fault {
    Stanza::read(element(text)).unwrap_err().fault
}

#[test]
fn addresses_come_first_and_canonical() {
    for (raw, canonical) in [
        ("<message to='Bob@H'><body>hi</body></message>", "<message to='bob@h'><body>hi</body></message>"),
        ("<message type='chat' to='b@h' id='1'/>", "<message to='b@h' type='chat' id='1'/>"),
        ("<iq id='1'  to = \"h\"\ntype='get'><q xmlns='x'/></iq>", "<iq to='h' id='1'\ntype='get'><q xmlns='x'/></iq>"),
        ("<presence from='a@h/R&apos;s' to='b@h' ></presence>", "<presence from='a@h/R&apos;s' to='b@h' ></presence>"),
        ("<message xmlns:x='y' x:to='z' to='b@h'/>", "<message to='b@h' xmlns:x='y' x:to='z'/>"),
    ] {
        assert_eq!(written(&stanza(raw)), canonical);
    }
    let mut message = stanza("<message to='bob@h' from='amy@g/x' type='chat'><body>hi</body></message>");
    message.set_from(jid("amy@g/<\"&>"));
    message.set_to(None);
    assert_eq!(written(&message), "<message from='amy@g/&lt;&quot;&amp;&gt;' type='chat'><body>hi</body></message>");
    message.clear_from();
    assert_eq!(written(&message), "<message type='chat'><body>hi</body></message>");
}

#[test]
fn kinds_and_types() {
    let message = |kind: &str| stanza(&format!("<message type='{kind}'/>")).message_type();
    assert_eq!(message("normal"), MessageType::Normal);
    assert_eq!(message("groupchat"), MessageType::GroupChat);
    assert_eq!(stanza("<message/>").message_type(), MessageType::Normal);
    let presence = |kind: &str| stanza(&format!("<presence type='{kind}'/>")).presence_type();
    assert_eq!(presence("invisible"), PresenceType::Invisible);
    assert_eq!(presence("unsubscribed"), PresenceType::Unsubscribed);
    assert_eq!(stanza("<iq type='set'/>").iq_type(), Some(IqType::Set));
    assert_eq!(stanza("<iq type='set'/>").kind(), Kind::Iq);
    assert_eq!(stanza("<message/>").iq_type(), None);
}

#[test]
fn t_4_2_15_an_unknown_type_of_message_is_normal_and_passes() {
    let message = stanza("<message type='fancy' to='b@h'/>");
    assert_eq!(message.message_type(), MessageType::Normal);
    assert_eq!(written(&message), "<message to='b@h' type='fancy'/>");
}

#[test]
fn t_4_4_10_available_is_stripped() {
    let presence = stanza("<presence type='available' to='b@h' id='p'><show>away</show></presence>");
    assert_eq!(presence.presence_type(), PresenceType::Available);
    assert_eq!(written(&presence), "<presence to='b@h' id='p'><show>away</show></presence>");
    let mut gone = presence.clone();
    gone.set_presence_type(PresenceType::Unavailable);
    assert_eq!(written(&gone), "<presence to='b@h' type='unavailable' id='p'><show>away</show></presence>");
    gone.set_presence_type(PresenceType::Available);
    assert_eq!(written(&gone), written(&presence));
    let mut seen = stanza("<presence type='invisible' from='a@h'/>");
    seen.set_presence_type(PresenceType::Unavailable);
    assert_eq!(written(&seen), "<presence from='a@h' type='unavailable'/>");
}

#[test]
fn what_is_no_stanza() {
    assert_eq!(fault("<iq xmlns='other' type='get'/>"), Fault::NotAStanza);
    assert_eq!(fault("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"), Fault::NotAStanza);
    assert_eq!(fault("<message to='a b@c'/>"), Fault::BadTo(JidError::BadLocal));
    assert_eq!(fault("<message to=''/>"), Fault::BadTo(JidError::EmptyDomain));
    assert_eq!(fault("<message from='@'/>"), Fault::BadFrom(JidError::EmptyDomain));
    for text in ["<iq/>", "<iq type='ask'/>", "<iq type=''/>", "<presence type='here'/>", "<presence type=''/>"] {
        assert_eq!(fault(text), Fault::BadType, "{text}");
    }
}

#[test]
fn t_4_2_12_a_stanza_to_no_address_is_returned() {
    let reply = |text: &str| Stanza::read(element(text)).unwrap_err().reply().map(|reply| written(&reply));
    assert_eq!(
        reply("<message to='a b@c' from='x@y' id='m'><body>hi</body></message>").unwrap(),
        "<message type='error' id='m'><body>hi</body><error type='modify'><jid-malformed \
         xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
    );
    assert_eq!(
        reply("<iq id='1' type='ask'/>").unwrap(),
        "<iq type='error' id='1'><error type='modify'><bad-request \
         xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    );
    assert_eq!(reply("<message to='@' type='error'/>"), None);
    assert_eq!(reply("<iq to='@' type='result'/>"), None);
    assert_eq!(reply("<other/>"), None);
}

#[test]
fn old_streams_are_read_leniently() {
    let read = |text: &str| Stanza::read_legacy(element(text)).unwrap();
    assert_eq!(written(&read("<message to='a@b/' from='@@'/>")), "<message to='a@b'/>");
    let error = read("<iq type='error' id='1'><q xmlns='x'/><error code='405'>No way</error></iq>");
    assert_eq!(
        written(&error),
        "<iq type='error' id='1'><q xmlns='x'/><error type='cancel' code='405'><not-allowed \
         xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>No way</text></error></iq>"
    );
    assert_eq!(error.reported_error().unwrap().to_legacy(), (405, "No way"));
    assert!(Stanza::read_legacy(element("<message to='a@@b'/>")).is_err());
}

#[test]
fn children_are_added_and_removed() {
    let mut message = stanza("<message>a<body>1</body>b<x xmlns='y'/>c<body>2</body>d</message>");
    message.append(element("<z xmlns='w'/>"));
    assert_eq!(written(&message), "<message>a<body>1</body>b<x xmlns='y'/>c<body>2</body>d<z xmlns='w'/></message>");
    message.remove(|child| child.name() == "x");
    let shared = message.clone();
    message.remove(|child| child.name() == "z" || child.text() == "1");
    assert_eq!(written(&message), "<message>abc<body>2</body>d</message>");
    assert_eq!(written(&shared), "<message>a<body>1</body>bc<body>2</body>d<z xmlns='w'/></message>");
    let names: Vec<_> = shared.children().map(|child| child.name()).collect();
    assert_eq!(names, ["body", "body", "z"]);
    assert!(shared.child("w", "z").is_some() && shared.child("y", "x").is_none());
    assert_eq!(shared.to_element().as_str(), written(&shared));
    message.remove(|_| true);
    assert_eq!(written(&message), "<message>abcd</message>");
    let mut empty = stanza("<presence/>");
    empty.append(element("<show>away</show>"));
    assert_eq!(written(&empty), "<presence><show>away</show></presence>");
    empty.remove(|_| true);
    assert_eq!(written(&empty), "<presence/>");
}

#[test]
fn t_4_2_7_an_error_keeps_id_and_children() {
    let message = stanza("<message from='amy@g/desk' to='nobody@h' id='m1' type='chat'><body>hi</body></message>");
    assert_eq!(
        written(&message.error(&StanzaError::item_not_found())),
        "<message from='nobody@h' to='amy@g/desk' type='error' id='m1'><body>hi</body><error type='cancel'>\
         <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
    );
    let error = message.error(&StanzaError::item_not_found());
    assert!(error.is_error() && !error.may_be_answered() && message.may_be_answered());
    assert_eq!(error.reported_error(), Some(StanzaError::item_not_found()));
}

#[test]
fn t_4_1_14_a_password_is_not_sent_back() {
    let iq = stanza("<iq type='set' id='a2'>x<query xmlns='jabber:iq:auth'><password>p</password></query></iq>");
    assert_eq!(
        written(&iq.error_alone(&StanzaError::not_authorized())),
        "<iq type='error' id='a2'><error type='auth'><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    );
}

#[test]
fn requests_are_answered() {
    let iq = stanza("<iq type='get' id='a&amp;1' from='a@h/x' to='h'><query xmlns='jabber:iq:roster'/></iq>");
    assert_eq!(written(&iq.result()), "<iq from='h' to='a@h/x' type='result' id='a&amp;1'/>");
    let roster = Builder::new(ns::ROSTER, "query").attr("ver", "1").finish();
    assert_eq!(
        written(&iq.result_with(roster)),
        "<iq from='h' to='a@h/x' type='result' id='a&amp;1'><query xmlns='jabber:iq:roster' ver='1'/></iq>"
    );
    assert_eq!(written(&stanza("<iq type='set' id='1'/>").result()), "<iq type='result' id='1'/>");
    assert_eq!(written(&stanza("<iq type='set'/>").result()), "<iq type='result'/>");
    assert_eq!(iq.payload().unwrap().ns(), ns::ROSTER);
    assert!(!iq.result().may_be_answered());
}

#[test]
fn iqs_keep_their_rules() {
    let check = |text: &str, needs_id| stanza(text).check_iq(needs_id).is_ok();
    assert!(check("<iq type='get' id='1'><q xmlns='x'/></iq>", true));
    assert!(check("<iq type='get'><q xmlns='x'/></iq>", false));
    assert!(!check("<iq type='get'><q xmlns='x'/></iq>", true));
    assert!(!check("<iq type='get' id='1'/>", true));
    assert!(!check("<iq type='set' id='1'><q xmlns='x'/><q xmlns='x'/></iq>", true));
    assert!(check("<iq type='result' id='1'/>", true));
    assert!(!check("<iq type='result' id='1'><q xmlns='x'/><q xmlns='x'/></iq>", true));
    assert!(check("<iq type='error' id='1'><q xmlns='x'/><error/></iq>", true));
    assert!(check("<message/>", true));
}

#[test]
fn own_stanzas() {
    let to = || Some(jid("b@h"));
    assert_eq!(
        written(&Stanza::presence(PresenceType::Probe, Some(jid("a@h")), to())),
        "<presence from='a@h' to='b@h' type='probe'/>"
    );
    assert_eq!(written(&Stanza::presence(PresenceType::Available, None, to())), "<presence to='b@h'/>");
    assert_eq!(written(&Stanza::message(MessageType::Headline, None, to())), "<message to='b@h' type='headline'/>");
    let ping = Builder::new(ns::PING, "ping").finish();
    let iq = Stanza::iq(IqType::Get, "p1", None, to(), &ping);
    assert_eq!(written(&iq), "<iq to='b@h' type='get' id='p1'><ping xmlns='urn:xmpp:ping'/></iq>");
    let mut made = Stanza::made(
        Builder::new(ns::CLIENT, "message").attr("to", "B@h").text_child(ns::CLIENT, "body", "x").finish(),
    );
    assert_eq!(written(&made), "<message to='b@h'><body>x</body></message>");
    made.append(element("<x xmlns='y'/>"));
    assert!(made.memory_bytes() > made.size());
}

#[test]
fn the_streams_language_is_inherited() {
    let lang: Arc<str> = "de".into();
    let mut message = stanza("<message to='b@h'/>");
    message.stamp_lang(&lang);
    assert_eq!(message.lang().as_deref(), Some("de"));
    assert_eq!(written(&message), "<message to='b@h' xml:lang='de'/>");
    let mut message = stanza("<message xml:lang='en'/>");
    message.stamp_lang(&lang);
    assert_eq!(message.lang().as_deref(), Some("en"));
    assert_eq!(written(&message), "<message xml:lang='en'/>");
}

/// What a door for clients of 2000 does with errors and stamps.
struct OldWays;

impl Dialect for OldWays {
    fn looks_into(&self, _: &Stanza) -> bool {
        true
    }

    fn child(&self, _: &Stanza, child: Node<'_>, out: &mut Vec<u8>) -> bool {
        if child.is(ns::CLIENT, "error") {
            StanzaError::read(child).write_legacy(out);
        } else if let Some(delay) = Delay::read(child) {
            out.extend_from_slice(delay.to_legacy().bytes());
        } else {
            return child.is("drop", "me");
        }
        true
    }
}

struct Framed;

impl Dialect for Framed {
    fn declared(&self) -> Option<&str> {
        Some(ns::CLIENT)
    }
}

#[test]
fn dialects_write_children_their_own_way() {
    let old = |stanza: &Stanza| {
        let mut out = Vec::new();
        stanza.write_with(&mut out, &OldWays);
        String::from_utf8(out).unwrap()
    };
    let message = stanza("<message from='amy@g' to='nobody@h'>a<x xmlns='y'>b</x><me xmlns='drop'/></message>");
    assert_eq!(
        old(&message.error(&StanzaError::item_not_found())),
        "<message from='nobody@h' to='amy@g' type='error'>a<x xmlns='y'>b</x><error code='404'>Not Found</error></message>"
    );
    let delayed = stanza(
        "<message><delay xmlns='urn:xmpp:delay' from='h' stamp='2002-09-10T23:08:25.5Z'>Offline</delay></message>",
    );
    assert_eq!(
        old(&delayed),
        "<message><x xmlns='jabber:x:delay' from='h' stamp='20020910T23:08:25'>Offline</x></message>"
    );
    assert_eq!(old(&stanza("<message><me xmlns='drop'/></message>")), "<message/>");
    assert_eq!(old(&stanza("<message/>")), "<message/>");
    let mut out = Vec::new();
    stanza("<message to='b@h'><body/></message>").write_with(&mut out, &Framed);
    assert_eq!(out, b"<message xmlns='jabber:client' to='b@h'><body/></message>");
}

#[test]
fn reading_and_writing_take_no_memory() {
    let text = "<message to='bob@example.org' type='chat' id='ab12' xml:lang='en'><body>Wherefore art thou?</body>\
        <active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/></message>";
    let mut message = stanza(text);
    message.set_from(jid("amy@example.org/desk"));
    let mut out = Vec::with_capacity(4096);
    let counted = allocation_counter::measure(|| {
        message.write(&mut out);
        let _shared = message.clone();
    });
    assert_eq!(counted.count_total, 0);
    let counted = allocation_counter::measure(|| {
        let jid = xmpp::JidRef::parse("bob@example.org/pc's \"desk\"").unwrap();
        assert_eq!(jid.bare_str(), "bob@example.org");
    });
    assert_eq!(counted.count_total, 0);
    let element = element(text);
    let counted = allocation_counter::measure(|| drop(Stanza::read(element)));
    assert_eq!(counted.count_total, 1, "the address that it is to");
}

const ATTRIBUTES: [&str; 6] =
    [" to='Bob@H/r'", " from=\"amy@g\"", "  type='chat'", " id='x&amp;y'", " xml:lang='en'", "\nxmlns:p='q' p:to='z'"];
const CHILDREN: [&str; 4] =
    ["<body>t &lt;</body>", "<x xmlns='y' z='&apos;'/>", "text", "<m xmlns='n'><o><p/></o></m>"];

fn any_message() -> impl Strategy<Value = Stanza> {
    let attributes = proptest::sample::subsequence(ATTRIBUTES.to_vec(), 0..=6).prop_shuffle();
    let children = proptest::collection::vec(proptest::sample::select(&CHILDREN[..]), 0..5);
    (attributes, children, 0..3usize).prop_map(|(attributes, children, added)| {
        let mut message = stanza(&format!("<message{}>{}</message>", attributes.concat(), children.concat()));
        (0..added).for_each(|_| message.append(element("<added xmlns='w'/>")));
        message
    })
}

proptest! {
    #[test]
    fn written_is_read_again(mut message in any_message(), removed in 0..5usize) {
        let mut at = 0;
        message.remove(|_| {
            at += 1;
            at == removed
        });
        let text = written(&message);
        let again = stanza(&text);
        prop_assert_eq!(written(&again), text);
        prop_assert_eq!((again.from(), again.to(), again.id()), (message.from(), message.to(), message.id()));
        prop_assert_eq!((again.message_type(), again.lang()), (message.message_type(), message.lang()));
        let raw = |stanza: &Stanza| stanza.children().map(|child| child.raw().to_vec()).collect::<Vec<_>>();
        prop_assert_eq!(raw(&again), raw(&message));
    }
}
