//! The differences that docs/scenes-against.md has judged: tables whose first column names scenes, below a server's title.

use std::path::Path;

use anyhow::{Context, Result};

/// The judged scenes of one server: names, or beginnings of names that end with `*`.
pub(super) struct Judged(Vec<String>);

/// Reads the table of a server.
pub(super) fn of(server: &str, root: &Path) -> Result<Judged> {
    let file = root.join("docs/scenes-against.md");
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(read(server, &text))
}

fn read(server: &str, text: &str) -> Judged {
    let mut names = Vec::new();
    let mut here = false;
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            here = title.eq_ignore_ascii_case(server);
        } else if let Some(first) = line.strip_prefix('|').and_then(|row| row.split('|').next()).filter(|_| here) {
            names.extend(first.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    Judged(names)
}

impl Judged {
    /// Whether a scene is in the table; a name there speaks of all examples of its scene.
    pub(super) fn knows(&self, scene: &str) -> bool {
        self.0.iter().any(|name| match name.strip_suffix('*') {
            Some(start) => scene.starts_with(start),
            None => scene.split(" [").next() == Some(name) || scene == name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_has_its_own_table() {
        let text = "## Prosody\n\n| scene | what |\n|---|---|\n| `im/a`, `im/b*` | x |\n\n## ejabberd\n\n| `im/c [1]` | `y` |\n";
        let prosody = read("prosody", text);
        assert!(prosody.knows("im/a") && prosody.knows("im/a [chat]") && prosody.knows("im/bc"));
        assert!(!prosody.knows("im/ab") && !prosody.knows("im/c [1]"));
        let ejabberd = read("ejabberd", text);
        assert!(ejabberd.knows("im/c [1]") && !ejabberd.knows("im/c [2]") && !ejabberd.knows("y"));
    }
}
