//! Plays a scene on a stage: brings the cast in, does each step, and tells where and why it failed.

mod client;
mod conversation;
mod fall;
mod free;
mod login;
mod pipe;
mod prepare;
mod report;
mod steps;
#[cfg(test)]
mod tests;

use crate::placeholders::Bindings;
use crate::scene::{Login, Scene, Step};
use crate::stage::Stage;
use client::Client;
use conversation::{Conversation, Direction};
use report::Failure;
pub use report::Report;
use tokio::time::Instant;

/// How a scene ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// As written.
    Well,
    /// The stage cannot play it; why.
    LeftOut(String),
    /// Otherwise.
    Badly(Report),
}

/// Plays a scene from its cast's entrance to its last line.
pub async fn play<S: Stage>(house: &S::House, scene: &Scene) -> Ending {
    let stage = match S::build(house, scene).await {
        Ok(stage) => stage,
        Err(error) => return ending(scene, None, &error.into(), &Conversation::default()),
    };
    let mut player = Player::new(scene, stage);
    let mut line = None;
    match player.play(&mut line).await {
        Ok(()) => Ending::Well,
        Err(failure) => ending(scene, line, &failure, &player.said),
    }
}

fn ending(scene: &Scene, line: Option<usize>, failure: &Failure, said: &Conversation) -> Ending {
    match failure.left_out {
        true => Ending::LeftOut(failure.why.clone()),
        false => Ending::Badly(report::report(scene, line, failure, said)),
    }
}

struct Player<'a, S> {
    scene: &'a Scene,
    stage: S,
    clients: Vec<Client>,
    bindings: Bindings,
    said: Conversation,
    barriers: usize,
}

impl<'a, S: Stage> Player<'a, S> {
    fn new(scene: &'a Scene, stage: S) -> Self {
        let mut player = Player {
            scene,
            stage,
            clients: scene.cast.iter().map(Client::new).collect(),
            bindings: Bindings::default(),
            said: Conversation::default(),
            barriers: 0,
        };
        (0..player.clients.len()).for_each(|index| player.introduce(index));
        if let Some(first) = scene.cast.first() {
            player.bindings.bind("host", &first.host);
        }
        player
    }

    async fn play(&mut self, line: &mut Option<usize>) -> Result<(), Failure> {
        prepare::prepare(&self.stage, self.scene).await?;
        self.enter().await?;
        if self.stage.is_to_fall() {
            return self.play_until_the_fall(line).await;
        }
        for Step { line: number, action } in &self.scene.steps {
            *line = Some(*number);
            self.step(action).await?;
        }
        self.nobody_receives().await
    }

    /// Brings everybody in as the cast says; what that makes them receive is not part of the scene.
    async fn enter(&mut self) -> Result<(), Failure> {
        for index in 0..self.clients.len() {
            let login = self.clients[index].member.login;
            login::bring(&self.stage, &mut self.clients[index], login).await?;
            self.introduce(index);
        }
        if self.stage.patience().is_zero() {
            self.settle().await?
        } else {
            self.barrier().await?
        }
        if let Some(client) = self.clients.iter().find(|client| client.has_ended()) {
            return Err(Failure::of(format!("{} was disconnected", client.member.name)));
        }
        self.clients.iter_mut().for_each(Client::tell_all);
        Ok(())
    }

    /// Gives a member's names their values.
    fn introduce(&mut self, index: usize) {
        let client = &self.clients[index];
        let (name, bare) = (&client.member.name, client.member.bare());
        let asked = client.member.resource.as_ref().map(|resource| format!("{bare}/{resource}"));
        let full = client.jid.clone().or(asked).unwrap_or_else(|| bare.clone());
        if let Some((_, resource)) = full.split_once('/') {
            self.bindings.bind(format!("{name} resource"), resource);
        }
        if let Some(id) = &client.stream_id {
            self.bindings.bind(format!("{name} stream id"), id);
        }
        self.bindings.bind(format!("{name} host"), &client.member.host);
        self.bindings.bind(format!("{name} password"), &client.member.password);
        self.bindings.bind(format!("{name} bare"), bare);
        self.bindings.bind(name, full);
    }

    /// Lets everything happen that can happen without time going on, and takes what came of it.
    async fn settle(&mut self) -> Result<(), Failure> {
        self.calm().await?;
        for client in &mut self.clients {
            for content in client.news() {
                self.said.add(&client.member.name, Direction::In, client::lines(&content).join("\n"));
            }
        }
        Ok(())
    }

    /// Moves bytes until nothing moves any more.
    async fn calm(&mut self) -> Result<(), Failure> {
        loop {
            self.stage.quiet().await?;
            let mut moved = false;
            for client in &mut self.clients {
                moved |= client.pump().await;
            }
            if !moved {
                return Ok(());
            }
        }
    }

    /// Proves that nothing more is on its way: everybody who can be asked is asked, and has answered.
    async fn barrier(&mut self) -> Result<(), Failure> {
        self.settle().await?;
        if !self.stage.answers() {
            return Ok(());
        }
        let everybody: Vec<usize> =
            (0..self.clients.len()).filter(|index| self.clients[*index].can_be_asked()).collect();
        // What the first round shows to be done may have sent something to somebody who had answered before.
        let rounds = if self.stage.patience().is_zero() { 1 } else { 2 };
        for _ in 0..rounds {
            self.ask_for_life(&everybody).await?;
        }
        self.settle().await
    }

    /// Pings the server from these clients; each has its answer, or has lost its connection.
    async fn ask_for_life(&mut self, who: &[usize]) -> Result<(), Failure> {
        self.barriers += 1;
        let id = format!("barrier-{}", self.barriers);
        let ping = format!("<iq type='get' id='{id}'><ping xmlns='urn:xmpp:ping'/></iq>");
        for index in who {
            self.clients[*index].send(ping.as_bytes()).await;
        }
        self.calm().await?;
        let end = Instant::now() + self.stage.patience();
        for index in who {
            let client = &mut self.clients[*index];
            while !client.cut_answer(&id) && client.is_connected() {
                if !client.comes_before(end).await {
                    return Err(Failure::of(format!("{} got no answer to a ping", client.member.name)));
                }
            }
        }
        Ok(())
    }

    /// On a stage where quiet is not exact: the server has taken what this client sent.
    pub(super) async fn is_taken(&mut self, who: &str) -> Result<(), Failure> {
        let index = self.index(who);
        if !self.stage.patience().is_zero() && self.clients[index].can_be_asked() {
            self.ask_for_life(&[index]).await?;
        }
        Ok(())
    }

    /// On a stage where quiet is not exact: waits until this is so, as long as it may take.
    pub(super) async fn wait_until(&mut self, so: impl Fn(&Self) -> bool) -> Result<(), Failure> {
        let end = Instant::now() + self.stage.patience();
        while !so(self) && Instant::now() < end {
            self.settle().await?;
        }
        Ok(())
    }

    async fn nobody_receives(&mut self) -> Result<(), Failure> {
        self.barrier().await?;
        match self.clients.iter().find_map(Client::leftover) {
            Some(leftover) => Err(Failure::of(leftover)),
            None => Ok(()),
        }
    }

    fn client(&mut self, name: &str) -> Result<&mut Client, Failure> {
        let found = self.clients.iter_mut().find(|client| client.member.name == name);
        found.ok_or_else(|| Failure::of(format!("nobody is called {name}")))
    }

    fn index(&self, name: &str) -> usize {
        self.clients.iter().position(|client| client.member.name == name).unwrap_or_default()
    }
}

/// How far `X connects` brings a member: as far as its traits say, but never past an open stream.
fn opened(login: Login) -> Login {
    if login == Login::Raw { Login::Raw } else { Login::Open }
}
