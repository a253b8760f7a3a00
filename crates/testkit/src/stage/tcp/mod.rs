//! Scenes over TCP, against any server that runs: real sockets, real time, other people's accounts and clock.
//!
//! What that cannot do leaves a scene out, with the reason. What is expected may take a while; that *nothing* comes is
//! proved by pings, and by a moment in which nothing moves.

mod fit;
mod house;
mod plan;
mod registration;
mod trust;

pub use house::{Accounts, Doors, House};
pub use plan::{Planned, numbered};

use super::{DoorKind, Stage, StageError, Wire};
use crate::scene::{Given, Member, Scene, Security, ServerAction};
use crate::tree::Liberties;
use std::time::Duration;
use tokio::net::TcpStream;

/// A server at the other end of TCP.
pub struct Tcp {
    house: House,
    /// Whether somebody in the scene comes encrypted.
    encrypted: bool,
    /// Whether the scene's server demands TLS.
    required: bool,
}

impl Stage for Tcp {
    type House = House;
    const TIME_STANDS_STILL: bool = false;

    async fn build(house: &House, scene: &Scene) -> Result<Self, StageError> {
        fit::fits(scene, house)?;
        let demands =
            |given: &Given| matches!(given, Given::Option { key, value } if key == "require_tls" && value == "true");
        let required = scene.given.iter().any(demands);
        let encrypted = required || scene.cast.iter().any(|member| member.security != Security::Plain);
        Ok(Tcp { house: house.clone(), encrypted, required })
    }

    async fn create_account(&self, member: &Member) -> Result<(), StageError> {
        match self.house.accounts {
            Accounts::Made => Ok(()),
            Accounts::Registered => registration::register_anew(&self.house, member).await,
        }
    }

    async fn connect(&self, door: DoorKind) -> Result<Box<dyn Wire>, StageError> {
        let address = self.house.door(door, self.encrypted, self.required)?;
        let stream = TcpStream::connect(address).await.map_err(|error| failed(&error))?;
        stream.set_nodelay(true).map_err(|error| failed(&error))?;
        Ok(Box::new(stream))
    }

    async fn encrypt(&self, wire: Box<dyn Wire>, host: &str) -> Result<Box<dyn Wire>, StageError> {
        trust::encrypt(wire, host).await
    }

    async fn quiet(&self) -> Result<(), StageError> {
        tokio::time::sleep(self.house.quiet()).await;
        Ok(())
    }

    fn patience(&self) -> Duration {
        self.house.patience()
    }

    fn liberties(&self) -> Option<Liberties> {
        self.house.liberties.then_some(Liberties { rewrites_to: self.house.rewrites_to })
    }

    fn answers(&self) -> bool {
        true
    }

    fn pass(&self, _: Duration) -> Result<(), StageError> {
        Err(StageError::Unable("move another's clock".to_owned()))
    }

    async fn act(&mut self, _: ServerAction) -> Result<(), StageError> {
        Err(StageError::Unable("reach the server".to_owned()))
    }
}

fn failed(error: &dyn std::fmt::Display) -> StageError {
    StageError::Failed(error.to_string())
}
