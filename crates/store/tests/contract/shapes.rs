//! What goes in comes out, for each shape.

use store::{History, READ_BYTES};

use crate::bed::{Bed, ask, ids, row, waiting_row};

const ROMEO: &str = "romeo@verona.example";
const JULIET: &str = "juliet@verona.example";

pub(crate) fn a_value_is_put_replaced_and_deleted(bed: &Bed) {
    let accounts = bed.store.keys("accounts");
    assert_eq!(ask(accounts.get(ROMEO)), None);
    bed.write(ROMEO, |batch| batch.put(&accounts, ROMEO, "one")).unwrap();
    assert_eq!(ask(accounts.get(ROMEO)), Some(b"one".to_vec()));
    bed.write(ROMEO, |batch| batch.put(&accounts, ROMEO, [0, 255]).delete(&accounts, JULIET)).unwrap();
    assert_eq!(ask(accounts.get(ROMEO)), Some(vec![0, 255]));
    bed.write(ROMEO, |batch| batch.put(&accounts, ROMEO, "")).unwrap();
    assert_eq!(ask(accounts.get(ROMEO)), Some(vec![]));
    bed.write(ROMEO, |batch| batch.delete(&accounts, ROMEO)).unwrap();
    assert_eq!(ask(accounts.get(ROMEO)), None);
}

pub(crate) fn a_map_keeps_its_keys_apart(bed: &Bed) {
    let roster = bed.store.map("roster");
    bed.write(ROMEO, |batch| {
        let batch = batch.put_in(&roster, ROMEO, "nurse", "2").put_in(&roster, ROMEO, "juliet", "1");
        batch.put_in(&roster, ROMEO, "ß", "3").put_in(&roster, JULIET, "romeo", "4")
    })
    .unwrap();
    assert_eq!(ask(roster.get(ROMEO, "nurse")), Some(b"2".to_vec()));
    assert_eq!(ask(roster.get(ROMEO, "romeo")), None);
    let all = [("juliet", "1"), ("nurse", "2"), ("ß", "3")].map(|(key, value)| (key.into(), value.into()));
    assert_eq!(ask(roster.all(ROMEO)), all);
    bed.write(ROMEO, |batch| batch.delete_in(&roster, ROMEO, "nurse").put_in(&roster, ROMEO, "ß", "5")).unwrap();
    assert_eq!(ask(roster.all(ROMEO)).len(), 2);
    assert_eq!(ask(roster.get(ROMEO, "ß")), Some(b"5".to_vec()));
    bed.write(ROMEO, |batch| batch.clear(&roster, ROMEO)).unwrap();
    assert_eq!(ask(roster.all(ROMEO)), []);
    assert_eq!(ask(roster.all(JULIET)).len(), 1);
}

pub(crate) fn names_and_owners_are_apart(bed: &Bed) {
    let (vcard, private) = (bed.store.keys("vcard"), bed.store.keys("private"));
    bed.write(ROMEO, |batch| batch.put(&vcard, ROMEO, "card").put(&private, JULIET, "secret")).unwrap();
    assert_eq!(ask(vcard.get(JULIET)), None);
    assert_eq!(ask(private.get(ROMEO)), None);
    assert_eq!(ask(bed.store.map("vcard").all(ROMEO)), []);
    assert_eq!(ask(bed.store.keys("vcard").get(ROMEO)), Some(b"card".to_vec()));
}

pub(crate) fn a_log_is_read_trimmed_and_ends(bed: &Bed) {
    let outbox = bed.store.log("outbox");
    let read =
        |from, limit| -> Vec<u64> { ask(outbox.read(ROMEO, from, limit)).into_iter().map(|(id, _)| id).collect() };
    assert_eq!(ask(outbox.last(ROMEO)), None);
    for id in [1, 2, 3, 10, 11] {
        bed.write(ROMEO, |batch| batch.log(&outbox, ROMEO, id, format!("entry {id}"))).unwrap();
    }
    assert_eq!(ask(outbox.read(ROMEO, 10, 1)), [(10, b"entry 10".to_vec())]);
    assert_eq!(read(0, 100), [1, 2, 3, 10, 11]);
    assert_eq!(read(2, 3), [2, 3, 10]);
    assert_eq!(read(12, 3), [0; 0]);
    assert_eq!(ask(outbox.last(ROMEO)), Some(11));
    bed.write(ROMEO, |batch| batch.trim(&outbox, ROMEO, 2).unlog(&outbox, ROMEO, 10)).unwrap();
    assert_eq!(read(0, 100), [3, 11]);
    assert_eq!(ask(outbox.owners("", 10)), [ROMEO]);
    bed.write(ROMEO, |batch| batch.trim(&outbox, ROMEO, u64::MAX)).unwrap();
    assert_eq!(read(0, 100), [0; 0]);
    assert_eq!(ask(outbox.owners("", 10)), [""; 0]);
}

pub(crate) fn an_archive_pages_and_marks(bed: &Bed) {
    let archive = bed.store.archive("messages");
    bed.write(ROMEO, |batch| {
        let batch = batch.append(&archive, ROMEO, row(5, "a")).append(&archive, ROMEO, waiting_row(7, "b"));
        batch.append(&archive, ROMEO, waiting_row(9, "c")).append(&archive, JULIET, waiting_row(5, "d"))
    })
    .unwrap();
    assert_eq!(ask(archive.page(ROMEO, 0, 2)), [row(5, "a"), waiting_row(7, "b")]);
    assert_eq!(ids(ask(archive.page(ROMEO, 7, 2))), [9]);
    assert_eq!(ask(archive.undelivered(ROMEO, 0, 10)), [waiting_row(7, "b"), waiting_row(9, "c")]);
    assert_eq!(ids(ask(archive.undelivered(ROMEO, 7, 10))), [9]);
    assert_eq!(ids(ask(archive.undelivered(ROMEO, 0, 1))), [7]);
    assert_eq!(ask(archive.count_undelivered(ROMEO)), 2);
    assert_eq!(ask(archive.count_undelivered("nobody")), 0);
    assert_eq!(ask(archive.last(ROMEO)), Some(9));
    assert_eq!(ask(archive.last("nobody")), None);
}

pub(crate) fn delivered_rows_stay_or_go(bed: &Bed) {
    let archive = bed.store.archive("messages");
    bed.write(ROMEO, |batch| (1..=4).fold(batch, |batch, id| batch.append(&archive, ROMEO, waiting_row(id, "hello"))))
        .unwrap();
    bed.write(ROMEO, |batch| batch.delivered(&archive, ROMEO, 0..=1, History::Keep)).unwrap();
    bed.write(ROMEO, |batch| batch.delivered(&archive, ROMEO, 2..=2, History::Remove)).unwrap();
    assert_eq!(ids(ask(archive.undelivered(ROMEO, 0, 10))), [3, 4]);
    assert_eq!(ask(archive.page(ROMEO, 0, 1)), [row(1, "hello")]);
    assert_eq!(ids(ask(archive.page(ROMEO, 0, 10))), [1, 3, 4]);
    bed.write(ROMEO, |batch| batch.delivered(&archive, ROMEO, 1..=u64::MAX, History::Remove)).unwrap();
    assert_eq!(ids(ask(archive.page(ROMEO, 0, 10))), [1], "what was delivered before is history");
    bed.write(ROMEO, |batch| batch.erase(ROMEO)).unwrap();
    bed.write(ROMEO, |batch| batch.append(&archive, ROMEO, waiting_row(1, "hello"))).unwrap();
    bed.write(ROMEO, |batch| batch.delivered(&archive, ROMEO, 1..=1, History::Remove)).unwrap();
    assert_eq!(ask(archive.owners("", 10)), [""; 0]);
}

pub(crate) fn only_what_waits_between_two_ids_is_struck_out(bed: &Bed) {
    let archive = bed.store.archive("messages");
    for owner in [ROMEO, JULIET] {
        bed.write(owner, |batch| {
            let waiting = [2, 3, 5, 8, 9];
            let batch =
                waiting.iter().fold(batch, |batch, id| batch.append(&archive, owner, waiting_row(*id, "hello")));
            batch.append(&archive, owner, row(4, "old")).append(&archive, owner, row(7, "old"))
        })
        .unwrap();
    }
    let drafts = bed.store.archive("drafts");
    bed.write(ROMEO, |batch| batch.append(&drafts, ROMEO, waiting_row(5, "draft"))).unwrap();
    for (history, struck, kept) in [(History::Remove, 3..=5, 4), (History::Keep, 6..=8, 8)] {
        bed.write(ROMEO, |batch| batch.delivered(&archive, ROMEO, struck.clone(), history)).unwrap();
        assert!(ids(ask(archive.page(ROMEO, 0, 10))).contains(&kept));
        // Again: nothing is left to be struck out.
        bed.write(ROMEO, |batch| batch.delivered(&archive, ROMEO, struck, History::Remove)).unwrap();
    }
    assert_eq!(ids(ask(archive.undelivered(ROMEO, 0, 10))), [2, 9]);
    assert_eq!(ids(ask(archive.page(ROMEO, 0, 10))), [2, 4, 7, 8, 9]);
    assert_eq!(ask(archive.count_undelivered(ROMEO)), 2);
    assert_eq!(ids(ask(archive.undelivered(JULIET, 0, 10))), [2, 3, 5, 8, 9]);
    assert_eq!(ask(drafts.count_undelivered(ROMEO)), 1);
    #[expect(clippy::reversed_empty_ranges, reason = "nothing is between them")]
    let nothing = 9..=2;
    bed.write(ROMEO, |batch| batch.delivered(&archive, ROMEO, nothing, History::Remove)).unwrap();
    assert_eq!(ask(archive.count_undelivered(ROMEO)), 2);
}

pub(crate) fn long_answers_come_in_parts(bed: &Bed) {
    let archive = bed.store.archive("messages");
    let text = "x".repeat(READ_BYTES / 4);
    bed.write(ROMEO, |batch| (1..=9).fold(batch, |batch, id| batch.append(&archive, ROMEO, waiting_row(id, &text))))
        .unwrap();
    let (mut after, mut parts, mut rows) = (0, 0, 0);
    loop {
        let part = ask(archive.undelivered(ROMEO, after, 1_000));
        let Some(last) = part.last() else { break };
        assert!(part.len() <= 5);
        (after, parts, rows) = (last.id, parts + 1, rows + part.len());
    }
    assert_eq!((parts, rows), (2, 9));
}

pub(crate) fn owners_come_in_pages(bed: &Bed) {
    let accounts = bed.store.keys("accounts");
    let archive = bed.store.archive("messages");
    let names = ["a@x", "b@x", "c@x", "ä@x", "🎭@x"];
    for (number, name) in names.iter().rev().enumerate() {
        bed.write(name, |batch| {
            let batch = batch.put(&accounts, name, "").append(&archive, name, row(1, ""));
            (2..number as u64 + 5).fold(batch, |batch, id| batch.append(&archive, name, row(id, "")))
        })
        .unwrap();
    }
    for pages in [accounts.owners("", 2), accounts.owners("b@x", 2), accounts.owners("ä@x", 2)]
        .map(ask)
        .into_iter()
        .zip([&names[..2], &names[2..4], &names[4..]])
    {
        assert_eq!(pages.0, pages.1);
    }
    assert_eq!(ask(accounts.owners("b", 1)), ["b@x"]);
    assert_eq!(ask(archive.owners("", 100)), names);
    assert_eq!(ask(archive.owners("🎭@x", 100)), [""; 0]);
    assert_eq!(ask(bed.store.log("messages").owners("", 100)), [""; 0]);
}

pub(crate) fn erase_takes_everything_of_one_owner(bed: &Bed) {
    let store = &bed.store;
    let (accounts, vcards, roster) = (store.keys("accounts"), store.keys("vcards"), store.map("roster"));
    let (outbox, archive) = (store.log("outbox"), store.archive("messages"));
    for owner in [ROMEO, JULIET] {
        bed.write(owner, |batch| {
            let batch = batch.put(&accounts, owner, "1").put(&vcards, owner, "2").put_in(&roster, owner, "k", "3");
            batch.log(&outbox, owner, 1, "4").append(&archive, owner, waiting_row(1, "5"))
        })
        .unwrap();
    }
    bed.write(ROMEO, |batch| batch.erase(ROMEO).put(&accounts, ROMEO, "reserved")).unwrap();
    assert_eq!(ask(accounts.get(ROMEO)), Some(b"reserved".to_vec()));
    assert_eq!(ask(vcards.owners("", 9)), [JULIET]);
    assert_eq!(ask(roster.owners("", 9)), [JULIET]);
    assert_eq!(ask(outbox.owners("", 9)), [JULIET]);
    assert_eq!(ask(archive.owners("", 9)), [JULIET]);
    assert_eq!(ask(archive.count_undelivered(ROMEO)), 0);
    assert_eq!(ask(archive.count_undelivered(JULIET)), 1);
}
