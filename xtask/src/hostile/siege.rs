//! All cases, one after the other, against one server; then those that take time, beside each other.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::aftermath::{self, Harm};
use super::attack::{self, Outcome};
use super::case::{Case, Occasion};
use super::conversation::{Conversation, Heard};
use super::differences::Differences;
use super::house::{FRIEND, House, JULIET, ROMEO};
use super::memory;
use super::report::{self, Row, Verdict};
use crate::servers::Server;
use crate::tally::Tally;

/// What the control conversation may notice.
const DELAY: Duration = Duration::from_secs(2);

/// What may be left of memory when all is over.
const LEFT: usize = 8 << 20;

/// Ours is stopped if it takes so much.
const TOO_MUCH: usize = 3 << 30;

/// Cases that take time and have no more than this are about patience alone: they run beside each other on any server.
const NOTHING: usize = 128 * 1024;

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
        // Another server may have much to do with some of them, for which the others are not to blame.
        let is_patient = |case: &&Case| case.within.is_some() && (server.is_yatter() || case.memory < NOTHING);
        let (patient, quick): (Vec<&Case>, Vec<&Case>) = cases.iter().partition(is_patient);
        for file in quick.chunk_by(|one, other| one.file == other.file) {
            let (began, before) = (Instant::now(), siege.rows.len());
            for case in file {
                for occasion in &case.occasions {
                    siege.one(case, *occasion)?;
                }
            }
            let rows = &siege.rows[before..];
            let differ = rows.iter().filter(|row| row.verdict == Verdict::Differs).count();
            let (name, seconds) = (&file[0].file, began.elapsed().as_secs());
            println!("{name}: {} runs, {differ} differ, {seconds} s", rows.len());
        }
        siege.beside_each_other(&patient)?;
        Ok(siege)
    }

    fn one(&mut self, case: &Case, occasion: Occasion) -> Result<()> {
        let began = Instant::now();
        memory::forget_peak(self.house.process())?;
        let before = memory::of(self.house.process())?.resident;
        let work = aftermath::work_of(self.house.process());
        let mut outcome = attack::run(&self.house, case, occasion);
        let never_began = outcome.as_ref().is_ok_and(Outcome::never_began);
        if never_began && !self.house.is_yatter && case.clients == 1 {
            println!("{} ({occasion}): no beginning after what was before it, started again", case.name);
            self.start_again()?;
            outcome = attack::run(&self.house, case, occasion);
        }
        let peak = memory::of(self.house.process())?.peak;
        let took = began.elapsed();
        let talk = self.talk()?;
        let after = memory::of(self.house.process())?.resident;
        let harm = self.harm(&talk, work)?;
        let words = harm.map_or("", Harm::words);
        let outcome = outcome.map(|outcome| Outcome { answer: outcome.answer + words, ..outcome });
        self.take(case, occasion, outcome, took, [before, peak, after], talk)?;
        if let Some(harm) = harm {
            println!("{} ({occasion}): {harm:?}, started again", case.name);
            self.start_again()?;
        }
        let row = self.rows.last_mut().context("no row")?;
        if row.taken() > case.memory && self.house.is_yatter {
            row.complaints.push(format!("{} KiB were taken, not {}", row.taken() / 1024, case.memory / 1024));
        }
        self.tell_last();
        Ok(())
    }

    /// What a case has done to another server, beyond its answer.
    fn harm(&mut self, talk: &Heard, work_before: Duration) -> Result<Option<Harm>> {
        Ok(match () {
            () if self.house.is_yatter => None,
            () if self.house.took_too_much() => Some(Harm::TooMuchMemory),
            () if !self.house.is_up()? => Some(Harm::Ended),
            () if talk.lost.is_some() => Some(Harm::Deaf),
            () if aftermath::works_on(self.house.process(), work_before) => Some(Harm::Busy),
            () => None,
        })
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
        if let Some(harm) = self.harm(&talk, Duration::MAX)? {
            println!("beside each other: {harm:?}, started again");
            self.start_again()?;
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
        if self.house.is_yatter && !self.house.is_up()? {
            let log = self.house.stage.last_log_lines(20);
            bail!("the server has ended during `{}` ({occasion}):\n{log}", case.name);
        }
        if self.house.is_yatter && memory[1] > TOO_MUCH {
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
            if self.house.is_yatter && self.house.is_up()? {
                self.conversation = Some(Conversation::begin(&self.house)?);
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
    pub(super) fn finish(mut self, known: Option<&Differences>, tally: &mut Tally) -> Result<()> {
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
        let summary = self.summary(left, known.map_or(0, Differences::left_out));
        println!("{}", serde_json::to_string_pretty(&summary)?);
        let path = self.folder.with_extension("json");
        report::keep(&path, self.server.name(), &summary, &self.rows)?;
        println!("kept as {}", path.display());
        if let Some(known) = known {
            let compared = known.compare(&self.rows);
            println!("{compared}");
            let name = "hostile: the differences are those that are explained";
            tally.record_words(name, compared.complaints.is_empty(), &compared.complaints);
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

    fn summary(&self, left: usize, left_out: usize) -> serde_json::Value {
        let count = |verdict| self.rows.iter().filter(|row| row.verdict == verdict).count();
        let names: BTreeSet<&str> = self.rows.iter().map(|row| row.case.as_str()).collect();
        let longest = self.rows.iter().map(|row| row.talk.longest).max().unwrap_or_default();
        json!({
            "cases": names.len(),
            "not_run": left_out,
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
