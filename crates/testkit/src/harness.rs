//! Finds scene files and plays them as tests: one named test per scene, several at a time.

use crate::player::{Ending, play};
use crate::scene::{Scene, parse};
use crate::stage::Stage;
use libtest_mimic::{Arguments, Completion, Conclusion, Failed, Trial};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Plays every `*.scene` of `crates/*/scenes` below `workspace` on a stage, as the command line's arguments wish: once in each house, whose name stands
/// behind the scene's.
pub fn run<S: Stage>(workspace: &Path, houses: &[(&str, S::House)]) -> Conclusion {
    let trials = match files(workspace) {
        Ok(files) => files.iter().flat_map(|file| trials::<S>(file, houses)).collect(),
        Err(error) => vec![failing("the scenes", format!("{}: {error}", workspace.display()))],
    };
    libtest_mimic::run(&Arguments::from_args(), trials)
}

/// Every scene below a workspace, in the order of the files; a file that cannot be understood ends it.
pub fn scenes(workspace: &Path) -> Result<Vec<Scene>, String> {
    let mut scenes = Vec::new();
    for file in files(workspace).map_err(|error| format!("{}: {error}", workspace.display()))? {
        scenes.extend(read(&file)?);
    }
    Ok(scenes)
}

/// The scene files below a workspace, sorted.
fn files(workspace: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for member in fs::read_dir(workspace.join("crates"))? {
        let folder = member?.path().join("scenes");
        if folder.is_dir() {
            for file in fs::read_dir(folder)? {
                files.push(file?.path());
            }
        }
    }
    files.retain(|file| file.extension().is_some_and(|ending| ending == "scene"));
    files.sort();
    Ok(files)
}

/// A test for each scene of a file; a file that cannot be understood is a test that fails.
fn trials<S: Stage>(file: &Path, houses: &[(&str, S::House)]) -> Vec<Trial> {
    match read(file) {
        Ok(scenes) => scenes.iter().flat_map(|scene| houses.iter().map(|house| trial::<S>(scene, house))).collect(),
        Err(why) => vec![failing(&name(file), why)],
    }
}

fn read(file: &Path) -> Result<Vec<Scene>, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    parse(&name(file), &text).map_err(|error| format!("{}: {error}", file.display()))
}

/// `im/t-4.2.1-highest-priority-gets-it`.
fn name(file: &Path) -> String {
    let crate_name = file.iter().rev().nth(2).unwrap_or_default().to_string_lossy();
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    format!("{crate_name}/{stem}")
}

fn trial<S: Stage>(scene: &Scene, (place, house): &(&str, S::House)) -> Trial {
    let (scene, house) = (scene.clone(), house.clone());
    Trial::ignorable_test(format!("{}{place}", scene.name), move || match perform::<S>(&house, &scene) {
        Ok(Ending::Well) => Ok(Completion::Completed),
        Ok(Ending::LeftOut(why)) => Ok(Completion::ignored_with(why)),
        Ok(Ending::Badly(report)) => Err(Failed::from(report.whole)),
        Err(error) => Err(Failed::from(format!("no runtime: {error}"))),
    })
}

fn failing(name: &str, why: String) -> Trial {
    Trial::test(name, || Err(Failed::from(why)))
}

/// Plays one scene on a runtime of its own. Where the stage's time stands still, it goes on only when nothing else can.
pub fn perform<S: Stage>(house: &S::House, scene: &Scene) -> io::Result<Ending> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(S::TIME_STANDS_STILL).build()?;
    let ending = runtime.block_on(play::<S>(house, scene));
    runtime.shutdown_background();
    Ok(ending)
}
