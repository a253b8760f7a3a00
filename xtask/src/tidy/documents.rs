//! A document that points somewhere must point at something.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::workspace::Workspace;

/// A word in backticks that starts like this is the path of a file or folder of ours.
const OUR_FOLDERS: [&str; 6] = ["crates/", "docs/", "examples/", "fuzz/", "xtask/", ".ci/"];

pub(super) fn offences(workspace: &Workspace) -> Result<Vec<String>> {
    let mut offences = Vec::new();
    for path in workspace.files()? {
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = fs::read_to_string(workspace.root.join(&path))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for (number, line) in text.lines().enumerate() {
            for target in links(line) {
                let exists = workspace.root.join(folder).join(target).exists();
                if !exists {
                    offences.push(format!("{}:{}: no such file: {target}", path.display(), number + 1));
                }
            }
            for target in named_paths(line) {
                if !workspace.root.join(target).exists() {
                    offences.push(format!("{}:{}: no such file: {target}", path.display(), number + 1));
                }
            }
        }
    }
    Ok(offences)
}

/// The targets of `[words](target)` that are files.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let files = targets.filter(|target| !target.contains("://") && !target.starts_with(['#', '<']));
    files.map(|target| target.split('#').next().unwrap_or(target)).filter(|target| !target.contains("mailto:"))
}

/// Words in backticks that are paths of ours; patterns and commands are not.
fn named_paths(line: &str) -> impl Iterator<Item = &str> {
    let quoted = line.split('`').skip(1).step_by(2);
    let is_path = |word: &&str| {
        let plain = !word.contains([' ', '*', '{', '<', '…', '(']);
        plain && OUR_FOLDERS.iter().any(|folder| word.starts_with(folder))
    };
    quoted.filter(is_path).map(|word| word.split([':', '#']).next().unwrap_or(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_links_and_paths() {
        let line = "See [a](b.md#c), [d](https://e.org) and `crates/xml/src/lib.rs:12`, `crates/*`, `cargo xtask`.";
        assert_eq!(links(line).collect::<Vec<_>>(), ["b.md"]);
        assert_eq!(named_paths(line).collect::<Vec<_>>(), ["crates/xml/src/lib.rs"]);
    }
}
