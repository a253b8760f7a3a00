//! Doors held by hand: a hub on a fake clock, accounts, sessions, and what is said and heard.

use im::{Clock, Dialect, Door, DoorOptions, Drained, HostOptions, Hub, HubOptions, Limits, NewCredentials, Out};
use std::task::{Context, Poll, Waker};
use store::Store;
use xmpp::{Jid, Stanza, Timestamp};

pub(crate) const JULIET: &str = "juliet@verona.example";
pub(crate) const ROSTER: &str = "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>";

pub(crate) async fn hub_with(store: Store, limits: Limits) -> Hub {
    let plan = Box::new(|plan: &mut im::Plan| extensions::plug(plan, &extensions::Options::default()));
    let hosts = vec![HostOptions { name: Jid::parse("verona.example").unwrap(), plan }];
    let clock = Clock::fake(Timestamp::from_millis(1_000_000_000_000));
    Hub::new(HubOptions { hosts, store, clock, limits, cluster: im::Cluster::single() }).await.unwrap()
}

pub(crate) async fn hub(store: Store) -> Hub {
    hub_with(store, Limits::default()).await
}

pub(crate) async fn account(hub: &Hub, name: &str) -> Jid {
    hub.create_account(name, "verona.example", &NewCredentials::default()).await.unwrap()
}

pub(crate) async fn bind_as(hub: &Hub, account: &Jid, resource: &str, dialect: Dialect) -> Door {
    hub.bind(account, Some(resource), DoorOptions { dialect, encrypted: true, peer: None }).await.unwrap()
}

pub(crate) async fn bind(hub: &Hub, account: &Jid, resource: &str) -> Door {
    bind_as(hub, account, resource, Dialect::X).await
}

pub(crate) fn read(text: &str) -> Stanza {
    Stanza::read(xml::Element::parse(text.as_bytes(), &xml::Limits::default()).unwrap()).unwrap()
}

pub(crate) fn say(door: &Door, text: &str) {
    door.admit(read(text));
}

pub(crate) fn told(out: &Out) -> String {
    match out {
        Out::Stanza(stanza) => text(stanza),
        Out::Word(word) => format!("{word:?}"),
    }
}

pub(crate) fn text(stanza: &Stanza) -> String {
    let mut out = Vec::new();
    stanza.write(&mut out);
    String::from_utf8(out).unwrap()
}

/// One look: what is queued now.
pub(crate) fn look(door: &Door) -> Vec<String> {
    let mut batch: Vec<Out> = Vec::new();
    match door.poll_drain(&mut Context::from_waker(Waker::noop()), &mut batch, 1 << 30) {
        Poll::Ready(Drained::Stanzas) => {
            door.written();
            batch.iter().map(told).collect()
        }
        Poll::Ready(Drained::Close(why)) => vec![format!("closed: {:?}", why.condition)],
        Poll::Pending => Vec::new(),
    }
}

pub(crate) async fn yields() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// Everything that comes, with or without commits being held.
pub(crate) async fn heard(door: &Door) -> Vec<String> {
    let (mut all, mut quiet) = (Vec::new(), 0);
    while quiet < 10 {
        yields().await;
        let more = look(door);
        quiet = if more.is_empty() { quiet + 1 } else { 0 };
        let closed = more.iter().any(|text| text.starts_with("closed"));
        all.extend(more);
        if closed {
            break;
        }
    }
    all
}

pub(crate) fn ids(all: &[String]) -> Vec<String> {
    all.iter()
        .filter(|text| text.starts_with("<message") && !text.contains("type='error'"))
        .map(|text| text.split("id='").nth(1).unwrap().split('\'').next().unwrap().to_owned())
        .collect()
}

pub(crate) fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("m{number}")).collect()
}

pub(crate) fn message(to: &str, number: usize, bytes: usize) -> String {
    format!("<message to='{to}' type='chat' id='m{number}'><body>{}</body></message>", "x".repeat(bytes))
}

pub(crate) fn disk() -> store::Error {
    store::Error::DiskFull { folder: "/data".into() }
}

/// Turns stream management on; by what the session is resumed.
pub(crate) fn managed(door: &Door) -> Box<str> {
    door.signal(im::Signal::Enable { resume: true, max_s: None });
    let mut batch = Vec::new();
    assert!(door.poll_drain(&mut Context::from_waker(Waker::noop()), &mut batch, 1 << 30).is_ready());
    door.written();
    let Some(Out::Word(im::Word::Enabled(Some(resumable)))) = batch.pop() else { panic!("no stream management") };
    resumable.id
}

/// A modern client's connection.
pub(crate) const X: DoorOptions = DoorOptions { dialect: Dialect::X, encrypted: true, peer: None };
