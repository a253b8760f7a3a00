//! What a session may get wrong without losing its stream, and what may look like an attack and is none.

use std::thread;
use std::time::Duration;

use crate::client::Client;
use crate::hostile::House;
use crate::hostile::logins::refused;
use crate::hostile::ways::{Dialect, WAYS, Way};

/// Every check, on every way.
pub(crate) fn check(house: &House) {
    for way in WAYS {
        a_stanza_byte_by_byte(house, way);
        spoofed_senders(house, way);
        malformed_stanzas(house, way);
        many_questions_at_once(house, way);
        match way.dialect {
            Dialect::X => no_stanzas_at_all(house, way),
            Dialect::J => comments_are_passed_over(house, way),
        }
    }
}

fn own(way: Way, house: &House) -> Client {
    way.log_in(house, "mallory", "own")
}

/// RFC 6120 §2.1: packets of TCP mean nothing.
fn a_stanza_byte_by_byte(house: &House, way: Way) {
    let mut client = own(way, house);
    for byte in "<message to='mallory@localhost/own'><body>h\u{e9}llo</body></message>".bytes() {
        client.type_in(&[byte]).unwrap();
        thread::sleep(Duration::from_micros(200));
    }
    let message = "<message from='mallory@localhost/own' to='mallory@localhost/own'><body>h\u{e9}llo</body>";
    assert_eq!(client.hear("</message>"), message);
}

/// RFC 6120 §8.1.2.1; T-3.2.5
fn spoofed_senders(house: &House, way: Way) {
    for from in ["juliet@localhost/talk", "localhost", "mallory@localhost/other", "@@@"] {
        let mut client = own(way, house);
        match way.dialect {
            Dialect::X => {
                let spoofed =
                    format!("<message from='{from}' to='juliet@localhost/talk'><body>it is I</body></message>");
                refused(&mut client, &spoofed, "invalid-from");
            }
            Dialect::J => {
                client
                    .say(&format!("<message from='{from}' to='mallory@localhost/own'><body>it is I</body></message>"));
                let heard = client.hear("</message>");
                assert!(heard.starts_with("<message from='mallory@localhost/own' "), "{heard}");
            }
        }
    }
}

/// RFC 6120 §8.3; the error table of 4.2
fn malformed_stanzas(house: &House, way: Way) {
    let mut client = own(way, house);
    for (stanza, today, in_2000) in [
        ("<message to='a@b@c'><body>hi</body></message>", "jid-malformed", 400),
        ("<presence to='@localhost'/>", "jid-malformed", 400),
        ("<iq type='mend' id='1'><query xmlns='jabber:iq:roster'/></iq>", "bad-request", 400),
        ("<iq type='get' id='1'/>", "bad-request", 400),
        ("<iq type='get' id='1'><a xmlns='b'/><a xmlns='b'/></iq>", "bad-request", 400),
        ("<iq type='get' id='1' to='juliet@localhost'><a xmlns='b'/></iq>", "service-unavailable", 503),
    ] {
        client.say(stanza);
        let heard = client.hear("</error>");
        let told = match way.dialect {
            Dialect::X => heard.contains(&format!("<{today} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>")),
            Dialect::J => heard.contains(&format!("<error code='{in_2000}'>")),
        };
        assert!(told && heard.contains(" type='error'"), "{stanza}: {heard}");
    }
    client.say("</stream:stream>");
    assert!(client.hear_out().0.ends_with("</stream:stream>"));
}

/// No attack, but what a client does that shows a picture of every contact: whoever listens gets every answer.
fn many_questions_at_once(house: &House, way: Way) {
    let mut client = own(way, house);
    let picture = "x".repeat(30_000);
    client.say(&format!("<iq type='set' id='v'><vCard xmlns='vcard-temp'><DESC>{picture}</DESC></vCard></iq>"));
    client.hear("id='v'");
    client.say(&"<iq type='get' id='p'><vCard xmlns='vcard-temp'/></iq>".repeat(200));
    for _ in 0..200 {
        client.hear("</vCard></iq>");
    }
}

/// RFC 6120 §4.9.3.24
fn no_stanzas_at_all(house: &House, way: Way) {
    for element in ["<route to='juliet@localhost'/>", "<iq xmlns='urn:xmpp:none'/>"] {
        refused(&mut own(way, house), element, "unsupported-stanza-type");
    }
}

/// The draft's 3.1(c)
fn comments_are_passed_over(house: &House, way: Way) {
    let mut client = own(way, house);
    client.say("<!-- a --><?b c?><message to='mallory@localhost/own'><body>d<!-- e -->f<?g?></body></message>");
    let message = "<message from='mallory@localhost/own' to='mallory@localhost/own'><body>df</body>";
    assert_eq!(client.hear("</message>"), message);
}
