//! What only a disk can do: outlive the process, be locked, fill up, break.

use std::fs;
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use store::{Batch, Error, Faults, History, SqliteOptions, State, Store};

use crate::bed::{Bed, Scratch, ask, ids, row, wait, waiting_row};

const HOME: &str = "romeo@verona.example";

fn open(folder: &Path) -> Store {
    Store::sqlite(folder, SqliteOptions::default()).unwrap()
}

#[test]
fn what_was_committed_is_there_after_a_restart() {
    let scratch = Scratch::new();
    let store = open(scratch.path());
    let archive = store.archive("messages");
    let epoch = store.claim_at_least(HOME, store::Epoch::new(5_000));
    wait(store.submit(Batch::new(HOME, epoch).append(&archive, HOME, waiting_row(1, "kept")))).unwrap();
    wait(store.close()).unwrap();
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 2, "the database and its lock, no log left");

    let store = open(scratch.path());
    assert_eq!(ask(store.archive("messages").undelivered(HOME, 0, 9)), [waiting_row(1, "kept")]);
    assert!(store.claim(HOME) > epoch, "a restart makes every epoch before it old");
    assert_eq!(wait(store.submit(Batch::new(HOME, epoch))), Err(Error::StaleEpoch));
}

#[test]
fn dropping_the_last_handle_writes_what_waits() {
    let scratch = Scratch::new();
    let store = open(scratch.path());
    let accounts = store.keys("accounts");
    let epoch = store.claim(HOME);
    let ticket = store.submit(Batch::new(HOME, epoch).put(&accounts, HOME, "kept"));
    drop((store, accounts));
    assert_eq!(ticket.state(), State::Committed);
    assert_eq!(ask(open(scratch.path()).keys("accounts").get(HOME)), Some(b"kept".to_vec()));
}

#[test]
fn a_callback_may_drop_the_last_handle() {
    let scratch = Scratch::new();
    let faults = Faults::new();
    let store =
        Store::sqlite(scratch.path(), SqliteOptions { faults: Some(faults.clone()), ..Default::default() }).unwrap();
    faults.hold();
    let epoch = store.claim(HOME);
    let ticket = store.submit(Batch::new(HOME, epoch));
    let last = store.clone();
    ticket.on_done(Box::new(move |_| drop(last)));
    faults.release_one();
    drop(store);
    assert!(wait(ticket).is_ok());
}

#[test]
fn what_a_fault_holds_is_lost_with_the_process() {
    let scratch = Scratch::new();
    let faults = Faults::new();
    let store =
        Store::sqlite(scratch.path(), SqliteOptions { faults: Some(faults.clone()), ..Default::default() }).unwrap();
    let accounts = store.keys("accounts");
    faults.hold();
    let epoch = store.claim(HOME);
    let ticket = store.submit(Batch::new(HOME, epoch).put(&accounts, HOME, "lost"));
    drop((store, accounts));
    assert_eq!(ticket.state(), State::Failed(Error::Closed));
    assert_eq!(ask(open(scratch.path()).keys("accounts").get(HOME)), None);
}

#[test]
fn a_second_writer_is_told_who_the_first_is() {
    let scratch = Scratch::new();
    let first = open(scratch.path());
    let error = Store::sqlite(scratch.path(), SqliteOptions::default()).unwrap_err();
    let Error::Locked { by, .. } = &error else { panic!("{error}") };
    assert_eq!(*by, format!("process {}", std::process::id()));
    wait(first.close()).unwrap();
    drop(open(scratch.path()));
}

#[test]
#[cfg(unix)]
fn nobody_else_may_look() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let folder = scratch.path().join("deep").join("er");
    let store = open(&folder);
    let epoch = store.claim(HOME);
    wait(store.submit(Batch::new(HOME, epoch).put(&store.keys("accounts"), HOME, "secret"))).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 4, "{files:?}");
    files.iter().for_each(|file| assert_eq!(mode(file), 0o600, "{file:?}"));
}

#[test]
fn a_group_is_lost_as_one() {
    let scratch = Scratch::new();
    let faults = Faults::new();
    let store =
        Store::sqlite(scratch.path(), SqliteOptions { faults: Some(faults.clone()), ..Default::default() }).unwrap();
    let accounts = store.keys("accounts");
    faults.hold();
    let homes: Vec<String> = (0..100).map(|number| format!("home {number}")).collect();
    let epochs: Vec<_> = homes.iter().map(|home| store.claim(home)).collect();
    let put = |home: &String, epoch| store.submit(Batch::new(home, epoch).put(&accounts, home, "1"));
    let tickets: Vec<_> = homes.iter().zip(&epochs).map(|(home, epoch)| put(home, *epoch)).collect();
    let barrier = store.barrier();
    faults.fail_next(1, Error::DiskFull { folder: "here".into() });
    faults.release_all();
    assert_eq!(wait(barrier), Ok(()));
    assert!(tickets.iter().all(|ticket| matches!(ticket.state(), State::Failed(Error::DiskFull { .. }))));
    assert_eq!(ask(accounts.owners("", 9)), [""; 0]);
    assert!(homes.iter().zip(&epochs).all(|(home, epoch)| wait(put(home, *epoch)) == Err(Error::Fenced)));
}

#[test]
fn one_bad_batch_does_not_take_its_group_along() {
    let scratch = Scratch::new();
    let faults = Faults::new();
    let store =
        Store::sqlite(scratch.path(), SqliteOptions { faults: Some(faults.clone()), ..Default::default() }).unwrap();
    let (accounts, archive) = (store.keys("accounts"), store.archive("messages"));
    let (romeo, juliet) = (store.claim(HOME), store.claim("juliet"));
    faults.hold();
    let append = |home: &str, epoch, id| {
        let batch = Batch::new(home, epoch).put(&accounts, home, format!("{id}"));
        store.submit(batch.append(&archive, home, row(id, "")))
    };
    let tickets = [
        append(HOME, romeo, 1),
        append("juliet", juliet, 1),
        append(HOME, romeo, 1),
        append(HOME, romeo, 2),
        append("juliet", juliet, 2),
    ];
    faults.release_all();
    let outcomes = tickets.map(wait);
    assert_eq!(outcomes, [Ok(()), Ok(()), Err(Error::Duplicate), Err(Error::Fenced), Ok(())]);
    assert_eq!(ids(ask(archive.page(HOME, 0, 9))), [1]);
    assert_eq!(ids(ask(archive.page("juliet", 0, 9))), [1, 2]);
    assert_eq!(ask(accounts.get(HOME)), Some(b"1".to_vec()));
}

#[test]
fn a_full_disk_fails_the_write_and_nothing_else() {
    let scratch = Scratch::new();
    let options = SqliteOptions { file_bytes_max: Some(1024 * 1024), ..Default::default() };
    let store = Store::sqlite(scratch.path(), options).unwrap();
    let accounts = store.keys("accounts");
    let epoch = store.claim(HOME);
    wait(store.submit(Batch::new(HOME, epoch).put(&accounts, HOME, "small"))).unwrap();
    let error =
        wait(store.submit(Batch::new(HOME, epoch).put(&accounts, "big", vec![7; 2 * 1024 * 1024]))).unwrap_err();
    assert!(matches!(error, Error::DiskFull { .. }), "{error}");
    assert_eq!(wait(store.submit(Batch::new(HOME, epoch))), Err(Error::Fenced));
    let epoch = store.claim(HOME);
    wait(store.submit(Batch::new(HOME, epoch).put(&accounts, HOME, "again"))).unwrap();
    assert_eq!(ask(accounts.get(HOME)), Some(b"again".to_vec()));
    assert_eq!(ask(accounts.get("big")), None);
}

#[test]
fn damage_is_found_and_said() {
    let scratch = Scratch::new();
    let store = open(scratch.path());
    let archive = store.archive("messages");
    let epoch = store.claim(HOME);
    let fill =
        (1..2_000).fold(Batch::new(HOME, epoch), |batch, id| batch.append(&archive, HOME, row(id, "0123456789")));
    wait(store.submit(fill)).unwrap();
    wait(store.close()).unwrap();
    let database = scratch.path().join("yatter.sqlite");

    let mut file = fs::OpenOptions::new().write(true).open(&database).unwrap();
    let middle = fs::metadata(&database).unwrap().len() / 4096 / 2 * 4096;
    file.seek(SeekFrom::Start(middle)).unwrap();
    file.write_all(&[0xff; 8192]).unwrap();
    let verify = SqliteOptions { verify: true, ..Default::default() };
    let error = Store::sqlite(scratch.path(), verify).unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");

    fs::write(&database, "This is a diary, not a database. ".repeat(200)).unwrap();
    let error = Store::sqlite(scratch.path(), SqliteOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    assert!(fs::read_to_string(&database).unwrap().starts_with("This is a diary"), "it is left as it was");
}

#[test]
fn a_folder_that_cannot_be_is_said() {
    let scratch = Scratch::new();
    fs::write(scratch.path(), "a file").unwrap();
    let error = Store::sqlite(&scratch.path().join("data"), SqliteOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
    fs::remove_file(scratch.path()).unwrap();
}

#[test]
#[cfg(unix)]
fn a_folder_that_is_read_only_is_said() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    drop(open(scratch.path()));
    let set = |mode| fs::set_permissions(scratch.path(), fs::Permissions::from_mode(mode)).unwrap();
    fs::remove_file(scratch.path().join("lock")).unwrap();
    set(0o500);
    let is_above_permissions = fs::write(scratch.path().join("probe"), "").is_ok();
    let outcome = Store::sqlite(scratch.path(), SqliteOptions::default());
    set(0o700);
    if !is_above_permissions {
        let error = outcome.unwrap_err();
        assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
    }
}

#[test]
fn the_log_is_moved_into_the_file_beside_the_writer() {
    let scratch = Scratch::new();
    let store = open(scratch.path());
    let accounts = store.keys("accounts");
    let epoch = store.claim(HOME);
    let value = vec![5; 100_000];
    for number in 0..200 {
        wait(store.submit(Batch::new(HOME, epoch).put(&accounts, &format!("owner {number}"), value.as_slice())))
            .unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    let moved = || fs::metadata(scratch.path().join("yatter.sqlite")).unwrap().len() > 4_000_000;
    while !moved() {
        assert!(Instant::now() < deadline, "nothing was moved");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(ask(accounts.get("owner 199")), Some(value));
}

#[test]
#[ignore = "writes 400 MB"]
fn the_log_stays_bounded_under_a_writer_that_never_rests() {
    let scratch = Scratch::new();
    let store = open(scratch.path());
    let accounts = store.keys("accounts");
    let epoch = store.claim(HOME);
    let log = || fs::metadata(scratch.path().join("yatter.sqlite-wal")).map_or(0, |file| file.len());
    let (value, mut longest) = (vec![5; 100_000], 0);
    for number in 0..4_000 {
        let ticket = store.submit(Batch::new(HOME, epoch).put(&accounts, &format!("owner {number}"), value.as_slice()));
        if store.backlog().is_full() {
            wait(ticket).unwrap();
        }
        longest = longest.max(log());
    }
    println!("longest log: {} MiB", longest / 1024 / 1024);
    assert!(longest < 128 * 1024 * 1024);
}

/// What was acknowledged survives `kill -9`, at any moment.
#[test]
fn what_was_acknowledged_survives_a_kill() {
    let scratch = Scratch::new();
    let mut acknowledged = 0;
    for run in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["sqlite::a_child_that_writes", "--exact", "--ignored", "--nocapture"])
            .env(CHILD_FOLDER, scratch.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = lines.by_ref().map_while(Result::ok).filter_map(|line| id_in(&line));
        let wanted = acknowledged + 300 + 171 * run;
        acknowledged = said.find(|id| *id >= wanted).expect("the child writes on");
        child.kill().unwrap();
        acknowledged = said.last().unwrap_or(acknowledged);
        child.wait().unwrap();

        let store = Store::sqlite(scratch.path(), SqliteOptions { verify: true, ..Default::default() }).unwrap();
        let found = all_ids(&store);
        assert!(found.len() as u64 >= acknowledged, "{} rows, {acknowledged} acknowledged", found.len());
        assert_eq!(found, (1..=found.len() as u64).collect::<Vec<_>>(), "no gap");
    }
}

/// Appends and says what is acknowledged, until it is killed. Only as a child of the test above.
#[test]
#[ignore = "a part of what_was_acknowledged_survives_a_kill"]
fn a_child_that_writes() {
    let Some(folder) = std::env::var_os(CHILD_FOLDER) else { return };
    let store = open(Path::new(&folder));
    let archive = store.archive("messages");
    let epoch = store.claim(HOME);
    let next = ask(archive.last(HOME)).unwrap_or(0) + 1;
    let mut tickets = std::collections::VecDeque::new();
    for id in next.. {
        let batch = Batch::new(HOME, epoch).append(&archive, HOME, waiting_row(id, &"x".repeat(300)));
        tickets.push_back((id, store.submit(batch)));
        while tickets.len() > 20 {
            let (id, ticket) = tickets.pop_front().unwrap();
            wait(ticket).unwrap();
            println!("acknowledged {id}");
        }
    }
}

const CHILD_FOLDER: &str = "YATTER_STORE_TEST_FOLDER";

/// The harness writes on the same lines.
fn id_in(line: &str) -> Option<u64> {
    line.split("acknowledged ").nth(1)?.trim().parse().ok()
}

fn all_ids(store: &Store) -> Vec<u64> {
    let archive = store.archive("messages");
    let mut all = Vec::new();
    loop {
        let page = ids(ask(archive.undelivered(HOME, all.last().copied().unwrap_or(0), 1_000)));
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

#[test]
fn what_nobody_waits_for_is_written_with_others_and_in_its_place() {
    let bed = Bed::sqlite();
    let (keys, archive) = (bed.store.keys("k"), bed.store.archive("messages"));
    bed.write("a", |batch| batch.append(&archive, "a", waiting_row(1, "x")).put(&keys, "a", "0")).unwrap();
    let epoch = bed.store.claim("a");
    let slow = bed.store.submit(Batch::new("a", epoch).put(&keys, "a", "1").unhurried());
    let rest = bed.store.submit(Batch::new("a", epoch).delivered(&archive, "a", 1..=1, History::Remove).unhurried());
    wait(bed.store.submit(Batch::new("a", epoch).put(&keys, "a", "2"))).unwrap();
    assert!(slow.is_done() && rest.is_done(), "they were before it in the line");
    assert_eq!(ask(keys.get("a")), Some(b"2".to_vec()));
    assert_eq!(ask(archive.count_undelivered("a")), 0);
    // Alone they are written all the same.
    wait(bed.store.submit(Batch::new("a", epoch).put(&keys, "a", "3").unhurried())).unwrap();
    let last = bed.store.submit(Batch::new("a", epoch).put(&keys, "a", "4").unhurried());
    wait(bed.store.barrier()).unwrap();
    assert!(last.is_done(), "a barrier waits for nobody");
    let last = bed.store.submit(Batch::new("a", epoch).put(&keys, "a", "5").unhurried());
    wait(bed.store.close()).unwrap();
    assert!(last.is_done(), "nor does the end");
}
