//! What all stops share: the hosts, the store, the clock, who is awake, and what is under way.
mod waking;
mod words;

use crate::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::carried::Carried;
use crate::clock::Clock;
use crate::credentials::Turns;
use crate::directory::{Directory, Found};
use crate::door::Dialect;
use crate::fault::Fault;
use crate::home::{Home, Turn};
use crate::host::{Host, HostOptions};
use crate::iq::StrangerAsk;
use crate::plan::PlanError;
use crate::roster;
use crate::session::Answering;
use crate::timers::Timers;
use arc_swap::ArcSwap;
use cluster::{Cluster, Inbox};
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::Waker;
use store::{Archive, KeyValue, Log, Map, Store};
use tokio::sync::Notify;
use xmpp::{Stanza, StreamError};

/// The heart's bounds, each with its unit.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Accounts that are kept awake without need.
    pub accounts_awake: usize,
    /// Sessions of one account.
    pub sessions_per_account: usize,
    /// What may wait for one session before it counts as a reader that is too slow.
    pub session_queue_bytes: usize,
    /// How long a session whose connection is lost waits to be resumed, in seconds; 0: not at all.
    pub hibernate_s: u32,
    /// Sessions of one account that wait to be resumed.
    pub hibernating_per_account: usize,
    /// What sessions that wait to be resumed hold, all of them together.
    pub hibernating_bytes: usize,
    /// Addresses that one session may have sent directed presence to.
    pub directed_presences: usize,
    /// What a roster may hold.
    pub roster: roster::Limits,
    /// Password checks that run at the same time.
    pub password_checks: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            accounts_awake: 10_000,
            sessions_per_account: 32,
            session_queue_bytes: 4 * 1024 * 1024,
            hibernate_s: 300,
            hibernating_per_account: 8,
            hibernating_bytes: 64 * 1024 * 1024,
            directed_presences: 1_000,
            roster: roster::Limits::default(),
            password_checks: 4,
        }
    }
}

/// What a hub is made of.
pub struct HubOptions {
    /// The hosts to serve; the first is the default one.
    pub hosts: Vec<HostOptions>,
    /// Where state is kept.
    pub store: Store,
    /// What time it is.
    pub clock: Clock,
    /// The bounds.
    pub limits: Limits,
    /// Which accounts are at home here, and what other members carry to this one.
    pub cluster: (Cluster, Inbox),
}

/// What is known of a stream on which nobody has logged in yet.
#[derive(Clone, Copy, Debug)]
pub struct Stranger {
    /// The stream is encrypted.
    pub encrypted: bool,
    /// Passwords may cross it: it is encrypted, or the listener allows them in the clear.
    pub may_send_secrets: bool,
    /// Which Jabber it speaks.
    pub dialect: Dialect,
    /// Where the stream comes from; never shown to anybody but the operator.
    pub peer: Option<IpAddr>,
}

/// A word that an extension remembers of a stream on which nobody has logged in, for as long as nobody has.
#[derive(Debug, Default)]
pub struct Visit(Mutex<Option<String>>);

impl Visit {
    /// Remembers this, and nothing of what was remembered before.
    pub fn remember(&self, word: &str) {
        *self.0.lock() = Some(word.to_owned());
    }

    /// What was remembered last.
    pub fn remembered(&self) -> Option<String> {
        self.0.lock().clone()
    }
}

/// The stores that the heart itself uses, opened by name.
pub struct Shapes {
    pub(crate) accounts: KeyValue,
    pub(crate) roster: Map,
    pub(crate) outgoing: Log,
    pub(crate) server: KeyValue,
    /// What is remembered of sessions that were not resumed.
    pub(crate) lapsed: KeyValue,
    /// One row per stored message, with its undelivered mark.
    pub archive: Archive,
}

/// What the heart has done since it started, for metrics.
#[derive(Default)]
pub struct Counters {
    /// Stanzas that came to stop 4.
    pub routed: AtomicU64,
    /// Stanzas that were returned to their sender with an error.
    pub bounced: AtomicU64,
    /// Sessions that were bound.
    pub bound: AtomicU64,
    /// Sessions that lost their connection and waited to be resumed.
    pub asleep: AtomicU64,
    /// Sessions that were resumed.
    pub resumed: AtomicU64,
    /// Writes that failed, each of which had an account read again.
    pub writes_failed: AtomicU64,
}

/// The server's heart. Clones are the same heart.
#[derive(Clone)]
pub struct Hub(Arc<Shared>);

struct Shared {
    clock: Clock,
    cluster: Cluster,
    carried: Carried,
    store: Store,
    shapes: Shapes,
    limits: Limits,
    hosts: ArcSwap<Hosts>,
    directory: Directory,
    secret: [u8; 32],
    ready: Mutex<VecDeque<Arc<Home>>>,
    /// Homes that have lost a write, with the epoch under which they made it.
    lost: Mutex<Vec<(Arc<Home>, store::Epoch, store::Error)>>,
    ready_bell: Notify,
    /// Who waits until the store has caught up; not empty while one barrier is under way.
    store_waits: Mutex<Vec<Waker>>,
    counters: Counters,
    timers: Arc<Timers>,
    under_way: AtomicUsize,
    probes: AtomicUsize,
    complained: Mutex<waking::Complained>,
    idle_bell: Notify,
    stopping: AtomicBool,
    password_permits: Arc<tokio::sync::Semaphore>,
    credentials_turns: Turns,
    common: words::Common,
    named_turns: Turns,
}

/// So many probes wait for their answer, until this is dropped.
struct Probes(Hub, usize);

impl Drop for Probes {
    fn drop(&mut self) {
        self.0.0.probes.fetch_sub(self.1, Ordering::AcqRel);
    }
}

struct Hosts {
    first: Option<Arc<Host>>,
    by_name: HashMap<String, Arc<Host>>,
    /// Which of the host's services has this address.
    services: HashMap<String, (Arc<Host>, usize)>,
}

/// Probes of sleeping accounts that wait for their answer; more go unanswered, which says the same as the answer: nobody is there.
const PROBES: usize = 65_536;

/// Counts as work under way until it is dropped; see [`Hub::idle`].
pub struct UnderWay(Hub);

impl Drop for UnderWay {
    fn drop(&mut self) {
        if self.0.0.under_way.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.0.idle_bell.notify_waiters();
        }
    }
}

impl Hub {
    /// Makes the heart: plugs the extensions in, reads the server's secret, carries out what an earlier run had committed but not yet sent.
    pub async fn new(options: HubOptions) -> Result<Hub, HubError> {
        let hosts = hosts(&options.hosts)?;
        let store = options.store;
        let (cluster, inbox) = options.cluster;
        let shapes = Shapes {
            accounts: store.keys("accounts"),
            roster: store.map("roster"),
            outgoing: store.log("outgoing"),
            server: store.keys("server"),
            lapsed: store.keys("lapsed_sessions"),
            archive: store.archive("archive"),
        };
        let secret = secret(&store, &shapes.server).await?;
        let hub = Hub(Arc::new(Shared {
            clock: options.clock,
            cluster,
            carried: Carried::default(),
            store,
            shapes,
            timers: Timers::new(options.limits.hibernating_bytes),
            directory: Directory::new(options.limits.accounts_awake),
            password_permits: Arc::new(tokio::sync::Semaphore::new(options.limits.password_checks)),
            limits: options.limits,
            hosts: ArcSwap::from_pointee(hosts),
            secret,
            ready: Mutex::default(),
            lost: Mutex::default(),
            ready_bell: Notify::new(),
            store_waits: Mutex::default(),
            counters: Counters::default(),
            under_way: AtomicUsize::new(0),
            probes: AtomicUsize::new(0),
            complained: Mutex::default(),
            idle_bell: Notify::new(),
            stopping: AtomicBool::new(false),
            credentials_turns: Turns::default(),
            common: words::Common::default(),
            named_turns: Turns::default(),
        }));
        hub.start_drainer();
        hub.start_timers();
        hub.receive(inbox);
        hub.replay().await?;
        Ok(hub)
    }

    /// The server's clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Where state is kept.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The stores that the heart itself uses.
    pub fn shapes(&self) -> &Shapes {
        &self.0.shapes
    }

    /// The bounds.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// The server's secret, the same after a restart: for HMACs that must not change.
    pub fn secret(&self) -> &[u8; 32] {
        &self.0.secret
    }

    /// The host of this canonical name, if it is served here.
    pub fn host(&self, domain: &str) -> Option<Arc<Host>> {
        self.0.hosts.load().by_name.get(domain).cloned()
    }

    /// The host whose service has this canonical address, and which of its services that is.
    pub(crate) fn service(&self, domain: &str) -> Option<(Arc<Host>, usize)> {
        self.0.hosts.load().services.get(domain).cloned()
    }

    /// The host for streams that name none.
    pub fn default_host(&self) -> Option<Arc<Host>> {
        self.0.hosts.load().first.clone()
    }

    /// Every host, in no order.
    pub fn hosts(&self) -> Vec<Arc<Host>> {
        self.0.hosts.load().by_name.values().cloned().collect()
    }

    /// Replaces the hosts' plans; awake accounts keep the plan under which they woke until they sleep.
    pub fn set_hosts(&self, options: &[HostOptions]) -> Result<(), PlanError> {
        self.0.hosts.store(Arc::new(hosts(options)?));
        Ok(())
    }

    /// What has been done since the start.
    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// How many accounts are awake.
    pub fn accounts_awake(&self) -> usize {
        self.0.directory.awake()
    }

    /// Every awake home, for the operator's views.
    pub fn homes(&self) -> Vec<Arc<Home>> {
        self.0.directory.all()
    }

    pub(crate) fn cluster(&self) -> &Cluster {
        &self.0.cluster
    }

    pub(crate) fn carried(&self) -> &Carried {
        &self.0.carried
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.0.directory
    }

    pub(crate) fn timers(&self) -> &Arc<Timers> {
        &self.0.timers
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Acquire)
    }

    /// 128 random bits, as text: nobody guesses them.
    pub fn random_token(&self) -> Result<String, Fault> {
        crate::session::random_id()
    }

    pub(crate) fn credentials_turns(&self) -> &Turns {
        &self.0.credentials_turns
    }

    pub(crate) fn named_turns(&self) -> &Turns {
        &self.0.named_turns
    }

    pub(crate) async fn password_permit(&self) -> Option<tokio::sync::OwnedSemaphorePermit> {
        self.0.password_permits.clone().acquire_owned().await.ok()
    }

    /// Answers an iq of somebody who has not logged in. `None`: nobody handles it.
    pub async fn ask_as_stranger(
        &self,
        host: &Arc<Host>,
        iq: &Stanza,
        stranger: Stranger,
        visit: &Arc<Visit>,
    ) -> Option<Stanza> {
        let payload = iq.payload()?;
        let set = iq.iq_type() == Some(xmpp::IqType::Set);
        let handler = host.plan().stranger_iqs.find(set, payload)?;
        match handler(&mut StrangerAsk { hub: self, host, stanza: iq, stranger, visit }) {
            Ok(reply) => reply.settle(iq).await,
            Err(error) => Some(iq.error(&error)),
        }
    }

    /// Marks work as under way until the guard is dropped.
    pub fn begin(&self) -> UnderWay {
        self.0.under_way.fetch_add(1, Ordering::AcqRel);
        UnderWay(self.clone())
    }

    /// Counts the answer to `iq` against the session that asked, if it is one of an account that is awake here. Not to be called inside that home.
    pub(crate) fn answering(&self, iq: &Stanza) -> Option<Answering> {
        let from = iq.from()?;
        let Found::Awake(home) = self.directory().find(from.bare_str()) else { return None };
        let state = home.state();
        Some(state.account.session(from.resource()?)?.session().answering())
    }

    /// Runs slow work beside everything else.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let busy = self.begin();
        tokio::spawn(async move {
            work.await;
            drop(busy);
        });
    }

    /// Resolves when every outbox is empty and no work is under way.
    pub async fn idle(&self) {
        loop {
            let bell = self.0.idle_bell.notified();
            tokio::pin!(bell);
            bell.as_mut().enable();
            if self.0.under_way.load(Ordering::Acquire) == 0 {
                return;
            }
            bell.await;
        }
    }

    /// Ends every session with `system-shutdown`. Their doors close by themselves; [`Hub::flush`] comes after that.
    pub async fn shutdown(&self) {
        self.0.stopping.store(true, Ordering::Release);
        for home in self.homes() {
            home.with(self, |within| within.end_all(&StreamError::system_shutdown()));
        }
    }

    /// Waits for the last outboxes and flushes the store; the doors have closed by now.
    pub async fn flush(&self) -> Result<(), store::Error> {
        self.idle().await;
        self.0.store.close().await
    }

    /// Has a parked home go on, soon and elsewhere.
    pub(crate) fn proceed(&self, home: Arc<Home>) {
        // Counted until the drainer has carried it out: the guard is made there.
        self.0.under_way.fetch_add(1, Ordering::AcqRel);
        self.0.ready.lock().push_back(home);
        self.0.ready_bell.notify_one();
    }

    /// A write is lost: the home is read again, soon and elsewhere.
    pub(crate) fn lost(&self, home: Arc<Home>, epoch: store::Epoch, error: store::Error) {
        self.0.under_way.fetch_add(1, Ordering::AcqRel);
        self.0.lost.lock().push((home, epoch, error));
        self.0.ready_bell.notify_one();
    }

    /// Wakes `waker` when the store has done what waits in it now: one barrier for all who wait.
    pub(crate) fn await_store(&self, waker: &Waker) {
        let mut waits = self.0.store_waits.lock();
        let first = waits.is_empty();
        if !waits.iter().any(|known| known.will_wake(waker)) {
            waits.push(waker.clone());
        }
        drop(waits);
        if first {
            let hub = self.clone();
            self.store().barrier().on_done(Box::new(move |_| {
                let waits = std::mem::take(&mut *hub.0.store_waits.lock());
                waits.into_iter().for_each(Waker::wake);
            }));
        }
    }

    /// Answers probes of sleeping accounts from their stored rosters, one after the other.
    pub(crate) fn answer_probes(&self, probes: Vec<Arc<Stanza>>) {
        let count = probes.len();
        let hub = self.clone();
        let counted = Probes(self.clone(), count);
        if self.0.probes.fetch_add(count, Ordering::AcqRel) > PROBES {
            return;
        }
        self.spawn(async move {
            for probe in probes {
                let (Some(to), Some(from)) = (probe.to(), probe.from()) else { continue };
                match hub.probe_behind_screen(to, &probe).await {
                    Ok(false) => {}
                    Ok(true) => continue,
                    Err(fault) => {
                        fault.tell();
                        break;
                    }
                }
                let state = match hub.stored_state(to, from).await {
                    Ok(state) => state,
                    Err(fault) => {
                        fault.tell();
                        break;
                    }
                };
                let mut turn = Turn::new(&hub);
                turn.reply(crate::arrive::probe_answer(&probe, state.seen_by_contact()));
                turn.run();
            }
            drop(counted);
        });
    }

    /// One task goes on with the homes whose waiting is over.
    fn start_drainer(&self) {
        let hub = self.clone();
        tokio::spawn(async move {
            loop {
                // Not in the loop's head, where the lock would be held while a home is: whoever loses a write holds them the other way round.
                let lost = std::mem::take(&mut *hub.0.lost.lock());
                for (home, epoch, error) in lost {
                    hub.reload(&home, epoch, &error);
                    drop(UnderWay(hub.clone()));
                }
                let next = hub.0.ready.lock().pop_front();
                let Some(home) = next else {
                    hub.0.ready_bell.notified().await;
                    continue;
                };
                let counted = UnderWay(hub.clone());
                let run = std::panic::AssertUnwindSafe(|| Turn::resume(&hub, home).run());
                drop(std::panic::catch_unwind(run));
                drop(counted);
                tokio::task::yield_now().await;
            }
        });
    }
}

/// Why a hub could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// An extension refused.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The store failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<store::Error> for HubError {
    fn from(error: store::Error) -> Self {
        HubError::Fault(Fault::Store(error))
    }
}

fn hosts(options: &[HostOptions]) -> Result<Hosts, PlanError> {
    let mut by_name = HashMap::new();
    let mut first = None;
    for options in options {
        let host = Arc::new(Host::new(options)?);
        first.get_or_insert_with(|| host.clone());
        by_name.insert(host.name().as_str().to_owned(), host);
    }
    let services = services(&by_name)?;
    Ok(Hosts { first, by_name, services })
}

/// The services that the hosts are themselves, by their addresses, which nobody else may have.
fn services(hosts: &HashMap<String, Arc<Host>>) -> Result<HashMap<String, (Arc<Host>, usize)>, PlanError> {
    let mut services: HashMap<String, (Arc<Host>, usize)> = HashMap::new();
    for host in hosts.values() {
        for (number, service) in host.plan().local_services.iter().enumerate() {
            let address = service.address(host.name())?.to_string();
            let first = hosts.get(&address).map(|_| format!("the host {address}"));
            let taken = services.get(&address).map(|(other, _)| format!("a service of {}", other.name()));
            if let Some(first) = first.or(taken) {
                let second = format!("the service {} of {}", service.owner, host.name());
                return Err(PlanError::Address { first, second, address });
            }
            services.insert(address, (host.clone(), number));
        }
    }
    Ok(services)
}

/// The secret is made at the first start and kept, so that what was derived from it stays the same.
async fn secret(store: &Store, server: &KeyValue) -> Result<[u8; 32], HubError> {
    if let Some(kept) = server.get("secret").await?.and_then(|kept| <[u8; 32]>::try_from(kept).ok()) {
        return Ok(kept);
    }
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| Fault::Unreadable {
        what: "randomness",
        owner: "the system".into(),
        why: error.to_string(),
    })?;
    let epoch = store.claim("server");
    store.submit(store::Batch::new("server", epoch).put(server, "secret", secret.to_vec())).await?;
    Ok(secret)
}
