//! A file's text becomes scenes: one, or one for each row of its examples.

use super::Scene;
use super::cast::Member;
use super::examples::{Case, cases};
use super::given::Given;
use super::lines::{Block, blocks, columns};
use super::step::Step;
use std::fmt;

/// A scene that cannot be understood: the line and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SceneError {
    /// The line's number in the file, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for SceneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for SceneError {}

/// Reads a file; `name` is the file's name without its ending.
pub fn parse(name: &str, text: &str) -> Result<Vec<Scene>, SceneError> {
    let cases = cases(text).map_err(|(line, why)| SceneError { line, why })?;
    cases.iter().map(|case| scene(name, case)).collect()
}

fn scene(name: &str, case: &Case) -> Result<Scene, SceneError> {
    let blocks = blocks(&case.text).map_err(|line| error(line, "an indented line stands before any other"))?;
    let (sentence, source) = header(&case.text)?;
    let mut scene = Scene {
        name: case.name.as_ref().map_or_else(|| name.to_owned(), |case| format!("{name} [{case}]")),
        sentence,
        source,
        cast: Vec::new(),
        given: Vec::new(),
        steps: Vec::new(),
        text: case.text.lines().map(str::to_owned).collect(),
    };
    let mut names = Vec::new();
    for block in &blocks {
        match block.head.as_str() {
            "cast" => {
                scene.cast = cast(block)?;
                names = scene.cast.iter().map(|member| member.name.clone()).collect();
            }
            "given" => scene.given = given(block, &names)?,
            _ => scene.steps.push(Step::read(block, &names).map_err(|why| error(block.line, why))?),
        }
    }
    match (scene.cast.is_empty(), scene.steps.is_empty()) {
        (true, _) => Err(error(1, "nobody is in the cast")),
        (_, true) => Err(error(1, "nothing happens")),
        _ => Ok(scene),
    }
}

/// The first line: the sentence and, after two spaces, its source.
fn header(text: &str) -> Result<(String, String), SceneError> {
    let first = text.lines().next().and_then(|line| line.strip_prefix('#')).unwrap_or_default();
    match columns(first)[..] {
        [sentence, source] => Ok((sentence.to_owned(), source.to_owned())),
        _ => Err(error(1, "the first line is: # a sentence, two spaces or more, its source")),
    }
}

fn cast(block: &Block) -> Result<Vec<Member>, SceneError> {
    let mut cast: Vec<Member> = Vec::new();
    for line in &block.body {
        let member = Member::read(&columns(&line.text)).map_err(|why| error(line.number, why))?;
        if cast.iter().any(|other| other.name == member.name) {
            return Err(error(line.number, format!("there are two called {}", member.name)));
        }
        cast.push(member);
    }
    Ok(cast)
}

fn given(block: &Block, names: &[String]) -> Result<Vec<Given>, SceneError> {
    block.body.iter().map(|line| Given::read(&line.text, names).map_err(|why| error(line.number, why))).collect()
}

fn error(line: usize, why: impl Into<String>) -> SceneError {
    SceneError { line, why: why.into() }
}

#[cfg(test)]
mod tests {
    use super::super::step::Action;
    use super::*;

    const TEXT: &str = "# A message reaches Juliet.      RFC 6121 §8.5.3.1
cast
  Romeo   romeo@verona.example/desk
  Juliet  juliet@verona.example/balcony  priority 5

given
  Romeo and Juliet are friends

Romeo sends
  <message to=\"{Juliet}\"><body>What light?</body></message>
nobody receives anything
";

    #[test]
    fn a_file_is_a_scene() {
        let scene = parse("light", TEXT).unwrap().remove(0);
        assert_eq!((scene.name.as_str(), scene.sentence.as_str()), ("light", "A message reaches Juliet."));
        assert_eq!((scene.source.as_str(), scene.cast.len(), scene.given.len()), ("RFC 6121 §8.5.3.1", 2, 1));
        assert_eq!(scene.steps.iter().map(|step| step.line).collect::<Vec<_>>(), [9, 11]);
    }

    #[test]
    fn examples_make_several() {
        let text =
            TEXT.replace("nobody receives anything", "{who} disconnects") + "examples\n  who\n  Romeo\n  Juliet\n";
        let scenes = parse("light", &text).unwrap();
        assert_eq!(
            scenes.iter().map(|scene| scene.name.as_str()).collect::<Vec<_>>(),
            ["light [Romeo]", "light [Juliet]"]
        );
        assert_eq!(scenes[1].steps[1].action, Action::Disconnects("Juliet".into()));
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        let mistake = |text: &str| parse("x", text).unwrap_err().to_string();
        assert_eq!(
            mistake(&TEXT.replace("  RFC", " RFC").replace("     ", "")),
            "line 1: the first line is: # a sentence, two spaces or more, its source"
        );
        assert_eq!(mistake(&TEXT.replace("priority 5", "in love")), "line 4: nobody can be \"in love\"");
        assert_eq!(
            mistake(&TEXT.replace("nobody receives", "Tybalt receives")),
            "line 11: \"Tybalt receives anything\" is no step, and begins with nobody of the cast"
        );
        assert_eq!(mistake(&TEXT.replace("  Juliet  juliet", "  Romeo  juliet")), "line 4: there are two called Romeo");
        assert_eq!(mistake("# a  b\ncast\n  Romeo  romeo@h\n"), "line 1: nothing happens");
    }
}
