//! What one person asked for and heard until the connection was gone, and what follows from all of it.

use std::collections::BTreeMap;

/// What was said and heard, in order.
#[derive(Default)]
pub(crate) struct Diary {
    /// What each question would change, by its id, in the order of asking.
    pub(crate) asked: Vec<(String, String, Option<String>)>,
    /// Messages, with whom they are for.
    pub(crate) written: Vec<(String, String)>,
    /// Accounts that were asked for.
    pub(crate) registered: Vec<(String, bool)>,
    pub(crate) heard: String,
}

/// One thing that is written again and again: what was there, and what it may be instead.
#[derive(Default, Debug)]
pub(crate) struct Register {
    before: Option<String>,
    writes: Vec<(Option<String>, Answer)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    None,
    Result,
    Error,
}

impl Diary {
    fn answer(&self, id: &str) -> Answer {
        let mut headers = self.heard.split("<iq ").skip(1).filter_map(|piece| piece.split_once('>'));
        let of_it = headers.find(|(header, _)| header.contains(&format!("id='{id}'")));
        match of_it {
            Some((header, _)) if header.contains("type='result'") => Answer::Result,
            Some(_) => Answer::Error,
            None => Answer::None,
        }
    }

    pub(crate) fn add_to(&self, known: &mut BTreeMap<String, Register>) {
        for (id, thing, value) in &self.asked {
            known.entry(thing.clone()).or_default().writes.push((value.clone(), self.answer(id)));
        }
    }

    pub(crate) fn acknowledged(&self) -> usize {
        let answered = self.asked.iter().filter(|(id, ..)| self.answer(id) == Answer::Result).count();
        answered + self.written.iter().filter(|(id, _)| self.is_stored(id)).count() + self.guests().len()
    }

    /// The messages to `to` that the server says it keeps.
    pub(crate) fn stored(&self, to: &str) -> Vec<String> {
        let mine = self.written.iter().filter(|(id, whom)| whom == to && self.is_stored(id));
        mine.map(|(id, _)| id.clone()).collect()
    }

    fn is_stored(&self, id: &str) -> bool {
        self.heard.contains(&format!("<offline/><id>{id}</id>"))
    }

    pub(crate) fn guests(&self) -> Vec<String> {
        self.registered.iter().filter(|(_, made)| *made).map(|(name, _)| name.clone()).collect()
    }
}

/// The things whose names begin so.
pub(crate) fn things_of(known: &BTreeMap<String, Register>, start: &str) -> Vec<String> {
    known.keys().filter(|thing| thing.starts_with(start)).cloned().collect()
}

/// Whether a thing may be what it is now; from now on it is.
pub(crate) fn compare(
    known: &mut BTreeMap<String, Register>,
    thing: &str,
    now: Option<String>,
    wrong: &mut Vec<String>,
) {
    let register = known.entry(thing.to_owned()).or_default();
    let last = register.writes.iter().rposition(|(_, answer)| *answer == Answer::Result);
    let mut possible: Vec<_> = register.writes[last.unwrap_or(0)..].iter().collect();
    possible.retain(|(_, answer)| *answer != Answer::Error);
    let as_before = last.is_none() && register.before == now;
    if !as_before && !possible.iter().any(|(value, _)| *value == now) {
        wrong.push(format!("{thing}: {now:?}, of {register:?}"));
    }
    *register = Register { before: now, writes: Vec::new() };
}

/// An attribute of a tag as this server writes it.
pub(crate) fn attr(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}='"))?;
    Some(rest.split_once('\'')?.0.to_owned())
}
