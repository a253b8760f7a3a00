//! Messages to those who are away: kept, and given out when they come.

use std::collections::VecDeque;
use std::path::PathBuf;

use anyhow::{Result, bail};
use im::Door;
use store::{SqliteOptions, Store};

use crate::case::{Case, Work};
use crate::samples;
use crate::world::{World, stanza};

pub(crate) const CASES: &[Case] = &[
    Case::new("offline/store-50", TIMES, || stores(World::new()?)).after(WARM_UP),
    Case::new("offline/drain-50", TIMES, || drains(World::new()?)).after(WARM_UP),
    Case::new("offline/store-50-on-disk", TIMES, || on_disk("store", stores)).after(WARM_UP),
    Case::new("offline/drain-50-on-disk", TIMES, || on_disk("drain", drains)).after(WARM_UP),
];

/// Each time it is somebody else who was away.
const TIMES: usize = 6;

/// The database has its tables and its statements by then.
const WARM_UP: usize = 4;

/// How many messages wait for each: a page of the answer.
const WAITING: usize = 50;

/// A folder that is gone afterwards.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left of it is in nobody's way.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The same over a database. What its threads do counts, too.
fn on_disk(name: &str, make: fn(World) -> Result<Work>) -> Result<Work> {
    let folder = Folder(std::env::temp_dir().join(format!("yatter-counts-{name}-{}", std::process::id())));
    let mut work = make(World::over(Store::sqlite(&folder.0, SqliteOptions::default())?)?)?;
    Ok(Box::new(move || {
        let _ = &folder;
        work()
    }))
}

fn name(number: usize) -> String {
    format!("juliet{number}")
}

/// So many messages to one who is away.
fn say(world: &World, romeo: &Door, number: usize) -> Result<()> {
    let said = samples::chat_to_account().replace("juliet@", &format!("{}@", name(number)));
    let mut said = VecDeque::from(vec![stanza(&said)?; WAITING]);
    romeo.admit_all(&mut said);
    world.settle();
    if world.hear_out(romeo) > 0 {
        bail!("something came back");
    }
    Ok(())
}

fn stores(world: World) -> Result<Work> {
    let romeo = world.available("romeo", "orchard")?;
    for number in 0..WARM_UP + TIMES {
        world.account(&name(number))?;
    }
    let mut numbers = 0..;
    Ok(Box::new(move || numbers.next().is_some_and(|number| say(&world, &romeo, number).is_ok())))
}

/// They come, and hear their rosters, their own presence, and what waits.
fn drains(world: World) -> Result<Work> {
    let romeo = world.available("romeo", "orchard")?;
    let mut accounts = VecDeque::new();
    for number in 0..WARM_UP + TIMES {
        accounts.push_back(world.account(&name(number))?);
        say(&world, &romeo, number)?;
    }
    Ok(Box::new(move || {
        let door = accounts.pop_front().and_then(|account| world.comes(&account, "balcony").ok());
        door.is_some_and(|door| world.hear_out(&door) == WAITING + 2)
    }))
}
