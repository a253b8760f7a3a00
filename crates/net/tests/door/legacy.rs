//! Streams without a version: the Jabber of 2000.

use net::{Legacy, Limits};
use tokio::io::AsyncWriteExt;

use crate::house::*;

/// T-7.1: the draft's minimalistic client, letter by letter.
#[tokio::test]
async fn the_transcript_of_7_1() {
    let house = House::new().await;
    let mut client = house.connect(listener());
    client.say(HEADER).await;
    client.hear("<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' id='").await;
    let rest = client.hear("' xmlns='jabber:client' from='example.org'>").await;
    assert_eq!(rest.len(), 32, "{rest}");
    client.say(&iq_auth("amy", "t", "pw")).await;
    assert_eq!(client.hear("<iq type='result' id='1'/>").await, "");
    client.say("<presence/>").await;
    client.say("<message to='amy@example.org/t'><body>hello</body></message>").await;
    client.hear("<message from='amy@example.org/t' to='amy@example.org/t'><body>hello</body></message>").await;
    client.say("</stream:stream>").await;
    let rest = client.hear_out().await;
    assert!(rest.ends_with("</stream:stream>"), "{rest}");
    client.pipe.shutdown().await.unwrap();
    client.task.await.unwrap();
    assert_eq!(house.doors.connections(), 0);
}

/// T-3.1.2 and T-3.1.5
#[tokio::test]
async fn nothing_follows_our_header_until_the_client_speaks() {
    let house = House::new().await;
    let mut client = house.connect(listener());
    client.say(HEADER).await;
    client.hear(" from='example.org'>").await;
    client.say("</stream:stream>").await;
    assert_eq!(client.hear_out().await, "</stream:stream>");
}

/// T-3.1.1
#[tokio::test]
async fn a_header_may_come_byte_by_byte_and_in_any_spelling() {
    let house = House::new().await;
    for header in [
        HEADER.to_owned(),
        HEADER.replace('\'', "\""),
        format!("<?xml version='1.0'?>\n{HEADER}"),
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{HEADER}"),
        "<stream xmlns='http://etherx.jabber.org/streams' to='EXAMPLE.org'>".to_owned(),
    ] {
        let mut client = house.connect(listener());
        for byte in header.as_bytes() {
            client.pipe.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        client.hear(" from='example.org'>").await;
    }
}

/// T-3.1.3
#[tokio::test]
async fn the_version_decides_the_dialect() {
    let house = House::new().await;
    for (version, expected) in [("0.9", false), ("", false), ("1", false), ("1.0", true), ("01.0", true), ("2.0", true)]
    {
        let mut client = house.connect(listener());
        client.say(&HEADER.replace(" to=", &format!(" version='{version}' to="))).await;
        client.say("</stream:stream>").await;
        let heard = client.hear_out().await;
        assert_eq!(heard.contains(" version='1.0' xml:lang="), expected, "{version}: {heard}");
        assert_eq!(heard.contains("<stream:features>"), expected, "{version}: {heard}");
    }
}

#[tokio::test]
async fn a_listener_may_speak_one_dialect_only() {
    let house = House::new().await;
    let mut client = house.connect(legacy(Legacy::Always));
    client.say(X_HEADER).await;
    client.say("<!-- skipped --><?so is this?>").await;
    client.say(&iq_auth("amy", "t", "pw")).await;
    let heard = client.hear("<iq type='result' id='1'/>").await;
    assert!(!heard.contains("xml:lang") && !heard.contains("features"), "{heard}");

    let mut client = house.connect(legacy(Legacy::Never));
    client.say(HEADER).await;
    let heard = client.hear_out().await;
    assert!(heard.contains("<unsupported-version"), "{heard}");
}

/// T-3.2.1, T-3.2.2
#[tokio::test]
async fn what_is_sent_ahead_of_the_login_is_handled_after_it_in_order() {
    let house = House::new().await;
    let mut client = house.connect(listener());
    let early = "<message to='amy@example.org/t'><body>one</body></message><message to='amy@example.org/t'><body>two</body></message>";
    let late = "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq><message to='amy@example.org/t'><body>three</body></message>";
    client.say(&format!("{HEADER}{early}{}{late}", iq_auth("amy", "t", "pw"))).await;
    client.hear("<iq type='result' id='1'/>").await;
    let mut heard = client.hear("<body>one</body>").await;
    heard += &client.hear("<body>two</body>").await;
    heard += &client.hear("<body>three</body>").await;
    client.say("</stream:stream>").await;
    heard += &client.hear_out().await;
    assert!(heard.contains("jabber:iq:roster"), "{heard}");
}

/// T-3.2.3
#[tokio::test]
async fn what_is_sent_ahead_of_the_login_is_bounded() {
    let house = House::new().await;
    let mut client = house.connect(listener());
    client.say(&format!("{HEADER}{}", "<message to='a@b'/>".repeat(1000))).await;
    let heard = client.hear_out().await;
    assert!(
        heard.ends_with("<stream:error>Timeout waiting for authentication</stream:error></stream:stream>"),
        "{heard}"
    );
}

/// 4.1.1, T-4.1.7, T-4.1.9
#[tokio::test]
async fn methods_are_told_to_anybody_for_any_name() {
    let house = House::new().await;
    let mut client = house.connect(listener());
    client.say(HEADER).await;
    client.hear("from='example.org'>").await;
    let get = |query: &str| {
        format!("<iq type='get' id='a1' to='example.org'><query xmlns='jabber:iq:auth'>{query}</query></iq>")
    };
    let told = |fields: &str| format!("<iq type='result' id='a1'><query xmlns='jabber:iq:auth'>{fields}</query></iq>");
    client.say(&get("<username>bob</username>")).await;
    client.hear(&told("<username>bob</username><password/><resource/>")).await;
    client.say(&get("<username>nobody</username>")).await;
    client.hear(&told("<username>nobody</username><password/><resource/>")).await;
    client.say(&get("<username>amy</username>")).await;
    client.hear(&told("<username>amy</username><password/><digest/><resource/>")).await;
    client.say(&get("")).await;
    client.hear(&told("<username/><password/><resource/>")).await;
}

/// 4.1.7 with T-3.2.4, T-4.1.12, T-4.1.14
#[tokio::test]
async fn refused_logins_have_their_numbers_and_leave_the_stream_open() {
    let house = House::with(Limits { login_attempts: 20, ..limits() }).await;
    let mut client = house.connect(listener());
    client.say(HEADER).await;
    client.hear("from='example.org'>").await;
    let set = |query: &str| format!("<iq type='set' id='a2'><query xmlns='jabber:iq:auth'>{query}</query></iq>");
    let name = "<username>amy</username>";
    let resource = "<resource>t</resource>";
    for (query, error) in [
        (format!("{name}{resource}<password>wrong</password>"), "401'>Unauthorized"),
        (format!("<username>nobody</username>{resource}<password>pw</password>"), "401'>Unauthorized"),
        (format!("{name}{resource}<password> pw</password>"), "401'>Unauthorized"),
        (format!("{name}{resource}<digest>00</digest>"), "401'>Unauthorized"),
        (format!("{name}<password>pw</password>"), "406'>Not Acceptable"),
        (format!("{name}<password>pw</password><resource/>"), "406'>Not Acceptable"),
        (format!("{resource}<password>pw</password>"), "406'>Not Acceptable"),
        (format!("<username>a b</username>{resource}<password>pw</password>"), "406'>Not Acceptable"),
        (format!("{name}{resource}"), "406'>Not Acceptable"),
        (format!("<username>bob</username>{resource}<digest>00</digest>"), "501'>Not Implemented"),
    ] {
        client.say(&set(&query)).await;
        assert_eq!(
            client.hear(&format!("<iq type='error' id='a2'><error code='{error}</error></iq>")).await,
            "",
            "{query}"
        );
    }
    client.say(&set("<username>AMY</username><password>pw</password><resource>t</resource><token/>")).await;
    client.hear("<iq type='result' id='a2'/>").await;
}

/// 4.1.3, T-4.1.2
#[tokio::test]
async fn a_digest_is_over_the_id_of_our_header() {
    let house = House::new().await;
    for upper in [false, true] {
        let mut client = house.connect(listener());
        client.say(HEADER).await;
        client.hear(" id='").await;
        let id = client.hear("'").await;
        let digest = xmpp::sasl::digest::digest(&id, "pw");
        let digest = if upper { digest.to_uppercase() } else { digest };
        let login = iq_auth("amy", "t", "").replace("<password></password>", &format!("<digest>{digest}</digest>"));
        client.say(&login).await;
        client.hear("<iq type='result' id='1'/>").await;
    }
}

#[tokio::test]
async fn five_failures_end_the_stream() {
    let house = House::new().await;
    let mut client = house.connect(listener());
    client.say(&format!("{HEADER}{}", iq_auth("amy", "t", "wrong").repeat(7))).await;
    let heard = client.hear_out().await;
    assert_eq!(heard.matches("code='401'").count(), 5, "{heard}");
    assert!(heard.ends_with("</stream:error></stream:stream>"), "{heard}");
    assert_eq!(house.doors.metrics().logins_failed.value(), 5);
}

/// Design 7: in the words of their dialect.
#[tokio::test]
async fn passwords_are_not_taken_in_the_clear_where_tls_is_required() {
    let house = House::encrypted().await;
    let mut client = house.connect(strict());
    client.say(&format!("{HEADER}{}", iq_auth("amy", "t", "pw"))).await;
    client.hear("<iq type='error' id='1'><error code='503'>Use SSL").await;
}

/// 3.1: the error texts of 1.4.3
#[tokio::test]
async fn broken_headers_have_the_texts_of_1_4() {
    let house = House::new().await;
    for (header, text) in [
        (HEADER.replace("jabber:client", "jabber:server"), "Invalid Namespace"),
        (HEADER.replace("etherx", "example"), "Invalid Stream Namespace"),
        (HEADER.replace("example.org", "elsewhere.test"), "Did not specify a valid to argument"),
        (HEADER.replace("example.org", "a b c"), "Did not specify a valid to argument"),
    ] {
        let mut client = house.connect(listener());
        client.say(&header).await;
        let heard = client.hear_out().await;
        assert!(heard.starts_with("<?xml version='1.0'?><stream:stream "), "{heard}");
        assert!(heard.ends_with(&format!("<stream:error>{text}</stream:error></stream:stream>")), "{header}: {heard}");
        assert!(!heard.contains("from="), "{heard}");
    }
    let mut client = house.connect(listener());
    client.say(&HEADER.replace(" to='example.org'", "")).await;
    client.hear("from='example.org'>").await;
}

/// T-3.2.6, and the rule of 6.3.1 for what is no stanza
#[tokio::test]
async fn a_session_forgives() {
    let house = House::new().await;
    let mut client = house.old("amy", "t").await;
    client.say(&iq_auth("bob", "t", "pw").replace("'1'", "'2'")).await;
    let heard = client.hear("</iq>").await;
    assert!(heard.contains("type='error'") && heard.contains("<error code='503'>"), "{heard}");
    client.say("<route id='3'/>").await;
    client.hear("<route type='error' id='3'><error code='400'>Bad Request</error></route>").await;
    // T-4.2.12
    client.say("<message to='a b@c' id='4'><body>x</body></message>").await;
    let heard = client.hear("</message>").await;
    assert!(heard.contains("id='4'") && heard.contains("<error code='400'>Bad Request</error>"), "{heard}");
    client.say("<message from='' to='amy@example.org/t' id='5'/>").await;
    client.hear("<message from='amy@example.org/t' to='amy@example.org/t' id='5'/>").await;
    client.say("<message from='bob@example.org/t' to='amy@example.org/t' id='6'/>").await;
    client.hear("<message from='amy@example.org/t' to='amy@example.org/t' id='6'/>").await;
    client.say("<!-- a comment --><?and an instruction?>  <message to='amy@example.org/t' id='7'/>").await;
    client.hear("id='7'/>").await;
}

/// 4.1.6
#[tokio::test]
async fn a_replaced_session_is_told_disconnected() {
    let house = House::new().await;
    let mut first = house.old("amy", "t").await;
    let mut second = house.old("amy", "t").await;
    assert!(first.hear_out().await.ends_with("<stream:error>Disconnected</stream:error></stream:stream>"));
    second.say("<message to='amy@example.org/t' id='7'/>").await;
    second.hear("id='7'/>").await;
}
