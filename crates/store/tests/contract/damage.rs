//! A page of the database went bad: who has nothing there is served as ever.

use std::fs;
use std::path::Path;

use store::{Batch, Error, Faults, SqliteOptions, Store};

use crate::bed::{Scratch, ask, wait};

const PAGE: usize = 4096;

fn open(folder: &Path, faults: &Faults) -> Store {
    Store::sqlite(folder, SqliteOptions { faults: Some(faults.clone()), ..Default::default() }).unwrap()
}

/// Always of one size, so that a new one needs no other page than the old.
fn value(text: &str) -> String {
    format!("of {text:<1200}")
}

/// A store in which a leaf with values of Juliet alone is damaged.
fn damaged(scratch: &Scratch, faults: &Faults) -> Store {
    let store = open(scratch.path(), faults);
    let map = store.map("private");
    // The nurse lies between the two: whoever is written may need the page beside.
    for owner in ["juliet", "nurse", "romeo"] {
        let epoch = store.claim(owner);
        let value = value(owner);
        let fill = (0..20).fold(Batch::new(owner, epoch), |batch, key| {
            batch.put_in(&map, owner, &format!("{key:02}"), value.as_bytes())
        });
        wait(store.submit(fill)).unwrap();
    }
    wait(store.close()).unwrap();
    drop((map, store));
    let path = scratch.path().join("yatter.sqlite");
    let mut bytes = fs::read(&path).unwrap();
    let has = |page: &[u8], text: &str| page.windows(text.len()).any(|window| window == text.as_bytes());
    let leaf = |page: &&mut [u8]| page[0] == 0x0a && has(page, "of juliet") && !has(page, "of nurse");
    bytes.chunks_mut(PAGE).find(leaf).unwrap()[..64].fill(0xee);
    fs::write(path, bytes).unwrap();
    open(scratch.path(), faults)
}

fn is_corrupt<T>(outcome: &Result<T, Error>) -> bool {
    matches!(outcome, Err(Error::Corrupt { .. }))
}

#[test]
fn a_write_that_meets_damage_does_not_take_its_group_along() {
    let (scratch, faults) = (Scratch::new(), Faults::new());
    let store = damaged(&scratch, &faults);
    let map = store.map("private");
    let (romeo, juliet) = (store.claim("romeo"), store.claim("juliet"));
    faults.hold();
    let put = |owner: &str, epoch, key: usize| {
        store.submit(Batch::new(owner, epoch).put_in(&map, owner, &format!("{key:02}"), value("today")))
    };
    let before: Vec<_> = (0..10).map(|key| put("romeo", romeo, key)).collect();
    let hers: Vec<_> = (0..20).map(|key| put("juliet", juliet, key)).collect();
    let after: Vec<_> = (10..20).map(|key| put("romeo", romeo, key)).collect();
    faults.release_all();
    let his: Vec<_> = before.into_iter().chain(after).map(wait).collect();
    assert!(his.iter().all(Result::is_ok), "{his:?}");
    let hers: Vec<_> = hers.into_iter().map(wait).collect();
    let good = hers.iter().take_while(|outcome| outcome.is_ok()).count();
    assert!(is_corrupt(&hers[good]), "{:?}", hers[good]);
    assert!(hers[good + 1..].iter().all(|outcome| *outcome == Err(Error::Fenced)), "nothing is built on what was lost");
    assert!(ask(map.all("romeo")).iter().all(|(_, kept)| *kept == value("today").as_bytes()));
}

#[test]
fn a_read_that_meets_damage_fails_and_the_next_does_not() {
    let (scratch, faults) = (Scratch::new(), Faults::new());
    let store = damaged(&scratch, &faults);
    let map = store.map("private");
    for _ in 0..5 {
        assert!(is_corrupt(&wait(map.all("juliet"))));
        assert_eq!(ask(map.all("romeo")).len(), 20);
    }
}
