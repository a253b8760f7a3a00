//! What a run's clients know: each change that they asked for, and the moment at which the server said that it is made.

use im::subscription::State;
use std::collections::BTreeMap;

/// A number of things that have happened to the disk: see [`disk::Disk::now`].
pub(super) type Moment = usize;

/// One thing that is written again and again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Thing {
    /// Whether there is such an account; its password, if it has one.
    Account(String),
    /// What the first calls the second in the roster.
    Name(String, String),
    /// A private element, by its number.
    Private(String, usize),
    Card(String),
}

impl Thing {
    pub(super) fn owner(&self) -> &str {
        match self {
            Thing::Account(owner) | Thing::Name(owner, _) | Thing::Private(owner, _) | Thing::Card(owner) => owner,
        }
    }
}

/// What a thing was when the life began, and each change of it in the order of asking.
#[derive(Default, Debug)]
pub(super) struct Register {
    before: Option<String>,
    writes: Vec<Write>,
}

#[derive(Debug)]
struct Write {
    value: Option<String>,
    asked: Moment,
    answer: Answer,
}

#[derive(Debug)]
enum Answer {
    Outstanding,
    Done(Moment),
    Refused,
}

/// One message with a wish to be told when it is stored.
#[derive(Debug)]
pub(super) struct Mail {
    pub(super) number: usize,
    pub(super) from: String,
    pub(super) to: String,
    /// The sender was told that it waits.
    pub(super) stored: Option<Moment>,
    /// A session of the receiver has had it.
    pub(super) heard: Option<Moment>,
    /// The sender got it back.
    pub(super) returned: Option<Moment>,
    /// Somebody had it in an earlier life, or it was lost with the power before anybody promised anything.
    pub(super) over: bool,
}

/// A roster push: in this version the contact looks so.
#[derive(Debug)]
pub(super) struct Push {
    pub(super) owner: String,
    pub(super) contact: String,
    pub(super) version: u64,
    pub(super) face: String,
    pub(super) at: Moment,
}

/// All states of subscriptions of those who are awake, when nothing was under way.
#[derive(Debug)]
pub(super) struct Calm {
    pub(super) at: Moment,
    pub(super) states: BTreeMap<(String, String), State>,
}

#[derive(Default)]
pub(super) struct Known {
    pub(super) things: BTreeMap<Thing, Register>,
    pub(super) mail: BTreeMap<String, Mail>,
    pub(super) pushes: Vec<Push>,
    pub(super) calms: Vec<Calm>,
    /// Who did something about whom that may change a subscription.
    pub(super) stirs: Vec<(String, String, Moment)>,
    /// The disk refused something in this life: what was answered with an error may be there after all.
    pub(super) broken: bool,
}

impl Register {
    pub(super) fn ask(&mut self, value: Option<String>, now: Moment) -> usize {
        self.writes.push(Write { value, asked: now, answer: Answer::Outstanding });
        self.writes.len() - 1
    }

    pub(super) fn answered(&mut self, write: usize, done: bool, now: Moment) {
        if let Some(write) = self.writes.get_mut(write) {
            write.answer = if done { Answer::Done(now) } else { Answer::Refused };
        }
    }

    /// The last value that was asked for and not refused, or that there was.
    pub(super) fn newest(&self) -> Option<&str> {
        let kept = self.writes.iter().rev().find(|write| !matches!(write.answer, Answer::Refused));
        kept.map_or(self.before.as_deref(), |write| write.value.as_deref())
    }

    /// Whether every change has been answered.
    pub(super) fn is_calm(&self) -> bool {
        !self.writes.iter().any(|write| matches!(write.answer, Answer::Outstanding))
    }

    /// What it may be after a cut at `moment`: the last acknowledged value, or one that was asked for later.
    pub(super) fn possible(&self, moment: Moment, refused_too: bool) -> Vec<Option<&str>> {
        let acknowledged = |write: &Write| matches!(write.answer, Answer::Done(at) if at <= moment);
        let last = self.writes.iter().rposition(acknowledged);
        let mut values: Vec<_> = if last.is_none() { vec![self.before.as_deref()] } else { Vec::new() };
        for write in &self.writes[last.unwrap_or(0)..] {
            let refused = matches!(write.answer, Answer::Refused);
            if write.asked <= moment && (refused_too || !refused) {
                values.push(write.value.as_deref());
            }
        }
        values
    }

    /// Everything that it was or was to be.
    pub(super) fn ever(&self) -> impl Iterator<Item = &str> {
        let writes = self.writes.iter().filter_map(|write| write.value.as_deref());
        self.before.as_deref().into_iter().chain(writes)
    }

    /// A new life begins with this.
    pub(super) fn begin(&mut self, value: Option<String>) {
        *self = Register { before: value, writes: Vec::new() };
    }
}

impl Known {
    /// Everybody who was ever to have an account.
    pub(super) fn people(&self) -> Vec<String> {
        let accounts = self.things.keys().filter(|thing| matches!(thing, Thing::Account(_)));
        accounts.map(|thing| thing.owner().to_owned()).collect()
    }

    /// Somebody did something that may change what the two are to each other.
    pub(super) fn stir(&mut self, who: &str, whom: &str, now: Moment) {
        self.stirs.push((who.to_owned(), whom.to_owned(), now));
    }

    pub(super) fn was_stirred(&self, one: &str, other: &str, from: Moment, to: Moment) -> bool {
        let pair = |who: &str, whom: &str| (who == one && whom == other) || (who == other && whom == one);
        self.stirs.iter().any(|(who, whom, at)| pair(who, whom) && *at >= from && *at <= to)
    }

    /// Whether the account was to be removed by then.
    pub(super) fn may_be_removed(&self, who: &str, moment: Moment) -> bool {
        let account = self.things.get(&Thing::Account(who.to_owned()));
        account.is_none_or(|account| account.possible(moment, true).contains(&None))
    }
}
