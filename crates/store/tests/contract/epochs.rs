//! Who may write.

use store::{Batch, Epoch, Error, State};

use crate::bed::{Bed, ask, wait};

const HOME: &str = "romeo@verona.example";

pub(crate) fn a_home_claims_before_it_writes(bed: &Bed) {
    assert_eq!(bed.write_as(HOME, Epoch::new(1), |batch| batch), Err(Error::StaleEpoch));
    let other = bed.store.claim("juliet@verona.example");
    assert_eq!(bed.write_as(HOME, other, |batch| batch), Err(Error::StaleEpoch));
    let epoch = bed.store.claim(HOME);
    assert_eq!(bed.write_as(HOME, epoch, |batch| batch), Ok(()));
}

pub(crate) fn an_older_epoch_is_refused(bed: &Bed) {
    let accounts = bed.store.keys("accounts");
    let (here, there) = (bed.store.clone(), bed.store.clone());
    let old = here.claim(HOME);
    let new = there.claim(HOME);
    assert!(new > old);
    wait(there.submit(Batch::new(HOME, new).put(&accounts, HOME, "new"))).unwrap();
    let outcome = wait(here.submit(Batch::new(HOME, old).put(&accounts, HOME, "old")));
    assert_eq!(outcome, Err(Error::StaleEpoch));
    assert_eq!(ask(accounts.get(HOME)), Some(b"new".to_vec()));
    assert_eq!(bed.write_as(HOME, new, |batch| batch), Ok(()), "a stale write fences nobody");
}

pub(crate) fn a_lease_names_a_minimum(bed: &Bed) {
    let (here, there) = (bed.store.clone(), bed.store.clone());
    let lease = there.claim_at_least(HOME, Epoch::new(7_000));
    assert_eq!(lease, Epoch::new(7_000));
    let later = here.claim_at_least(HOME, Epoch::new(6_000));
    assert!(later > lease, "a claim is always above those before it");
    assert_eq!(bed.write_as(HOME, lease, |batch| batch), Err(Error::StaleEpoch));
    assert_eq!(bed.write_as(HOME, later, |batch| batch), Ok(()));
    assert!(here.claim("juliet@verona.example") > later);
}

pub(crate) fn a_claim_outdates_what_waits(bed: &Bed) {
    let accounts = bed.store.keys("accounts");
    let old = bed.store.claim(HOME);
    bed.faults.hold();
    let waiting = bed.store.submit(Batch::new(HOME, old).put(&accounts, HOME, "old"));
    let new = bed.store.claim(HOME);
    let barrier = bed.store.barrier();
    let fresh = bed.store.submit(Batch::new(HOME, new).put(&accounts, HOME, "new"));
    assert!(!barrier.is_done());
    assert!(bed.faults.release_one());
    wait(barrier).unwrap();
    assert_eq!(waiting.state(), State::Failed(Error::StaleEpoch));
    assert_eq!(ask(accounts.get(HOME)), None);
    bed.faults.release_all();
    assert_eq!(wait(fresh), Ok(()));
}

pub(crate) fn a_released_home_is_forgotten_after_its_last_write(bed: &Bed) {
    let accounts = bed.store.keys("accounts");
    let epoch = bed.store.claim(HOME);
    bed.faults.hold();
    let waiting = bed.store.submit(Batch::new(HOME, epoch).put(&accounts, HOME, "last"));
    bed.store.release(HOME, epoch);
    assert_eq!(bed.store.submit(Batch::new(HOME, epoch)).state(), State::Failed(Error::StaleEpoch));
    bed.faults.release_all();
    assert_eq!(wait(waiting), Ok(()));
    assert_eq!(ask(accounts.get(HOME)), Some(b"last".to_vec()));
    assert_eq!(bed.write_as(HOME, epoch, |batch| batch), Err(Error::StaleEpoch));
    let later = bed.store.claim(HOME);
    assert!(later > epoch);
    bed.store.release(HOME, epoch);
    assert_eq!(bed.write_as(HOME, later, |batch| batch), Ok(()), "an old release means nothing");
}
