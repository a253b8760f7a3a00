//! Real clients against a real server: each play is a story of its own, on a fresh server, with a time limit.

mod play;

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::install;
use crate::servers::{self, Server};
use crate::tally::Tally;
use crate::workspace::Workspace;

/// Every program that takes part and that Debian has.
const DEBIAN_PACKAGES: [&str; 11] = [
    "curl",
    "g++",
    "gcc",
    "gnupg",
    "libgloox-dev",
    "libiksemel-dev",
    "libnet-xmpp-perl",
    "mcabber",
    "openssl",
    "profanity",
    "sendxmpp",
];

/// A play: a script below `xtask/clients/plays` and its arguments.
pub(crate) struct Play {
    name: &'static str,
    script: &'static str,
    arguments: &'static [&'static str],
    /// Compares with the exact bytes of this server, so it proves nothing about another one.
    only_yatter: bool,
    /// What the server keeps of passwords for clients of 2000.
    keeps: &'static str,
    /// It needs the doors for files.
    files: bool,
}

const fn play(name: &'static str, script: &'static str, arguments: &'static [&'static str]) -> Play {
    Play { name, script, arguments, only_yatter: false, keeps: "none", files: false }
}

const fn exact(name: &'static str, script: &'static str, arguments: &'static [&'static str]) -> Play {
    Play { name, script, arguments, only_yatter: true, keeps: "none", files: false }
}

impl Play {
    /// With passwords, or chains of hashes, kept for clients of 2000.
    const fn keeping(self, keeps: &'static str) -> Play {
        Play { keeps, ..self }
    }
}

/// All plays, the quickest first.
const PLAYS: [Play; 25] = [
    exact("draft 7.1 typed by hand", "transcript.py", &["plain"]),
    exact("draft 7.1 typed by hand, legacy listener", "transcript.py", &["legacy"]),
    exact("draft 7.2 typed by hand", "basic.py", &["plain"]),
    exact("no byte tells where somebody is", "address.py", &[]),
    exact("signed and encrypted with GnuPG, between clients of all times", "gpg.py", &[]),
    exact("no password in the clear where TLS is required", "refusal.py", &[]),
    play("SCRAM with channel binding", "binding.py", &[]),
    play("story: slixmpp by STARTTLS, slixmpp by direct TLS", "story.py", &["slixmpp:starttls", "slixmpp:direct"]),
    play("story: slixmpp by STARTTLS, xmpppy of 2000's kind", "story.py", &["slixmpp:starttls", "xmpppy:legacy"]),
    play("story: slixmpp by direct TLS, Net::XMPP of 2000's kind", "story.py", &["slixmpp:direct", "netxmpp:legacy"]),
    play("story: xmpppy and Net::XMPP, both of 2000's kind", "story.py", &["xmpppy:legacy", "netxmpp:legacy"]),
    play("story: profanity by STARTTLS, xmpppy of 2000's kind", "story.py", &["profanity:starttls", "xmpppy:legacy"]),
    play("story: slixmpp by STARTTLS, mcabber of 2000's kind", "story.py", &["slixmpp:starttls", "mcabber:legacy"]),
    play("several devices: slixmpp and xmpppy share an account", "devices.py", &[]),
    Play {
        files: true,
        ..exact("files: slixmpp uploads, curl fetches; slixmpp to slixmpp by the relay", "files.py", &[])
    },
    play("resumption: slixmpp loses its connection and comes back", "resumption.py", &[]),
    play("xmpppy as a client of today, plain listener", "story.py", &["xmpppy:plain", "slixmpp:starttls"]),
    play("TLS 1.2: slixmpp", "story.py", &["slixmpp12:starttls", "slixmpp:starttls"]),
    play("story: slixmpp by STARTTLS, iksemel with a digest", "story.py", &["slixmpp:starttls", "iksemel:legacy"])
        .keeping("password"),
    play(
        "story: slixmpp by direct TLS, gloox by iq:auth on a stream of today",
        "story.py",
        &["slixmpp:direct", "gloox:plain"],
    )
    .keeping("password"),
    play(
        "story: slixmpp by STARTTLS, Net::XMPP with zero knowledge",
        "story.py",
        &["slixmpp:starttls", "netxmpp:legacy"],
    )
    .keeping("zero-k"),
    play(
        "story: slixmpp by direct TLS, Net::XMPP by SSL on port 5223",
        "story.py",
        &["slixmpp:direct", "netxmpp:legacy_direct"],
    ),
    play(
        "which proof of the password each program chooses",
        "credentials.py",
        &["xmpppy:legacy=digest", "netxmpp:legacy=hash", "mcabber:legacy=digest"],
    )
    .keeping("password"),
    play("sendxmpp with zero knowledge", "sendxmpp.py", &[]).keeping("zero-k"),
    play("libpurple with a digest, led by bitlbee", "bitlbee.py", &[]).keeping("password"),
];

/// What the command line asks for.
struct Wish<'a> {
    against: &'a str,
    only: Vec<&'a str>,
    list: bool,
}

fn read_wish(words: &[String]) -> Result<Wish<'_>> {
    let mut wish = Wish { against: "yatter", only: Vec::new(), list: false };
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "--list" => wish.list = true,
            "--against" => wish.against = words.next().context("--against needs the name of a server")?,
            "--only" => wish.only.push(words.next().context("--only needs a part of a name")?),
            other => bail!("`{other}`: expected --against SERVER, --only NAME or --list"),
        }
    }
    Ok(wish)
}

/// Runs the plays that were asked for and records each.
pub(crate) fn run(words: &[String], tally: &mut Tally) -> Result<()> {
    let wish = read_wish(words)?;
    let is_wanted = |play: &&Play| wish.only.is_empty() || wish.only.iter().any(|part| play.name.contains(part));
    let plays: Vec<&Play> = PLAYS.iter().filter(is_wanted).collect();
    ensure!(!plays.is_empty(), "no play has such a name; --list shows them");
    if wish.list {
        plays.iter().for_each(|play| println!("{}", play.name));
        return Ok(());
    }
    let workspace = Workspace::read()?;
    let server = servers::by_name(wish.against, &workspace, "debug")?;
    server.obtain()?;
    install::debian(&DEBIAN_PACKAGES)?;
    let python = install::python(&workspace)?;
    for play in plays {
        if !server.is_yatter() && (play.only_yatter || play.keeps != "none") {
            println!("play {} ... left out: it is about yatter's own bytes, or what it keeps of passwords", play.name);
            continue;
        }
        perform(play, &workspace, server.as_ref(), &python, tally);
    }
    Ok(())
}

fn perform(play: &Play, workspace: &Workspace, server: &dyn Server, python: &std::path::Path, tally: &mut Tally) {
    let began = Instant::now();
    let mut said = Vec::new();
    let passed = play.run(workspace, server, python, &mut said).unwrap_or_else(|error| {
        said.push(format!("{error:#}"));
        false
    });
    let word = if passed { "ok" } else { "FAILED" };
    println!("play {} ... {word} ({:.1} s)", play.name, began.elapsed().as_secs_f64());
    tally.record_words(&format!("play {}", play.name), passed, &said);
}
