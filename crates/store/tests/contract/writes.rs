//! Batches: whole, in order, once, and told to everybody who waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use store::{BATCH_BYTES, Batch, Error, History, State, Ticket};

use crate::bed::{Bed, ask, ids, row, wait, waiting_row};

const HOME: &str = "romeo@verona.example";

pub(crate) fn a_batch_is_kept_whole_or_not_at_all(bed: &Bed) {
    let store = &bed.store;
    let (accounts, roster, archive) = (store.keys("accounts"), store.map("roster"), store.archive("messages"));
    bed.write(HOME, |batch| batch.put(&accounts, HOME, "old").append(&archive, HOME, row(1, "kept"))).unwrap();
    let outcome = bed.write(HOME, |batch| {
        let batch = batch.put(&accounts, HOME, "new").put_in(&roster, HOME, "juliet", "both").erase("tybalt");
        batch.delivered(&archive, HOME, 2..=2, History::Keep).append(&archive, HOME, row(1, "lost"))
    });
    assert_eq!(outcome, Err(Error::Duplicate));
    assert_eq!(ask(accounts.get(HOME)), Some(b"old".to_vec()));
    assert_eq!(ask(roster.all(HOME)), []);
    assert_eq!(ask(archive.page(HOME, 0, 9)), [row(1, "kept")]);
}

pub(crate) fn an_id_is_taken_once(bed: &Bed) {
    let (archive, log) = (bed.store.archive("messages"), bed.store.log("messages"));
    bed.write(HOME, |batch| batch.append(&archive, HOME, row(1, "a")).log(&log, HOME, 1, "a")).unwrap();
    let twice = bed.write(HOME, |batch| batch.append(&archive, HOME, row(2, "b")).append(&archive, HOME, row(2, "c")));
    assert_eq!(twice, Err(Error::Duplicate));
    assert_eq!(bed.write(HOME, |batch| batch.log(&log, HOME, 1, "b")), Err(Error::Duplicate));
    assert_eq!(bed.write("other", |batch| batch.log(&log, "other", 1, "b")), Ok(()));
    assert_eq!(ids(ask(archive.page(HOME, 0, 9))), [1]);
}

pub(crate) fn an_id_that_the_batch_freed_may_be_used_again(bed: &Bed) {
    let (archive, log) = (bed.store.archive("messages"), bed.store.log("messages"));
    let fill = |batch: Batch| {
        let batch = batch.append(&archive, HOME, waiting_row(1, "a")).append(&archive, HOME, waiting_row(2, "b"));
        batch.log(&log, HOME, 1, "a").log(&log, HOME, 2, "b")
    };
    bed.write(HOME, fill).unwrap();
    bed.write(HOME, |batch| fill(batch.erase(HOME))).unwrap();
    let all = 1..=2;
    bed.write(HOME, |batch| fill(batch.delivered(&archive, HOME, all.clone(), History::Remove).trim(&log, HOME, 2)))
        .unwrap();
    let twice = |history| {
        bed.write(HOME, |batch| {
            let marked = batch.delivered(&archive, HOME, all.clone(), history).trim(&log, HOME, 2);
            fill(marked.delivered(&archive, HOME, all.clone(), History::Remove))
        })
    };
    twice(History::Remove).unwrap();
    assert_eq!(twice(History::Keep), Err(Error::Duplicate), "without the mark they are not struck out");
    bed.write(HOME, |batch| batch.unlog(&log, HOME, 2).log(&log, HOME, 2, "c")).unwrap();
    assert_eq!(bed.write(HOME, |batch| fill(batch.erase("other").trim(&log, HOME, 2))), Err(Error::Duplicate));
    assert_eq!(ask(log.read(HOME, 0, 9)), [(1, b"a".to_vec()), (2, b"c".to_vec())]);
}

pub(crate) fn ids_out_of_range_are_refused(bed: &Bed) {
    let (archive, log) = (bed.store.archive("messages"), bed.store.log("log"));
    for id in [0, i64::MAX as u64 + 1, u64::MAX] {
        assert_eq!(bed.write(HOME, |batch| batch.append(&archive, HOME, row(id, ""))), Err(Error::BadId(id)));
        assert_eq!(bed.write(HOME, |batch| batch.log(&log, HOME, id, "")), Err(Error::BadId(id)));
    }
    let last = i64::MAX as u64;
    bed.write(HOME, |batch| batch.append(&archive, HOME, waiting_row(last, ""))).unwrap();
    assert_eq!(ask(archive.last(HOME)), Some(last));
    assert_eq!(ids(ask(archive.undelivered(HOME, last - 1, 9))), [last]);
}

pub(crate) fn one_of_many_creates_the_account(bed: &Bed) {
    let (accounts, roster) = (bed.store.keys("accounts"), bed.store.map("roster"));
    let homes: Vec<String> = (0..8).map(|number| format!("door {number}")).collect();
    let try_one = |home: &String| {
        let create = |batch: Batch| {
            let batch = batch.expect_absent(&accounts, HOME).put(&accounts, HOME, home.as_str());
            batch.put_in(&roster, HOME, home, "")
        };
        let epoch = bed.store.claim(home);
        let outcome = bed.write_as(home, epoch, create);
        assert_eq!(bed.write_as(home, epoch, |batch| batch), Ok(()), "a race that is lost fences nobody");
        outcome
    };
    let outcomes: Vec<_> = thread::scope(|scope| {
        let racers: Vec<_> = homes.iter().map(|home| scope.spawn(move || try_one(home))).collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    let won: Vec<_> =
        outcomes.iter().zip(&homes).filter(|(outcome, _)| outcome.is_ok()).map(|(_, home)| home).collect();
    assert_eq!(won.len(), 1);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(()) | Err(Error::Exists))));
    assert_eq!(ask(accounts.get(HOME)), Some(won[0].clone().into_bytes()));
    assert_eq!(ask(roster.all(HOME)), [(won[0].clone(), vec![])]);
}

pub(crate) fn expectations_look_before_the_batch(bed: &Bed) {
    let accounts = bed.store.keys("accounts");
    bed.write(HOME, |batch| batch.put(&accounts, HOME, "1").expect_absent(&accounts, HOME)).unwrap();
    let outcome = bed.write(HOME, |batch| batch.delete(&accounts, HOME).expect_absent(&accounts, HOME));
    assert_eq!(outcome, Err(Error::Exists));
    assert_eq!(ask(accounts.get(HOME)), Some(b"1".to_vec()));
}

pub(crate) fn writes_keep_the_order_of_submission(bed: &Bed) {
    let (accounts, epoch) = (bed.store.keys("accounts"), bed.store.claim(HOME));
    let (told, heard) = mpsc::channel();
    bed.faults.hold();
    let tickets: Vec<Ticket> = (0..1_500_u32)
        .map(|number| {
            let batch = Batch::new(HOME, epoch).put(&accounts, HOME, number.to_le_bytes());
            let (ticket, told) = (bed.store.submit(batch), told.clone());
            ticket.on_done(Box::new(move |outcome| told.send(outcome.map(|()| number)).unwrap()));
            ticket
        })
        .collect();
    bed.faults.release_all();
    wait(bed.store.barrier()).unwrap();
    assert!(tickets.iter().all(|ticket| ticket.state() == State::Committed));
    assert_eq!(ask(accounts.get(HOME)), Some(1_499_u32.to_le_bytes().to_vec()));
    drop(told);
    assert!(heard.iter().map(Result::unwrap).eq(0..1_500));
}

pub(crate) fn a_read_after_the_ticket_sees_the_write(bed: &Bed) {
    let (accounts, epoch) = (bed.store.keys("accounts"), bed.store.claim(HOME));
    for number in 0..100_u8 {
        bed.write_as(HOME, epoch, |batch| batch.put(&accounts, HOME, [number])).unwrap();
        assert_eq!(ask(accounts.get(HOME)), Some(vec![number]));
    }
}

pub(crate) fn many_threads_lose_nothing(bed: &Bed) {
    let archive = bed.store.archive("messages");
    let write = |home: &str| {
        let epoch = bed.store.claim(home);
        let tickets: Vec<_> = (1..=300)
            .map(|id| bed.store.submit(Batch::new(home, epoch).append(&archive, home, waiting_row(id, "hello"))))
            .collect();
        tickets.into_iter().for_each(|ticket| wait(ticket).unwrap());
        (0..20).for_each(|_| assert_eq!(ask(archive.count_undelivered(home)), 300));
    };
    thread::scope(|scope| {
        for number in 0..6 {
            scope.spawn(move || write(&format!("home {number}")));
        }
    });
    assert_eq!(ask(archive.owners("", 100)).len(), 6);
    assert_eq!(bed.store.backlog().batches, 0);
    assert_eq!(bed.store.backlog().bytes, 0);
}

pub(crate) fn tickets_tell_everybody(bed: &Bed) {
    let (accounts, epoch) = (bed.store.keys("accounts"), bed.store.claim(HOME));
    bed.faults.hold();
    let ticket = bed.store.submit(Batch::new(HOME, epoch).put(&accounts, HOME, "1"));
    assert_eq!((ticket.state(), ticket.is_done()), (State::Pending, false));
    let called = Arc::new(AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            let (waiting, called) = (ticket.clone(), called.clone());
            ticket.on_done(Box::new(move |outcome| tally(&called, usize::from(outcome.is_ok()))));
            scope.spawn(move || wait(waiting).unwrap());
        }
        bed.faults.release_all();
    });
    wait(bed.store.barrier()).unwrap();
    let late = called.clone();
    ticket.on_done(Box::new(move |_| tally(&late, 1)));
    assert_eq!(called.load(Ordering::SeqCst), 4);
    assert_eq!(wait(ticket.clone()), Ok(()));
    assert_eq!(Ticket::committed().state(), State::Committed);
}

fn tally(count: &AtomicUsize, more: usize) {
    count.fetch_add(more, Ordering::SeqCst);
}

pub(crate) fn a_callback_that_panics_harms_nobody(bed: &Bed) {
    bed.faults.hold();
    let epoch = bed.store.claim(HOME);
    let ticket = bed.store.submit(Batch::new(HOME, epoch));
    ticket.on_done(Box::new(|_| panic!("on purpose")));
    bed.faults.release_all();
    wait(bed.store.barrier()).unwrap();
    assert_eq!(bed.write_as(HOME, epoch, |batch| batch), Ok(()));
}

pub(crate) fn a_batch_can_be_too_big(bed: &Bed) {
    let accounts = bed.store.keys("accounts");
    let epoch = bed.store.claim(HOME);
    let outcome = bed.write_as(HOME, epoch, |batch| batch.put(&accounts, HOME, vec![0; BATCH_BYTES]));
    assert!(matches!(outcome, Err(Error::TooBig { limit_bytes: BATCH_BYTES, .. })));
    assert_eq!(bed.write_as(HOME, epoch, |batch| batch), Err(Error::Fenced));
    assert_eq!(ask(accounts.get(HOME)), None);
}

pub(crate) fn close_flushes_and_refuses(bed: &Bed) {
    let (accounts, epoch) = (bed.store.keys("accounts"), bed.store.claim(HOME));
    bed.faults.hold();
    let tickets: Vec<_> =
        (0..50_u8).map(|number| bed.store.submit(Batch::new(HOME, epoch).put(&accounts, HOME, [number]))).collect();
    let closing = bed.store.close();
    let late = bed.store.submit(Batch::new(HOME, epoch).put(&accounts, HOME, "late"));
    assert_eq!(late.state(), State::Failed(Error::Closed));
    bed.faults.release_all();
    wait(closing).unwrap();
    assert!(tickets.iter().all(|ticket| ticket.state() == State::Committed));
    assert_eq!(wait(accounts.get(HOME)), Err(Error::Closed));
    assert_eq!(wait(bed.store.barrier()), Err(Error::Closed));
    wait(bed.store.close()).unwrap();
}
