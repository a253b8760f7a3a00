//! Each step of a scene, done.

use super::client::{Client, lines};
use super::conversation::Direction;
use super::report::Failure;
use super::{Player, free, login, opened};
use crate::placeholders::{Bindings, Piece, match_start, pieces};
use crate::scene::{Action, Expected, Login, Order, Pace, ServerAction};
use crate::stage::Stage;
use crate::tree::{Content, Tree, compare, escape};
use std::time::Duration;

impl<S: Stage> Player<'_, S> {
    pub(super) async fn step(&mut self, action: &Action) -> Result<(), Failure> {
        match action {
            Action::Sends(who, xml) => {
                let xml = self.bindings.fill(xml, escape).map_err(|unbound| Failure::of(unbound.to_string()))?;
                self.send(who, xml.as_bytes()).await?;
                self.is_taken(who).await?;
                self.settle().await
            }
            Action::Types(who, typed, pace) => {
                let bytes = typed.bytes(&self.bindings).map_err(|unbound| Failure::of(unbound.to_string()))?;
                self.types(who, &bytes, *pace).await
            }
            Action::Receives(all, expected, order) => {
                self.settle().await?;
                self.wait_until(|player| all.iter().all(|who| player.has_come(who, expected, *order))).await?;
                all.iter().try_for_each(|who| self.receives(who, expected, *order))
            }
            Action::Reads(who, pattern) => {
                self.settle().await?;
                let pieces = pieces(pattern);
                self.wait_until(|player| player.can_read(who, &pieces).is_some()).await?;
                self.reads(who, pattern)
            }
            Action::ReceivesNot(who, unwanted) => {
                self.barrier().await?;
                self.receives_not(who, unwanted)
            }
            Action::RosterIs(who, expected) => self.roster_is(who, expected).await,
            Action::ReceivesNothing(all) => self.receives_nothing(all).await,
            Action::NobodyReceives => self.nobody_receives().await,
            Action::Ignores(all) => {
                self.barrier().await?;
                all.iter().try_for_each(|who| self.client(who).map(Client::tell_all))
            }
            Action::Passes(time) => self.passes(*time).await,
            Action::Server(action) => self.befalls(*action).await,
            Action::IsDisconnected(who) => {
                self.settle().await?;
                self.wait_until(|player| player.clients[player.index(who)].has_ended()).await?;
                self.client(who)?.tell_end().map_err(Failure::of)
            }
            action => self.come_or_go(action).await,
        }
    }

    async fn come_or_go(&mut self, action: &Action) -> Result<(), Failure> {
        match action {
            Action::Connects(who) => {
                let login = opened(self.client(who)?.member.login);
                self.bring(who, login).await
            }
            Action::Authenticates(who) => self.bring(who, Login::Authenticated).await,
            Action::LogsIn(who) => self.bring(who, Login::LoggedIn).await,
            Action::StartsTls(who) => {
                let index = self.index(who);
                self.said.add(who, Direction::Note, "starts TLS");
                login::encrypt(&self.stage, &mut self.clients[index]).await?;
                self.settle().await
            }
            Action::BecomesAvailable(who) => {
                let presence = login::initial_presence(self.client(who)?);
                self.send(who, presence.as_bytes()).await?;
                self.is_taken(who).await
            }
            Action::ClosesStream(who) => {
                self.send(who, b"</stream:stream>").await?;
                self.wait_until(|player| player.clients[player.index(who)].has_ended()).await
            }
            Action::Disconnects(who) => {
                self.client(who)?.lose();
                self.said.add(who, Direction::Note, "disconnects");
                if self.stage.patience().is_zero() { self.settle().await } else { self.barrier().await }
            }
            Action::StopsReading(who) => {
                self.client(who)?.stop_reading(true);
                Ok(())
            }
            Action::ReadsOn(who) => {
                self.client(who)?.stop_reading(false);
                self.settle().await
            }
            _ => Ok(()),
        }
    }

    async fn bring(&mut self, who: &str, login: Login) -> Result<(), Failure> {
        let index = self.index(who);
        login::bring(&self.stage, &mut self.clients[index], login).await?;
        self.introduce(index);
        self.said.add(who, Direction::Note, if login >= Login::LoggedIn { "logs in" } else { "connects" });
        self.settle().await
    }

    async fn send(&mut self, who: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.said.add(who, Direction::Out, String::from_utf8_lossy(bytes));
        let client = self.client(who)?;
        if !client.is_connected() {
            return Err(Failure::of(format!("{who} is not connected")));
        }
        client.send(bytes).await;
        self.settle().await
    }

    async fn types(&mut self, who: &str, bytes: &[u8], pace: Pace) -> Result<(), Failure> {
        if pace == Pace::AtOnce {
            return self.send(who, bytes).await;
        }
        self.said.add(who, Direction::Out, String::from_utf8_lossy(bytes));
        for byte in bytes {
            self.client(who)?.send(&[*byte]).await;
            self.settle().await?;
        }
        Ok(())
    }

    /// Whether as much has come as is expected, or nothing more can come.
    fn has_come(&self, who: &str, expected: &[Expected], order: Order) -> bool {
        let client = &self.clients[self.index(who)];
        let mut bindings = self.bindings.clone();
        self.bind_self(who, &mut bindings);
        let mut waiting = client.waiting();
        let has_come = match (self.stage.liberties(), order) {
            (Some(liberties), order) => free::are_there(client, expected, order, liberties, bindings),
            (None, Order::Written | Order::Any) => waiting.count() >= expected.len(),
            (None, Order::Among) => {
                expected.iter().all(|expected| waiting.by_ref().any(|got| same(expected, got, &mut bindings).is_ok()))
            }
        };
        has_come || client.has_ended()
    }

    fn bind_self(&self, who: &str, bindings: &mut Bindings) {
        bindings.bind("self", self.bindings.value(who).unwrap_or(who).to_owned());
        bindings.bind("self bare", self.clients[self.index(who)].member.bare());
    }

    fn can_read(&self, who: &str, pieces: &[Piece]) -> Option<usize> {
        match_start(pieces, self.clients[self.index(who)].untold(), STOPS, &mut self.bindings.clone())
    }

    fn receives(&mut self, who: &str, expected: &[Expected], order: Order) -> Result<(), Failure> {
        let index = self.index(who);
        let mut bindings = self.bindings.clone();
        self.bind_self(who, &mut bindings);
        self.bindings = bindings;
        let client = &mut self.clients[index];
        if let Some(liberties) = self.stage.liberties() {
            return free::take(client, expected, order, liberties, &mut self.bindings);
        }
        match order {
            Order::Written => expected.iter().try_for_each(|expected| take_next(client, expected, &mut self.bindings)),
            Order::Among => take_among(client, expected, &mut self.bindings),
            Order::Any => take_shuffled(client, expected, &mut self.bindings),
        }
    }

    fn receives_not(&mut self, who: &str, unwanted: &[Expected]) -> Result<(), Failure> {
        let client = &self.clients[self.index(who)];
        let liberties = self.stage.liberties();
        let came = |unwanted: &Expected| {
            let bindings = || self.bindings.clone();
            client.waiting().any(|got| match liberties {
                Some(liberties) => free::same(unwanted, got, liberties, &mut bindings()).is_ok(),
                None => same(unwanted, got, &mut bindings()).is_ok(),
            })
        };
        match unwanted.iter().find(|unwanted| came(unwanted)) {
            Some(unwanted) => Err(Failure::of(format!("{who} received this")).got(shown(unwanted, &self.bindings))),
            None => Ok(()),
        }
    }

    fn reads(&mut self, who: &str, pattern: &str) -> Result<(), Failure> {
        let index = self.index(who);
        let (client, pieces) = (&mut self.clients[index], pieces(pattern));
        match match_start(&pieces, client.untold(), STOPS, &mut self.bindings) {
            Some(count) => {
                client.tell_bytes(count);
                Ok(())
            }
            None => Err(Failure::of(format!("{who} read other bytes"))
                .expected(vec![pattern.to_owned()])
                .got(vec![String::from_utf8_lossy(client.untold()).into_owned()])),
        }
    }

    async fn roster_is(&mut self, who: &str, expected: &Tree) -> Result<(), Failure> {
        let (index, id) = (self.index(who), "roster-is");
        let get = format!("<iq type='get' id='{id}'><query xmlns='jabber:iq:roster'/></iq>");
        let answer = self.clients[index].ask(&self.stage, id, &get).await?;
        let got = answer.child("jabber:iq:roster", "query").ok_or_else(|| "there is no query in the answer".to_owned());
        let compared =
            got.and_then(|query| compare(expected, query, &mut self.bindings).map_err(|mismatch| mismatch.to_string()));
        compared.map_err(|why| {
            let expected = expected.lines().iter().map(|line| self.bindings.fill_known(line)).collect();
            Failure::of(format!("{who}'s roster is another: {why}")).expected(expected).got(answer.lines())
        })?;
        self.settle().await
    }

    async fn receives_nothing(&mut self, all: &[String]) -> Result<(), Failure> {
        self.barrier().await?;
        for who in all {
            if let Some(leftover) = self.client(who)?.leftover() {
                return Err(Failure::of(leftover));
            }
        }
        Ok(())
    }

    /// Time passes in steps of a second, or of a 600th of a long time; after each, what is due happens.
    async fn passes(&mut self, time: Duration) -> Result<(), Failure> {
        let step = Duration::from_secs(1).max(time / 600);
        let mut left = time;
        while !left.is_zero() {
            let now = step.min(left);
            self.stage.pass(now)?;
            self.settle().await?;
            left -= now;
        }
        self.said.add("", Direction::Note, format!("{} seconds pass", time.as_secs()));
        Ok(())
    }

    async fn befalls(&mut self, action: ServerAction) -> Result<(), Failure> {
        self.settle().await?;
        self.said.add("the server", Direction::Note, format!("{action:?}"));
        self.stage.act(action).await?;
        if action == ServerAction::IsKilled {
            self.clients.iter_mut().for_each(Client::lose);
        }
        self.settle().await
    }
}

/// What a brace never takes where bytes are read.
const STOPS: &[u8] = b"'\"<>";

fn take_next(client: &mut Client, expected: &Expected, bindings: &mut Bindings) -> Result<(), Failure> {
    let name = client.member.name.clone();
    let wanted = shown(expected, bindings);
    let Some(got) = client.waiting().next() else {
        let why = match client.has_ended() {
            true => format!("{name} received nothing and was disconnected"),
            false => format!("{name} received nothing"),
        };
        return Err(Failure::of(why).expected(wanted));
    };
    match same(expected, got, bindings) {
        Ok(()) => {
            client.tell(0);
            Ok(())
        }
        Err(why) => Err(Failure::of(format!("{name} received something else {why}")).expected(wanted).got(lines(got))),
    }
}

/// Finds the expected things in their order, and leaves what came between them.
fn take_among(client: &mut Client, expected: &[Expected], bindings: &mut Bindings) -> Result<(), Failure> {
    let mut from = 0;
    for expected in expected {
        let found = client.waiting().skip(from).position(|got| same(expected, got, bindings).is_ok());
        let Some(index) = found else {
            return Err(Failure::of(format!("{} did not receive this", client.member.name))
                .expected(shown(expected, bindings))
                .got(client.waiting().flat_map(lines).collect()));
        };
        from += index;
        client.tell(from);
    }
    Ok(())
}

/// Finds each expected thing among as many as are expected, whatever their order; captures may decide which is which.
fn take_shuffled(client: &mut Client, expected: &[Expected], bindings: &mut Bindings) -> Result<(), Failure> {
    let got: Vec<Content> = client.waiting().take(expected.len()).cloned().collect();
    let all: Vec<usize> = (0..got.len()).collect();
    let Some(found) = pair(expected, &got, &all, bindings) else {
        return Err(Failure::of(format!("{} received other things", client.member.name))
            .expected(expected.iter().flat_map(|expected| shown(expected, bindings)).collect())
            .got(got.iter().flat_map(lines).collect()));
    };
    *bindings = found;
    for _ in &got {
        client.tell(0);
    }
    Ok(())
}

fn pair(expected: &[Expected], got: &[Content], left: &[usize], bindings: &Bindings) -> Option<Bindings> {
    let Some((first, others)) = expected.split_first() else { return Some(bindings.clone()) };
    left.iter().find_map(|index| {
        let mut tried = bindings.clone();
        same(first, &got[*index], &mut tried).ok()?;
        let rest: Vec<usize> = left.iter().copied().filter(|other| other != index).collect();
        pair(others, got, &rest, &tried)
    })
}

pub(super) fn same(expected: &Expected, got: &Content, bindings: &mut Bindings) -> Result<(), String> {
    match (expected, got) {
        (Content::Element(expected), Content::Element(got)) | (Content::Header(expected), Content::Header(got)) => {
            compare(expected, got, bindings).map_err(|mismatch| mismatch.to_string())
        }
        (Content::Close, Content::Close) => Ok(()),
        _ => Err("altogether".to_owned()),
    }
}

/// What is expected, as a person reads it: names by their values.
pub(super) fn shown(expected: &Expected, bindings: &Bindings) -> Vec<String> {
    let filled = |line: String| bindings.fill_known(&line);
    lines(expected).into_iter().map(filled).collect()
}
