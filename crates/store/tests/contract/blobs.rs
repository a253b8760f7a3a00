//! Files come back as they were written, whole or not at all.

use store::{Blob, Error};

use crate::bed::Bed;

const KEY: &str = "k3pt";

fn put(blobs: &Blob, key: &str, bytes: &[u8]) -> Result<(), Error> {
    let mut writing = blobs.begin(key, bytes.len() as u64)?;
    writing.write(bytes)?;
    writing.finish()
}

pub(crate) fn a_blob_is_written_read_in_parts_and_removed(bed: &Bed) {
    let blobs = bed.store.blobs("uploads");
    assert_eq!(blobs.size(KEY), Ok(None));
    assert_eq!(blobs.read(KEY, 0, 9), Ok(None));
    let mut writing = blobs.begin(KEY, 10).unwrap();
    writing.write(b"What l").unwrap();
    writing.write(b"").unwrap();
    writing.write(b"ight").unwrap();
    assert_eq!((blobs.size(KEY), blobs.keys("", 9)), (Ok(None), Ok(vec![])), "nobody sees half of it");
    assert_eq!(blobs.remove(KEY), Ok(false));
    writing.finish().unwrap();
    assert_eq!(blobs.size(KEY), Ok(Some(10)));
    assert_eq!(blobs.read(KEY, 0, 100), Ok(Some(b"What light".to_vec())));
    assert_eq!(blobs.read(KEY, 5, 2), Ok(Some(b"li".to_vec())));
    assert_eq!(blobs.read(KEY, 10, 2), Ok(Some(vec![])));
    assert_eq!(blobs.read(KEY, u64::from(u32::MAX), 2), Ok(Some(vec![])));
    assert_eq!(blobs.remove(KEY), Ok(true));
    assert_eq!(blobs.remove(KEY), Ok(false));
    assert_eq!(blobs.size(KEY), Ok(None));
    put(&blobs, KEY, b"").unwrap();
    assert_eq!(blobs.read(KEY, 0, 1), Ok(Some(vec![])));
}

pub(crate) fn a_blob_has_the_announced_length_or_is_not_there(bed: &Bed) {
    let blobs = bed.store.blobs("uploads");
    let mut writing = blobs.begin(KEY, 4).unwrap();
    writing.write(b"abc").unwrap();
    assert_eq!(writing.write(b"de"), Err(Error::WrongLength { announced: 4, found: 5 }));
    assert_eq!(writing.finish(), Err(Error::WrongLength { announced: 4, found: 3 }));
    assert_eq!(blobs.size(KEY), Ok(None));
    let mut writing = blobs.begin(KEY, 4).unwrap();
    writing.write(b"abc").unwrap();
    drop(writing);
    assert_eq!(blobs.size(KEY), Ok(None));
    put(&blobs, KEY, b"abcd").unwrap();
    assert_eq!(blobs.read(KEY, 0, 9), Ok(Some(b"abcd".to_vec())));
}

pub(crate) fn one_key_is_written_once(bed: &Bed) {
    let blobs = bed.store.blobs("uploads");
    let mut first = blobs.begin(KEY, 1).unwrap();
    assert_eq!(blobs.begin(KEY, 1).map(drop), Err(Error::Exists), "one is being written");
    bed.store.blobs("avatars").begin(KEY, 1).unwrap();
    assert!(blobs.is_begun(KEY) && !bed.store.blobs("avatars").is_begun(KEY));
    first.write(b"1").unwrap();
    first.finish().unwrap();
    assert!(!blobs.is_begun(KEY));
    assert_eq!(blobs.begin(KEY, 1).map(drop), Err(Error::Exists), "one is there");
    assert_eq!(blobs.read(KEY, 0, 9), Ok(Some(b"1".to_vec())));
    blobs.remove(KEY).unwrap();
    put(&blobs, KEY, b"2").unwrap();
}

pub(crate) fn keys_are_letters_and_digits(bed: &Bed) {
    let blobs = bed.store.blobs("uploads");
    for key in ["", "ab", "../../etc", "a/b/c", "abc.", "ABC", "äbc", "a\0c", &"x".repeat(65)] {
        assert_eq!(blobs.begin(key, 0).map(drop), Err(Error::BadKey), "{key}");
        assert_eq!(blobs.read(key, 0, 1), Err(Error::BadKey), "{key}");
        assert_eq!(blobs.remove(key), Err(Error::BadKey), "{key}");
    }
    put(&blobs, &"x".repeat(64), b"").unwrap();
}

pub(crate) fn keys_come_in_pages_and_names_are_apart(bed: &Bed) {
    let blobs = bed.store.blobs("uploads");
    let keys = ["aaa1", "aaa2", "ab00", "new1", "zz9"];
    for key in keys.iter().rev() {
        put(&blobs, key, key.as_bytes()).unwrap();
    }
    put(&bed.store.blobs("avatars"), "aaa3", b"").unwrap();
    assert_eq!(blobs.keys("", 2).unwrap(), &keys[..2]);
    assert_eq!(blobs.keys("aaa2", 2).unwrap(), &keys[2..4]);
    assert_eq!(blobs.keys("new1", 9).unwrap(), &keys[4..]);
    assert_eq!(blobs.keys("b", 9).unwrap(), &keys[3..]);
    assert_eq!(blobs.keys("zz9", 9).unwrap(), [""; 0]);
    assert_eq!(bed.store.blobs("avatars").keys("", 9).unwrap(), ["aaa3"]);
    assert_eq!(bed.store.blobs("nothing").keys("", 9).unwrap(), [""; 0]);
}

pub(crate) fn a_disk_that_refuses_leaves_nothing(bed: &Bed) {
    let (blobs, full) = (bed.store.blobs("uploads"), Error::DiskFull { folder: "data".into() });
    let mut writing = blobs.begin(KEY, 2).unwrap();
    bed.faults.refuse_blobs(Some(full.clone()));
    assert_eq!(writing.write(b"ab"), Err(full.clone()));
    assert_eq!(blobs.begin("other", 2).map(drop), Err(full.clone()));
    assert_eq!(blobs.remove(KEY), Err(full.clone()));
    assert_eq!(writing.finish(), Err(full));
    bed.faults.refuse_blobs(None);
    assert_eq!(blobs.keys("", 9).unwrap(), [""; 0]);
    put(&blobs, KEY, b"ab").unwrap();
}

/// What a crash leaves half written is gone when the folder is opened again; what was finished is there.
#[cfg(feature = "sqlite")]
#[test]
fn what_a_crash_left_is_swept() {
    use crate::bed::Scratch;
    use store::{SqliteOptions, Store};

    let scratch = Scratch::new();
    let open = || Store::sqlite(scratch.path(), SqliteOptions::default()).unwrap();
    let store = open();
    put(&store.blobs("uploads"), "whole", b"all of it").unwrap();
    drop(store);
    let new = scratch.path().join("blobs/uploads/new");
    std::fs::write(new.join("half"), b"the first").unwrap();
    let blobs = open().blobs("uploads");
    assert!(!new.exists());
    assert_eq!(blobs.keys("", 9).unwrap(), ["whole"]);
    put(&blobs, "half", b"anew").unwrap();
    assert_eq!(blobs.read("half", 0, 9), Ok(Some(b"anew".to_vec())));
    let mode = |path: &str| {
        let metadata = std::fs::metadata(scratch.path().join("blobs/uploads").join(path)).unwrap();
        std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777
    };
    assert_eq!((mode("ha"), mode("ha/half")), (0o700, 0o600));
}
