//! What extensions do from time to time, whether or not anybody asks: looking for what has expired.
use crate::fault::Fault;
use crate::host::Host;
use crate::hub::Hub;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use store::KeyValue;
use xmpp::Jid;

/// Work that goes on beside everything else.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is to be erased with an account besides what is stored under its own address.
#[derive(Default)]
pub struct Erasure {
    /// Values that go in the same commit: their owners.
    pub values: Vec<(KeyValue, String)>,
    /// What is done once that is durable.
    pub then: Option<Work>,
}

/// An erasure that has to be looked up.
pub type Erasing = Pin<Box<dyn Future<Output = Result<Erasure, Fault>> + Send>>;

pub(crate) type EraseHandler = dyn Fn(&Hub, Jid) -> Erasing + Send + Sync;

pub(crate) type ChoreHandler = dyn Fn(&Hub, Jid) -> Work + Send + Sync;

/// A chore of one extension.
pub(crate) struct Chore {
    pub(crate) every: Duration,
    pub(crate) run: Box<ChoreHandler>,
}

/// When a chore is due.
struct Turn {
    due: Duration,
    /// Held by the work while it goes on.
    under_way: Arc<()>,
}

/// How often it is looked what is due.
const BEAT: Duration = Duration::from_secs(60);

impl Hub {
    /// Begins to do the chores of all hosts: each at once, and again when its host's plan is replaced, and from then on in its time. One that takes
    /// longer than that is waited for.
    pub fn start_chores(&self) {
        let hub = self.clone();
        tokio::spawn(async move {
            let mut due: Vec<(Arc<Host>, Vec<Turn>)> = Vec::new();
            while !hub.is_stopping() {
                let now = hub.clock().elapsed();
                let hosts = hub.hosts();
                due.retain(|(host, _)| hosts.iter().any(|other| Arc::ptr_eq(host, other)));
                for host in hosts {
                    if !due.iter().any(|(known, _)| Arc::ptr_eq(known, &host)) {
                        let turn = |_| Turn { due: now, under_way: Arc::default() };
                        due.push((host.clone(), host.plan().chores.iter().map(turn).collect()));
                    }
                }
                for (host, turns) in &mut due {
                    for (chore, turn) in host.plan().chores.iter().zip(turns) {
                        if turn.due > now || Arc::strong_count(&turn.under_way) > 1 {
                            continue;
                        }
                        turn.due = now + chore.every;
                        let (work, mark) = ((chore.run)(&hub, host.name().clone()), turn.under_way.clone());
                        hub.spawn(async move {
                            work.await;
                            drop(mark);
                        });
                    }
                }
                hub.clock().until(now + BEAT).await;
            }
        });
    }
}
