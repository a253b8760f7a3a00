//! What must be true after a power cut: whatever somebody was told is there, nothing is half, and nothing is there twice.

use super::ears::face;
use super::known::{Known, Moment, Thing};
use super::life::{HOST, Life, jid};
use im::subscription::State;
use std::collections::BTreeMap;

/// What the server has after it started again.
#[derive(Default)]
pub(super) struct Found {
    things: BTreeMap<Thing, String>,
    states: BTreeMap<(String, String), State>,
    /// The version and face in which clients last saw the contact.
    faces: BTreeMap<(String, String), (u64, String)>,
    /// Ids of waiting messages, by receiver, in their order.
    mail: BTreeMap<String, Vec<String>>,
    removed: Vec<String>,
    leftovers: usize,
}

impl Life {
    /// Looks at everything, compares it with what was known of the life before, which ended at `moment`, and begins anew with what there is.
    pub(super) async fn check(&mut self, moment: Moment) -> Vec<String> {
        let found = match self.find().await {
            Ok(found) => found,
            Err(error) => return vec![format!("something cannot be read: {error}")],
        };
        let mut wrong = Vec::new();
        things(&self.known, &found, moment, &mut wrong);
        pushes(&self.known, &found, moment, &mut wrong);
        mail(&self.known, &found, moment, &mut wrong);
        subscriptions(&self.known, &found, moment, &mut wrong);
        self.known.begin(&found);
        wrong
    }

    async fn find(&self) -> Result<Found, im::Fault> {
        let (mut found, store, people) = (Found::default(), self.hub.store(), self.known.people());
        let outgoing = store.log("outgoing");
        for owner in outgoing.owners("", 100).await? {
            found.leftovers += outgoing.read(&owner, 0, 100).await?.len();
        }
        for who in &people {
            let account = jid(who);
            let password = self.password(who).await?;
            let rows = store.map("private").all(account.as_str()).await?;
            for (key, bytes) in &rows {
                let place = key.rsplit('p').next().and_then(|place| place.parse().ok()).unwrap_or(usize::MAX);
                found.things.insert(Thing::Private(who.clone(), place), between(bytes, ">", "</"));
            }
            let card = store.keys("vcard").get(account.as_str()).await?;
            if let Some(card) = &card {
                found.things.insert(Thing::Card(who.clone()), between(card, "<FN>", "</FN>"));
            }
            let mail = self.waiting_mail(who).await?;
            let Some(password) = password else {
                let kept = rows.len() + usize::from(card.is_some()) + mail.len();
                if kept + store.map("roster").all(account.as_str()).await?.len() > 0 {
                    found.removed.push(who.clone());
                }
                continue;
            };
            found.mail.insert(who.clone(), mail);
            found.things.insert(Thing::Account(who.clone()), password);
            self.find_roster(who, &people, &mut found).await?;
        }
        Ok(found)
    }

    async fn find_roster(&self, who: &str, people: &[String], found: &mut Found) -> Result<(), im::Fault> {
        let Some(home) = self.hub.wake(&jid(who)).await? else { return Ok(()) };
        // Of a contact that was removed only the version is left.
        for (contact, row) in self.hub.store().map("roster").all(jid(who).as_str()).await? {
            let row: serde_json::Value = serde_json::from_slice(&row).unwrap_or_default();
            let contact = contact.strip_suffix(&format!("@{HOST}")).unwrap_or_default().to_owned();
            let version = row["version"].as_u64().unwrap_or(0);
            found.faces.insert((who.to_owned(), contact), (version, "removed".to_owned()));
        }
        home.with(&self.hub, |within| {
            for contact in people {
                let Some(item) = within.account.roster().get(&jid(contact)) else { continue };
                let key = (who.to_owned(), contact.clone());
                if let Some(name) = item.name.as_ref().filter(|_| item.listed) {
                    found.things.insert(Thing::Name(who.to_owned(), contact.clone()), name.clone());
                }
                let subscription = if item.listed { item.state.attribute() } else { "remove" };
                let face = face(item.name.as_deref(), subscription, item.state.pending_out());
                found.states.insert(key.clone(), item.state);
                found.faces.insert(key, (item.version, face));
            }
        });
        Ok(())
    }

    async fn waiting_mail(&self, who: &str) -> Result<Vec<String>, im::Fault> {
        let (archive, mut ids, mut after) = (self.hub.store().archive("archive"), Vec::new(), 0);
        loop {
            let rows = archive.undelivered(jid(who).as_str(), after, 1_000).await?;
            let Some(last) = rows.last() else { return Ok(ids) };
            after = last.id;
            let id = |row: &store::Row| im::stored_stanza("archive", &row.bytes)?.id().map(|id| id.into_owned());
            ids.extend(rows.iter().filter_map(id));
        }
    }

    /// The account's password, empty when it has none. `None`: there is no such account.
    async fn password(&self, who: &str) -> Result<Option<String>, im::Fault> {
        let Some(credentials) = self.hub.credentials(&jid(who)).await? else { return Ok(None) };
        if credentials.scram.is_empty() {
            return Ok(Some(String::new()));
        }
        let asked = self.known.things.get(&Thing::Account(who.to_owned()));
        for password in asked.into_iter().flat_map(|asked| asked.ever()) {
            if self.hub.check_password(&jid(who), password).await? {
                return Ok(Some(password.to_owned()));
            }
        }
        Ok(Some("a password that nobody set".to_owned()))
    }
}

fn things(known: &Known, found: &Found, moment: Moment, wrong: &mut Vec<String>) {
    for who in &found.removed {
        wrong.push(format!("{who} is no account, and something is kept for it"));
    }
    for (thing, register) in &known.things {
        let value = found.things.get(thing).map(String::as_str);
        let account = Thing::Account(thing.owner().to_owned());
        if !found.things.contains_key(&account) && *thing != account {
            // Erased with the account; whether that may be so is looked at there.
            continue;
        }
        let possible = register.possible(moment, known.broken);
        if !possible.contains(&value) {
            wrong.push(format!("{thing:?} is {value:?}, and may be {possible:?}: {register:?}"));
        }
    }
    for thing in found.things.keys().filter(|thing| !known.things.contains_key(thing)) {
        wrong.push(format!("nobody ever asked for {thing:?}"));
    }
}

/// A version that was told is there: with what was told, or with a later change.
fn pushes(known: &Known, found: &Found, moment: Moment, wrong: &mut Vec<String>) {
    for push in known.pushes.iter().filter(|push| push.at <= moment) {
        if !found.things.contains_key(&Thing::Account(push.owner.clone())) {
            continue;
        }
        let contact = push.contact.strip_suffix(&format!("@{HOST}")).unwrap_or_default().to_owned();
        let now = found.faces.get(&(push.owner.clone(), contact));
        if push.face == "removed" && now.is_none_or(|(_, face)| face == "removed") {
            // A removal of what is not there is told too, in the version that the roster has.
            let newest =
                found.faces.iter().filter(|((owner, _), _)| *owner == push.owner).map(|(_, (version, _))| *version);
            if newest.max().unwrap_or(0) < push.version {
                wrong.push(format!("{push:?}, and that version is gone"));
            }
            continue;
        }
        if !now.is_some_and(|(version, face)| *version > push.version || *face == push.face && *version == push.version)
        {
            wrong.push(format!("{push:?}, and now it is {now:?}"));
        }
    }
}

fn mail(known: &Known, found: &Found, moment: Moment, wrong: &mut Vec<String>) {
    for (id, mail) in known.mail.iter().filter(|(_, mail)| !mail.over) {
        let Some(waiting) = found.mail.get(&mail.to) else { continue };
        let count = waiting.iter().filter(|waiting| *waiting == id).count();
        let by_then = |at: Option<Moment>| at.is_some_and(|at| at <= moment);
        let settled = by_then(mail.heard) || by_then(mail.returned);
        if count == 0 && by_then(mail.stored) && !settled && !known.may_be_removed(&mail.to, moment) {
            wrong.push(format!("{id} is lost: {mail:?}"));
        }
        if count > 1 {
            wrong.push(format!("{id} waits {count} times: {mail:?}"));
        }
        if count > 0 && by_then(mail.returned) && !known.broken {
            wrong.push(format!("{id} waits, and was returned: {mail:?}"));
        }
    }
    for (to, waiting) in &found.mail {
        let mut last = BTreeMap::new();
        for (id, mail) in waiting.iter().filter_map(|id| Some((id, known.mail.get(id)?))) {
            if last.insert(&mail.from, mail.number).is_some_and(|before| before > mail.number) {
                wrong.push(format!("{id} waits for {to} behind a later one: {mail:?}"));
            }
        }
    }
}

fn subscriptions(known: &Known, found: &Found, moment: Moment, wrong: &mut Vec<String>) {
    if found.leftovers > 0 {
        wrong.push(format!("{} stanzas are still outgoing, though nothing is under way", found.leftovers));
    }
    let state =
        |one: &String, other: &String| found.states.get(&(one.clone(), other.clone())).copied().unwrap_or(State::None);
    let there = |who: &String| found.things.contains_key(&Thing::Account(who.clone()));
    for one in known.people().iter().filter(|who| there(who)) {
        for other in known.people() {
            let (mine, theirs) = (state(one, &other), state(&other, one));
            let theirs = if there(&other) { theirs } else { State::None };
            // The other way round it is no fault: a request that is made again may cross its refusal on the way.
            let half = mine.sees_contact() != theirs.seen_by_contact()
                || mine.seen_by_contact() != theirs.sees_contact()
                || mine.pending_out() && !theirs.pending_in();
            if half {
                wrong.push(format!("{one} has {other} as {mine:?}, and {other} has {one} as {theirs:?}"));
            }
        }
    }
    let Some(calm) = known.calms.iter().rev().find(|calm| calm.at <= moment) else { return };
    for ((one, other), believed) in &calm.states {
        let now = state(one, other);
        if now != *believed && there(one) && !known.was_stirred(one, other, calm.at, moment) {
            wrong.push(format!(
                "{one} had {other} as {believed:?} when all was calm at {}, and has as {now:?}",
                calm.at
            ));
        }
    }
}

impl Known {
    /// A new life: what there is now is what there was before.
    fn begin(&mut self, found: &Found) {
        for (thing, register) in &mut self.things {
            register.begin(found.things.get(thing).cloned());
        }
        for (id, mail) in &mut self.mail {
            let waits = found.mail.get(&mail.to).is_some_and(|waiting| waiting.contains(id));
            mail.over |= !waits;
            // It was there when this life began.
            mail.stored = waits.then_some(0);
            (mail.heard, mail.returned) = (None, None);
        }
        self.pushes.clear();
        self.calms.clear();
        self.stirs.clear();
        self.broken = false;
    }
}

fn between(bytes: &[u8], start: &str, end: &str) -> String {
    let text = String::from_utf8_lossy(bytes);
    let inside = text.split_once(start).and_then(|(_, rest)| rest.split_once(end));
    inside.map_or_else(|| text.to_string(), |(inside, _)| inside.to_owned())
}
