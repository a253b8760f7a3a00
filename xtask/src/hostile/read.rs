//! Reads the files of the corpus; `docs/hostile.md` tells how they are written.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::case::{Case, Expected, Moment, Occasion, Step, Way};
use super::text::Template;

/// What the server may take for one case that says nothing of memory: its largest stanza, and 1 MiB.
const MEMORY: usize = (256 + 1024) * 1024;

const MIB: f64 = 1024.0 * 1024.0;

/// A line of a case: its first word, and the rest with the lines indented below it.
struct Entry {
    key: String,
    value: String,
    /// The lines below, as they are, without their indentation.
    below: Vec<String>,
    line: usize,
}

/// Reads every `*.case` file of a folder, in the order of their names.
pub(super) fn folder(folder: &Path) -> Result<Vec<Case>> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .with_context(|| folder.display().to_string())?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "case"))
        .collect();
    paths.sort();
    let mut cases: Vec<Case> = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path)?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let read = file(&text).with_context(|| path.display().to_string())?;
        cases.extend(read.into_iter().map(|case| Case { file: stem.clone(), ..case }));
    }
    let mut names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        bail!("two cases are called `{}`", pair[0]);
    }
    Ok(cases)
}

/// Reads the cases of one file.
pub(super) fn file(text: &str) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (name, entries) in blocks(text)? {
        let context = || format!("case {name}");
        match entries.iter().find(|entry| entry.key == "examples") {
            None => cases.push(case(&name, &entries, &[]).with_context(context)?),
            Some(table) => {
                for row in rows(table).with_context(context)? {
                    let name = row[0].1.clone();
                    cases.push(case(&name, &entries, &row).with_context(|| format!("case {name}"))?);
                }
            }
        }
    }
    Ok(cases)
}

/// The cases and their lines.
fn blocks(text: &str) -> Result<Vec<(String, Vec<Entry>)>> {
    let mut blocks: Vec<(String, Vec<Entry>)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let (depth, content) = (line.len() - line.trim_start().len(), line.trim());
        let place = || format!("line {}", index + 1);
        match (depth, content) {
            (_, "") => {}
            (0, comment) if comment.starts_with('#') => {}
            (0, start) => {
                let name = start.strip_prefix("case ").with_context(|| format!("{}: expected `case`", place()))?;
                blocks.push((name.trim().to_owned(), Vec::new()));
            }
            (2, content) => {
                let (key, value) = split_entry(content).with_context(place)?;
                let block = blocks.last_mut().with_context(place)?;
                block.1.push(Entry { key, value, below: Vec::new(), line: index + 1 });
            }
            (_, content) => {
                let entry = blocks.last_mut().and_then(|block| block.1.last_mut()).with_context(place)?;
                entry.below.push(content.to_owned());
            }
        }
    }
    Ok(blocks)
}

/// Every key of a case, the longer before those that they begin with.
const KEYS: [&str; 22] = [
    "source",
    "as",
    "clients",
    "when",
    "on",
    "J expects",
    "expects",
    "allows",
    "hears",
    "never hears",
    "now",
    "memory",
    "within",
    "sends without listening",
    "sends",
    "drips every",
    "awaits",
    "starts TLS",
    "waits",
    "a friend sends",
    "examples",
    "why",
];

fn split_entry(content: &str) -> Result<(String, String)> {
    let is_key =
        |key: &&&str| content == **key || content.strip_prefix(**key).is_some_and(|rest| rest.starts_with(' '));
    let key = KEYS.iter().find(is_key).with_context(|| format!("`{content}` begins with no word that is known"))?;
    Ok(((*key).to_owned(), content[key.len()..].trim().to_owned()))
}

/// The rows of a table of examples: name and value of each column.
fn rows(table: &Entry) -> Result<Vec<Vec<(String, String)>>> {
    let mut lines = table.below.iter();
    let head = cells(lines.next().context("a table without a head")?);
    lines
        .map(|line| {
            let row = cells(line);
            ensure!(row.len() == head.len(), "{} cells, not {}: {line}", row.len(), head.len());
            Ok(head.iter().cloned().zip(row).collect())
        })
        .collect()
}

/// The cells between bars that stand alone.
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut before = ' ';
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        if char == '|' && before == ' ' && chars.peek().is_none_or(|next| *next == ' ') {
            cells.push(String::new());
        } else if let Some(cell) = cells.last_mut() {
            cell.push(char);
        }
        before = char;
    }
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}

fn case(name: &str, entries: &[Entry], row: &[(String, String)]) -> Result<Case> {
    let filled = |text: &str| {
        row.iter().fold(text.to_owned(), |text, (column, cell)| text.replace(&format!("<{column}>"), cell))
    };
    let mut case = Case {
        name: name.to_owned(),
        file: String::new(),
        source: String::new(),
        user: "mallory".to_owned(),
        clients: 1,
        occasions: Vec::new(),
        steps: Vec::new(),
        now: None,
        today: None,
        in_2000: None,
        allowed: None,
        hears: Vec::new(),
        never_hears: Vec::new(),
        memory: MEMORY,
        within: None,
    };
    let (mut ways, mut moments) = (Vec::new(), Vec::new());
    for entry in entries.iter().filter(|entry| entry.key != "examples") {
        let value = filled(&[&[entry.value.clone()][..], &entry.below].concat().concat());
        let read = || -> Result<()> {
            match entry.key.as_str() {
                "when" => moments = list(&value).map(Moment::read).collect::<Result<Vec<_>>>()?,
                "on" => ways = list(&value).map(Way::read).collect::<Result<Vec<_>>>()?.concat(),
                key => set(&mut case, key, &value)?,
            }
            Ok(())
        };
        let mut read = read;
        read().with_context(|| format!("line {}", entry.line))?;
    }
    ensure!(!case.source.is_empty(), "no source");
    ensure!(case.today.is_some() || case.in_2000.is_some(), "nothing is expected");
    let all = moments.iter().flat_map(|moment| ways.iter().map(|way| Occasion { way: *way, moment: *moment }));
    case.occasions = all.filter(|occasion| makes_sense(&case, *occasion)).collect();
    ensure!(!case.occasions.is_empty(), "it never happens");
    Ok(case)
}

/// Whether there is such an occasion, and something is expected there.
fn makes_sense(case: &Case, occasion: Occasion) -> bool {
    let expected = if occasion.answers_as_in_2000() { &case.in_2000 } else { &case.today };
    // What is said instead of an opening tag does not depend on the dialect that it would have begun.
    let twice = occasion.moment == Moment::First && matches!(occasion.way, Way::PlainJ | Way::DirectJ | Way::ClearJ);
    expected.is_some() && occasion.moment.exists_on(occasion.way) && !twice
}

fn list(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim)
}

fn set(case: &mut Case, key: &str, value: &str) -> Result<()> {
    match key {
        "source" => case.source = value.to_owned(),
        "why" => {}
        "now" => case.now = Some(Moment::read(value)?),
        "as" => case.user = value.to_owned(),
        "clients" => case.clients = value.parse()?,
        "expects" => case.today = Some(Expected::read(value)),
        "J expects" => case.in_2000 = Some(Expected::read(value)),
        "allows" => case.allowed = Some(Expected::read(value)),
        "hears" => case.hears.push(Template::read(value)?),
        "never hears" => case.never_hears.push(value.to_owned()),
        "memory" => case.memory = (value.strip_suffix(" MiB").context("in MiB")?.parse::<f64>()? * MIB) as usize,
        "within" => case.within = Some(duration(value)?),
        "sends" => case.steps.push(Step::Say(Template::read(value)?)),
        "sends without listening" => case.steps.push(Step::SayDeaf(Template::read(value)?)),
        "drips every" => {
            let (pause, text) = value.split_once(": ").context("expected `drips every 100 ms: text`")?;
            case.steps.push(Step::Drip(Template::read(text)?, duration(pause)?));
        }
        "awaits" => case.steps.push(Step::Await(Template::read(value)?)),
        "starts TLS" => case.steps.push(Step::StartTls),
        "waits" => case.steps.push(Step::Wait(duration(value)?)),
        "a friend sends" => case.steps.push(Step::Friend(Template::read(value)?)),
        other => bail!("`{other}` is not known"),
    }
    Ok(())
}

fn duration(text: &str) -> Result<Duration> {
    let (number, unit) = text.split_once(' ').context("a time has a number and a unit")?;
    let number: f64 = number.parse()?;
    Ok(match unit {
        "s" => Duration::from_secs_f64(number),
        "ms" => Duration::from_secs_f64(number / 1000.0),
        other => bail!("{other}: neither s nor ms"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# Two cases.

case what no XML holds
  source   <source>
  when     session, restart
  on       X, legacy J
  sends    <message>
           <xml></message>
  expects    stream error not-well-formed
  J expects  stream error Invalid XML
  examples
    name     | xml         | source
    a NUL    | \\x00       | XML 1.0 §2.2
    a space  | {\\x20 × 2} | XML 1.0 §2.3

case silence
  source   RFC 6120 §4.6
  when     connected
  on       plain X
  waits    20 ms
  within   7 s
  memory   0.5 MiB
  J expects  stream error Timeout or hangs up
";

    #[test]
    fn cases_and_examples() {
        let cases = file(TEXT).unwrap();
        let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names, ["a NUL", "a space", "silence"]);
        assert_eq!((cases[0].source.as_str(), cases[1].source.as_str()), ("XML 1.0 §2.2", "XML 1.0 §2.3"));
        let occasions: Vec<String> = cases[0].occasions.iter().map(ToString::to_string).collect();
        assert_eq!(
            occasions,
            [
                "plain X, session",
                "starttls X, session",
                "direct X, session",
                "legacy J, session",
                "plain X, restart",
                "starttls X, restart",
                "direct X, restart"
            ]
        );
        let Step::Say(said) = &cases[1].steps[0] else { panic!() };
        let mut no_names = |name: &str| -> Result<Vec<u8>> { bail!("{name}") };
        assert_eq!(said.bytes(&mut no_names).unwrap(), b"<message>  </message>");
        assert_eq!((cases[2].memory, cases[2].within), (512 * 1024, Some(Duration::from_secs(7))));
        assert_eq!(cases[2].in_2000.as_ref().unwrap().0, ["stream error Timeout", "hangs up"]);
    }

    #[test]
    fn mistakes_are_told() {
        for text in [
            "case a\n  mends x",
            "mend",
            "case a\n  source x\n  expects y",
            "case a\n  source x\n  on X\n  when session",
        ] {
            assert!(file(text).is_err(), "{text}");
        }
    }
}
