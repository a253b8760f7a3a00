//! Filters where a scene cannot see: rules of the operator, and how much is forwarded.
use super::heard;
use crate::hands::{account, bind, say};
use im::{Clock, Hub, HubOptions, Limits, Plan};
use store::Store;
use xmpp::{Jid, Timestamp};

async fn house(change: fn(&mut extensions::filter::Options)) -> Hub {
    let plan = Box::new(move |plan: &mut Plan| {
        let mut options = extensions::Options::default();
        change(&mut options.filter);
        extensions::plug(plan, &options)
    });
    let hosts = vec![im::HostOptions { name: Jid::parse("verona.example").unwrap(), plan }];
    let clock = Clock::fake(Timestamp::from_millis(1_000_000_000_000));
    let (store, limits, cluster) = (Store::memory(), Limits::default(), im::Cluster::single());
    Hub::new(HubOptions { hosts, store, clock, limits, cluster }).await.unwrap()
}

fn set(rules: &str) -> String {
    format!("<iq type='set' id='f'><query xmlns='jabber:iq:filter'>{rules}</query></iq>")
}

/// T-8.1.1: the server's own rules come behind those of the account.
#[tokio::test]
async fn the_operators_rules_come_last() {
    let hub = house(|options| {
        let rules = "<query xmlns='jabber:iq:filter'><rule><subject>sale</subject><error code='403'>No sales</error></rule></query>";
        options.defaults = Some(xml::Element::parse(rules.as_bytes(), &xml::Limits::default()).unwrap());
    });
    let hub = hub.await;
    let (romeo, amy) = (account(&hub, "romeo").await, account(&hub, "amy").await);
    let (desk, home) = (bind(&hub, &romeo, "desk").await, bind(&hub, &amy, "home").await);
    say(&home, "<presence/>");
    let offer = "<message to='amy@verona.example' id='m'><subject>Sale</subject><body>hi</body></message>";
    say(&desk, offer);
    let refused = heard(&hub, &desk).await.join("\n");
    assert!(refused.contains("type='error'") && refused.contains("No sales"), "{refused}");
    // A rule of one's own that drops decides before it.
    say(&home, &set("<rule><subject>sale</subject></rule>"));
    hub.idle().await;
    say(&desk, offer);
    assert_eq!(heard(&hub, &desk).await, Vec::<String>::new());
    let got = heard(&hub, &home).await.join("\n");
    assert!(got.contains("type='result'") && !got.contains("<message"), "{got}");
}

#[tokio::test]
async fn so_much_is_forwarded_in_a_minute_and_no_more() {
    let hub = house(|options| options.forwards_per_minute = 3).await;
    let (romeo, amy, nurse) = (account(&hub, "romeo").await, account(&hub, "amy").await, account(&hub, "nurse").await);
    let (desk, home) = (bind(&hub, &romeo, "desk").await, bind(&hub, &amy, "home").await);
    let kitchen = bind(&hub, &nurse, "kitchen").await;
    say(&kitchen, "<presence/>");
    say(&home, &set("<rule><forward>nurse@verona.example</forward></rule>"));
    hub.idle().await;
    for round in 0..2 {
        for _ in 0..5 {
            say(&desk, "<message to='amy@verona.example' type='chat' id='m'><body>hi</body></message>");
        }
        let refused = heard(&hub, &desk).await;
        assert_eq!(
            refused.iter().filter(|error| error.contains("<resource-constraint")).count(),
            2,
            "{round} {refused:?}"
        );
        let got = heard(&hub, &kitchen).await;
        assert_eq!(
            got.iter().filter(|got| got.contains("<cc jid='nurse@verona.example'/>")).count(),
            3,
            "{round} {got:?}"
        );
        hub.clock().advance(std::time::Duration::from_secs(60));
    }
}

/// T-8.1.2: of two who forward to each other each handles a message once; then it goes back, and the error goes no further.
#[tokio::test]
async fn a_loop_ends() {
    let hub = house(|_| {}).await;
    let (romeo, amy, bob) = (account(&hub, "romeo").await, account(&hub, "amy").await, account(&hub, "bob").await);
    let desk = bind(&hub, &romeo, "desk").await;
    let (one, two) = (bind(&hub, &amy, "t").await, bind(&hub, &bob, "t").await);
    say(&one, &set("<rule><forward>bob@verona.example</forward></rule>"));
    say(&two, &set("<rule><forward>amy@verona.example</forward></rule>"));
    hub.idle().await;
    let bounced = || hub.counters().bounced.load(std::sync::atomic::Ordering::Relaxed);
    let before = bounced();
    say(&desk, "<message to='amy@verona.example' type='chat' id='m'><body>hi</body></message>");
    assert_eq!(heard(&hub, &desk).await, Vec::<String>::new());
    assert_eq!(bounced() - before, 1, "one error, and no error for an error");
}
