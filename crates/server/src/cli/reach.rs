//! How a command reaches the accounts: through the running server, or, when none runs, by opening the data folder itself.

use std::thread;
use std::time::{Duration, Instant};

use im::Hub;
use tokio::runtime::Runtime;

use super::Setup;
use crate::config::Engine;
use crate::control::Client;
use crate::failure::Failure;
use crate::operations::{Answer, Ask, Desk};
use crate::wire::{self, Opened};

/// The way to the accounts.
pub(super) enum Reach {
    /// A server runs.
    Server(Client),
    /// None runs, and none can start before this command has ended: the storage is locked.
    Here { runtime: Runtime, hub: Hub, desk: Desk },
}

/// How long a command waits for another one, or for a server that is starting.
const PATIENCE: Duration = Duration::from_secs(10);

impl Reach {
    /// Reaches accounts that are there: a folder that is not is a mistake.
    pub(super) fn existing(setup: &Setup) -> Result<Self, Failure> {
        let data = setup.config.data.display();
        if !setup.config.data.exists() {
            return Err(Failure::new(format!(
                "there is no data folder {data}, so no account either: is another one meant (--data, --config)?"
            )));
        }
        Reach::open(setup)
    }

    /// Reaches the accounts, or the place where the first will be.
    pub(super) fn open(setup: &Setup) -> Result<Self, Failure> {
        let data = &setup.config.data;
        let began = Instant::now();
        loop {
            if let Some(client) = Client::connect(data)? {
                return Ok(Reach::Server(client));
            }
            if setup.config.storage.url == Engine::Memory {
                return Err(Failure::new(
                    "the storage is \"memory\" and no server runs, so there are no accounts to change: start the server first",
                ));
            }
            match wire::open_store(&setup.config, false)? {
                Opened::Store(store) => return Reach::here(setup, store),
                Opened::Busy(sentence) if began.elapsed() > PATIENCE => return Err(Failure::new(sentence)),
                Opened::Busy(_) => {}
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn here(setup: &Setup, store: store::Store) -> Result<Self, Failure> {
        let runtime = wire::runtime()?;
        let hub = runtime.block_on(wire::heart(&setup.config, store))?;
        let desk = Desk::new(hub.clone(), None);
        Ok(Reach::Here { runtime, hub, desk })
    }

    /// Has something done; a refusal is a failure of the command.
    pub(super) fn ask(&mut self, ask: Ask) -> Result<Answer, Failure> {
        let answer = match self {
            Reach::Server(client) => client.ask(ask)?,
            Reach::Here { runtime, desk, .. } => runtime.block_on(desk.perform(ask)),
        };
        match answer {
            Answer::Refused { sentence } => Err(Failure::new(sentence)),
            answer => Ok(answer),
        }
    }

    /// Ends; what was done is durable.
    pub(super) fn close(self) -> Result<(), Failure> {
        let Reach::Here { runtime, hub, desk } = self else { return Ok(()) };
        drop(desk);
        runtime.block_on(hub.shutdown());
        let flushed = runtime.block_on(hub.flush());
        flushed.map_err(|error| Failure::new(format!("not everything could be stored: {error}")))
    }
}
