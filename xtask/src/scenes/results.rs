//! What came of the scenes: told line by line, summed up, and kept as JSON.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::judged::Judged;
use crate::tally::Tally;

/// The results by the scenes' names.
#[derive(Default)]
pub(super) struct Results(BTreeMap<String, Value>);

impl Results {
    /// Takes in a line of `yatter-scenes play`.
    pub(super) fn add(&mut self, line: &str) -> Result<()> {
        let result: Value = serde_json::from_str(line).with_context(|| format!("not a result: {line}"))?;
        let name = result["scene"].as_str().context("a result without a scene")?.to_owned();
        self.0.insert(name, result);
        Ok(())
    }

    /// The scenes that did not go as written.
    pub(super) fn differing(&self) -> Vec<String> {
        let differs = self.0.iter().filter(|(_, result)| result["ending"] == "differs");
        differs.map(|(name, _)| name.clone()).collect()
    }

    /// Later results count.
    pub(super) fn replace(&mut self, later: Results) {
        self.0.extend(later.0);
    }

    /// Prints each scene and the totals. A difference that is judged fails nobody, nor does a scene that is left out.
    pub(super) fn tell(&self, server: &str, judged: &Judged, tally: &mut Tally) {
        let mut totals = BTreeMap::<&str, usize>::new();
        for (name, result) in &self.0 {
            let text = |key: &str| result[key].as_str().unwrap_or_default();
            let ending = match text("ending") {
                "differs" if judged.knows(name) => "differs, as judged",
                ending => ending,
            };
            *totals.entry(ending).or_default() += 1;
            match ending {
                "not applicable" => println!("{name} ... not applicable: {}", text("why")),
                "ok" if judged.knows(name) => println!("{name} ... ok, though judged to differ"),
                _ => println!("{name} ... {ending}"),
            }
            if ending == "differs" {
                println!("{}", indented(text("why")));
            }
            if ending != "not applicable" {
                tally.record(&format!("{name} against {server}"), ending != "differs");
            }
        }
        let totals: Vec<String> = totals.iter().map(|(ending, count)| format!("{count} {ending}")).collect();
        println!("\n{} scenes against {server}: {}", self.0.len(), totals.join(", "));
    }

    /// Everything, with the reports of what differs.
    pub(super) fn to_json(&self, server: &str) -> String {
        let scenes: Vec<&Value> = self.0.values().collect();
        format!("{:#}\n", json!({ "server": server, "scenes": scenes }))
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}
