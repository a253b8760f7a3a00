//! The heart with its extensions and without a single socket: doors held by hand.
#![allow(clippy::unwrap_used, clippy::panic)]

mod asleep;
mod chores;
mod commands;
mod crossings;
mod faults;
mod filters;
mod hands;
mod invitations;
mod killed;
mod losses;
mod management;
mod members;
mod removal;
mod services;
mod slow_disk;
mod uploads;
mod waiting;

use hands::{account, bind, hub, say, told};
use im::{AccountError, Door, Drained, Hub, NewCredentials, Out};
use std::task::{Context, Poll, Waker};
use store::Store;
use xmpp::{Jid, Stanza};

/// Says several stanzas in one batch.
fn say_all<const N: usize>(door: &Door, stanzas: [Stanza; N]) {
    door.admit_all(&mut stanzas.into());
}

/// Everything that waits for this door, as text.
async fn heard(hub: &Hub, door: &Door) -> Vec<String> {
    let mut all = Vec::new();
    let mut quiet = 0;
    // Asking may have the next page of a long answer fetched: only silence after silence is the end.
    while quiet < 2 {
        hub.idle().await;
        let mut batch: Vec<Out> = Vec::new();
        match door.poll_drain(&mut Context::from_waker(Waker::noop()), &mut batch, 65_536) {
            Poll::Ready(Drained::Stanzas) => {
                quiet = 0;
                all.extend(batch.iter().map(told));
                door.written();
            }
            Poll::Ready(Drained::Close(why)) => {
                all.push(format!("closed: {why:?}"));
                return all;
            }
            Poll::Pending => quiet += 1,
        }
    }
    all
}

#[tokio::test]
async fn two_people_become_friends_and_talk_though_one_sleeps() {
    let store = Store::memory();
    let hub = hub(store).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "Juliet").await);
    assert_eq!(juliet.as_str(), "juliet@verona.example");
    let desk = bind(&hub, &romeo, "desk").await;
    say(&desk, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
    say(&desk, "<presence/>");
    say(&desk, "<presence type='subscribe' to='juliet@verona.example'/>");
    say(&desk, "<message to='juliet@verona.example' type='chat'><body>What light?</body></message>");
    let got = heard(&hub, &desk).await.join("\n");
    assert!(got.contains("ask='subscribe'"), "{got}");

    let balcony = bind(&hub, &juliet, "balcony").await;
    say(&balcony, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
    say(&balcony, "<presence/>");
    let got = heard(&hub, &balcony).await.join("\n");
    assert!(got.contains("type='subscribe'") && got.contains("What light?") && got.contains("urn:xmpp:delay"), "{got}");

    say(&balcony, "<presence type='subscribed' to='romeo@verona.example'/>");
    let got = heard(&hub, &desk).await.join("\n");
    assert!(got.contains("type='subscribed'") && got.contains("subscription='to'"), "{got}");
    assert!(got.contains("<presence from='juliet@verona.example/balcony'"), "{got}");
    balcony.close(im::Goodbye::Lost);
    let got = heard(&hub, &desk).await.join("\n");
    assert!(got.contains("unavailable"), "{got}");
}

/// T-4.2.5: several pages of waiting messages come in their order, each once.
#[tokio::test]
async fn pages_of_waiting_messages_come_in_order() {
    let hub = hub(Store::memory()).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let desk = bind(&hub, &romeo, "desk").await;
    for number in 0..173 {
        say(
            &desk,
            &format!("<message to='juliet@verona.example' type='chat' id='m{number}'><body>hi</body></message>"),
        );
        hub.idle().await;
    }
    let balcony = bind(&hub, &juliet, "balcony").await;
    say(&balcony, "<presence/>");
    let got: Vec<String> =
        heard(&hub, &balcony).await.into_iter().filter(|text| text.starts_with("<message")).collect();
    assert_eq!(got.len(), 173);
    for (number, text) in got.iter().enumerate() {
        assert!(text.contains(&format!("id='m{number}'")), "{number}: {text}");
    }
    balcony.close(im::Goodbye::ByPeer);
    let window = bind(&hub, &juliet, "window").await;
    say(&window, "<presence/>");
    let got = heard(&hub, &window).await.join("\n");
    assert!(!got.contains("<message"), "{got}");
}

/// A session that is no longer available gets no further page; what it did not get waits on.
#[tokio::test]
async fn a_session_that_leaves_gets_no_further_page() {
    let hub = hub(Store::memory()).await;
    let (romeo, juliet) = (account(&hub, "romeo").await, account(&hub, "juliet").await);
    let desk = bind(&hub, &romeo, "desk").await;
    for number in 0..120 {
        say(
            &desk,
            &format!("<message to='juliet@verona.example' type='chat' id='m{number}'><body>hi</body></message>"),
        );
    }
    hub.idle().await;
    let balcony = bind(&hub, &juliet, "balcony").await;
    say(&balcony, "<presence/>");
    say(&balcony, "<presence type='unavailable'/>");
    let first = heard(&hub, &balcony).await;
    let phone = bind(&hub, &juliet, "phone").await;
    say(&phone, "<presence/>");
    let rest = heard(&hub, &phone).await;
    for number in 0..120 {
        let id = format!("id='m{number}'");
        assert!(first.iter().chain(&rest).any(|text| text.contains(&id)), "{id} is lost");
    }
    let twice = (0..120).filter(|number| {
        first.iter().chain(&rest).filter(|text| text.contains(&format!("id='m{number}'"))).count() > 1
    });
    assert_eq!(twice.count(), 0, "what a session got is not given to the next");
}

/// T-4.1.21: of two who ask for one name at once, one gets it and the other hears that it is taken.
#[tokio::test]
async fn one_name_for_one_account() {
    let hub = hub(Store::memory()).await;
    let none = NewCredentials::default();
    let (one, other) = tokio::join!(
        hub.create_account("amy", "verona.example", &none),
        hub.create_account("Amy", "verona.example", &none)
    );
    let lost = one.and(other).unwrap_err();
    assert!(matches!(lost, AccountError::Exists), "{lost}");
    assert!(hub.credentials(&Jid::parse("amy@verona.example").unwrap()).await.unwrap().is_some());
}

/// T-6.3.10: a vCard comes back byte by byte.
#[tokio::test]
async fn a_card_of_sixty_kilobytes_comes_back_as_it_was() {
    let hub = hub(Store::memory()).await;
    let juliet = account(&hub, "juliet").await;
    let balcony = bind(&hub, &juliet, "balcony").await;
    let photo: String =
        (0..61_440).map(|number| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef0123456789+/"[number % 43])).collect();
    let card = format!(
        "<vCard xmlns='vcard-temp'><PHOTO><TYPE>image/png</TYPE><BINVAL>{photo}</BINVAL></PHOTO>\n<N/></vCard>"
    );
    say(&balcony, &format!("<iq type='set' id='v1'>{card}</iq>"));
    say(&balcony, "<iq type='get' id='v2'><vCard xmlns='vcard-temp'/></iq>");
    let got = heard(&hub, &balcony).await;
    assert_eq!(got.len(), 2);
    assert!(got[1].contains(&card), "{}", &got[1][..200]);
}

/// T-4.1.22: with a new password nothing of the old one is worth anything; who had it kept for the digest of 2000 has the new one kept.
#[tokio::test]
async fn a_new_password_replaces_everything_that_proved_the_old_one() {
    for kept in [None, Some("old".to_owned())] {
        let hub = hub(Store::memory()).await;
        let old = NewCredentials { digest: kept.clone(), ..NewCredentials::derive("old").unwrap() };
        let amy = hub.create_account("amy", "verona.example", &old).await.unwrap();
        let door = bind(&hub, &amy, "t").await;
        say(&door, "<iq type='set' id='c1'><query xmlns='jabber:iq:register'><password>new</password></query></iq>");
        let got = heard(&hub, &door).await.join("");
        assert!(got.contains("type='result'") && got.contains("id='c1'"), "{got}");
        assert!(hub.check_password(&amy, "new").await.unwrap());
        assert!(!hub.check_password(&amy, "old").await.unwrap());
        let now = hub.credentials(&amy).await.unwrap().unwrap();
        assert_eq!((now.scram.len(), now.digest), (2, kept.map(|_| "new".to_owned())));
    }
}
