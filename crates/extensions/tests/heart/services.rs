//! One list of services, asked in three ways; and what is kept of an account and goes with it.

use crate::hands::{account, bind, heard, hub, say};
use im::{About, Attach, Clock, Extension, HostOptions, Hub, HubOptions, Limits, Plan, PlanError, Service};
use store::Store;
use xmpp::{Jid, Timestamp};

/// Beside the host: a gateway, a directory and rooms.
struct Beside;

impl Extension for Beside {
    type Options = ();
    const ABOUT: About = About::xep("beside", "Services for a test", "none", "");

    fn configure(_: &mut Plan, (): &()) -> Result<Self, PlanError> {
        Ok(Beside)
    }

    fn attach(on: &mut Attach<'_, Self>) {
        let service = |name: &str, category, kind: &str, title: &str, features: &[&str]| Service {
            jid: Jid::parse(&format!("{name}.verona.example")).unwrap(),
            name: title.to_owned(),
            category,
            kind: kind.to_owned(),
            features: features.iter().map(|feature| (*feature).to_owned()).collect(),
            prompt: (category == "gateway").then(|| "Enter <ID>".to_owned()),
        };
        on.service(service(
            "icq",
            "gateway",
            "icq",
            "ICQ <&> \"old\" 'friends'",
            &["jabber:iq:register", "jabber:iq:gateway"],
        ))
        .service(service("users", "directory", "user", "People", &["jabber:iq:register", "jabber:iq:search"]))
        .service(service("rooms", "conference", "text", "Rooms", &["http://jabber.org/protocol/muc"]));
    }
}

async fn house() -> Hub {
    let plan = Box::new(|plan: &mut Plan| {
        plan.add::<Beside>(&())?;
        extensions::plug(plan, &extensions::Options::default())
    });
    let hosts = vec![HostOptions { name: Jid::parse("verona.example").unwrap(), plan }];
    let clock = Clock::fake(Timestamp::from_millis(1_000_000_000_000));
    let (store, limits, cluster) = (Store::memory(), Limits::default(), im::Cluster::single());
    Hub::new(HubOptions { hosts, store, clock, limits, cluster }).await.unwrap()
}

/// T-6.1.2 and T-6.1.4: agents, browse and disco tell of the same services, in the words of their time, with their names escaped.
#[tokio::test]
async fn one_list_is_told_in_three_ways() {
    let hub = house().await;
    let romeo = account(&hub, "romeo").await;
    let desk = bind(&hub, &romeo, "desk").await;
    let ask = async |namespace: &str| {
        say(&desk, &format!("<iq type='get' id='1' to='verona.example'><query xmlns='{namespace}'/></iq>"));
        heard(&desk).await.concat()
    };
    let agents = ask("jabber:iq:agents").await;
    let name = "ICQ &lt;&amp;&gt; \"old\" 'friends'";
    let expected = format!(
        "<query xmlns='jabber:iq:agents'>\
         <agent jid='icq.verona.example'><name>{name}</name><transport>Enter &lt;ID&gt;</transport><service>icq</service><register/></agent>\
         <agent jid='users.verona.example'><name>People</name><service>jud</service><register/><search/></agent>\
         <agent jid='rooms.verona.example'><name>Rooms</name><service>public</service><groupchat/></agent></query>"
    );
    assert!(agents.contains(&expected), "{agents}");
    let browse = ask("jabber:iq:browse").await;
    for expected in [
        "<service type='icq' jid='icq.verona.example' name='ICQ &lt;&amp;&gt; &quot;old&quot; &apos;friends&apos;'>\
         <ns>jabber:iq:register</ns><ns>jabber:iq:gateway</ns></service>",
        "<service type='jud' jid='users.verona.example' name='People'><ns>jabber:iq:register</ns><ns>jabber:iq:search</ns></service>",
        "<conference type='public' jid='rooms.verona.example' name='Rooms'><ns>http://jabber.org/protocol/muc</ns></conference>",
    ] {
        assert!(browse.contains(expected), "{browse}");
    }
    let disco = ask("http://jabber.org/protocol/disco#items").await;
    let expected = "<item jid='icq.verona.example' name='ICQ &lt;&amp;&gt; &quot;old&quot; &apos;friends&apos;'/>\
                    <item jid='users.verona.example' name='People'/><item jid='rooms.verona.example' name='Rooms'/>";
    assert!(disco.contains(expected), "{disco}");
}

/// With the account goes what is known of its photo and of the messages of the day that it was given.
#[tokio::test]
async fn nothing_is_kept_of_who_is_gone() {
    let store = Store::memory();
    let hub = hub(store.clone()).await;
    let romeo = account(&hub, "romeo").await;
    let desk = bind(&hub, &romeo, "desk").await;
    say(&desk, "<presence/>");
    say(&desk, "<iq type='set' id='v'><vCard xmlns='vcard-temp'><PHOTO><BINVAL>YWJj</BINVAL></PHOTO></vCard></iq>");
    heard(&desk).await;
    assert!(store.keys("avatar").get(romeo.as_str()).await.unwrap().is_some());
    hub.remove_account(&romeo, None).await.unwrap();
    for name in ["avatar", "vcard", "motd_seen"] {
        assert_eq!(store.keys(name).get(romeo.as_str()).await.unwrap(), None, "{name}");
    }
}
