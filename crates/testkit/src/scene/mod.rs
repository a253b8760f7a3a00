//! A scene: who plays, what is given, and what happens step by step. `docs/scenes.md` teaches the language.

mod cast;
mod examples;
mod given;
mod lines;
mod parse;
mod step;

pub use cast::{Login, Member, Security};
pub use given::{Given, Subscription};
pub use parse::{SceneError, parse};
pub use step::{Action, Expected, Order, Pace, ServerAction, Step};

/// One scene, ready to be played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    /// The file's name without its ending; of a scene with examples also the example's first words.
    pub name: String,
    /// What the scene shows, in one sentence.
    pub sentence: String,
    /// Where that is written: RFC or XEP with section, or a number of our reference.
    pub source: String,
    /// Who plays.
    pub cast: Vec<Member>,
    /// What is true before the first step.
    pub given: Vec<Given>,
    /// What happens.
    pub steps: Vec<Step>,
    /// The file's lines, examples filled in: for reports.
    pub text: Vec<String>,
}
