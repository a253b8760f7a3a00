//! All cases, one after the other, against one server; then those that take time, beside each other.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use super::attack::{self, Outcome};
use super::case::{Case, Occasion};
use super::conversation::{Conversation, Heard};
use super::differences;
use super::house::{FRIEND, House, JULIET, ROMEO};
use super::memory;
use super::report::{self, Row, Verdict};
use crate::servers::Server;
use crate::tally::Tally;

/// What the control conversation may notice.
const DELAY: Duration = Duration::from_secs(2);

/// What may be left of memory when all is over.
const LEFT: usize = 8 << 20;

/// A server that takes so much is stopped, whoever's it is.
const TOO_MUCH: usize = 3 << 30;

/// A server and what came of it so far.
pub(super) struct Siege<'a> {
    house: House,
    server: &'a dyn Server,
    folder: PathBuf,
    rows: Vec<Row>,
    conversation: Option<Conversation>,
    conversations_lost: usize,
    restarts: usize,
    start: usize,
    began: Instant,
}

impl<'a> Siege<'a> {
    /// Starts the server and runs the cases.
    pub(super) fn lay(server: &'a dyn Server, folder: PathBuf, cases: &[Case]) -> Result<Siege<'a>> {
        let mut people: BTreeSet<String> = cases.iter().map(|case| case.user.clone()).collect();
        people.extend([ROMEO, JULIET, FRIEND].map(str::to_owned));
        let people: Vec<String> = people.into_iter().collect();
        let house = House::open(server, folder.clone(), &people)?;
        let mut siege = Siege {
            server,
            folder,
            rows: Vec::new(),
            conversation: Some(Conversation::begin(&house)?),
            conversations_lost: 0,
            restarts: 0,
            start: memory::of(house.process())?.resident,
            house,
            began: Instant::now(),
        };
        let (patient, quick): (Vec<&Case>, Vec<&Case>) = cases.iter().partition(|case| case.within.is_some());
        for case in quick {
            for occasion in &case.occasions {
                siege.one(case, *occasion)?;
            }
        }
        siege.beside_each_other(&patient)?;
        Ok(siege)
    }

    fn one(&mut self, case: &Case, occasion: Occasion) -> Result<()> {
        let began = Instant::now();
        memory::forget_peak(self.house.process())?;
        let before = memory::of(self.house.process())?.resident;
        let outcome = attack::run(&self.house, case, occasion);
        let peak = memory::of(self.house.process())?.peak;
        let took = began.elapsed();
        let talk = self.talk()?;
        let after = memory::of(self.house.process())?.resident;
        self.take(case, occasion, outcome, took, [before, peak, after], talk)?;
        let row = self.rows.last_mut().context("no row")?;
        if row.taken() > case.memory && self.house.is_yatter {
            row.complaints.push(format!("{} KiB were taken, not {}", row.taken() / 1024, case.memory / 1024));
        }
        self.tell_last();
        Ok(())
    }

    /// Cases that take time all begin at once; their memory is looked at together.
    fn beside_each_other(&mut self, cases: &[&Case]) -> Result<()> {
        if cases.is_empty() {
            return Ok(());
        }
        memory::forget_peak(self.house.process())?;
        let before = memory::of(self.house.process())?.resident;
        let results = Mutex::new(Vec::new());
        let house = &self.house;
        thread::scope(|scope| {
            for case in cases {
                for occasion in &case.occasions {
                    let results = &results;
                    scope.spawn(move || {
                        let began = Instant::now();
                        let outcome = attack::run(house, case, *occasion);
                        if let Ok(mut results) = results.lock() {
                            results.push((*case, *occasion, outcome, began.elapsed()));
                        }
                    });
                }
            }
        });
        let peak = memory::of(self.house.process())?.peak;
        let talk = self.talk()?;
        let after = memory::of(self.house.process())?.resident;
        let Ok(mut results) = results.into_inner() else { bail!("a case panicked") };
        results.sort_by_key(|result| cases.iter().position(|case| case.name == result.0.name));
        let allowed: usize = results.iter().map(|result| result.0.memory).sum();
        for (case, occasion, outcome, took) in results {
            self.take(case, occasion, outcome, took, [before, peak, after], talk.clone())?;
            self.tell_last();
        }
        let taken = peak.saturating_sub(before);
        println!("beside each other: {} KiB were taken, {} are allowed", taken / 1024, allowed / 1024);
        if taken > allowed && self.house.is_yatter {
            let row = self.rows.last_mut().context("no row")?;
            row.complaints.push(format!("all together took {} KiB, not {}", taken / 1024, allowed / 1024));
        }
        Ok(())
    }

    fn take(
        &mut self,
        case: &Case,
        occasion: Occasion,
        outcome: Result<Outcome>,
        took: Duration,
        memory: [usize; 3],
        talk: Heard,
    ) -> Result<()> {
        let expected = if occasion.answers_as_in_2000() { &case.in_2000 } else { &case.today };
        let outcome = outcome
            .unwrap_or_else(|error| Outcome { answer: format!("no beginning: {error:#}"), heard: String::new() });
        let mut complaints = Vec::new();
        if let Some(lost) = &talk.lost {
            complaints.push(format!("the conversation was lost: {lost}"));
        }
        if talk.longest > DELAY {
            complaints.push(format!("a message of the conversation took {:.1} s", talk.longest.as_secs_f64()));
        }
        self.rows.push(Row {
            case: case.name.clone(),
            source: case.source.clone(),
            occasion,
            expected: expected.as_ref().map(ToString::to_string).unwrap_or_default(),
            verdict: Verdict::of(case, occasion, &outcome.answer),
            answer: outcome.answer,
            heard: outcome.heard,
            took,
            memory,
            talk,
            complaints,
        });
        if !self.house.is_up()? {
            let log = self.house.stage.last_log_lines(20);
            ensure!(!self.house.is_yatter, "the server has ended during `{}` ({occasion}):\n{log}", case.name);
            println!("{} ({occasion}): the server has ended:\n{log}", case.name);
            self.start_again()?;
        }
        if memory[1] > TOO_MUCH {
            bail!("the server takes {} MiB in `{}` ({occasion})", memory[1] >> 20, case.name);
        }
        Ok(())
    }

    /// How the control conversation went; it begins anew where it was lost.
    fn talk(&mut self) -> Result<Heard> {
        let Some(conversation) = &self.conversation else { return Ok(Heard::default()) };
        conversation.catch_up();
        let heard = conversation.so_far();
        if heard.lost.is_some() {
            self.conversations_lost += 1;
            if self.house.is_up()? {
                match Conversation::begin(&self.house) {
                    Ok(conversation) => self.conversation = Some(conversation),
                    // A peer that answers nobody any more.
                    Err(_) if !self.house.is_yatter => self.start_again()?,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(heard)
    }

    /// Another server that is gone or hangs is started anew: the cases to come are not to blame.
    fn start_again(&mut self) -> Result<()> {
        self.restarts += 1;
        self.conversation = None;
        self.house.start_again(self.server)?;
        match Conversation::begin(&self.house) {
            Ok(conversation) => self.conversation = Some(conversation),
            Err(error) => println!("no conversation any more: {error:#}"),
        }
        Ok(())
    }

    fn tell_last(&self) {
        let Some(row) = self.rows.last() else { return };
        if row.verdict == Verdict::Differs || !row.complaints.is_empty() {
            println!("{} ({}):", row.case, row.occasion);
            row.words().iter().for_each(|line| println!("    {line}"));
        }
    }

    /// Stops the server, prints and keeps the results.
    pub(super) fn finish(mut self, known: &BTreeSet<(String, String)>, tally: &mut Tally) -> Result<()> {
        if let Some(conversation) = self.conversation.take() {
            let lost: Vec<String> = conversation.end().lost.into_iter().collect();
            tally.record_words("hostile: the conversation", lost.is_empty(), &lost);
        }
        let left = self.settle()?;
        if self.house.is_yatter {
            let words = [format!("{} KiB, not {}", left / 1024, LEFT / 1024)];
            tally.record_words("hostile: what is left of memory", left <= LEFT, &words);
            tally.record("hostile: everybody is gone", self.house.is_empty()?);
        }
        let stopped = self.house.close()?;
        if self.house.is_yatter {
            tally.record("hostile: the server stops by itself", stopped);
            let bad = self.bad_lines();
            tally.record_words("hostile: nothing is in the log that should not be", bad.is_empty(), &bad);
        }
        print!("{}", report::table(&self.rows));
        let summary = self.summary(left);
        println!("{}", serde_json::to_string_pretty(&summary)?);
        let path = self.folder.with_extension("json");
        report::keep(&path, self.server.name(), &summary, &self.rows)?;
        println!("kept as {}", path.display());
        if !self.house.is_yatter {
            let complaints = differences::complaints(known, &self.rows);
            complaints.iter().for_each(|complaint| println!("{complaint}"));
            let name = "hostile: the differences are those that are explained";
            tally.record_words(name, complaints.is_empty(), &complaints);
        }
        for row in &self.rows {
            let passed = row.verdict != Verdict::Differs && row.complaints.is_empty();
            let name = format!("hostile: {} ({})", row.case, row.occasion);
            tally.record_words(&name, passed || !self.house.is_yatter, &row.words());
        }
        Ok(())
    }

    /// Waits a moment until memory is given back; what is left beyond the start, bytes.
    fn settle(&self) -> Result<usize> {
        let mut left = usize::MAX;
        for _ in 0..60 {
            left = memory::of(self.house.process())?.resident.saturating_sub(self.start);
            if left <= LEFT {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(left)
    }

    /// The lines of the log that should not be there, the first of them.
    fn bad_lines(&self) -> Vec<String> {
        let forbidden = ["panicked", " ERROR ", super::PASSWORD, "let me in"];
        let log = self.house.log();
        let bad = log.lines().filter(|line| forbidden.iter().any(|word| line.contains(word)));
        bad.take(5).map(str::to_owned).collect()
    }

    fn summary(&self, left: usize) -> serde_json::Value {
        let count = |verdict| self.rows.iter().filter(|row| row.verdict == verdict).count();
        let names: BTreeSet<&str> = self.rows.iter().map(|row| row.case.as_str()).collect();
        let longest = self.rows.iter().map(|row| row.talk.longest).max().unwrap_or_default();
        json!({
            "cases": names.len(),
            "runs": self.rows.len(),
            "right": count(Verdict::Right),
            "allowed": count(Verdict::Allowed),
            "differs": count(Verdict::Differs),
            "seconds": self.began.elapsed().as_secs(),
            "resident_start_kib": self.start / 1024,
            "resident_left_kib": left / 1024,
            "most_taken_kib": self.rows.iter().map(Row::taken).max().unwrap_or(0) / 1024,
            "conversation_messages": self.rows.iter().map(|row| row.talk.messages).sum::<u32>(),
            "conversation_longest_ms": longest.as_secs_f64() * 1000.0,
            "conversations_lost": self.conversations_lost,
            "started_again": self.restarts,
        })
    }
}
