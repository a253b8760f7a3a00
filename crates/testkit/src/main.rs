//! `yatter-scenes`: the scenes against a server that runs. `cargo xtask scenes --against` sets one up and calls this.

use serde_json::json;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use testkit::harness::{perform, scenes};
use testkit::player::Ending;
use testkit::scene::Scene;
use testkit::stage::tcp::{House, Planned, Tcp, numbered};

const HELP: &str = "\
yatter-scenes plan WORKSPACE HOUSE   what the server must be set up with, as JSON
yatter-scenes play WORKSPACE HOUSE   plays, and prints a line of JSON for each scene
WORKSPACE is the folder above `crates`, HOUSE a JSON file (stage/tcp/house.rs)";

/// Enough for the deepest tree that a server may send back.
const STACK_BYTES: usize = 64 << 20;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["plan", workspace, house] => ready(workspace, house).and_then(|(house, scenes)| plan(&house, &scenes)),
        ["play", workspace, house] => ready(workspace, house).and_then(|(house, scenes)| play_all(&house, &scenes)),
        _ => Err(HELP.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("yatter-scenes: {why}");
            ExitCode::FAILURE
        }
    }
}

fn ready(workspace: &str, file: &str) -> Result<(House, Vec<Scene>), String> {
    let failed = |error: &dyn std::fmt::Display| format!("{file}: {error}");
    let text = std::fs::read_to_string(file).map_err(|error| failed(&error))?;
    let house: House = serde_json::from_str(&text).map_err(|error| failed(&error))?;
    let scenes = numbered(scenes(Path::new(workspace))?, &house)?;
    Ok((house, scenes))
}

fn plan(house: &House, scenes: &[Scene]) -> Result<(), String> {
    let planned: Vec<Planned> = scenes.iter().filter_map(|scene| Planned::of(scene, house)).collect();
    let names: Vec<&str> = scenes.iter().map(|scene| scene.name.as_str()).collect();
    let plan = json!({ "scenes": names, "planned": planned });
    writeln!(std::io::stdout(), "{plan}").map_err(|error| error.to_string())
}

/// Plays each scene once, as many at a time as the house has lanes.
fn play_all(house: &House, scenes: &[Scene]) -> Result<(), String> {
    let (next, said) = (AtomicUsize::new(0), Mutex::new(Ok(())));
    std::thread::scope(|scope| {
        for _ in 0..house.lanes.max(1) {
            let lane = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, || {
                while let Some(scene) = scenes.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let line = ending(house, scene);
                    let Ok(mut said) = said.lock() else { return };
                    let printed = writeln!(std::io::stdout(), "{line}").map_err(|error| error.to_string());
                    if said.is_ok() {
                        *said = printed;
                    }
                }
            });
            if let (Err(error), Ok(mut said)) = (lane, said.lock()) {
                *said = Err(error.to_string());
            }
        }
    });
    said.into_inner().map_err(|error| error.to_string())?
}

fn ending(house: &House, scene: &Scene) -> serde_json::Value {
    let told = |ending: &str, why: &str, report: &str| {
        json!({
            "scene": scene.name, "sentence": scene.sentence, "source": scene.source,
            "ending": ending, "why": why, "report": report
        })
    };
    match perform::<Tcp>(house, scene) {
        Ok(Ending::Well) => told("ok", "", ""),
        Ok(Ending::LeftOut(why)) => told("not applicable", &why, ""),
        Ok(Ending::Badly(report)) => told("differs", &report.first_difference, &report.whole),
        Err(error) => told("differs", &format!("no runtime: {error}"), ""),
    }
}
