//! Where a scene is played: in this process today; the same scenes can be played on anything that can do what is here.

mod fallen;
mod in_process;
mod life;
mod settings;
pub mod tcp;
mod tls;

pub use in_process::InProcess;

use crate::scene::{Member, Scene, Security, ServerAction};
use crate::tree::Liberties;
use std::future::Future;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// A connection to the server, seen from the client.
pub trait Wire: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Wire for T {}

/// Why a scene cannot go on, for reasons that are not the scene's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StageError {
    /// The stage cannot do this at all: the scene is left out, not failed.
    #[error("this stage cannot {0}")]
    Unable(String),
    /// The stage tried and failed.
    #[error("{0}")]
    Failed(String),
}

/// To which of the server's doors a client goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoorKind {
    /// TLS from the first byte, or offered, or not there.
    pub security: Security,
    /// The door at which every stream is a J-stream.
    pub legacy: bool,
}

/// Of which members a server in this process consists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One.
    Alone,
    /// Two: clients connect to one, all accounts are at home on the other.
    TwoMembers,
    /// Two: clients connect to one, half of the accounts are at home there and half on the other.
    HomesApart,
    /// As [`Form::TwoMembers`]; in the middle of the scene the member with the homes dies, and the rest is not played.
    Fallen,
}

fn unable_to_fall() -> StageError {
    StageError::Unable("lose a member".to_owned())
}

/// A server, ready to be played with. Every scene gets its own, or at least accounts of its own.
pub trait Stage: Sized {
    /// What all scenes of a run share.
    type House: Clone + Send + Sync + 'static;

    /// Whether time stands still for as long as anything can happen without it.
    const TIME_STANDS_STILL: bool;

    /// Builds what the scene's `given` and cast ask for. No accounts yet.
    fn build(house: &Self::House, scene: &Scene) -> impl Future<Output = Result<Self, StageError>>;

    /// Makes the account of a member of the cast.
    fn create_account(&self, member: &Member) -> impl Future<Output = Result<(), StageError>>;

    /// Opens a connection.
    fn connect(&self, door: DoorKind) -> impl Future<Output = Result<Box<dyn Wire>, StageError>>;

    /// Puts TLS on a connection: on a direct door at once, else after `<proceed/>`.
    fn encrypt(&self, wire: Box<dyn Wire>, host: &str) -> impl Future<Output = Result<Box<dyn Wire>, StageError>>;

    /// Waits until everything that can happen without time going on has happened.
    fn quiet(&self) -> impl Future<Output = Result<(), StageError>>;

    /// How long what is expected may be on its way after [`Stage::quiet`]; nothing where that is exact.
    fn patience(&self) -> Duration {
        Duration::ZERO
    }

    /// The liberties of a server that is held to the specifications only; ours is held to what its scenes say.
    fn liberties(&self) -> Option<Liberties> {
        None
    }

    /// Whether the server answers everybody now; not while its commits are held.
    fn answers(&self) -> bool;

    /// Lets a little time pass; the player calls it again and again for a longer time.
    fn pass(&self, time: Duration) -> Result<(), StageError>;

    /// Something befalls the server.
    fn act(&mut self, action: ServerAction) -> impl Future<Output = Result<(), StageError>>;

    /// Whether the member with the homes dies in the middle of the scene.
    fn is_to_fall(&self) -> bool {
        false
    }

    /// Remembers what is durable.
    fn remember(&mut self, scene: &Scene) -> impl Future<Output = Result<(), StageError>> {
        let _ = scene;
        async { Err(unable_to_fall()) }
    }

    /// The member with the homes dies.
    fn fall(&mut self) -> impl Future<Output = Result<(), StageError>> {
        async { Err(unable_to_fall()) }
    }

    /// Whether everything that was remembered is there, but for what these words may have changed; and whether the dead member writes no more.
    fn survived(&self, scene: &Scene, words: &str) -> impl Future<Output = Result<(), String>> {
        let _ = (scene, words);
        async { Err(unable_to_fall().to_string()) }
    }
}
