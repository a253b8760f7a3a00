//! One extension is one file (or folder) and one line in the box; its first lines say what it is, a scene shows it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::workspace::Workspace;

const FOLDER: &str = "crates/extensions/src";

/// Where the scenes of extensions stand: `ping-server.scene` is one of `ping`.
const SCENES: &str = "crates/extensions/scenes";

/// What every extension's header says: where it is specified, what it hangs on, what it keeps.
const FIELDS: [&str; 3] = ["Source", "Hangs on", "Keeps"];

/// Files beside the extensions that are none.
const NO_EXTENSIONS: [&str; 1] = ["lib"];

pub(super) fn offences(workspace: &Workspace) -> Result<Vec<String>> {
    let folder = workspace.root.join(FOLDER);
    let library = fs::read_to_string(folder.join("lib.rs"))?;
    let boxed = in_the_box(&library);
    let present = in_the_folder(&folder)?;
    let mut offences: Vec<String> = present
        .difference(&boxed)
        .map(|name| format!("{FOLDER}/{name} is not in the box (extensions! in lib.rs)"))
        .chain(boxed.difference(&present).map(|name| format!("`{name}` is in the box but has no file in {FOLDER}")))
        .collect();
    let scenes = scenes(&workspace.root.join(SCENES));
    for name in present.intersection(&boxed) {
        let first_word = name.split('_').next().unwrap_or(name);
        if !scenes.iter().any(|scene| scene.starts_with(&format!("{first_word}-"))) {
            offences.push(format!("{SCENES}/{first_word}-….scene: `{name}` has no scene"));
        }
        let file = [format!("{name}.rs"), format!("{name}/mod.rs")].map(|name| folder.join(name));
        let file = file.iter().find(|path| path.is_file()).with_context(|| format!("{name} has no file"))?;
        let missing = missing_fields(&fs::read_to_string(file)?);
        offences.extend(missing.iter().map(|field| format!("{FOLDER}/{name}: the header does not say `{field}`")));
    }
    Ok(offences)
}

/// The names between the braces of `extensions! { … }`.
fn in_the_box(library: &str) -> BTreeSet<String> {
    let without_comments: String =
        library.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n");
    let Some((_, rest)) = without_comments.split_once("\nextensions!") else { return BTreeSet::new() };
    let inside = rest.trim_start().trim_start_matches(['{', '(', '[']).split(['}', ')', ']']).next().unwrap_or("");
    inside.split([',', ';']).map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

fn in_the_folder(folder: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).context("a name that is not UTF-8")?.to_owned();
        let is_module = path.is_dir() || path.extension().is_some_and(|extension| extension == "rs");
        if is_module && !NO_EXTENSIONS.contains(&name.as_str()) {
            names.insert(name);
        }
    }
    Ok(names)
}

fn scenes(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn missing_fields(text: &str) -> Vec<&'static str> {
    let header: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
    FIELDS.into_iter().filter(|field| !header.iter().any(|line| line.starts_with(field))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_box() {
        let library = "//! The box.\nextensions! {\n    ping, // XEP-0199\n    time,\n}\n";
        assert_eq!(in_the_box(library).into_iter().collect::<Vec<_>>(), ["ping", "time"]);
        assert!(in_the_box("//! Nothing yet.").is_empty());
    }

    #[test]
    fn reads_the_header() {
        let text = "//! Ping.\n//!\n//! Source    XEP-0199.\n//! Hangs on  iq get.\n//! Keeps     nothing.\nuse x;";
        assert!(missing_fields(text).is_empty());
        assert_eq!(missing_fields("//! Ping.\n//! Source: XEP-0199\n"), ["Hangs on", "Keeps"]);
    }
}
