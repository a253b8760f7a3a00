//! What is left of a run: the table, every single figure as JSON, the picture, and what it was measured on.

use std::fs;
use std::process::Command;

use anyhow::Result;
use serde_json::{Value, json};

use super::field::Field;
use super::figures::{self, Judged};
use super::{Measured, Wish, picture};
use crate::process;
use crate::servers::Server;
use crate::workspace::Workspace;

/// The machine, the versions, the configurations: without them figures mean nothing.
pub(super) fn circumstances(
    workspace: &Workspace,
    wish: &Wish,
    turns: usize,
    servers: &[Box<dyn Server>],
    field: &Field<'_>,
) -> Result<String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("?", |(_, name)| name);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split_whitespace().take(3).collect();
    let mut git = Command::new("git");
    git.current_dir(&workspace.root).args(["describe", "--always", "--dirty"]);
    let revision = process::output(&mut git).unwrap_or_default();
    let mut text = format!(
        "\n{cores} cores, {model}; load average at the end {}; checkout {}\n{} turns of {} s; {} sessions; {} accounts\n",
        load.join(" "),
        revision.trim(),
        turns,
        wish.seconds,
        wish.sessions,
        wish.accounts
    );
    for server in servers {
        text += &format!("{}: {}\n", server.name(), server.version()?);
    }
    for (name, file) in field.configurations() {
        let shown = file.strip_prefix(&workspace.target).unwrap_or(file);
        text += &format!("configuration of {name}: target/{}\n", shown.display());
    }
    Ok(text)
}

/// Writes table, figures and picture under the second since 1970 at which the run began; `latest.*` are copies.
pub(super) fn keep(
    workspace: &Workspace,
    began: u64,
    table: &str,
    names: &[&str],
    measured: &[Measured],
) -> Result<()> {
    let rows: Vec<Value> = measured.iter().map(|one| row(names, one)).collect();
    let text = serde_json::to_string_pretty(&json!({ "unix_time_s": began, "rows": rows }))?;
    let folder = workspace.target.join("bench");
    let picture = picture::draw(names, measured);
    for stem in [began.to_string(), "latest".to_owned()] {
        for (ending, content) in [("json", text.as_str()), ("svg", picture.as_str()), ("txt", table)] {
            fs::write(folder.join(format!("{stem}.{ending}")), content)?;
        }
    }
    Ok(())
}

fn row(names: &[&str], one: &Measured) -> Value {
    let servers: serde_json::Map<String, Value> = names
        .iter()
        .zip(one.values.iter().zip(&one.raw))
        .map(|(name, (values, raw))| ((*name).to_owned(), json!({ "values": values, "runs": raw })))
        .collect();
    let judged_servers = names.iter().enumerate().filter(|(_, name)| super::is_judged(name));
    let budgets: Vec<Value> = judged_servers
        .flat_map(|(server, name)| {
            let judged = one.row.budgets.iter().filter_map(move |budget| figures::judge(*budget, server, names, one));
            judged.map(|judged| budget(name, &judged, one.row.unjudged))
        })
        .collect();
    json!({ "row": one.row.name, "unit": one.row.unit, "servers": servers, "budgets": budgets })
}

fn budget(name: &str, judged: &Judged, unjudged: Option<&str>) -> Value {
    json!({
        "server": name, "limit": judged.limit, "median": judged.value.median, "least": judged.value.least,
        "greatest": judged.value.greatest, "runs": judged.value.count,
        "kept": unjudged.is_none().then_some(judged.kept), "unjudged": unjudged,
    })
}
