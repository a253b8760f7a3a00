//! What is wrong before or around the login.

use xmpp::sasl::{Gs2, Hash, Plain, ScramClient, encode};

use crate::client::{Client, PROCEED, STARTTLS, X_HEADER, auth, iq_auth};
use crate::hostile::ways::{BLIND_ALLEYS, Dialect, Door, House, PASSWORD, WAYS, Way};

/// Every check, at every door where it makes sense.
pub(crate) fn check(house: &House) {
    for way in WAYS.into_iter().filter(|way| way.dialect == Dialect::X) {
        stanzas_before_the_login(house, way);
        malformed_sasl(house, way);
        too_many_attempts(house, way);
    }
    for way in WAYS.into_iter().chain(BLIND_ALLEYS).filter(|way| way.dialect == Dialect::J) {
        a_thousand_messages_before_the_login(house, way);
        too_many_questions(house, way);
    }
    for way in WAYS.into_iter().filter(|way| way.dialect == Dialect::J) {
        malformed_iq_auth(house, way);
    }
    passwords_in_the_clear(house);
    words_behind_starttls(house, Door::Clear);
    words_behind_starttls(house, Door::Strict);
    plain_words_where_tls_is_expected(house);
}

const STANZAS: [&str; 3] = [
    "<message to='juliet@localhost/talk'><body>let me in</body></message>",
    "<presence/>",
    "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>",
];

/// RFC 6120 §4.9.3.12
fn stanzas_before_the_login(house: &House, way: Way) {
    for stanza in STANZAS {
        let mut stranger = way.open(house);
        refused(&mut stranger, stanza, "not-authorized");
        let mut nameless = way.open(house);
        nameless.authenticate("mallory", PASSWORD);
        nameless.begin();
        refused(&mut nameless, stanza, "not-authorized");
    }
}

/// Says it, and hears nothing but why the stream ends.
#[track_caller]
pub(crate) fn refused(client: &mut Client, words: &str, condition: &str) {
    client.say(words);
    let (heard, hung_up) = client.hear_out();
    let error = format!("<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>");
    assert!(
        hung_up && heard.starts_with(&error) && heard.ends_with("</stream:error></stream:stream>"),
        "{words}: {heard}"
    );
}

/// As [`refused`], in the words of 2000.
#[track_caller]
fn refused_as_in_2000(client: &mut Client, words: &str, text: &str) {
    // The server may hang up before all of it is said.
    let _ = client.type_in(words.as_bytes());
    let (heard, hung_up) = client.hear_out();
    let error = format!("<stream:error>{text}</stream:error></stream:stream>");
    assert!(hung_up && heard.ends_with(&error), "{heard}");
}

/// RFC 6120 §6.5: the stream stays open, and the right login works.
fn malformed_sasl(house: &House, way: Way) {
    let mut client = way.open(house);
    for text in ["!!!", "AGFteQBwdw", "\u{e9}\u{e9}\u{e9}\u{e9}", "AGFt eQBw dw=="] {
        client.say(&auth("PLAIN", text));
        failed(&mut client, "incorrect-encoding");
    }
    let mut client = way.open(house);
    let scram = ScramClient::new(Hash::Sha256, "mallory", PASSWORD, &Gs2::Unsupported);
    client.say(&auth("SCRAM-SHA-256", &encode(&scram.first())));
    client.hear("</challenge>");
    client.say("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>%%%%</response>");
    failed(&mut client, "incorrect-encoding");
    for (authzid, condition) in
        [("juliet@localhost", "invalid-authzid"), ("mallory@elsewhere", "invalid-authzid"), ("@", "invalid-authzid")]
    {
        let foreign = Plain { authzid: Some(authzid), username: "mallory", password: PASSWORD }.message();
        client.say(&auth("PLAIN", &encode(&foreign)));
        failed(&mut client, condition);
    }
    client.authenticate("mallory", PASSWORD);
}

#[track_caller]
fn failed(client: &mut Client, condition: &str) {
    let before = client.hear("</failure>");
    let failure = format!("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><{condition}/>");
    assert!(before.starts_with(&failure), "{before}");
}

/// RFC 6120 §6.4.5
fn too_many_attempts(house: &House, way: Way) {
    let mut client = way.open(house);
    for _ in 0..4 {
        client.say(&auth("PLAIN", "!!!"));
        failed(&mut client, "incorrect-encoding");
    }
    client.say(&auth("PLAIN", "!!!"));
    failed(&mut client, "incorrect-encoding");
    refused(&mut client, "", "policy-violation");
}

/// T-3.2.3
fn a_thousand_messages_before_the_login(house: &House, way: Way) {
    refused_as_in_2000(&mut way.open(house), &STANZAS[0].repeat(1_000), "Timeout waiting for authentication");
}

fn too_many_questions(house: &House, way: Way) {
    let ask = "<iq type='get' id='a'><query xmlns='jabber:iq:auth'><username>x</username></query></iq>";
    refused_as_in_2000(&mut way.open(house), &ask.repeat(1_000), "Policy Violation");
}

/// The draft's 4.1: the numbers of 2000, and the stream stays open.
fn malformed_iq_auth(house: &House, way: Way) {
    let login = |fields: &str| format!("<iq type='set' id='l'><query xmlns='jabber:iq:auth'>{fields}</query></iq>");
    let mut client = way.open(house);
    for (fields, code) in [
        ("<username>mallory</username><digest>zzzz</digest><resource>r</resource>", 501),
        ("<username>@@</username><password>x</password><resource>r</resource>", 406),
        ("<username>mallory</username><resource>r</resource>", 406),
        ("<username>nobody</username><password>x</password><resource>r</resource>", 401),
    ] {
        client.say(&login(fields));
        let heard = client.hear("</iq>");
        assert!(heard.starts_with(&format!("<iq type='error' id='l'><error code='{code}'>")), "{fields}: {heard}");
    }
    client.say(&iq_auth("mallory", PASSWORD, "second"));
    client.hear("<iq type='result' id='auth'/>");
}

/// Design 7: a door with `require_tls` takes none, in the words of either dialect.
fn passwords_in_the_clear(house: &House) {
    let [today, in_2000] = BLIND_ALLEYS;
    let mut client = today.open(house);
    let right = Plain { authzid: None, username: "mallory", password: PASSWORD }.message();
    client.say(&auth("PLAIN", &encode(&right)));
    failed(&mut client, "encryption-required");
    let mut client = in_2000.open(house);
    client.say(&iq_auth("mallory", PASSWORD, "r"));
    let heard = client.hear("</iq>");
    assert!(heard.starts_with("<iq type='error' id='auth'><error code='503'>"), "{heard}");
}

/// RFC 6120 §5.4.3.3: what somebody in between put there is thrown away.
fn words_behind_starttls(house: &House, door: Door) {
    let mut client = Client::connect(house.port(door));
    client.begin();
    let login = auth("PLAIN", &encode(&Plain { authzid: None, username: "mallory", password: PASSWORD }.message()));
    client.say(&format!("{STARTTLS}{X_HEADER}{login}"));
    assert_eq!(client.hear(PROCEED), "");
    client.encrypt().unwrap();
    client.say(X_HEADER);
    let heard = client.hear("</stream:features>");
    assert_eq!((heard.matches("<stream:stream ").count(), heard.contains("success")), (1, false), "{heard}");
    assert!(heard.starts_with("<?xml "), "{heard}");
    client.authenticate("mallory", PASSWORD);
}

/// T-5.1.2: an alert of TLS, and the end.
fn plain_words_where_tls_is_expected(house: &House) {
    for words in [X_HEADER, "GET / HTTP/1.1\r\n\r\n", "\0\0\0\0\0\0\0\0"] {
        let mut client = Client::connect(house.port(Door::Direct));
        client.say(words);
        let (heard, hung_up) = client.hear_out();
        assert!(hung_up && heard.as_bytes().first() == Some(&0x15), "{heard:?}");
    }
}
