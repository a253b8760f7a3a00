//! Invitations (XEP-0445): a token makes as many accounts as was said, and no more, and is worth nothing after its time.

use crate::hands::{account, bind, heard, read, say, text};
use extensions::registration::{Options, Policy, invite};
use im::{Clock, Dialect, HostOptions, Hub, HubOptions, Limits, Stranger, Visit};
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use xmpp::{Jid, Timestamp};

const HOST: &str = "verona.example";
const HOUR: Duration = Duration::from_secs(3_600);

async fn hub(store: Store) -> Hub {
    let registration = Options { policy: Policy::Invitation, per_hour: 1_000, per_hour_per_address: 1_000 };
    let options = extensions::Options { registration, ..Default::default() };
    let plan = Box::new(move |plan: &mut im::Plan| {
        plan.set_administrators(vec![Jid::parse("nurse@verona.example").unwrap()]);
        extensions::plug(plan, &options)
    });
    let hosts = vec![HostOptions { name: Jid::parse(HOST).unwrap(), plan }];
    let clock = Clock::fake(Timestamp::from_millis(1_000_000_000_000));
    let (limits, cluster) = (Limits::default(), im::Cluster::single());
    Hub::new(HubOptions { hosts, store, clock, limits, cluster }).await.unwrap()
}

/// A stream on which nobody has logged in.
#[derive(Clone)]
struct Stream(Hub, Arc<Visit>);

impl Stream {
    fn new(hub: &Hub) -> Stream {
        Stream(hub.clone(), Arc::default())
    }

    async fn asks(&self, iq: &str) -> String {
        let stranger = Stranger { encrypted: true, may_send_secrets: true, dialect: Dialect::X, peer: None };
        let host = self.0.host(HOST).unwrap();
        text(&self.0.ask_as_stranger(&host, &read(iq), stranger, &self.1).await.unwrap())
    }

    async fn shows(&self, token: &str) -> String {
        self.asks(&format!("<iq type='set' id='p'><preauth xmlns='urn:xmpp:pars:0' token='{token}'/></iq>")).await
    }

    async fn registers(&self, name: &str, more: &str) -> String {
        let query = format!("<username>{name}</username><password>secret</password>{more}");
        self.asks(&format!("<iq type='set' id='r'><query xmlns='jabber:iq:register'>{query}</query></iq>")).await
    }
}

fn is_made(answer: &str) -> bool {
    answer.contains("type='result'")
}

async fn invited(hub: &Hub, uses: u32) -> String {
    invite(hub, &Jid::parse(HOST).unwrap(), uses, HOUR).await.unwrap().token
}

#[tokio::test]
async fn a_token_makes_as_many_accounts_as_was_said() {
    let hub = hub(Store::memory()).await;
    let token = invited(&hub, 2).await;
    let misc = format!("<misc>{token}</misc>");
    let stream = Stream::new(&hub);
    assert!(stream.registers("amy", "").await.contains("not-acceptable"));
    assert!(is_made(&stream.registers("amy", &misc).await));
    // What fails for another reason uses nothing up.
    assert!(stream.registers("Amy", &misc).await.contains("conflict"));
    assert!(stream.registers("a b", &misc).await.contains("not-acceptable"));
    assert!(is_made(&stream.registers("bob", &misc).await));
    let refused = stream.registers("carl", &misc).await;
    assert!(refused.contains("item-not-found") && !refused.contains(&token), "{refused}");
    assert!(Stream::new(&hub).shows(&token).await.contains("item-not-found"));
    for (name, there) in [("amy", true), ("bob", true), ("carl", false)] {
        let account = Jid::new(Some(name), HOST, None).unwrap();
        assert_eq!(hub.credentials(&account).await.unwrap().is_some(), there, "{name}");
    }
}

#[tokio::test]
async fn a_token_that_was_shown_in_time_stays_good_on_its_stream() {
    let hub = hub(Store::memory()).await;
    let token = invited(&hub, 2).await;
    let (early, late) = (Stream::new(&hub), Stream::new(&hub));
    let form = "<iq type='get' id='g'><query xmlns='jabber:iq:register'/></iq>";
    assert!(early.asks(form).await.contains("<misc/>"));
    assert!(is_made(&early.shows(&token).await));
    assert!(!early.asks(form).await.contains("misc"), "who has shown the token is not asked for it");
    hub.clock().advance(HOUR);
    assert!(late.shows(&token).await.contains("item-not-found"));
    assert!(late.registers("bob", &format!("<misc>{token}</misc>")).await.contains("item-not-found"));
    // Others' invitations clear away what is over, but not that.
    invited(&hub, 1).await;
    assert!(is_made(&early.registers("amy", "").await));
    hub.clock().advance(24 * HOUR);
    invited(&hub, 1).await;
    assert!(early.registers("bob", "").await.contains("item-not-found"));
}

#[tokio::test]
async fn of_many_who_show_one_token_at_once_one_is_registered() {
    let hub = hub(Store::memory()).await;
    let token = invited(&hub, 1).await;
    let streams: Vec<Stream> = (0..4).map(|_| Stream::new(&hub)).collect();
    for stream in &streams {
        assert!(is_made(&stream.shows(&token).await));
    }
    let asked = streams.into_iter().enumerate();
    let asked: Vec<_> =
        asked.map(|(n, stream)| tokio::spawn(async move { stream.registers(&format!("user{n}"), "").await })).collect();
    let mut made = 0;
    for answer in asked {
        let answer = answer.await.unwrap();
        assert!(is_made(&answer) || answer.contains("item-not-found"), "{answer}");
        made += usize::from(is_made(&answer));
    }
    assert_eq!(made, 1);
}

#[tokio::test]
async fn an_invitation_outlives_the_server_and_is_not_kept_itself() {
    let store = Store::memory();
    let first = hub(store.clone()).await;
    let token = invited(&first, 1).await;
    first.shutdown().await;
    let kept = store.map("invitations").all(HOST).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert!(!kept[0].0.contains(&token), "only a digest of it is kept");
    let second = hub(store).await;
    assert!(is_made(&Stream::new(&second).registers("amy", &format!("<misc>{token}</misc>")).await));
}

#[tokio::test]
async fn an_administrator_invites_by_a_command() {
    let hub = hub(Store::memory()).await;
    let command = "<iq type='set' id='c' to='verona.example'><command xmlns='http://jabber.org/protocol/commands' \
                   node='urn:xmpp:invite#create-account' action='execute'/></iq>";
    let other = account(&hub, "romeo").await;
    let other = bind(&hub, &other, "desk").await;
    say(&other, command);
    let answer = heard(&other).await.concat();
    assert!(answer.contains("type='error'") && !answer.contains("preauth="), "{answer}");
    let nurse = account(&hub, "nurse").await;
    let nurse = bind(&hub, &nurse, "hall").await;
    say(&nurse, command);
    let answer = heard(&nurse).await.concat();
    let token = answer.split("xmpp:verona.example?register;preauth=").nth(1).unwrap_or_else(|| panic!("{answer}"));
    let token = token.split('<').next().unwrap();
    assert!(answer.contains("<value>2001-09-16T01:46:40Z</value>"), "a week later: {answer}");
    assert!(is_made(&Stream::new(&hub).registers("amy", &format!("<misc>{token}</misc>")).await));
    assert!(!is_made(&Stream::new(&hub).registers("bob", &format!("<misc>{token}</misc>")).await));
}
