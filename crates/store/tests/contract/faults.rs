//! When the disk does not do what it should.

use store::{BATCH_BYTES, Batch, Error, State, Ticket};

use crate::bed::{Bed, ask, wait};

const ROMEO: &str = "romeo@verona.example";
const JULIET: &str = "juliet@verona.example";

fn full() -> Error {
    Error::DiskFull { folder: "here".into() }
}

pub(crate) fn held_commits_are_neither_seen_nor_done(bed: &Bed) {
    let (accounts, epoch) = (bed.store.keys("accounts"), bed.store.claim(ROMEO));
    bed.faults.hold();
    let put = |value: &str| bed.store.submit(Batch::new(ROMEO, epoch).put(&accounts, ROMEO, value));
    let tickets = [put("1"), put("2"), put("3")];
    assert_eq!(bed.faults.held(), 3);
    assert_eq!(bed.store.backlog().batches, 3);
    assert_eq!(ask(accounts.get(ROMEO)), None);
    assert!(bed.faults.release_one());
    assert_eq!(wait(tickets[0].clone()), Ok(()));
    assert_eq!(ask(accounts.get(ROMEO)), Some(b"1".to_vec()));
    assert_eq!(tickets[1].state(), State::Pending);
    bed.faults.release_all();
    assert_eq!(wait(tickets[2].clone()), Ok(()));
    assert_eq!(tickets[1].state(), State::Committed);
    assert_eq!(ask(accounts.get(ROMEO)), Some(b"3".to_vec()));
    assert!(!bed.faults.release_one());
}

pub(crate) fn a_lost_write_fences_its_home(bed: &Bed) {
    let accounts = bed.store.keys("accounts");
    let (romeo, juliet) = (bed.store.claim(ROMEO), bed.store.claim(JULIET));
    bed.faults.fail_next(1, full());
    assert_eq!(bed.write_as(ROMEO, romeo, |batch| batch.put(&accounts, ROMEO, "1")), Err(full()));
    assert_eq!(bed.write_as(ROMEO, romeo, |batch| batch.put(&accounts, ROMEO, "2")), Err(Error::Fenced));
    assert_eq!(bed.write_as(JULIET, juliet, |batch| batch.put(&accounts, JULIET, "1")), Ok(()));
    assert_eq!(ask(accounts.get(ROMEO)), None);
    let again = bed.store.claim(ROMEO);
    assert!(again > romeo);
    assert_eq!(bed.write_as(ROMEO, again, |batch| batch.put(&accounts, ROMEO, "3")), Ok(()));
    assert_eq!(bed.write_as(ROMEO, romeo, |batch| batch), Err(Error::StaleEpoch));
}

pub(crate) fn a_fence_reaches_what_waits_already(bed: &Bed) {
    let (accounts, epoch) = (bed.store.keys("accounts"), bed.store.claim(ROMEO));
    bed.faults.hold();
    let put = |value: &str| bed.store.submit(Batch::new(ROMEO, epoch).put(&accounts, ROMEO, value));
    let tickets = [put("1"), put("2"), put("3")];
    bed.faults.fail_next(1, full());
    bed.faults.release_one();
    assert_eq!(wait(tickets[0].clone()), Err(full()));
    bed.faults.release_all();
    assert_eq!(wait(tickets[1].clone()), Err(Error::Fenced));
    assert_eq!(wait(tickets[2].clone()), Err(Error::Fenced));
    assert_eq!(ask(accounts.get(ROMEO)), None);
}

pub(crate) fn too_much_waiting_is_refused_and_fences(bed: &Bed) {
    let accounts = bed.store.keys("accounts");
    let (romeo, juliet) = (bed.store.claim(ROMEO), bed.store.claim(JULIET));
    bed.faults.hold();
    let first = bed.store.submit(Batch::new(ROMEO, romeo).put(&accounts, ROMEO, "first"));
    assert!(!bed.store.backlog().is_full());
    let mut others: Vec<Ticket> = Vec::new();
    let refused = loop {
        let batch = Batch::new(JULIET, juliet).put(&accounts, JULIET, vec![1; BATCH_BYTES / 2]);
        let ticket = bed.store.submit(batch);
        match ticket.state() {
            State::Pending => others.push(ticket),
            state => break state,
        }
    };
    assert!(matches!(refused, State::Failed(Error::Overloaded { .. })), "{refused:?}");
    assert!(bed.store.backlog().is_full());
    assert!(bed.store.backlog().bytes <= bed.store.backlog().hard_bytes);
    let small = bed.store.submit(Batch::new(JULIET, juliet).put(&accounts, JULIET, "small"));
    assert_eq!(small.state(), State::Failed(Error::Fenced), "it would be built on the one that was refused");
    bed.faults.release_all();
    assert_eq!(wait(first), Ok(()));
    others.into_iter().for_each(|ticket| wait(ticket).unwrap());
    assert_eq!(bed.store.backlog().bytes, 0);
    assert_eq!(ask(accounts.get(JULIET)).map(|value| value.len()), Some(BATCH_BYTES / 2));
}

pub(crate) fn refused_reads_fail(bed: &Bed) {
    let accounts = bed.store.keys("accounts");
    bed.faults.refuse_reads(Some(full()));
    assert_eq!(wait(accounts.get(ROMEO)), Err(full()));
    assert_eq!(wait(accounts.owners("", 9)), Err(full()));
    bed.faults.refuse_reads(None);
    assert_eq!(ask(accounts.get(ROMEO)), None);
}
