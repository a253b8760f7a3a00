//! What `jabber:iq:auth` offers follows from what an account has; a name that nobody has looks like one that somebody has.

use im::{Hub, NewCredentials};
use xmpp::Jid;
use xmpp::sasl::ZeroK;
use xmpp::sasl::zero_k::answer;

use crate::house::*;

impl Client {
    /// What is offered to this name beside the password, as it is written.
    async fn offered(&mut self, name: &str) -> String {
        self.say(&format!(
            "<iq type='get' id='g'><query xmlns='jabber:iq:auth'><username>{name}</username></query></iq>"
        ))
        .await;
        self.hear("<password/>").await;
        self.hear("<resource/></query></iq>").await
    }

    /// The number of the answer to a login with this credential, or `result`.
    async fn tries(&mut self, name: &str, credential: &str) -> String {
        self.say(&format!(
            "<iq type='set' id='s'><query xmlns='jabber:iq:auth'><username>{name}</username>{credential}\
             <resource>r</resource></query></iq>"
        ))
        .await;
        let answer = self.hear("id='s'").await;
        if answer.contains("type='result'") {
            return "result".into();
        }
        self.hear("<error code='").await;
        self.hear("'>").await
    }
}

/// Bob has another password here, and what old logins need of it.
async fn give(hub: &Hub, digest: bool, logins: u32) -> Jid {
    let bob = Jid::parse("bob@example.org").unwrap();
    let zero_k = Some(ZeroK::of("word", "3A1B2C3D", logins));
    let derived = NewCredentials::derive("word").unwrap();
    let given = NewCredentials { digest: digest.then(|| "word".into()), zero_k, ..derived };
    hub.set_credentials(&bob, &given).await.unwrap();
    bob
}

fn hash(sequence: u32) -> String {
    format!("<hash>{}</hash>", answer("word", "3A1B2C3D", sequence))
}

/// T-4.1.6: a chain comes to its end; who gives the password has a new one.
#[tokio::test]
async fn a_chain_is_used_up_and_begins_anew_when_the_password_is_seen() {
    let house = House::new().await;
    give(house.doors.hub(), false, 2).await;
    for sequence in [1, 0] {
        let mut client = house.j_stream().await;
        let offered = client.offered("bob").await;
        assert_eq!(offered, format!("<sequence>{sequence}</sequence><token>3A1B2C3D</token>"));
        assert_eq!(client.tries("bob", &hash(sequence)).await, "result");
    }
    let mut client = house.j_stream().await;
    assert_eq!(client.offered("bob").await, "");
    assert_eq!(client.tries("bob", &hash(0)).await, "401");
    assert_eq!(client.tries("bob", "<password>word</password>").await, "result");
    let offered = house.j_stream().await.offered("bob").await;
    assert!(offered.starts_with("<sequence>499</sequence><token>") && !offered.contains("3A1B2C3D"), "{offered}");
}

/// Where the password is kept nobody need give it for that.
#[tokio::test]
async fn with_the_password_a_chain_never_ends() {
    let house = House::new().await;
    give(house.doors.hub(), true, 1).await;
    let mut client = house.j_stream().await;
    assert_eq!(client.offered("bob").await, "<digest/><sequence>0</sequence><token>3A1B2C3D</token>");
    assert_eq!(client.tries("bob", &hash(0)).await, "result");
    let offered = house.j_stream().await.offered("bob").await;
    assert!(offered.starts_with("<digest/><sequence>499</sequence><token>"), "{offered}");
}

/// The row "account blocked" of the table in 4.1.7: only who proves himself hears of it.
#[tokio::test]
async fn a_blocked_account_is_told_so_when_it_has_proved_itself() {
    let house = House::new().await;
    let hub = house.doors.hub();
    let bob = give(hub, true, 5).await;
    let accounts = hub.store().keys("accounts");
    let kept = String::from_utf8(accounts.get(bob.as_str()).await.unwrap().unwrap()).unwrap();
    let blocked = kept.replacen('{', "{\"disabled\":true,", 1);
    let batch = store::Batch::new(bob.as_str(), hub.store().claim(bob.as_str()));
    hub.store().submit(batch.put(&accounts, bob.as_str(), blocked)).await.unwrap();
    let mut client = house.j_stream().await;
    for (credential, code) in [
        ("<password>word</password>".to_owned(), "403"),
        ("<password>other</password>".to_owned(), "401"),
        (hash(4), "403"),
        (hash(3), "401"),
    ] {
        assert_eq!(client.tries("bob", &credential).await, code, "{credential}");
    }
}

/// T-4.1.7: no answer proves that a name is somebody's, also when accounts of one host have different things kept.
#[tokio::test]
async fn nobody_looks_like_somebody() {
    let house = House::new().await;
    give(house.doors.hub(), false, 200).await;
    let mut seen = Vec::new();
    for n in 0..40 {
        let name = format!("nobody{n}");
        let mut client = house.j_stream().await;
        let offered = client.offered(&name).await;
        assert_eq!(client.offered(&name.to_uppercase()).await, offered, "the same each time");
        // Amy has the password kept, bob a chain: that is what there is.
        let (digest, chain) = (offered.contains("<digest/>"), offered.contains("<sequence>"));
        assert!(chain || !digest, "{offered}");
        assert_eq!(client.tries(&name, "<digest>00</digest>").await, if digest { "401" } else { "501" });
        assert_eq!(client.tries(&name, "<hash>00</hash>").await, "401");
        seen.push((digest, chain));
    }
    for kind in [(false, false), (false, true), (true, true)] {
        assert!(seen.contains(&kind), "{kind:?} in {seen:?}");
    }
}

impl House {
    async fn j_stream(&self) -> Client {
        let mut client = self.connect(listener());
        client.say(HEADER).await;
        client.hear(" from='example.org'>").await;
        client
    }
}
