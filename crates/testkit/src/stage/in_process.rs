//! The usual stage: the heart with all extensions on a memory store, its doors on pipes, its clock in our hand; on one member or on several.

use super::fallen::{self, Durable};
use super::life::{Life, failed};
use super::settings::Settings;
use super::tls::Keys;
use super::{DoorKind, Form, Stage, StageError, Wire};
use crate::scene::{Given, Member, Scene, Security, ServerAction};
use im::{Clock, NewCredentials};
use net::TlsMode;
use net::tls::Certificates;
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;
use store::{Faults, Store};
use xmpp::sasl::{Hash, ScramKeys};

/// A server in this process.
pub struct InProcess {
    form: Form,
    settings: Settings,
    store: Store,
    faults: Faults,
    clock: Clock,
    keys: Option<(Keys, Arc<Certificates>)>,
    server: Life,
    held: Cell<bool>,
    /// What was durable before a member died.
    remembered: Durable,
}

impl Stage for InProcess {
    type House = Form;
    const TIME_STANDS_STILL: bool = true;

    async fn build(form: &Form, scene: &Scene) -> Result<Self, StageError> {
        let unfit = match form {
            Form::Alone => scene.given.contains(&Given::TwoMembers),
            Form::TwoMembers | Form::Fallen => false,
            Form::HomesApart => scene.given.contains(&Given::HomesTogether),
        };
        if unfit {
            return Err(StageError::Unable("play what asks for other members".to_owned()));
        }
        let settings = Settings::of(scene)?;
        let faults = Faults::new();
        let (store, clock) = (Store::memory_with(&faults), Clock::fake(settings.start));
        let encrypted = settings.requires_tls() || scene.cast.iter().any(|member| member.security != Security::Plain);
        let keys = if encrypted { Some(Keys::make(&settings.hosts)?) } else { None };
        let certificates = keys.as_ref().map(|(_, certificates)| certificates);
        let server = Life::start(*form, &settings, &store, &clock, certificates).await?;
        Ok(InProcess {
            form: *form,
            settings,
            store,
            faults,
            clock,
            keys,
            server,
            held: Cell::new(false),
            remembered: Durable::default(),
        })
    }

    async fn create_account(&self, member: &Member) -> Result<(), StageError> {
        let keys = |hash| ScramKeys::generate(hash, &member.password, ITERATIONS).map_err(failed);
        let scram = vec![keys(Hash::Sha1)?, keys(Hash::Sha256)?];
        let kept = self.settings.extensions.legacy_credentials;
        let credentials = NewCredentials { scram, ..NewCredentials::default() }.keeping(kept, &member.password);
        let made = self.server.hub().create_account(&member.local, &member.host, &credentials).await;
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
        match tokio::time::timeout(STALL, self.server.idle()).await {
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
                self.server.shutdown().await;
                self.quiet().await?;
                self.start_anew().await?;
            }
            ServerAction::IsKilled => {
                // The dead write nothing any more.
                self.faults.fail_next(usize::MAX, store::Error::Closed);
                self.server.abandon();
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

    fn is_to_fall(&self) -> bool {
        self.form == Form::Fallen
    }

    async fn remember(&mut self, scene: &Scene) -> Result<(), StageError> {
        self.remembered = Durable::read(self.server.hub(), scene, self.held.get()).await?;
        Ok(())
    }

    async fn fall(&mut self) -> Result<(), StageError> {
        // How much of what was just said is still on its way.
        for _ in 0..self.settings.seed % TURNS {
            tokio::task::yield_now().await;
        }
        self.server.lose_homes();
        self.faults.fail_next(0, store::Error::Closed);
        self.hold(false);
        Ok(())
    }

    async fn survived(&self, scene: &Scene, words: &str) -> Result<(), String> {
        let (survivor, dead) = self.server.survivor_and_dead().ok_or("nobody has died")?;
        fallen::wake_elsewhere(&self.remembered, survivor, dead).await?;
        self.quiet().await.map_err(|error| error.to_string())?;
        let now = Durable::read(survivor, scene, false).await.map_err(|error| error.to_string())?;
        self.remembered.compare(&now, words)
    }
}

impl InProcess {
    fn hold(&self, held: bool) {
        self.held.set(held);
        if held { self.faults.hold() } else { self.faults.release_all() }
    }

    async fn start_anew(&mut self) -> Result<(), StageError> {
        let certificates = self.keys.as_ref().map(|(_, certificates)| certificates);
        self.server = Life::start(self.form, &self.settings, &self.store, &self.clock, certificates).await?;
        Ok(())
    }
}

/// Waits until every task of the runtime waits: only then its paused time moves.
async fn stall() {
    tokio::time::sleep(STALL).await;
}

/// The smallest time that the runtime's clock knows.
const STALL: Duration = Duration::from_millis(1);
/// How often others have a turn between the last words and a death, at most.
const TURNS: u64 = 64;
/// What a connection holds between the two ends.
const PIPE_BYTES: usize = 16 * 1024;
/// Keys of scenes need not be costly.
const ITERATIONS: u32 = 16;
