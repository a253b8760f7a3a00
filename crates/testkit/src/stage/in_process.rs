//! The usual stage: the heart with all extensions on a memory store, its doors on pipes, its clock in our hand.

use super::settings::Settings;
use super::tls::Keys;
use super::{DoorKind, Stage, StageError, Wire};
use crate::scene::{Member, Scene, Security, ServerAction};
use im::{Clock, HostOptions, Hub, HubOptions, NewCredentials};
use net::tls::Certificates;
use net::{Doors, TlsMode};
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;
use store::{Faults, Store};
use tokio::task::JoinHandle;
use xmpp::Jid;
use xmpp::sasl::{Hash, ScramKeys};

/// A server in this process.
pub struct InProcess {
    settings: Settings,
    store: Store,
    faults: Faults,
    clock: Clock,
    keys: Option<(Keys, Arc<Certificates>)>,
    server: Server,
    held: Cell<bool>,
}

/// One life of the server: what ends when it stops.
struct Server {
    hub: Hub,
    doors: Doors,
    connections: RefCell<Vec<JoinHandle<()>>>,
}

impl Server {
    async fn start(
        settings: &Settings,
        store: &Store,
        clock: &Clock,
        certificates: Option<&Arc<Certificates>>,
    ) -> Result<Server, StageError> {
        let hosts: Result<Vec<HostOptions>, StageError> =
            settings.hosts.iter().map(|host| host_options(settings, host)).collect();
        let options = HubOptions {
            hosts: hosts?,
            store: store.clone(),
            clock: clock.clone(),
            limits: settings.heart.clone(),
            cluster: im::Cluster::single(),
        };
        let hub = Hub::new(options).await.map_err(failed)?;
        let doors = Doors::new(hub.clone(), settings.doors, certificates.cloned()).map_err(failed)?;
        Ok(Server { hub, doors, connections: RefCell::default() })
    }
}

fn host_options(settings: &Settings, host: &str) -> Result<HostOptions, StageError> {
    let (name, options) = (Jid::parse(host).map_err(failed)?, settings.extensions.clone());
    Ok(HostOptions { name, plan: Box::new(move |plan| extensions::plug(plan, &options)) })
}

impl Stage for InProcess {
    type House = ();
    const TIME_STANDS_STILL: bool = true;

    async fn build((): &(), scene: &Scene) -> Result<Self, StageError> {
        let settings = Settings::of(scene)?;
        let faults = Faults::new();
        let (store, clock) = (Store::memory_with(&faults), Clock::fake(settings.start));
        let encrypted = settings.requires_tls() || scene.cast.iter().any(|member| member.security != Security::Plain);
        let keys = if encrypted { Some(Keys::make(&settings.hosts)?) } else { None };
        let certificates = keys.as_ref().map(|(_, certificates)| certificates);
        let server = Server::start(&settings, &store, &clock, certificates).await?;
        Ok(InProcess { settings, store, faults, clock, keys, server, held: Cell::new(false) })
    }

    async fn create_account(&self, member: &Member) -> Result<(), StageError> {
        let keys = |hash| ScramKeys::generate(hash, &member.password, ITERATIONS).map_err(failed);
        let credentials = NewCredentials { scram: vec![keys(Hash::Sha1)?, keys(Hash::Sha256)?], digest: None };
        let made = self.server.hub.create_account(&member.local, &member.host, &credentials).await;
        made.map(drop).map_err(failed)
    }

    async fn connect(&self, door: DoorKind) -> Result<Box<dyn Wire>, StageError> {
        let tls = match door.security {
            Security::Tls => TlsMode::Direct,
            _ if self.keys.is_some() => TlsMode::StartTls,
            _ => TlsMode::None,
        };
        let (client, server) = tokio::io::duplex(PIPE_BYTES);
        let listener = self.settings.listener(door.legacy, tls);
        let serving = net::c2s::serve(self.server.doors.clone(), listener, server, None);
        self.server.connections.borrow_mut().push(tokio::spawn(serving));
        Ok(Box::new(client))
    }

    async fn encrypt(&self, wire: Box<dyn Wire>, host: &str) -> Result<Box<dyn Wire>, StageError> {
        match &self.keys {
            Some((keys, _)) => keys.encrypt(wire, host).await,
            None => Err(StageError::Failed("this scene's server has no certificates".to_owned())),
        }
    }

    async fn quiet(&self) -> Result<(), StageError> {
        stall().await;
        if self.held.get() {
            return Ok(());
        }
        // The runtime's time goes on only when nothing else can: a heart that is not idle by then never will be.
        match tokio::time::timeout(STALL, self.server.hub.idle()).await {
            Ok(()) => {
                stall().await;
                Ok(())
            }
            Err(_) => Err(StageError::Failed("nothing moves, but the heart still has work under way".to_owned())),
        }
    }

    fn answers(&self) -> bool {
        !self.held.get()
    }

    fn pass(&self, time: Duration) -> Result<(), StageError> {
        self.clock.advance(time);
        self.server.doors.tick();
        Ok(())
    }

    async fn act(&mut self, action: ServerAction) -> Result<(), StageError> {
        match action {
            ServerAction::FailNextWrite => {
                self.faults.fail_next(1, store::Error::DiskFull { folder: "the scene".into() })
            }
            ServerAction::HoldCommits => self.hold(true),
            ServerAction::ReleaseCommits => self.hold(false),
            ServerAction::Restarts => {
                self.server.doors.stop_logins();
                self.server.hub.shutdown().await;
                self.quiet().await?;
                self.start_anew().await?;
            }
            ServerAction::IsKilled => {
                // The dead write nothing any more.
                self.faults.fail_next(usize::MAX, store::Error::Closed);
                self.server.connections.borrow().iter().for_each(JoinHandle::abort);
                self.hold(false);
                stall().await;
                self.faults.fail_next(0, store::Error::Closed);
                // Nor does their time go on.
                self.clock = Clock::fake(self.clock.now());
                self.start_anew().await?;
            }
        }
        Ok(())
    }
}

impl InProcess {
    fn hold(&self, held: bool) {
        self.held.set(held);
        if held { self.faults.hold() } else { self.faults.release_all() }
    }

    async fn start_anew(&mut self) -> Result<(), StageError> {
        let certificates = self.keys.as_ref().map(|(_, certificates)| certificates);
        self.server = Server::start(&self.settings, &self.store, &self.clock, certificates).await?;
        Ok(())
    }
}

/// Waits until every task of the runtime waits: only then its paused time moves.
async fn stall() {
    tokio::time::sleep(STALL).await;
}

fn failed(error: impl std::fmt::Display) -> StageError {
    StageError::Failed(error.to_string())
}

/// The smallest time that the runtime's clock knows.
const STALL: Duration = Duration::from_millis(1);
/// What a connection holds between the two ends.
const PIPE_BYTES: usize = 16 * 1024;
/// Keys of scenes need not be costly.
const ITERATIONS: u32 = 16;
