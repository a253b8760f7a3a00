//! Commands of an extension that is only here: who is shown them, who may run them, step by step (XEP-0050).
use super::heard;
use crate::hands::{account, bind, say};
use im::{
    About, Ask, Attach, Clock, CommandAbout, Door, Extension, HostAsk, HostOptions, Hub, HubOptions, Limits, Outcome,
    Plan, PlanError, Stage, Who,
};
use store::Store;
use xmpp::forms::{Answers, Field, FieldKind, Form};
use xmpp::{Jid, StanzaError, Timestamp};

struct Greeter;

impl Extension for Greeter {
    type Options = ();
    const ABOUT: About = About::xep("greeter", "Greetings", "", "");

    fn configure(_: &mut Plan, (): &()) -> Result<Self, PlanError> {
        Ok(Greeter)
    }

    fn attach(on: &mut Attach<'_, Self>) {
        let about = |node, who| CommandAbout { node, name: "Greet", who };
        on.account_command(about("own", Who::Owner), |_, ask, answers| Ok(own(ask, answers)))
            .host_command(about("all", Who::Local), |_, ask, answers| all(ask, answers))
            .host_command(about("admin", Who::Administrators), |_, _, _| Ok(Stage::Done(Outcome::failed("no"))));
    }
}

fn question() -> Form {
    Form::new("Greet").field(Field::new(FieldKind::TextSingle, "whom", "Whom?").required())
}

fn own(ask: &Ask<'_>, answers: &[Answers]) -> Stage {
    match answers.first().and_then(|answers| answers.text("whom")) {
        Some(whom) => Stage::Done(Outcome::done(format!("{} greets {whom}", ask.from))),
        None => Stage::Ask { form: question(), last: true },
    }
}

fn all(ask: &HostAsk<'_>, answers: &[Answers]) -> Result<Stage, StanzaError> {
    match answers.first().and_then(|answers| answers.text("whom")) {
        None => Ok(Stage::Ask { form: question(), last: true }),
        Some("nobody") => Err(im::bad_payload("nobody is not to be greeted")),
        Some(whom) => {
            let (host, whom) = (ask.host.name().clone(), whom.to_owned());
            Ok(Stage::Later(Box::pin(async move { Ok(Outcome::done(format!("{host} greets {whom}"))) })))
        }
    }
}

async fn house() -> Hub {
    let plan = Box::new(|plan: &mut Plan| {
        plan.set_administrators(vec![Jid::parse("nurse@verona.example").unwrap()]);
        extensions::plug(plan, &extensions::Options::default())?;
        plan.add::<Greeter>(&())
    });
    let hosts = vec![HostOptions { name: Jid::parse("verona.example").unwrap(), plan }];
    let clock = Clock::fake(Timestamp::from_millis(1_000_000_000_000));
    let (store, limits, cluster) = (Store::memory(), Limits::default(), im::Cluster::single());
    Hub::new(HubOptions { hosts, store, clock, limits, cluster }).await.unwrap()
}

async fn asked(hub: &Hub, door: &Door, text: &str) -> String {
    say(door, text);
    heard(hub, door).await.join("\n")
}

fn items(to: &str) -> String {
    format!(
        "<iq type='get' id='d' to='{to}'><query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/></iq>"
    )
}

fn info(to: &str, node: &str) -> String {
    format!("<iq type='get' id='d' to='{to}'><query xmlns='http://jabber.org/protocol/disco#info' node='{node}'/></iq>")
}

fn command(to: &str, attributes: &str, whom: Option<&str>) -> String {
    let form = whom.map(|whom| {
        format!("<x xmlns='jabber:x:data' type='submit'><field var='whom'><value>{whom}</value></field></x>")
    });
    let form = form.unwrap_or_default();
    format!(
        "<iq type='set' id='c' to='{to}'><command xmlns='http://jabber.org/protocol/commands' {attributes}>{form}</command></iq>"
    )
}

fn session_of(answer: &str) -> String {
    let (_, rest) = answer.split_once("sessionid='").unwrap_or_else(|| panic!("no session in {answer}"));
    format!("sessionid='{}'", rest.split('\'').next().unwrap_or_default())
}

#[tokio::test]
async fn everybody_is_shown_what_he_may_run() {
    let hub = house().await;
    let (romeo, nurse) = (account(&hub, "romeo").await, account(&hub, "nurse").await);
    let (desk, kitchen) = (bind(&hub, &romeo, "desk").await, bind(&hub, &nurse, "kitchen").await);
    let (host, own) = ("verona.example", "romeo@verona.example");
    for (door, to, node, shown) in [
        (&desk, host, "all", true),
        (&desk, host, "admin", false),
        (&kitchen, host, "admin", true),
        (&desk, own, "own", true),
        (&kitchen, own, "own", false),
    ] {
        let listed = asked(&hub, door, &items(to)).await;
        assert_eq!(listed.contains(&format!("jid='{to}' node='{node}' name='Greet'")), shown, "{node}: {listed}");
        let told = asked(&hub, door, &info(to, node)).await;
        assert_eq!(
            told.contains("type='command-node'") && told.contains("var='jabber:x:data'"),
            shown,
            "{node}: {told}"
        );
        let run = asked(&hub, door, &command(to, &format!("node='{node}'"), None)).await;
        assert_eq!(run.contains("<command "), run.contains("type='result'") || run.contains("type='error'"), "{run}");
        assert_eq!(run.contains("type='result'"), shown, "{node}: {run}");
    }
    let forbidden = asked(&hub, &desk, &command(host, "node='admin'", None)).await;
    assert!(forbidden.contains("<error type='cancel'><forbidden"), "{forbidden}");
    let forbidden = asked(&hub, &desk, &info(host, "admin")).await;
    assert!(forbidden.contains("<error type='cancel'><forbidden"), "{forbidden}");
    let unknown = asked(&hub, &desk, &command(host, "node='other'", None)).await;
    assert!(unknown.contains("<item-not-found"), "{unknown}");
    let list = asked(&hub, &desk, &info(host, "http://jabber.org/protocol/commands")).await;
    assert!(list.contains("category='automation' type='command-list'"), "{list}");
    // Strangers are told the same of an account that does not exist.
    for to in [own, "nobody@verona.example"] {
        let told = asked(&hub, &kitchen, &command(to, "node='own'", None)).await;
        assert!(told.contains("<service-unavailable"), "{told}");
    }
}

#[tokio::test]
async fn a_command_of_the_host_takes_its_time_and_may_refuse_a_form() {
    let hub = house().await;
    let romeo = account(&hub, "romeo").await;
    let desk = bind(&hub, &romeo, "desk").await;
    let first = asked(&hub, &desk, &command("verona.example", "node='all'", None)).await;
    assert!(
        first.contains("status='executing'") && first.contains("<actions execute='complete'><complete/>"),
        "{first}"
    );
    let session = session_of(&first);
    let again = format!("node='all' {session}");
    let refused = asked(&hub, &desk, &command("verona.example", &again, Some("nobody"))).await;
    assert!(refused.contains("<bad-payload") && refused.contains("nobody is not to be greeted"), "{refused}");
    let done = asked(&hub, &desk, &command("verona.example", &again, Some("Amy"))).await;
    assert!(done.contains("status='completed'") && done.contains("verona.example greets Amy"), "{done}");
    let over = asked(&hub, &desk, &command("verona.example", &again, Some("Amy"))).await;
    assert!(over.contains("<not-allowed") && over.contains("<session-expired"), "{over}");
}

#[tokio::test]
async fn a_session_is_bound_to_one_device_and_ends_in_time() {
    let hub = house().await;
    let romeo = account(&hub, "romeo").await;
    let (desk, phone) = (bind(&hub, &romeo, "desk").await, bind(&hub, &romeo, "phone").await);
    let session = session_of(&asked(&hub, &desk, &command(romeo.as_str(), "node='own'", None)).await);
    let again = format!("node='own' {session}");
    let stolen = asked(&hub, &phone, &command(romeo.as_str(), &again, Some("Amy"))).await;
    assert!(stolen.contains("<bad-sessionid"), "{stolen}");
    hub.clock().advance(std::time::Duration::from_secs(599));
    let empty = asked(&hub, &desk, &command(romeo.as_str(), &again, None)).await;
    assert!(empty.contains("<bad-payload"), "{empty}");
    hub.clock().advance(std::time::Duration::from_secs(2));
    let late = asked(&hub, &desk, &command(romeo.as_str(), &again, Some("Amy"))).await;
    assert!(late.contains("<session-expired"), "{late}");
}
