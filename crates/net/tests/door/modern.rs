//! Streams of version 1.0: SASL, an address, and the errors of RFC 6120.

use net::{ClientListener, IqAuth};
use xmpp::sasl::Hash;

use crate::house::*;

const SASL: &str = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";

fn stream_error(condition: &str) -> String {
    format!("<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'")
}

#[tokio::test]
async fn the_features_come_in_order() {
    let house = House::encrypted().await;
    let mut client = house.connect(ClientListener { iq_auth: IqAuth::Always, ..listener() });
    let features = client.begin().await;
    let order =
        ["<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "<mechanisms ", "SCRAM-SHA-256<", "PLAIN<", "iq-auth"];
    let places: Vec<_> =
        order.iter().map(|text| features.find(text).unwrap_or_else(|| panic!("{text}: {features}"))).collect();
    assert!(places.is_sorted(), "{features}");
    assert!(!features.contains("PLUS") && !features.contains("required"), "{features}");

    let mut client = house.connect(strict());
    let features = client.begin().await;
    assert_eq!(features, "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>");
    client.plain("amy", "pw").await;
    client.hear("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><encryption-required/></failure>").await;
}

#[tokio::test]
async fn scram_and_plain_lead_to_an_address() {
    let house = House::new().await;
    for hash in [Hash::Sha1, Hash::Sha256] {
        let mut client = house.connect(listener());
        client.begin().await;
        assert!(client.scram(hash, "amy", "pw").await);
        client.bind("balcony").await;
        client.say("<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>").await;
        client.hear("type='result' id='s'/>").await;
        client.say("<message to='amy@example.org/balcony' id='m'/>").await;
        client.hear("<message from='amy@example.org/balcony' to='amy@example.org/balcony' id='m'/>").await;
        client.say("</stream:stream>").await;
        assert!(client.hear_out().await.ends_with("</stream:stream>"));
    }
    let mut client = house.new_client("bob", "phone").await;
    client.say("<iq type='set' id='b2'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>").await;
    assert!(client.hear("</iq>").await.contains("<not-allowed"));
    assert_eq!(house.doors.metrics().logins.value(), 3);
    assert_eq!(house.doors.metrics().xmpp_streams.plain.value(), 3);
}

#[tokio::test]
async fn the_server_makes_a_resource_when_asked_to() {
    let house = House::new().await;
    let mut client = house.connect(listener());
    client.begin().await;
    client.plain("amy", "pw").await;
    client.hear("<success").await;
    let features = client.begin().await;
    assert!(features.contains("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"), "{features}");
    assert!(
        features.contains("<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>"),
        "{features}"
    );
    client.say("<iq type='get' id='g'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>").await;
    client.hear("<bad-request").await;
    client.say("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>").await;
    client.hear("<iq type='result' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>amy@example.org/").await;
    assert_eq!(client.hear("</jid></bind></iq>").await.len(), 32);
}

#[tokio::test]
async fn refused_logins_say_why_and_nothing_about_the_account() {
    let house = House::new().await;
    for (mechanism, message, failure) in [
        ("PLAIN", "\0amy\0wrong", "not-authorized"),
        ("PLAIN", "\0nobody\0pw", "not-authorized"),
        ("PLAIN", "bob@example.org\0amy\0pw", "invalid-authzid"),
        ("PLAIN", "amy", "malformed-request"),
        ("DIGEST-MD5", "x", "invalid-mechanism"),
        ("SCRAM-SHA-256-PLUS", "p=tls-exporter,,n=amy,r=x", "invalid-mechanism"),
        ("SCRAM-SHA-256", "p=tls-exporter,,n=amy,r=x", "malformed-request"),
        ("SCRAM-SHA-256", "n,a=bob@example.org,n=amy,r=abcdefgh", "invalid-authzid"),
    ] {
        let mut client = house.connect(listener());
        client.begin().await;
        client.auth(mechanism, message.as_bytes()).await;
        client.hear(&format!("<failure {SASL}><{failure}/></failure>")).await;
        client.plain("amy", "pw").await;
        client.hear("<success").await;
    }
    for user in ["bob", "nobody"] {
        let mut client = house.connect(listener());
        client.begin().await;
        assert!(!client.scram(Hash::Sha256, user, "wrong").await);
    }
}

#[tokio::test]
async fn odd_turns_of_a_login_fail_and_may_be_tried_again() {
    let house = House::new().await;
    let mut client = house.connect(listener());
    client.begin().await;
    client.say(&format!("<auth {SASL} mechanism='PLAIN'>!!!</auth>")).await;
    client.hear("<incorrect-encoding/>").await;
    client.say(&format!("<response {SASL}>eA==</response>")).await;
    client.hear("<malformed-request/>").await;
    client.say(&format!("<auth {SASL} mechanism='SCRAM-SHA-1'/>")).await;
    client.hear(&format!("<challenge {SASL}/>")).await;
    client.say(&format!("<abort {SASL}/>")).await;
    client.hear("<aborted/>").await;
    client.say(&format!("<auth {SASL} mechanism='PLAIN'/>")).await;
    client.hear(&format!("<challenge {SASL}/>")).await;
    client.say(&format!("<response {SASL}>{}</response>", xmpp::sasl::encode(b"\0amy\0pw"))).await;
    client.hear("<success").await;
}

#[tokio::test]
async fn five_failures_end_the_stream() {
    let house = House::new().await;
    let mut client = house.connect(listener());
    client.begin().await;
    for _ in 0..5 {
        client.plain("amy", "wrong").await;
    }
    let heard = client.hear_out().await;
    assert_eq!(heard.matches("<not-authorized/>").count(), 5, "{heard}");
    assert!(heard.contains(&stream_error("policy-violation")), "{heard}");
}

/// RULE 0.4, T-4.1.11
#[tokio::test]
async fn the_login_of_2000_on_a_modern_stream() {
    let house = House::new().await;
    let always = ClientListener { iq_auth: IqAuth::Always, ..listener() };
    let mut client = house.connect(always);
    assert!(client.begin().await.contains("<auth xmlns='http://jabber.org/features/iq-auth'/>"));
    client.say(&iq_auth("amy", "t", "wrong")).await;
    let heard = client.hear("</iq>").await;
    assert!(heard.contains("<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"), "{heard}");
    client.say(&iq_auth("amy", "t", "pw")).await;
    client.hear("<iq type='result' id='1'/>").await;
    client.say("<iq type='set' id='b2'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>").await;
    client.hear("<not-allowed").await;

    let mut client = house.connect(always);
    client.begin().await;
    client.plain("amy", "wrong").await;
    client.hear("<not-authorized/></failure>").await;
    client.say(&iq_auth("amy", "t", "pw")).await;
    assert!(client.hear_out().await.contains(&stream_error("policy-violation")));

    let mut client = house.connect(ClientListener { iq_auth: IqAuth::Never, ..listener() });
    assert!(!client.begin().await.contains("iq-auth"));
    client.say(&iq_auth("amy", "t", "pw")).await;
    assert!(client.hear_out().await.contains(&stream_error("not-authorized")));
}

#[tokio::test]
async fn broken_headers_have_conditions() {
    let house = House::new().await;
    for (header, condition) in [
        (X_HEADER.replace("jabber:client", "jabber:server"), "invalid-namespace"),
        (X_HEADER.replace("etherx", "example"), "invalid-namespace"),
        (X_HEADER.replace("example.org", "elsewhere.test"), "host-unknown"),
        (X_HEADER.replace("to='example.org'", "to='a b c'"), "improper-addressing"),
        (X_HEADER.replace("to='example.org'", ""), "improper-addressing"),
    ] {
        let mut client = house.connect(listener());
        client.say(&header).await;
        let heard = client.hear_out().await;
        assert!(
            heard.starts_with("<?xml version='1.0'?><stream:stream ") && heard.contains(" version='1.0'"),
            "{heard}"
        );
        assert!(heard.contains(&stream_error(condition)) && heard.ends_with("</stream:stream>"), "{header}: {heard}");
    }
}

#[tokio::test]
async fn nothing_may_change_after_the_login() {
    let house = House::new().await;
    for header in [X_HEADER.replace("example.org", "example.net"), HEADER.to_owned()] {
        let mut client = house.connect(listener());
        client.begin().await;
        client.plain("amy", "pw").await;
        client.hear("<success").await;
        client.say(&header).await;
        assert!(client.hear_out().await.contains("</stream:error></stream:stream>"));
    }
}

#[tokio::test]
async fn a_session_is_strict() {
    let house = House::new().await;
    for (said, condition) in [
        ("<message from='bob@example.org/x' to='amy@example.org'/>", "invalid-from"),
        ("<message from='' to='amy@example.org'/>", "invalid-from"),
        ("<route/>", "unsupported-stanza-type"),
        ("<!-- a comment -->", "restricted-xml"),
        ("text", "bad-format"),
        ("<message></presence>", "not-well-formed"),
        ("<message><p:x/></message>", "bad-namespace-prefix"),
    ] {
        let mut client = house.new_client("amy", "t").await;
        client.say(said).await;
        let heard = client.hear_out().await;
        assert!(heard.contains(&stream_error(condition)) && heard.ends_with("</stream:stream>"), "{said}: {heard}");
    }
}

#[tokio::test]
async fn malformed_stanzas_are_answered_and_forgiven() {
    let house = House::new().await;
    let mut client = house.new_client("amy", "t").await;
    for (said, error) in [
        ("<iq type='get'><query xmlns='jabber:iq:roster'/></iq>", "bad-request"),
        ("<iq type='get' id='1'/>", "bad-request"),
        ("<iq type='get' id='1'><a xmlns='a'/><b xmlns='b'/></iq>", "bad-request"),
        ("<iq type='what' id='1'><a xmlns='a'/></iq>", "bad-request"),
        ("<iq id='1'><a xmlns='a'/></iq>", "bad-request"),
        ("<presence type='what'/>", "bad-request"),
        ("<message to='a b@c'/>", "jid-malformed"),
    ] {
        client.say(said).await;
        let heard = client.hear("</error>").await;
        assert!(heard.contains(&format!("<{error} ")) && heard.contains("type='error'"), "{said}: {heard}");
    }
    client.say("<iq type='result' id='1'><a xmlns='a'/><b xmlns='b'/></iq><iq type='error'/>").await;
    client.say("<message from='amy@example.org' to='amy@example.org/t' id='m'/>").await;
    assert!(!client.hear("id='m'/>").await.contains("error"));
}

#[tokio::test]
async fn a_replaced_session_is_told_conflict() {
    let house = House::new().await;
    let mut first = house.new_client("amy", "t").await;
    let _second = house.new_client("amy", "t").await;
    assert!(first.hear_out().await.contains(&stream_error("conflict")));
}

#[tokio::test]
async fn what_was_asked_before_the_end_is_answered() {
    let house = House::new().await;
    let mut client = house.new_client("amy", "t").await;
    client.say("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq></stream:stream>ignored").await;
    let heard = client.hear_out().await;
    assert!(heard.contains("id='r'") && heard.ends_with("</stream:stream>"), "{heard}");
}

/// RFC 6120 §8.1.5
#[tokio::test]
async fn the_streams_language_is_its_stanzas_language() {
    let house = House::new().await;
    for (lang, written) in [("de-AT", " xml:lang='de-AT'"), ("\u{e9}", ""), ("x' y='z", "")] {
        let mut client = house.connect(listener());
        client.begin().await;
        client.plain("amy", "pw").await;
        client.hear("<success").await;
        client.say(&X_HEADER.replace(" to=", &format!(" xml:lang=\"{lang}\" to="))).await;
        client.hear("</stream:features>").await;
        client.say("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>t</resource></bind></iq>").await;
        client
            .say("<message to='amy@example.org/t' id='1'/><message to='amy@example.org/t' xml:lang='fr' id='2'/>")
            .await;
        let addresses = "from='amy@example.org/t' to='amy@example.org/t'";
        client.hear(&format!("<message {addresses}{written} id='1'/>")).await;
        client.hear(&format!("<message {addresses} xml:lang='fr' id='2'/>")).await;
    }
}

/// Who has logged in with SASL hears of a wrong header in the words of today, even where it has no version.
#[tokio::test]
async fn a_bad_header_behind_the_login_is_refused_in_todays_words() {
    let house = House::new().await;
    for header in [HEADER, "<message/>"] {
        let mut client = house.connect(listener());
        client.begin().await;
        client.plain("amy", "pw").await;
        client.hear("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>").await;
        client.say(header).await;
        let heard = client.hear_out().await;
        assert!(heard.contains(" version='1.0'") && heard.contains("urn:ietf:params:xml:ns:xmpp-streams"), "{heard}");
    }
}
