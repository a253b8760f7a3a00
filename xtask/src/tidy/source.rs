//! What source files must not contain.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace::Workspace;

/// Words that have no place in code which runs at a user's: each with what to do instead.
const FORBIDDEN: [(&str, &str); 10] = [
    (".unwrap()", "return the error, or say with expect why it cannot happen"),
    ("unbounded_channel", "every queue has a bound"),
    ("mpsc::channel()", "every queue has a bound"),
    ("todo!(", "finish it"),
    ("unimplemented!(", "finish it"),
    ("dbg!(", "use an event"),
    ("println!(", "only the command line prints"),
    ("TODO", "file an issue"),
    ("FIXME", "file an issue"),
    ("XXX", "file an issue"),
];

/// Types that make a static a piece of state.
const STATEFUL: [&str; 7] = ["Mutex<", "RwLock<", "RefCell<", "Cell<", "OnceLock<", "Atomic", "static mut "];

/// Crates that talk to a person on a terminal.
const MAY_PRINT: [&str; 4] = ["crates/server/", "crates/counts/", "crates/load/", "xtask/"];

/// Not a product: code for tests only, and tools beside it.
const NOT_PRODUCT: [&str; 5] = ["crates/counts/", "crates/disk/", "crates/testkit/", "crates/load/", "xtask/"];

/// The one package with unsafe code, for tests only, and the file that has it: `docs/design/007-durability.md` says why.
const UNSAFE: (&str, &str) = ("crates/disk", "src/shim.rs");

pub(super) fn forbidden_words(workspace: &Workspace) -> Result<Vec<String>> {
    let mut offences = Vec::new();
    for file in product_files(workspace)? {
        let may_print = MAY_PRINT.iter().any(|folder| file.path.starts_with(folder));
        for (number, line) in file.product_lines() {
            let code = code_of(line);
            for (word, instead) in FORBIDDEN {
                let place = if word.chars().all(char::is_uppercase) { line } else { code };
                if place.contains(word) && !(may_print && word == "println!(") {
                    offences.push(format!("{}:{number}: {word}: {instead}", file.path.display()));
                }
            }
        }
    }
    Ok(offences)
}

pub(super) fn hidden_state(workspace: &Workspace) -> Result<Vec<String>> {
    let mut offences = Vec::new();
    for file in product_files(workspace)? {
        let mut inside_thread_local = false;
        for (number, line) in file.product_lines() {
            let code = code_of(line).trim();
            // A worker's scratch space is nobody's state: it is empty between two calls.
            inside_thread_local |= code.starts_with("thread_local!");
            let is_static = code.starts_with("static ") || code.contains(" static ");
            if is_static && !inside_thread_local && STATEFUL.iter().any(|word| code.contains(word)) {
                offences.push(format!("{}:{number}: {code}", file.path.display()));
            }
            inside_thread_local &= line != "}";
        }
    }
    Ok(offences)
}

pub(super) fn missing_sentences(workspace: &Workspace) -> Result<Vec<String>> {
    let files = rust_files(workspace)?;
    let missing = files.iter().filter(|file| !file.text.trim_start().starts_with("//! "));
    Ok(missing.map(|file| format!("{} opens without a `//!` sentence", file.path.display())).collect())
}

pub(super) fn unsafe_code(workspace: &Workspace) -> Result<Vec<String>> {
    let manifests = workspace.packages.iter().map(|package| package.folder.join("Cargo.toml"));
    let mut offences = Vec::new();
    for manifest in manifests {
        let text = fs::read_to_string(&manifest)?;
        let excused = manifest.parent().is_some_and(|folder| folder.ends_with(UNSAFE.0));
        if excused && text.contains("unsafe_code = \"deny\"") {
            continue;
        }
        if !text.contains("[lints]\nworkspace = true") {
            offences.push(format!("{} does not take the lints of the workspace", shown(&manifest, workspace)));
        }
    }
    let root = fs::read_to_string(workspace.root.join("Cargo.toml"))?;
    if !root.contains("unsafe_code = \"forbid\"") {
        offences.push("Cargo.toml does not forbid unsafe code".to_owned());
    }
    let excused = Path::new(UNSAFE.0).join(UNSAFE.1);
    for file in rust_files(workspace)? {
        let allows = file.text.lines().any(|line| code_of(line).contains("allow(unsafe_code)"));
        if allows && file.path != excused && !file.path.ends_with("tidy/source.rs") {
            offences.push(format!("{} allows unsafe code", file.path.display()));
        }
    }
    Ok(offences)
}

/// A path of the machine that a file was written on tells of its author and works nowhere else.
pub(super) fn absolute_paths(workspace: &Workspace) -> Result<Vec<String>> {
    let homes = ["home", "root", "tmp", "Users"].map(|folder| format!("/{folder}/"));
    // Right below the root of the machine, the folder's name says nothing about anybody.
    let parent = workspace.root.parent().filter(|parent| parent.components().count() > 2);
    let checkout = format!("{}/", parent.unwrap_or(&workspace.root).display());
    let mut offences = Vec::new();
    for path in workspace.files()? {
        let Ok(text) = fs::read_to_string(workspace.root.join(&path)) else { continue };
        for (number, line) in text.lines().enumerate() {
            let named = homes.iter().any(|home| line.contains(home)) || line.contains(&checkout);
            if named {
                offences.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    Ok(offences)
}

pub(super) fn longer_than(workspace: &Workspace, limit: usize) -> Result<Vec<String>> {
    let files = rust_files(workspace)?.into_iter();
    let counted = files.map(|file| (file.text.lines().count(), file.path));
    Ok(counted
        .filter(|(lines, _)| *lines > limit)
        .map(|(lines, path)| format!("{} ({lines})", path.display()))
        .collect())
}

/// A Rust file, its path relative to the checkout.
struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// Numbered lines up to the tests, which stand at a file's end.
    fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let tests = lines
            .windows(2)
            .position(|pair| pair[0].trim() == "#[cfg(test)]" && pair[1].contains("mod ") && pair[1].ends_with('{'));
        let count = tests.unwrap_or(lines.len());
        lines.into_iter().take(count).enumerate().map(|(index, line)| (index + 1, line))
    }
}

fn rust_files(workspace: &Workspace) -> Result<Vec<Source>> {
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(workspace.root.join(&path)).with_context(|| path.display().to_string())?;
        Ok(Source { path, text })
    };
    workspace.files()?.into_iter().filter(is_rust).map(read).collect()
}

/// The files that end up in the server.
fn product_files(workspace: &Workspace) -> Result<Vec<Source>> {
    let is_product = |file: &Source| {
        let path = file.path.to_string_lossy().into_owned();
        let in_source = path.starts_with("crates/") && path.contains("/src/");
        let is_test = path.ends_with("/tests.rs") || path.contains("/tests/");
        in_source && !is_test && !NOT_PRODUCT.iter().any(|folder| path.starts_with(folder))
    };
    Ok(rust_files(workspace)?.into_iter().filter(is_product).collect())
}

/// A line without its comment.
fn code_of(line: &str) -> &str {
    let trimmed = line.trim_start();
    if trimmed.starts_with("//") { "" } else { line.split(" // ").next().unwrap_or(line) }
}

fn shown(path: &Path, workspace: &Workspace) -> String {
    path.strip_prefix(&workspace.root).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_at_the_end_of_a_file_are_not_product() {
        let text = "//! A.\nfn a() {}\n#[cfg(test)]\nmod tests {\n    x.unwrap();\n}\n".to_owned();
        let source = Source { path: "a.rs".into(), text };
        assert_eq!(source.product_lines().map(|(_, line)| line).collect::<Vec<_>>(), ["//! A.", "fn a() {}"]);
    }

    #[test]
    fn comments_are_not_code() {
        assert_eq!(code_of("    // x.unwrap()"), "");
        assert_eq!(code_of("let a = 1; // x.unwrap()"), "let a = 1;");
    }
}
