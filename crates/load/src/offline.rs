//! Messages for accounts that are away: what it costs the server to keep one, and to hand it over later.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::args::Args;
use crate::message::Line;
use crate::process::Tree;
use crate::session::{Session, Target};

/// A server that uses less than this in `PAUSE` has nothing left to do.
const QUIET: Duration = Duration::from_micros(500);

const PAUSE: Duration = Duration::from_millis(50);

/// How long a server may work on after the last stanza.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends each of some accounts that are away so many messages, then lets them come and take them.
pub(crate) fn run(args: &Args) -> Result<Value> {
    let target = Target::read(args)?;
    let (receivers, each) = (args.number("receivers", 40_usize)?, args.number("each", 50_u64)?);
    let (senders, bytes) = (args.number("senders", 4_usize)?, args.number("bytes", 350)?);
    ensure!(receivers > 0 && each > 0 && senders > 0, "--receivers, --each and --senders must be at least 1");
    let server = Tree::of(args.number("cpu-of", std::process::id())?);
    let messages = receivers as u64 * each;
    let sender_of = |receiver: usize| receivers + receiver % senders;
    let mut lines: Vec<Line> = (0..receivers)
        .map(|receiver| Line::late(&target.jid(sender_of(receiver)), &target.bare(receiver), bytes))
        .collect();
    let mut open: Vec<Session> =
        (receivers..receivers + senders).map(|user| target.open(user)).collect::<Result<_>>()?;
    settle(server)?;
    let before = server.cpu()?;
    send(&mut open, &mut lines, each)?;
    for sender in &mut open {
        sender.roster()?;
    }
    settle(server)?;
    let stored = server.cpu()?.saturating_sub(before);
    let mut away: Vec<Session> = (0..receivers).map(|user| target.log_in(user)).collect::<Result<_>>()?;
    target.keep_keys()?;
    settle(server)?;
    let before = server.cpu()?;
    away.iter_mut().try_for_each(|session| session.send("<presence/>"))?;
    for (receiver, (session, line)) in away.iter_mut().zip(&mut lines).enumerate() {
        take(session, line, each).with_context(|| format!("receiver {receiver}"))?;
    }
    settle(server)?;
    let drained = server.cpu()?.saturating_sub(before);
    let per_message = |cpu: Duration| cpu.as_secs_f64() * 1e6 / messages as f64;
    Ok(json!({
        "messages": messages,
        "cpu_us_per_message_stored": per_message(stored), "cpu_us_per_message_drained": per_message(drained),
    }))
}

/// Message after message to one receiver after the other, so that the server meets them mixed.
fn send(senders: &mut [Session], lines: &mut [Line], each: u64) -> Result<()> {
    let count = senders.len();
    let mut out = Vec::new();
    for number in 0..each {
        for (receiver, line) in lines.iter_mut().enumerate() {
            out.clear();
            line.write(number, &mut out);
            senders[receiver % count].send(std::str::from_utf8(&out)?)?;
        }
    }
    Ok(())
}

/// Takes all that waited, in the order in which it was sent; presence that comes between is passed over.
fn take(session: &mut Session, line: &mut Line, each: u64) -> Result<()> {
    let mut number = 0;
    while number < each {
        let element = session.element()?;
        if element.starts_with("<presence") {
            continue;
        }
        let length = line.check(number, element.as_bytes())?;
        ensure!(length == Some(element.len()), "half a message: {element}");
        number += 1;
    }
    Ok(())
}

/// Waits until the server has done what it has to do.
fn settle(server: Tree) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    let mut last = server.cpu()?;
    loop {
        sleep(PAUSE);
        let now = server.cpu()?;
        if now.saturating_sub(last) < QUIET {
            return Ok(());
        }
        ensure!(Instant::now() < end, "the server is still busy {PATIENCE:?} after the last stanza");
        last = now;
    }
}
