//! What every model stands on: a hub, its people, and the runner.

use im::{Clock, Cluster, Dialect, Door, DoorOptions, HostOptions, Hub, HubOptions, Limits, NewCredentials};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use std::future::Future;
use store::Store;
use xmpp::{Jid, Stanza, Timestamp};

pub(crate) const X: DoorOptions = DoorOptions { dialect: Dialect::X, encrypted: true, peer: None };

/// How often each model is played when nobody says otherwise.
const RUNS: usize = 100;

/// Orders of steps are as many as there are places to switch: half of the runs switch anywhere, half at few places of different weight.
const FEW: usize = 3;

fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

/// Plays a model with many orders of steps.
pub(crate) fn play<F: Future<Output = ()> + 'static>(model: impl Fn() -> F + Send + Sync + 'static) {
    let model = std::sync::Arc::new(model);
    let runs = number("YATTER_MODELS_RUNS").unwrap_or(RUNS);
    let seed = number("YATTER_MODELS_SEED").unwrap_or(1);
    let run = |scheduler: Box<dyn Scheduler + Send>| {
        let model = model.clone();
        let mut config = shuttle::Config::new();
        config.stack_size = 1 << 20;
        config.max_steps = shuttle::MaxSteps::FailAfter(1_000_000);
        shuttle::Runner::new(scheduler, config).run(move || shuttle::future::block_on(model()));
    };
    println!("{runs} runs from seed {seed}");
    run(Box::new(RandomScheduler::new_from_seed(seed, runs.div_ceil(2))));
    run(Box::new(PctScheduler::new_from_seed(seed, FEW, runs / 2)));
}

/// A hub on a clock that stands still.
pub(crate) async fn hub(store: Store, limits: Limits) -> Hub {
    hub_of(store, limits, Cluster::single()).await
}

/// The same as a member of a cluster.
pub(crate) async fn hub_of(store: Store, limits: Limits, cluster: (Cluster, im::Inbox)) -> Hub {
    let plan = Box::new(|plan: &mut im::Plan| extensions::plug(plan, &extensions::Options::default()));
    let hosts = vec![HostOptions { name: Jid::parse("verona.example").unwrap(), plan }];
    let clock = Clock::fake(Timestamp::from_millis(1_000_000_000_000));
    Hub::new(HubOptions { hosts, store, clock, limits, cluster }).await.unwrap()
}

pub(crate) async fn account(hub: &Hub, name: &str) -> Jid {
    hub.create_account(name, "verona.example", &NewCredentials::default()).await.unwrap()
}

pub(crate) async fn bind(hub: &Hub, account: &Jid, resource: &str) -> Door {
    hub.bind(account, Some(resource), X).await.unwrap()
}

pub(crate) fn say(door: &Door, text: &str) {
    door.admit(Stanza::read(xml::Element::parse(text.as_bytes(), &xml::Limits::default()).unwrap()).unwrap());
}

/// Says so many numbered messages, when the heart is ready for each.
pub(crate) async fn chat(door: &Door, to: &str, who: &str, count: usize) {
    for number in 0..count {
        std::future::poll_fn(|cx| door.poll_ready(cx)).await;
        say(door, &format!("<message to='{to}' type='chat' id='{who}{number}'><body>{number}</body></message>"));
    }
}

/// What `who` said, in the order in which it came.
pub(crate) fn said_by(who: &str, got: &[String]) -> Vec<usize> {
    got.iter().filter_map(|id| id.strip_prefix(who)?.parse().ok()).collect()
}

/// Everything that `who` said came once, in its order.
pub(crate) fn all_came(who: &str, count: usize, got: &[String]) {
    assert_eq!(said_by(who, got), (0..count).collect::<Vec<_>>(), "of {who}: {got:?}");
}
