//! The heart: hosts, accounts, sessions, roster, presence, routing.
//!
//! A stanza's way through here is stops 3 to 6 of the seven: [`sent`] (it leaves its sender's account), [`route`] (where to?), [`arrive`]
//! (it reaches its receiver's account) and [`session`] (the queue of one connection). What happens on the way is decided under the lock of one
//! [`home`] at a time, and carried out from that home's [`outbox`], in order.
//!
//! The heart opens no socket and speaks no SQL: a connection is a [`Door`] that `net` holds, and what must last is given to `store`.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod account;
mod accounts;
mod arrive;
mod atomic;
mod carried;
mod chores;
mod clock;
mod commands;
mod credentials;
mod directory;
mod door;
mod drain;
mod fault;
mod home;
mod host;
mod hub;
mod invisible;
mod iq;
mod life;
mod local_service;
mod moments;
mod nonza;
mod outbox;
mod plan;
mod presence;
mod record;
mod refusals;
mod relay;
mod resubmit;
mod resume;
pub mod roster;
mod roster_iq;
mod route;
mod screen;
mod sent;
mod service;
mod session;
mod slots;
pub mod subscription;
mod subscriptions;
mod timers;
pub mod web;

pub use account::{Account, Present};
pub use accounts::AccountError;
pub use chores::{Erasing, Erasure, Work};
pub use clock::Clock;
pub use cluster::{Cluster, Inbox};
pub use commands::{Command, CommandAbout, Ending, Outcome, Stage, Step, Who, bad_payload};
pub use credentials::{Credentials, LegacyCredentials, NewCredentials, PasswordCheck};
pub use door::{BindError, Dialect, Door, DoorOptions, Drained, Goodbye};
pub use fault::Fault;
pub use home::{Home, Within};
pub use host::{Host, HostOptions};
pub use hub::{Counters, Hub, HubError, HubOptions, Limits, Shapes, Stranger, UnderWay, Visit};
pub use iq::{Ask, HostAsk, Payload, Reply, StrangerAsk};
pub use local_service::{LocalService, Serve, ServiceAsk};
pub use moments::{
    AccountCreated, AccountCreatedAt, Available, FellAsleep, Moment, Phase, PresenceAt, Received, ReceivedAt, Resumed,
    Sent, SentAt, ToHost, ToHostAt, Told, ToldAt, Unavailable, Undelivered, UndeliveredAt, Verdict,
};
pub use nonza::{Out, Resumable, ResumedWord, Signal, Word};
pub use outbox::{Effect, Outbox};
pub use plan::{About, Attach, Extension, FeaturesAt, Identity, Maturity, Plan, PlanError, Plug, Scope};
pub use relay::{Relay, RelayError};
pub use resubmit::{stored_element, stored_stanza, stored_stanza_among};
pub use resume::ResumeError;
pub use screen::{Asleep, Inward, Screen, Shown};
pub use service::Service;
pub use session::{Pull, Session};
pub use slots::{AccountSlot, RareSlot};
