//! Starting programs, waiting for them no longer than is good, and ending only what we started.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// Runs a program to its end with our own output and says whether it succeeded.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool> {
    say(command);
    Ok(command.status().with_context(|| format!("cannot start {}", shown(command)))?.success())
}

/// Runs a program to its end; anything but success is an error.
pub(crate) fn must(command: &mut Command) -> Result<()> {
    ensure!(succeeds(command)?, "failed: {}", shown(command));
    Ok(())
}

/// Runs a program that has no reason to take long; true when it ended with success within the limit.
pub(crate) fn succeeds_within(limit: Duration, mut child: Child) -> Result<bool> {
    let end = Instant::now() + limit;
    loop {
        match child.try_wait()? {
            Some(status) => return Ok(status.success()),
            None if Instant::now() < end => thread::sleep(Duration::from_millis(5)),
            None => {
                child.kill()?;
                child.wait()?;
                return Ok(false);
            }
        }
    }
}

/// What a program prints; an error with its complaints when it fails.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {}", shown(command)))?;
    ensure!(
        output.status.success(),
        "failed: {}\n{}{}",
        shown(command),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

pub(crate) fn say(command: &Command) {
    eprintln!("\x1b[2m$ {}\x1b[0m", shown(command));
}

/// The lines of a stream as they come, read by a thread of its own so that waiting for them can have a limit.
pub(crate) fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// A program in the background that never outlives this value.
pub(crate) struct Background {
    child: Child,
    name: String,
}

impl Background {
    /// Starts it with piped standard input and output.
    pub(crate) fn start(name: &str, command: &mut Command) -> Result<Background> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = command.spawn().with_context(|| format!("cannot start {}", shown(command)))?;
        Ok(Background { child, name: name.to_owned() })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Asks it to end, and insists after the limit. True when it ended by itself with success.
    pub(crate) fn stop(&mut self, limit: Duration) -> Result<bool> {
        signal("TERM", &self.id().to_string());
        match self.wait(limit)? {
            Some(status) => Ok(status.success()),
            None => {
                eprintln!("{} did not stop within {limit:?}: killed", self.name);
                self.kill();
                Ok(false)
            }
        }
    }

    /// `kill -9`, and no more of it afterwards.
    pub(crate) fn kill(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end; `None` when the limit passes first.
    pub(crate) fn wait(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let end = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            if Instant::now() >= end {
                return Ok(None);
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Kills a process that we started and everything below it.
pub(crate) fn kill_tree(root: u32) {
    let mut family = vec![root];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        family.extend(children(parent));
        next += 1;
    }
    // From the top, so that nobody starts another in between.
    family.iter().for_each(|pid| signal("KILL", &pid.to_string()));
}

/// The processes that a process has started.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}

/// Sends a signal to a process (`PID`) or to a whole group (`-PID`) that we started and have not waited for.
pub(crate) fn signal(name: &str, pid: &str) {
    // The only failure is that it is gone already.
    let _ = Command::new("sh").args(["-c", "kill -s \"$0\" -- \"$1\"", name, pid]).stderr(Stdio::null()).status();
}
