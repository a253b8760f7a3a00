//! What is on a disk after its power was cut.
//!
//! The model is what SQLite asks of a disk (https://sqlite.org/psow.html): what was synced is there; of what was not, each sector of 512 bytes may be old
//! or new, in any order; bytes beside a write are not touched; a file that was longer in memory than on the disk may have any length between, and hold
//! anything where nothing was written yet. SQLite syncs the folder with the first sync of a file that it has made: all names are durable then.

use std::io;
use std::path::Path;

use crate::dice::Dice;
use crate::tape::{Event, FileId, Recorded};

/// What the disk writes as a whole or not at all, bytes.
const SECTOR: usize = 512;

/// The files that are left, by name, with what is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remains(pub Vec<(String, Vec<u8>)>);

impl Remains {
    /// Puts the files into `folder`, which has to be there.
    pub fn put_into(&self, folder: &Path) -> io::Result<()> {
        self.0.iter().try_for_each(|(name, bytes)| std::fs::write(folder.join(name), bytes))
    }
}

/// How much of what was not synced is left.
#[derive(Clone, Copy)]
enum Keeps {
    Nothing,
    All,
    /// So many events, and a part of the next.
    First(usize),
    /// Any sectors of any writes.
    Anything,
}

/// One file on its way: what is durable, and what happened to it since.
struct Way<'a> {
    durable: Option<Vec<u8>>,
    pending: Vec<(usize, &'a Event)>,
}

pub(crate) fn of(recorded: &Recorded, moment: usize, dice: &mut Dice) -> Remains {
    let mut ways: Vec<Way<'_>> =
        recorded.files.iter().map(|file| Way { durable: file.base.clone(), pending: Vec::new() }).collect();
    for (index, event) in recorded.events.iter().enumerate().take(moment) {
        let Some(way) = ways.get_mut(event.file()) else { continue };
        match event {
            Event::Synced { up_to, .. } => {
                if way.sync(*up_to) {
                    ways.iter_mut().for_each(|way| way.sync_name(*up_to));
                }
            }
            Event::Deleted { durable: true, .. } => *way = Way { durable: None, pending: Vec::new() },
            _ => way.pending.push((index, event)),
        }
    }
    let left = ways.into_iter().zip(&recorded.files).filter_map(|(way, file)| {
        let name = Path::new(&file.path).file_name()?.to_string_lossy().into_owned();
        Some((name, way.cut(dice)?))
    });
    Remains(left.collect())
}

impl Event {
    fn file(&self) -> FileId {
        match self {
            Event::Created { file }
            | Event::Written { file, .. }
            | Event::Shortened { file, .. }
            | Event::Synced { file, .. }
            | Event::Deleted { file, .. } => *file,
        }
    }
}

impl Way<'_> {
    /// True: the file was new, so that its folder was synced with it.
    fn sync(&mut self, up_to: usize) -> bool {
        let count = self.pending.iter().take_while(|(index, _)| *index < up_to).count();
        let mut was_new = false;
        for (_, event) in self.pending.drain(..count) {
            was_new |= matches!(event, Event::Created { .. });
            apply(&mut self.durable, event);
        }
        was_new
    }

    fn sync_name(&mut self, up_to: usize) {
        for (index, event) in std::mem::take(&mut self.pending) {
            match event {
                Event::Created { .. } if index < up_to => apply(&mut self.durable, event),
                Event::Deleted { .. } if index < up_to => *self = Way { durable: None, pending: Vec::new() },
                _ => self.pending.push((index, event)),
            }
        }
    }

    fn cut(self, dice: &mut Dice) -> Option<Vec<u8>> {
        let mut content = self.durable;
        let keeps = match dice.below(4) {
            0 => Keeps::Nothing,
            1 => Keeps::All,
            2 => Keeps::First(dice.below(self.pending.len() + 1)),
            _ => Keeps::Anything,
        };
        for (place, (_, event)) in self.pending.into_iter().enumerate() {
            match keeps {
                Keeps::Nothing => break,
                Keeps::All => apply(&mut content, event),
                Keeps::First(count) if place < count => apply(&mut content, event),
                Keeps::First(count) if place > count => break,
                Keeps::First(_) => tear(&mut content, event, dice),
                Keeps::Anything if dice.once_in(3) => {}
                Keeps::Anything if dice.once_in(2) => apply(&mut content, event),
                Keeps::Anything => tear(&mut content, event, dice),
            }
        }
        content
    }
}

fn apply(content: &mut Option<Vec<u8>>, event: &Event) {
    match (event, content.as_mut()) {
        (Event::Created { .. }, None) => *content = Some(Vec::new()),
        (Event::Written { at, bytes, .. }, Some(content)) => put(content, *at, bytes),
        (Event::Shortened { length, .. }, Some(content)) => content.truncate(*length),
        (Event::Deleted { .. }, _) => *content = None,
        _ => {}
    }
}

/// Some sectors of a write, and perhaps a longer file than there is content for. What is no write happens or not.
fn tear(content: &mut Option<Vec<u8>>, event: &Event, dice: &mut Dice) {
    let (Event::Written { at, bytes, .. }, Some(content)) = (event, content.as_mut()) else {
        if dice.once_in(2) {
            apply(content, event);
        }
        return;
    };
    if dice.once_in(2) {
        lengthen(content, at + bytes.len(), dice);
    }
    let mut done = 0;
    while done < bytes.len() {
        let until_next = SECTOR - (at + done) % SECTOR;
        let end = bytes.len().min(done + until_next);
        if dice.once_in(2) {
            put(content, at + done, &bytes[done..end]);
        }
        done = end;
    }
}

/// The length is on the disk, the content is not: zeros, or what was there before.
fn lengthen(content: &mut Vec<u8>, length: usize, dice: &mut Dice) {
    let rubbish = dice.once_in(2);
    while content.len() < length {
        content.push(if rubbish { dice.any() as u8 } else { 0 });
    }
}

fn put(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[at..end].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tape::File;

    fn written(at: usize, bytes: &[u8]) -> Event {
        Event::Written { file: 0, at, bytes: bytes.into() }
    }

    fn left(base: Option<&[u8]>, events: Vec<Event>) -> Vec<Option<Vec<u8>>> {
        let moment = events.len();
        let base = base.map(<[u8]>::to_vec);
        let recorded = Recorded { files: vec![File { path: "folder/file".into(), base }], events };
        let cut = |seed| of(&recorded, moment, &mut Dice::new(seed)).0.pop().map(|(_, bytes)| bytes);
        let mut all: Vec<_> = (0..2_000).map(cut).collect();
        all.sort();
        all.dedup();
        all
    }

    #[test]
    fn what_is_synced_is_there_and_the_rest_may_be() {
        let events = vec![written(0, b"b"), Event::Synced { file: 0, up_to: 1 }, written(1, b"c")];
        let all = left(Some(b"aa"), events);
        assert_eq!(all, [Some(b"ba".to_vec()), Some(b"bc".to_vec())]);
    }

    #[test]
    fn a_sync_does_not_cover_what_is_written_meanwhile() {
        let events = vec![written(0, b"b"), written(0, b"c"), Event::Synced { file: 0, up_to: 1 }];
        let all = left(Some(b"a"), events);
        assert_eq!(all, [Some(b"b".to_vec()), Some(b"c".to_vec())]);
    }

    #[test]
    fn later_writes_may_be_there_without_earlier_ones() {
        let all = left(Some(b"aa"), vec![written(0, b"b"), written(1, b"c")]);
        assert_eq!(all, ["aa", "ac", "ba", "bc"].map(|text| Some(text.as_bytes().to_vec())));
    }

    #[test]
    fn a_write_is_torn_between_sectors_only() {
        let (old, new) = (vec![0; 3 * SECTOR], vec![1; 2 * SECTOR]);
        let all = left(Some(&old), vec![written(SECTOR / 2, &new)]);
        assert_eq!(all.len(), 8, "three sectors, old or new each");
        for content in all.iter().flatten() {
            assert!(content[..SECTOR / 2].iter().all(|byte| *byte == 0), "beside the write");
            assert!(content[SECTOR..2 * SECTOR].iter().all(|byte| *byte == content[SECTOR]));
        }
    }

    #[test]
    fn a_name_is_durable_with_the_first_sync() {
        let create = || Event::Created { file: 0 };
        assert_eq!(left(None, vec![create()]), [None, Some(Vec::new())]);
        assert_eq!(left(None, vec![create(), Event::Synced { file: 0, up_to: 1 }]), [Some(Vec::new())]);
        let all = left(Some(b"a"), vec![Event::Deleted { file: 0, durable: false }]);
        assert_eq!(all, [None, Some(b"a".to_vec())]);
        assert_eq!(left(Some(b"a"), vec![Event::Deleted { file: 0, durable: true }]), [None]);
    }

    #[test]
    fn the_first_sync_of_a_new_file_makes_all_names_durable() {
        let files = ["a", "b"].map(|path| File { path: path.into(), base: (path == "a").then(Vec::new) }).into();
        let events = vec![
            Event::Deleted { file: 0, durable: false },
            Event::Created { file: 1 },
            Event::Synced { file: 1, up_to: 2 },
        ];
        let recorded = Recorded { files, events };
        let names = |moment, seed| of(&recorded, moment, &mut Dice::new(seed)).0;
        assert!((0..100).all(|seed| names(3, seed) == [("b".to_owned(), Vec::new())]));
        assert!((0..100).any(|seed| names(2, seed).len() == 2));
    }

    #[test]
    fn a_shortened_file_may_still_be_long() {
        let all = left(Some(b"abc"), vec![Event::Shortened { file: 0, length: 1 }]);
        assert_eq!(all, [Some(b"a".to_vec()), Some(b"abc".to_vec())]);
    }
}
