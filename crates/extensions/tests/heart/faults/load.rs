//! What people do between two power cuts, all at once: rosters, subscriptions, messages to those who are away, private elements, cards, new accounts and
//! removed ones, logins and lost connections.

use super::known::Thing;
use super::life::{HOST, Life, jid};
use disk::Refusal;
use im::NewCredentials;
use std::time::Duration;

/// Those who are there in every life.
pub(super) const PEOPLE: [&str; 4] = ["romeo", "juliet", "nurse", "tybalt"];

impl Life {
    /// A few bursts of what people do, with a disk that may be slow or refuse for a while.
    pub(super) async fn play(&mut self) -> Result<(), String> {
        self.make_accounts().await;
        if self.dice.once_in(4) {
            self.disk.slow_down(Duration::from_micros(500));
        }
        let breaks = self.dice.once_in(3);
        self.stirs_nobody = breaks && !self.breaks_subscriptions;
        for _ in 0..3 + self.dice.below(5) {
            let refuses = breaks && self.dice.once_in(2);
            if refuses {
                self.break_disk();
            }
            self.burst().await;
            self.calm_down().await?;
            if refuses {
                self.disk.refuse(None);
                self.disk.fail_syncs(0);
                self.calm_down().await?;
            }
        }
        self.everybody_is_answered().await
    }

    async fn make_accounts(&mut self) {
        for who in PEOPLE {
            if self.hub.credentials(&jid(who)).await.ok().flatten().is_some() {
                continue;
            }
            let id = self.ask(Thing::Account(who.to_owned()), Some(String::new()));
            let nothing = NewCredentials::default();
            let made = self.hub.create_account(who, HOST, &nothing).await.is_ok();
            let (thing, write) = self.waiting.remove(&id).unwrap();
            self.known.things.get_mut(&thing).unwrap().answered(write, made, self.disk.now());
        }
        for who in PEOPLE {
            self.sit_down(who).await;
        }
    }

    fn break_disk(&mut self) {
        self.known.broken = true;
        match self.dice.below(3) {
            0 => self.disk.refuse(Some(Refusal::Full)),
            1 => self.disk.refuse(Some(Refusal::Broken)),
            _ => self.disk.fail_syncs(1 + self.dice.below(3)),
        }
    }

    /// Much at once. Sometimes the disk makes everybody wait, so that whoever is answered too early is seen.
    async fn burst(&mut self) {
        let holds = self.dice.once_in(3);
        if holds {
            self.faults.hold();
        }
        for _ in 0..1 + self.dice.below(8) {
            self.act(holds).await;
            if self.dice.once_in(3) {
                self.look_around().await;
            }
        }
        self.look_around().await;
        if holds {
            for _ in 0..self.dice.below(4) {
                self.faults.release_one();
                self.look_around().await;
            }
            self.faults.release_all();
        }
    }

    async fn look_around(&mut self) {
        for _ in 0..self.dice.below(30) {
            tokio::task::yield_now().await;
            self.listen().await;
        }
    }

    /// One thing that somebody does. Nothing that waits for the disk while it is held.
    async fn act(&mut self, held: bool) {
        if self.seats.is_empty() || self.dice.once_in(12) && !held {
            let who = self.somebody();
            if !held && self.may_act(&who) {
                self.sit_down(&who).await;
            }
            return;
        }
        let seat = self.dice.below(self.seats.len());
        let who = self.seats[seat].who.clone();
        if !self.is_ready(seat) || !self.may_act(&who) {
            return;
        }
        match self.dice.below(24) {
            0 => self.stand_up(seat),
            1 => self.register_somebody(),
            2 if !PEOPLE.contains(&who.as_str()) && !self.stirs_nobody => self.leave_for_good(seat, &who),
            3 if !PEOPLE.contains(&who.as_str()) => self.new_password(seat, &who),
            _ => {
                let said: Vec<String> = (0..1 + self.dice.below(4)).map(|_| self.something(&who)).collect();
                self.say(seat, &said);
            }
        }
    }

    fn something(&mut self, who: &str) -> String {
        let whom = self.somebody();
        let now = self.disk.now();
        match self.dice.below(16) {
            // One has no contact that is oneself, whatever one asks for.
            0..=7 if whom == who => "<presence/>".to_owned(),
            0..=2 => self.name(who, &whom),
            3..=7 if self.stirs_nobody => self.name(who, &whom),
            3 => self.forget(who, &whom),
            4..=7 => {
                self.known.stir(who, &whom, now);
                let verbs = ["subscribe", "subscribe", "subscribed", "subscribed", "unsubscribe", "unsubscribed"];
                let verb = self.dice.pick(&verbs).unwrap();
                format!("<presence type='{verb}' to='{whom}@{HOST}'/>")
            }
            8..=10 => self.write_to(who, &whom),
            11 | 12 => self.keep_private(who),
            13 => self.keep_card(who),
            14 => "<presence/>".to_owned(),
            _ => "<presence type='unavailable'/>".to_owned(),
        }
    }

    fn name(&mut self, who: &str, whom: &str) -> String {
        let name = format!("name {}", self.next());
        let id = self.ask(Thing::Name(who.to_owned(), whom.to_owned()), Some(name.clone()));
        format!(
            "<iq type='set' id='{id}'><query xmlns='jabber:iq:roster'><item jid='{whom}@{HOST}' name='{name}'/></query></iq>"
        )
    }

    fn forget(&mut self, who: &str, whom: &str) -> String {
        self.known.stir(who, whom, self.disk.now());
        let thing = Thing::Name(who.to_owned(), whom.to_owned());
        // Of one who is not there, nothing can be removed (RFC 6121 §2.5.3); of one who may be, it may be refused.
        let id = self.ask(thing, None);
        format!(
            "<iq type='set' id='{id}'><query xmlns='jabber:iq:roster'><item jid='{whom}@{HOST}' subscription='remove'/></query></iq>"
        )
    }

    fn keep_private(&mut self, who: &str) -> String {
        let (number, place) = (self.next(), self.dice.below(3));
        let text = format!("{number} {}", "y".repeat(self.dice.below(2_000)));
        let id = self.ask(Thing::Private(who.to_owned(), place), Some(text.clone()));
        format!(
            "<iq type='set' id='{id}'><query xmlns='jabber:iq:private'><p{place} xmlns='faults:p'>{text}</p{place}></query></iq>"
        )
    }

    fn keep_card(&mut self, who: &str) -> String {
        let name = format!("card {}", self.next());
        let id = self.ask(Thing::Card(who.to_owned()), Some(name.clone()));
        format!("<iq type='set' id='{id}'><vCard xmlns='vcard-temp'><FN>{name}</FN></vCard></iq>")
    }

    fn register_somebody(&mut self) {
        // Passwords take long by design.
        if self.known.people().len() < PEOPLE.len() + 4 {
            let number = self.next();
            self.register(&format!("guest{number}"), &format!("secret {number}"));
        }
    }

    fn new_password(&mut self, seat: usize, who: &str) {
        let thing = Thing::Account(who.to_owned());
        // Of two that are on their way at once, nobody could say which comes last.
        if self.known.things.get(&thing).is_some_and(|account| account.is_calm()) {
            let password = format!("secret {}", self.next());
            let id = self.ask(thing, Some(password.clone()));
            self.say(
                seat,
                &[format!(
                    "<iq type='set' id='{id}' to='{HOST}'><query xmlns='jabber:iq:register'><username>{who}</username>\
                     <password>{password}</password></query></iq>"
                )],
            );
        }
    }

    fn leave_for_good(&mut self, seat: usize, who: &str) {
        if !self.known.things.get(&Thing::Account(who.to_owned())).is_some_and(|account| account.is_calm()) {
            return;
        }
        let now = self.disk.now();
        for whom in self.known.people() {
            self.known.stir(who, &whom, now);
        }
        let id = self.ask(Thing::Account(who.to_owned()), None);
        self.say(
            seat,
            &[format!("<iq type='set' id='{id}' to='{HOST}'><query xmlns='jabber:iq:register'><remove/></query></iq>")],
        );
    }

    /// Anybody who was ever heard of.
    fn somebody(&mut self) -> String {
        let people = self.known.people();
        self.dice.pick(&people).cloned().unwrap_or_else(|| PEOPLE[0].to_owned())
    }

    /// Whether the account is there and stays.
    fn may_act(&self, who: &str) -> bool {
        let account = self.known.things.get(&Thing::Account(who.to_owned()));
        account.is_some_and(|account| account.newest().is_some())
    }

    /// However the disk behaved: now that it works, everybody can log in, change something and be told so.
    async fn everybody_is_answered(&mut self) -> Result<(), String> {
        let mut last = Vec::new();
        for who in PEOPLE {
            self.sit_down(who).await;
            let Some(seat) = self.seats.iter().rposition(|seat| seat.who == who) else {
                return Err(format!("{who} cannot log in"));
            };
            let said = self.keep_private(who);
            last.push(format!("q{}", self.number));
            self.say(seat, &[said]);
        }
        self.calm_down().await?;
        let unanswered: Vec<_> = last.iter().filter(|id| self.waiting.contains_key(*id)).collect();
        if unanswered.is_empty() { Ok(()) } else { Err(format!("nobody answers {unanswered:?}")) }
    }
}
