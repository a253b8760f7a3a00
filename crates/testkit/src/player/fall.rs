//! Half of a scene, and then the member with the homes dies over what was just said.

use super::client::Client;
use super::report::Failure;
use super::{Direction, Player};
use crate::scene::{Action, Step};
use crate::stage::Stage;
use crate::tree::{Content, STREAM, escape};

impl<S: Stage> Player<'_, S> {
    /// Plays as far as the first thing that is said in the second half; over that the member dies. Whoever had a session there must be told so, and
    /// everything that was durable must be there again.
    pub(super) async fn play_until_the_fall(&mut self, line: &mut Option<usize>) -> Result<(), Failure> {
        let steps = &self.scene.steps;
        let said = |step: &Step| matches!(step.action, Action::Sends(..));
        let middle = steps.len() / 2;
        let at = (middle..steps.len()).find(|at| steps.get(*at).is_some_and(said)).unwrap_or(middle);
        for step in steps.iter().take(at) {
            *line = Some(step.line);
            self.step(&step.action).await?;
        }
        self.settle().await?;
        let sessions: Vec<bool> = self.clients.iter().map(Client::has_session).collect();
        let (mut words, mut speaker) = (String::new(), None);
        self.stage.remember(self.scene).await?;
        if let Some(Step { line: number, action: Action::Sends(who, xml) }) = steps.get(at) {
            *line = Some(*number);
            words = self.bindings.fill(xml, escape).map_err(|unbound| Failure::of(unbound.to_string()))?;
            self.said.add(who, Direction::Out, &words);
            speaker = Some(self.index(who));
            self.client(who)?.send(words.as_bytes()).await;
        }
        self.said.add("the home's member", Direction::Note, "dies");
        self.stage.fall().await?;
        self.settle().await?;
        for (index, client) in self.clients.iter().enumerate().filter(|(index, _)| sessions[*index]) {
            was_told(client, Some(index) == speaker)?;
        }
        self.stage.survived(self.scene, &words).await.map_err(Failure::of)
    }
}

/// The speaker's stream may have ended for what it said.
fn was_told(client: &Client, spoke: bool) -> Result<(), Failure> {
    let name = &client.member.name;
    if !client.has_ended() {
        return Err(Failure::of(format!("{name} was not told that its session is gone")));
    }
    let errors = client.waiting().filter_map(|content| match content {
        Content::Element(tree) if tree.is(STREAM, "error") => Some(tree.lines().concat()),
        _ => None,
    });
    let errors: Vec<String> = errors.collect();
    // A client of 2000 is told in words.
    let in_2000 = client.member.j_stream || client.member.legacy;
    match spoke || in_2000 || errors.iter().any(|error| error.contains("system-shutdown")) {
        true => Ok(()),
        false => Err(Failure::of(format!("{name} was told something else")).got(errors)),
    }
}
