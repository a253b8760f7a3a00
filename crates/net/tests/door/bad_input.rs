//! What a hostile peer may try: it gets the right error, and no more memory than the limits say.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::house::*;

/// Says all of it while somebody listens; then what was heard.
async fn outcome<I>(mut client: Client, said: I) -> String
where
    I: IntoIterator<Item = Vec<u8>, IntoIter: Send> + Send + 'static,
{
    let mut heard = std::mem::take(&mut client.heard).into_bytes();
    let (mut from, mut to) = tokio::io::split(client.pipe);
    let typing = tokio::spawn(async move {
        for text in said {
            if to.write_all(&text).await.is_err() {
                return;
            }
        }
        // Stays until the server hangs up.
        std::future::pending::<()>().await;
    });
    let _ = tokio::time::timeout(Duration::from_secs(20), from.read_to_end(&mut heard)).await.expect("hangs up");
    typing.abort();
    String::from_utf8_lossy(&heard).into_owned()
}

#[tokio::test]
async fn before_the_header() {
    let house = House::new().await;
    for garbage in [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0; 100],
        vec![0xff; 100],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"<?xml version='1.0' encoding='latin1'?><a>".to_vec(),
        b"<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><stream:stream>".to_vec(),
        [b"<stream:stream a='", "x".repeat(100_000).as_bytes()].concat(),
    ] {
        let heard = outcome(house.connect(listener()), [garbage.clone()]).await;
        assert!(heard.starts_with("<?xml version='1.0'?><stream:stream "), "{heard}");
        assert!(heard.ends_with("<stream:error>Invalid XML</stream:error></stream:stream>"), "{heard}");
    }
}

/// T-3.1.9 and its like, in every stage of both dialects
#[tokio::test]
async fn a_document_type_is_refused_everywhere() {
    let house = House::new().await;
    let bomb = b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]><message/>".to_vec();
    let mut before = house.connect(listener());
    before.say(HEADER).await;
    assert!(
        outcome(before, [bomb.clone()]).await.ends_with("<stream:error>Invalid XML</stream:error></stream:stream>")
    );
    let old = house.old("amy", "j").await;
    assert!(outcome(old, [bomb.clone()]).await.ends_with("<stream:error>Invalid XML</stream:error></stream:stream>"));
    let mut before = house.connect(listener());
    before.begin().await;
    assert!(outcome(before, [bomb.clone()]).await.contains("<restricted-xml "));
    let new = house.new_client("amy", "x").await;
    assert!(outcome(new, [bomb]).await.contains("<restricted-xml "));
}

/// T-3.1.8
#[tokio::test]
async fn large_deep_and_rich_stanzas_are_refused() {
    let house = House::new().await;
    let endless =
        || std::iter::once(b"<message><body>".to_vec()).chain(std::iter::repeat_n(vec![b'x'; 65_536], 16_384));
    let deep = || [b"<message>".to_vec(), b"<a>".repeat(10_000)];
    let rich = || [b"<message>".to_vec(), b"<a/>".repeat(62_500), b"</message>".to_vec()];
    assert!(outcome(house.new_client("amy", "x").await, endless()).await.contains("<policy-violation "));
    assert!(outcome(house.new_client("amy", "x").await, deep()).await.contains("<policy-violation "));
    assert!(outcome(house.new_client("amy", "x").await, rich()).await.contains("<policy-violation "));
    let refused = "<stream:error>Invalid XML</stream:error></stream:stream>";
    assert!(outcome(house.old("amy", "j").await, endless()).await.ends_with(refused));
    assert!(outcome(house.old("amy", "j").await, deep()).await.ends_with(refused));
    assert!(outcome(house.old("amy", "j").await, rich()).await.ends_with(refused));
    let mut before = house.connect(listener());
    before.begin().await;
    assert!(outcome(before, endless()).await.contains("<policy-violation "));
}

#[tokio::test]
async fn a_stanza_may_come_byte_by_byte() {
    let house = House::new().await;
    let mut client = house.new_client("amy", "x").await;
    for byte in "<message to='amy@example.org/x' id='slow'><body>h\u{e9}llo</body></message>".as_bytes() {
        client.pipe.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    client.hear("id='slow'><body>h\u{e9}llo</body></message>").await;
}

#[tokio::test]
async fn stanzas_before_the_login_end_a_modern_stream() {
    let house = House::new().await;
    for stanza in [
        "<message to='bob@example.org'/>",
        "<presence/>",
        "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>",
    ] {
        let mut client = house.connect(listener());
        client.begin().await;
        client.say(stanza).await;
        assert!(
            client.hear_out().await.contains("<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'"),
            "{stanza}"
        );
        let mut client = house.connect(listener());
        client.begin().await;
        client.plain("amy", "pw").await;
        client.hear("<success").await;
        client.begin().await;
        client.say(stanza).await;
        assert!(
            client.hear_out().await.contains("<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'"),
            "{stanza}"
        );
    }
}

#[tokio::test]
async fn questions_before_the_login_are_bounded() {
    let house = House::new().await;
    let ask = "<iq type='get' id='a'><query xmlns='jabber:iq:auth'><username>x</username></query></iq>";
    let mut client = house.connect(listener());
    client.say(&format!("{HEADER}{}", ask.repeat(1000))).await;
    let heard = client.hear_out().await;
    assert_eq!(heard.matches("<password/>").count(), 50);
    assert!(heard.ends_with("</stream:error></stream:stream>"), "{heard}");
}

#[tokio::test]
async fn others_are_not_disturbed() {
    let house = House::new().await;
    let mut bob = house.new_client("bob", "pc").await;
    let amy = house.old("amy", "t").await;
    outcome(
        amy,
        [b"<message to='bob@example.org/pc' id='good'/><message to='bob@example.org/pc'".to_vec(), vec![0xff; 10]],
    )
    .await;
    bob.hear("id='good'/>").await;
    bob.say("<message to='bob@example.org/pc' id='mine'/>").await;
    bob.hear("id='mine'/>").await;
    // T-3.1.6
    let mut amy = house.old("amy", "t").await;
    amy.say("<message to='bob@example.org/pc' id='half'><body>").await;
    drop(amy.pipe);
    amy.task.await.unwrap();
    bob.say("<message to='bob@example.org/pc' id='last'/>").await;
    assert!(!bob.hear("id='last'/>").await.contains("half"));
}
