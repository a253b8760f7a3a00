//! The list of the draft's sentences and their traps.

use anyhow::{Context, Result, bail, ensure};

/// The whole list.
pub(super) struct Sentences {
    pub(super) chapters: Vec<Chapter>,
}

/// One chapter of the draft.
pub(super) struct Chapter {
    pub(super) number: String,
    pub(super) name: String,
    /// What the draft says there.
    pub(super) says: String,
    pub(super) traps: Vec<Trap>,
}

/// Something that can go wrong with a sentence.
pub(super) struct Trap {
    pub(super) number: String,
    pub(super) words: String,
    /// The part of the program that it waits for.
    pub(super) later: Option<String>,
}

/// What a trap may wait for.
const LATER: [&str; 4] = ["federation", "components and services", "rooms", "HTTP polling"];

impl Sentences {
    pub(super) fn read(text: &str) -> Result<Sentences> {
        let mut chapters: Vec<Chapter> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let chapter = chapter(line).map(|chapter| chapters.push(chapter));
            if chapter.is_some() {
                continue;
            }
            let last = chapters.last_mut().with_context(|| format!("line {}: no chapter yet", index + 1))?;
            if line.starts_with("T-") {
                last.traps.push(trap(line).with_context(|| format!("line {}", index + 1))?);
            } else {
                ensure!(last.traps.is_empty(), "line {}: a sentence behind the traps", index + 1);
                last.says = format!("{} {line}", last.says).trim().to_owned();
            }
        }
        let sentences = Sentences { chapters };
        sentences.no_number_twice()?;
        Ok(sentences)
    }

    pub(super) fn traps(&self) -> impl Iterator<Item = &Trap> {
        self.chapters.iter().flat_map(|chapter| &chapter.traps)
    }

    /// Whether a number is that of a trap or of a chapter.
    pub(super) fn knows(&self, number: &str) -> bool {
        let chapter = number.strip_prefix("T-");
        self.traps().any(|trap| trap.number == number)
            || self.chapters.iter().any(|other| Some(other.number.as_str()) == chapter)
    }

    fn no_number_twice(&self) -> Result<()> {
        let mut numbers: Vec<&str> = self.traps().map(|trap| trap.number.as_str()).collect();
        numbers.sort_unstable();
        match numbers.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => bail!("{} stands there twice", pair[0]),
            None => Ok(()),
        }
    }
}

fn chapter(line: &str) -> Option<Chapter> {
    let (number, name) = line.strip_prefix('[')?.split_once("] ")?;
    Some(Chapter { number: number.to_owned(), name: name.to_owned(), says: String::new(), traps: Vec::new() })
}

fn trap(line: &str) -> Result<Trap> {
    let (number, rest) = line.split_once("  ").context("two spaces stand behind a number")?;
    let (words, later) = match rest.split_once("| later: ") {
        Some((words, part)) => {
            ensure!(LATER.contains(&part), "`{part}` is no part that is to come");
            (words, Some(part.to_owned()))
        }
        None => (rest, None),
    };
    Ok(Trap { number: number.to_owned(), words: words.trim().to_owned(), later })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_chapters_sentences_and_traps() {
        let list =
            "# of 2000\n\n[3.3] Servers\nThey\ndeliver.\nT-3.3.1  in order | later: federation\nT-3.3.2  at once\n";
        let read = Sentences::read(list).unwrap();
        let chapter = &read.chapters[0];
        assert_eq!((chapter.number.as_str(), chapter.says.as_str()), ("3.3", "They deliver."));
        let later: Vec<_> = read.traps().map(|trap| (trap.words.as_str(), trap.later.as_deref())).collect();
        assert_eq!(later, [("in order", Some("federation")), ("at once", None)]);
        assert!(read.knows("T-3.3.2") && read.knows("T-3.3") && !read.knows("T-3.3.3"));
    }

    #[test]
    fn mistakes_are_told() {
        for list in ["T-1.1  x", "[1] A\nT-1.1 x", "[1] A\nT-1.1  x | later: never", "[1] A\nT-1.1  x\nT-1.1  y"] {
            assert!(Sentences::read(list).is_err(), "{list}");
        }
    }
}
