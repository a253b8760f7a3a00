//! The disk becomes full while people chat, and has room again later.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::client::Client;
use crate::stage::{Server, Stage, eventually};

/// A small file system that only the processes started here see, at the stage's data folder; gone with its keeper.
struct SmallDisk {
    stage: Stage,
    keeper: Child,
}

impl SmallDisk {
    /// None where this user may not mount one.
    fn new(bytes: usize) -> Option<SmallDisk> {
        let stage = Stage::new();
        stage.configure("");
        fs::create_dir(stage.data()).unwrap();
        let script = format!(
            "mount -t tmpfs -o size={bytes},mode=700 none '{}' && echo mounted && exec cat",
            stage.data().display()
        );
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut keeper = spawned.ok()?;
        let mut said = String::new();
        BufReader::new(keeper.stdout.take()?).read_line(&mut said).ok()?;
        let disk = SmallDisk { stage, keeper };
        (said == "mounted\n").then_some(disk)
    }

    /// The data folder as it is seen from outside.
    fn data(&self) -> PathBuf {
        let path = self.stage.data();
        PathBuf::from(format!("/proc/{}/root", self.keeper.id())).join(path.strip_prefix("/").unwrap())
    }

    /// The program, where it sees the file system.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.keeper.id().to_string(), "--user", "--mount", "--preserve-credentials", "--"]);
        command.arg(env!("CARGO_BIN_EXE_yatter")).arg("--config").arg(self.stage.config()).args(arguments);
        command.env_remove("YATTER_CONFIG");
        command
    }

    fn serve(&self) -> Server {
        Server::start(self.command(&[]))
    }

    fn add(&self, jid: &str) {
        let mut command = self.command(&["user", "add", jid, "--password-stdin"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"secret\n").unwrap();
        assert!(child.wait().unwrap().success());
    }

    /// Takes all the room there is.
    fn fill(&self) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.data().join("filler")).unwrap();
        for size in [65_536, 4_096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// From now on nothing can be written there.
    fn make_read_only(&self) {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.keeper.id().to_string(), "--user", "--mount", "--preserve-credentials", "--"]);
        command.args(["mount", "-o", "remount,ro"]).arg(self.stage.data());
        assert!(command.status().unwrap().success());
    }

    fn free(&self) {
        fs::remove_file(self.data().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

/// Where nothing can be mounted there is nothing to test.
fn small_disk(bytes: usize) -> Option<SmallDisk> {
    let disk = SmallDisk::new(bytes);
    if disk.is_none() {
        eprintln!("skipped: this user may not mount a small file system (unshare --user --mount)");
    }
    disk
}

const SENTENCE: &str = "is full: free some space there";

#[test]
fn what_a_full_disk_cannot_keep_is_refused_and_kept_again_later() {
    let Some(disk) = small_disk(4 << 20) else { return };
    ["alice@localhost", "bob@localhost", "carol@localhost"].iter().for_each(|jid| disk.add(jid));
    let mut server = disk.serve();
    let mut alice = log_in(&disk, "alice");
    let mut carol = log_in(&disk, "carol");
    assert!(add_contact(&mut alice, "before"));
    let mut kept = vec!["before".to_owned()];

    disk.fill();
    // What is in the log already may be written over, so that the first few may find room.
    let refused = (0..200).find(|n| {
        let name = format!("full{n}");
        let done = add_contact(&mut alice, &name);
        if done {
            kept.push(name);
        }
        !done
    });
    assert!(refused.is_some(), "everything was kept");
    alice.say("<message to='bob@localhost' type='chat' id='full'><body>are you there?</body></message>");
    let returned = alice.hear("</message>");
    assert!(returned.contains(" type='error'") && returned.contains(" id='full'"), "{returned}");
    eventually("the sentence is said", || server.has_said(SENTENCE));

    // Nobody needs the disk to talk.
    for n in 0..20 {
        alice.say(&format!("<message to='carol@localhost/home'><body>{n}</body></message>"));
        assert!(carol.hear("</message>").ends_with(&format!("<body>{n}</body>")));
    }
    disk.free();
    eventually_keeps(&mut alice, &mut kept);
    alice.say("<message to='bob@localhost' type='chat'><body>kept</body></message>");
    // Its result comes when all that was written before is on the disk.
    assert!(add_contact(&mut alice, "last"));
    kept.push("last".to_owned());
    assert_eq!(names(&mut alice), sorted(&kept));
    let log = server.kill();
    assert!(!log.contains("panicked"), "{log}");
    let complaints = log.lines().filter(|line| line.contains("writes were lost")).count();
    assert!((1..=2).contains(&complaints), "{complaints} lines in less than two minutes: {log}");

    // What was answered with a result is there, and nothing that was refused.
    let server = disk.serve();
    let mut alice = log_in(&disk, "alice");
    assert_eq!(names(&mut alice), sorted(&kept));
    let mut bob = log_in(&disk, "bob");
    bob.say("<presence/>");
    let message = bob.hear("</message>");
    assert!(message.contains("<body>kept</body>") && !message.contains("are you there?"), "{message}");
    assert_eq!(server.stop("TERM").0, Some(0));
}

#[test]
fn a_start_on_a_full_disk_says_what_to_do() {
    let Some(disk) = small_disk(64 << 10) else { return };
    disk.fill();
    let ran = disk.command(&[]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    let last = said.lines().last().unwrap_or_default();
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(last.starts_with("yatter: ") && last.contains(SENTENCE), "{said}");
    disk.free();
}

#[test]
fn a_start_on_a_read_only_disk_says_what_to_do() {
    let Some(disk) = small_disk(4 << 20) else { return };
    disk.add("alice@localhost");
    disk.make_read_only();
    let ran = disk.command(&[]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    let last = said.lines().last().unwrap_or_default();
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(last.starts_with("yatter: ") && last.contains("cannot be written"), "{said}");
    assert!(last.contains("give this user write access"), "{said}");
}

fn log_in(disk: &SmallDisk, user: &str) -> Client {
    let mut client = Client::connect(disk.stage.port);
    client.log_in(user, "secret", "home");
    client
}

/// Asks for a contact; whether there is one now, as the server says.
fn add_contact(client: &mut Client, name: &str) -> bool {
    client.say(&format!(
        "<iq type='set' id='{name}'><query xmlns='jabber:iq:roster'><item jid='{name}@localhost' name='{}'/></query></iq>",
        "long ".repeat(100)
    ));
    let answer = client.hear(&format!("id='{name}'"));
    let refused = answer.contains("type='error'");
    assert!(refused || answer.contains("type='result'"), "{answer}");
    if refused {
        client.hear("</iq>");
    }
    !refused
}

/// Adds contacts until one is kept.
fn eventually_keeps(client: &mut Client, kept: &mut Vec<String>) {
    for n in 0..100 {
        let name = format!("after{n}");
        if add_contact(client, &name) {
            return kept.push(name);
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("nothing is kept any more");
}

/// The contacts as the server knows them.
fn names(client: &mut Client) -> Vec<String> {
    client.say("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>");
    client.hear("id='roster'");
    let roster = client.hear("</query></iq>");
    let jids = roster.split(" jid='").skip(1).filter_map(|rest| rest.split_once("@localhost'"));
    let mut names: Vec<String> = jids.map(|(name, _)| name.to_owned()).collect();
    names.sort();
    names
}

fn sorted(names: &[String]) -> Vec<String> {
    let mut names = names.to_vec();
    names.sort();
    names
}
