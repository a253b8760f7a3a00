//! `kill -9` in the middle of everything that people do, again and again on one data folder: whatever a client was told is there when the server is back.

mod diary;
mod people;

use std::collections::BTreeMap;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::stage::Stage;
use diary::{Diary, Register};
use people::{BOXES, Person, people};

/// Kills in the test suite; `cargo xtask faults --kill` says how many it wants.
const KILLS: u64 = 4;
const KILLS_WANTED: &str = "YATTER_KILLS";
const SEED_WANTED: &str = "YATTER_FAULTS_SEED";

/// How long one load may go on before it is clear that nobody is answered.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn what_was_acknowledged_is_there_after_each_kill() {
    let wanted = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let (kills, seed) = (wanted(KILLS_WANTED).unwrap_or(KILLS), wanted(SEED_WANTED).unwrap_or(1));
    let mut dice = disk::Dice::new(seed);
    let stage = stage();
    let (mut acknowledged, mut guests) = (0, 0);
    for kill in 0..kills {
        let wanted = 1 + dice.below(60);
        let diaries = load_and_kill(&stage, &mut dice, kill, wanted);
        let server = stage.serve();
        let wrong = look(stage.port, kill, &diaries);
        acknowledged += diaries.iter().map(Diary::acknowledged).sum::<usize>();
        guests += diaries.iter().map(|diary| diary.guests().len()).sum::<usize>();
        assert!(wrong.is_empty(), "seed {seed}, kill {kill}:\n{}", wrong.join("\n"));
        assert_eq!(server.stop("TERM").0, Some(0));
    }
    println!("{kills} kills, {acknowledged} acknowledgements, {guests} of them new accounts, nothing lost");
}

/// The same look finds out that a database was put back: it could fail.
#[test]
fn a_database_of_yesterday_is_found_out() {
    let stage = stage();
    people(0).iter().for_each(|who| assert_eq!(stage.add(&format!("{who}@localhost")).code, 0));
    let database = stage.data().join("yatter.sqlite");
    let yesterday = std::fs::read(&database).unwrap();
    let diaries = load_and_kill(&stage, &mut disk::Dice::new(1), 0, 40);
    ["-wal", "-shm"]
        .iter()
        .for_each(|suffix| std::fs::remove_file(stage.data().join(format!("yatter.sqlite{suffix}"))).unwrap());
    std::fs::write(&database, yesterday).unwrap();
    let server = stage.serve();
    assert!(!look(stage.port, 0, &of_things(diaries)).is_empty());
    drop(server);
}

/// Without what the look would wait for in vain.
fn of_things(mut diaries: Vec<Diary>) -> Vec<Diary> {
    for diary in &mut diaries {
        diary.registered.clear();
        diary.written.clear();
    }
    diaries
}

fn stage() -> Stage {
    let stage = Stage::new();
    stage.configure("[limits]\nregistrations_per_hour = 1000000\n[host.\"localhost\"]\nregistration = \"open\"");
    for who in BOXES {
        assert_eq!(stage.add(&format!("{who}@localhost")).code, 0);
    }
    stage
}

/// Everybody lives until so many packets are answered; then the server is killed.
fn load_and_kill(stage: &Stage, dice: &mut disk::Dice, kill: u64, wanted: usize) -> Vec<Diary> {
    let mut server = stage.serve();
    let (tell, told) = channel();
    people(kill).iter().for_each(|who| people::join(stage.port, who));
    let start = |who: &String| {
        let (person, tell) = (Person::new(who, kill, stage.port, dice.any()), tell.clone());
        thread::spawn(move || person.live(&tell))
    };
    let people: Vec<_> = people(kill).iter().map(start).collect();
    drop(tell);
    let end = Instant::now() + PATIENCE;
    let answered = told.iter().take(wanted).take_while(|()| Instant::now() < end).count();
    assert_eq!(answered, wanted, "kill {kill}: nobody is answered");
    let log = server.kill();
    assert!(!log.contains("panicked"), "kill {kill}: {log}");
    people.into_iter().map(|person| person.join().unwrap()).collect()
}

/// Compares what the server has with what everybody was told.
fn look(port: u16, kill: u64, diaries: &[Diary]) -> Vec<String> {
    let (mut wrong, mut known) = (Vec::new(), BTreeMap::<String, Register>::new());
    let known = &mut known;
    diaries.iter().for_each(|diary| diary.add_to(known));
    let mut rosters = BTreeMap::new();
    for who in people(kill) {
        let mut client = Client::connect(port);
        client.log_in(&who, "secret", "look");
        let roster = people::roster(&mut client);
        for (contact, item) in &roster {
            let name = diary::attr(item, "name").filter(|name| !name.is_empty());
            diary::compare(known, &format!("{who} calls {contact}"), name, &mut wrong);
        }
        for thing in diary::things_of(known, &format!("{who} calls ")) {
            if !roster.contains_key(thing.rsplit(' ').next().unwrap_or_default()) {
                diary::compare(known, &thing, None, &mut wrong);
            }
        }
        for place in 0..people::PLACES {
            let kept = people::private(&mut client, place);
            diary::compare(known, &format!("{who} keeps {place}"), kept, &mut wrong);
        }
        let requests = people::requests(&mut client);
        rosters.insert(who.to_owned(), (roster, requests));
    }
    halves(&rosters, &mut wrong);
    mail(port, diaries, &mut wrong);
    for guest in diaries.iter().flat_map(Diary::guests) {
        let mut client = Client::connect(port);
        client.begin();
        client.authenticate(&guest, "secret");
    }
    wrong
}

/// A contact's item by its name, and who asks.
type Roster = (BTreeMap<String, String>, Vec<String>);

/// Both rosters of a subscription agree.
fn halves(rosters: &BTreeMap<String, Roster>, wrong: &mut Vec<String>) {
    let has = |one: &str, other: &str, which: [&str; 2]| {
        let item = rosters[one].0.get(other).and_then(|item| diary::attr(item, "subscription"));
        item.is_some_and(|subscription| which.contains(&subscription.as_str()))
    };
    for one in rosters.keys() {
        for other in rosters.keys().filter(|other| *other != one) {
            let item = rosters[one].0.get(other).cloned().unwrap_or_default();
            if has(one, other, ["to", "both"]) != has(other, one, ["from", "both"]) {
                wrong.push(format!("{one} has {item}, and {other} has {:?}", rosters[other].0.get(one)));
            }
            let (asks, is_asked) = (item.contains("ask='subscribe'"), rosters[other].1.contains(one));
            // The other way round it is no fault: a request that is made again may cross its refusal on the way.
            if asks && !is_asked {
                wrong.push(format!("{one} has {item}, and {other} is asked by {:?}", rosters[other].1));
            }
        }
    }
}

/// Every message that its sender was told of as stored is given out.
fn mail(port: u16, diaries: &[Diary], wrong: &mut Vec<String>) {
    for to in BOXES {
        let stored: Vec<String> = diaries.iter().flat_map(|diary| diary.stored(to)).collect();
        let mut client = Client::connect(port);
        client.log_in(to, "secret", "look");
        client.say("<presence/>");
        let (mut heard, end) = (String::new(), Instant::now() + Duration::from_secs(20));
        while !stored.iter().all(|id| heard.contains(&format!(" id='{id}'"))) && Instant::now() < end {
            match client.try_to_hear("</message>") {
                Ok(message) => heard += &message,
                Err(_) => break,
            }
        }
        for id in stored.iter().filter(|id| !heard.contains(&format!(" id='{id}'"))) {
            wrong.push(format!("{id} to {to} was stored and is lost"));
        }
    }
}
