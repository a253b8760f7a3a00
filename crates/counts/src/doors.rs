//! The whole way: bytes of one connection to bytes of another, all seven stops.

use anyhow::Result;
use net::{Doors, Limits};

use crate::case::{Case, Work};
use crate::client::Client;
use crate::samples;
use crate::world::World;

pub(crate) const CASES: &[Case] = &[
    Case::new("door/message-x-to-x", 100, || carries(Client::of_today, Client::of_today, samples::CHAT, 1)),
    Case::new("door/message-2k-x-to-x", 50, || {
        carries(Client::of_today, Client::of_today, &samples::long_chat(2048), 1)
    }),
    Case::new("door/message-32-x-to-x", 10, || carries(Client::of_today, Client::of_today, samples::CHAT, 32)),
    Case::new("door/message-j-to-j", 100, || carries(Client::of_2000, Client::of_2000, samples::CHAT, 1)),
    Case::new("door/idle-poll", 100, polls_idle),
    Case::new("door/login", 20, logs_in).after(1),
];

/// Doors without a rate: on a clock that stands still nobody would ever be let in again.
fn doors(world: &World) -> Result<Doors> {
    let limits = Limits { stream_bytes_per_s: 0, stream_stanzas_per_s: 0, ..Limits::default() };
    Ok(Doors::new(world.hub.clone(), limits, None)?)
}

type Login = fn(&World, &Doors, &str, &str) -> Result<Client>;

/// Romeo's connection brings so many messages in one read; Juliet's takes them out in one write.
fn carries(of_romeo: Login, of_juliet: Login, text: &str, count: usize) -> Result<Work> {
    let world = World::new()?;
    let doors = doors(&world)?;
    let mut romeo = of_romeo(&world, &doors, "romeo", "orchard")?;
    let mut juliet = of_juliet(&world, &doors, "juliet", "balcony")?;
    let said = text.repeat(count);
    Ok(Box::new(move || {
        let _ = &world;
        romeo.say(&said);
        romeo.poll();
        juliet.poll();
        juliet.hear() >= said.len()
    }))
}

/// A poll for nothing, as after a spurious waking.
fn polls_idle() -> Result<Work> {
    let world = World::new()?;
    let doors = doors(&world)?;
    let mut romeo = Client::of_today(&world, &doors, "romeo", "orchard")?;
    Ok(Box::new(move || {
        let _ = &world;
        romeo.poll();
        romeo.hear() == 0
    }))
}

/// From the first byte to the last, both sides of the proof included; the account is awake after the first time.
fn logs_in() -> Result<Work> {
    let world = World::new()?;
    let doors = doors(&world)?;
    world.account("romeo")?;
    Ok(Box::new(move || Client::comes_and_goes(&world, &doors, "romeo").is_ok()))
}
