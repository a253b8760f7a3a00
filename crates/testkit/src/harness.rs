//! Finds scene files and plays them as tests: one named test per scene, several at a time.

use crate::player::{Ending, play};
use crate::scene::{Scene, parse};
use crate::stage::Stage;
use libtest_mimic::{Arguments, Completion, Conclusion, Failed, Trial};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Plays every `*.scene` of `crates/*/scenes` below `workspace` on a stage, as the command line's arguments wish.
pub fn run<S: Stage>(workspace: &Path) -> Conclusion {
    let trials = match files(workspace) {
        Ok(files) => files.iter().flat_map(|file| trials::<S>(file)).collect(),
        Err(error) => vec![failing("the scenes", format!("{}: {error}", workspace.display()))],
    };
    libtest_mimic::run(&Arguments::from_args(), trials)
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
fn trials<S: Stage>(file: &Path) -> Vec<Trial> {
    let crate_name = file.iter().rev().nth(2).unwrap_or_default().to_string_lossy();
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let name = format!("{crate_name}/{stem}");
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => return vec![failing(&name, error.to_string())],
    };
    match parse(&name, &text) {
        Ok(scenes) => scenes.into_iter().map(|scene| trial::<S>(scene)).collect(),
        Err(error) => vec![failing(&name, format!("{}: {error}", file.display()))],
    }
}

fn trial<S: Stage>(scene: Scene) -> Trial {
    Trial::ignorable_test(scene.name.clone(), move || match perform::<S>(&scene) {
        Ok(Ending::Well) => Ok(Completion::Completed),
        Ok(Ending::LeftOut(why)) => Ok(Completion::ignored_with(why)),
        Ok(Ending::Badly(report)) => Err(Failed::from(report)),
        Err(error) => Err(Failed::from(format!("no runtime: {error}"))),
    })
}

fn failing(name: &str, why: String) -> Trial {
    Trial::test(name, || Err(Failed::from(why)))
}

/// Plays one scene on a runtime of its own, whose time stands still: it only goes on when nothing else can.
pub fn perform<S: Stage>(scene: &Scene) -> io::Result<Ending> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
    let ending = runtime.block_on(play::<S>(scene));
    runtime.shutdown_background();
    Ok(ending)
}
