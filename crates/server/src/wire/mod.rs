//! From a configuration to a running server, top to bottom: storage, heart, doors, control socket, figures; and back down.

mod announce;
mod files;
mod hosts;
mod limits;
mod listeners;
mod reload;
mod signals;
mod storage;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use im::Hub;
use net::Doors;
use net::http::HttpDoors;
use net::listen::Open;
use net::relay::{Relay, RelayListener};
use net::tls::Certificates;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::cli::Setup;
use crate::config::{Config, Serves};
use crate::control::ControlSocket;
use crate::events;
use crate::failure::Failure;
use crate::log::Logging;
use crate::metrics::{Figures, Now};
use crate::operations::{Desk, Door};

pub use files::BESIDE_CONNECTIONS;
pub use hosts::certificate_source;
pub use listeners::sentence as listener_sentence;
pub use storage::{DATABASE, Opened, open as open_store};

use signals::{Signal, Signals};

/// What operations and figures know of a server that runs.
pub struct Running {
    /// When every door was open.
    pub since: Instant,
    /// The data folder.
    pub data: PathBuf,
    /// The doors, for people.
    pub doors: Vec<Door>,
    pub(crate) streams: Doors,
    pub(crate) http: HttpDoors,
    pub(crate) relay: Option<Relay>,
}

impl Running {
    /// The state of this moment.
    pub fn figures(&self, hub: &Hub) -> Now {
        Now::of(hub, &self.streams)
    }
}

/// How long sessions may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(10);

/// Serves until a signal says otherwise.
///
/// # Errors
/// One sentence on why the server cannot start, or could not store everything when it stopped.
pub fn serve(setup: Setup) -> Result<ExitCode, Failure> {
    let logging = Logging::start(&setup.config.log);
    runtime()?.block_on(run(setup, &logging))
}

/// The threads that everything runs on.
///
/// # Errors
/// When the system gives none.
pub fn runtime() -> Result<Runtime, Failure> {
    let threads = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("yatter").build();
    threads.map_err(|error| Failure::new(format!("the system gives no threads: {error}")))
}

async fn run(setup: Setup, logging: &Logging) -> Result<ExitCode, Failure> {
    let began = Instant::now();
    // Before anything can be lost by them.
    let mut signals = Signals::listen()?;
    let open_files = files::raise_limit();
    files::warn_if_few(&setup, open_files);
    let mut server = Server::start(setup, open_files).await?;
    announce::ready(&server.setup, &server.running, &server.certificates, began);
    announce::notify(&[sd_notify::NotifyState::Ready]);
    loop {
        match signals.next().await {
            Signal::Reload => {
                announce::notify_reloading();
                reload::reload(&mut server, logging);
                announce::notify(&[sd_notify::NotifyState::Ready]);
            }
            Signal::Stop(name) => {
                events::stopping(name);
                announce::notify(&[sd_notify::NotifyState::Stopping]);
                return tokio::select! {
                    done = server.stop() => done.map(|()| ExitCode::SUCCESS),
                    name = signals.stop() => {
                        events::stopped_at_once(name);
                        Ok(ExitCode::FAILURE)
                    }
                };
            }
        }
    }
}

/// A server whose doors are open.
struct Server {
    setup: Setup,
    hub: Hub,
    certificates: Arc<Certificates>,
    running: Arc<Running>,
    relay: Option<Relay>,
    open: Open,
    /// The control socket.
    beside: Vec<JoinHandle<()>>,
}

impl Server {
    async fn start(setup: Setup, open_files: u64) -> Result<Self, Failure> {
        let config = &setup.config;
        announce::starting(&setup);
        let store = match open_store(config, false)? {
            Opened::Store(store) => store,
            Opened::Busy(sentence) => return Err(Failure::new(sentence)),
        };
        let relay = config.listen.iter().any(|door| door.serves == Serves::Bytestreams);
        let relay = relay.then(|| Relay::new(limits::for_relay(config)));
        let hub = heart_with(config, store, relay.as_ref()).await?;
        let certificates = Certificates::load(hosts::certificate_sources(config)).map_err(Failure::new)?;
        let limits = limits::for_doors(&config.limits, open_files);
        let streams = Doors::new(hub.clone(), limits, Some(certificates.clone())).map_err(Failure::new)?;
        let limits = limits::for_http(&config.limits, open_files);
        let http = HttpDoors::new(limits, Some(certificates.clone())).map_err(Failure::new)?;
        let bound = listeners::bind(&streams, &http, relay.as_ref(), &setup)?;
        let control = ControlSocket::open(&config.data)?;
        let running = Arc::new(Running {
            since: Instant::now(),
            data: config.data.clone(),
            doors: bound.described,
            streams,
            http: http.clone(),
            relay: relay.clone(),
        });
        let desk = Desk::new(hub.clone(), Some(running.clone()));
        let beside = vec![tokio::spawn(control.serve(Arc::new(desk)))];
        listeners::metrics(&setup, &http, Figures::new(hub.clone(), running.clone()))?;
        let routes = net::http::routes(hub.clone());
        bound.http.into_iter().for_each(|listener| listener.open(routes.clone()));
        bound.relay.into_iter().for_each(RelayListener::open);
        let open = bound.streams.open();
        hub.start_chores();
        Ok(Server { setup, hub, certificates, running, relay, open, beside })
    }

    /// Tells every session, waits until all is stored, and closes.
    async fn stop(self) -> Result<(), Failure> {
        let began = Instant::now();
        self.open.stop_accepting();
        self.relay.iter().for_each(Relay::stop_accepting);
        // From here on a command waits until it can open the storage itself.
        for task in self.beside {
            task.abort();
            // Cancelled just now; its socket is gone when it has ended.
            let _ = task.await;
        }
        self.hub.shutdown().await;
        // Who uploads or downloads gets as long as who says goodbye.
        tokio::join!(self.open.closed(GOODBYE), self.running.http.stop(GOODBYE));
        let flushed = self.hub.flush().await;
        flushed.map_err(|error| Failure::new(format!("not everything could be stored: {error}")))?;
        events::stopped(began.elapsed().as_millis());
        Ok(())
    }
}

/// The heart on a store: the hosts with their extensions, and nothing open yet. Also what a command uses when no server runs.
///
/// # Errors
/// One sentence on what keeps it from starting.
pub async fn heart(config: &Config, store: store::Store) -> Result<Hub, Failure> {
    heart_with(config, store, None).await
}

async fn heart_with(config: &Config, store: store::Store, relay: Option<&Relay>) -> Result<Hub, Failure> {
    let options = im::HubOptions {
        hosts: hosts::options(config, relay),
        store,
        clock: im::Clock::real(),
        limits: limits::for_hub(&config.limits),
        cluster: im::Cluster::single(),
    };
    Hub::new(options).await.map_err(Failure::new)
}
