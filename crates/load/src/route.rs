//! Pairs that talk: how much processor time a delivered message costs the server.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use mio::{Events, Poll, Token};
use serde_json::Value;

use crate::args::Args;
use crate::flow::{self, BUFFER, Flow, PATIENCE, Receiver, Sender};
use crate::message::Line;
use crate::session::Target;

/// A conversation from left to right.
pub(crate) struct Pair {
    pub(crate) left: Sender,
    pub(crate) right: Receiver,
    pub(crate) sent: u64,
    /// When the one message under way was sent; only with a window of one.
    since: Instant,
}

struct Load {
    pairs: Vec<Pair>,
    window: u64,
    scratch: Vec<u8>,
    latencies_us: Vec<u32>,
    recording: bool,
}

/// Keeps every pair's window full for a while and measures the middle of it.
pub(crate) fn run(args: &Args) -> Result<Value> {
    let target = Target::read(args)?;
    let (pairs, window, bytes) = (args.number("pairs", 10)?, args.number("window", 32)?, args.number("bytes", 350)?);
    ensure!(pairs > 0 && window > 0, "--pairs and --window must be at least 1");
    let mut poll = Poll::new()?;
    let pairs = (0..pairs).map(|pair| Pair::open(&target, pair, bytes, &poll)).collect::<Result<Vec<_>>>()?;
    target.keep_keys()?;
    let mut load = Load { pairs, window, scratch: vec![0; BUFFER], latencies_us: Vec::new(), recording: false };
    load.pairs.iter_mut().try_for_each(|pair| pair.send(window))?;
    let mut result = flow::measure(&mut load, &mut poll, args)?;
    result["latency_us"] = flow::percentiles(&mut load.latencies_us);
    if target.acknowledges {
        load.pairs.into_iter().try_for_each(|pair| pair.right.close())?;
    }
    Ok(result)
}

impl Flow for Load {
    fn turn(&mut self, poll: &mut Poll, sending: bool) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        flow::wait(poll, &mut events, PATIENCE)?;
        ensure!(!events.is_empty(), "nothing was delivered for {PATIENCE:?}: {}", missing(&self.pairs));
        for event in &events {
            let (index, is_left) = (event.token().0 / 2, event.token().0 % 2 == 0);
            let pair = &mut self.pairs[index];
            if is_left {
                pair.left_ready(&mut self.scratch).with_context(|| format!("sending side of pair {index}"))?;
                continue;
            }
            let arrived = pair.receive(&mut self.scratch).with_context(|| format!("pair {index}"))?;
            if self.recording && self.window == 1 && arrived == 1 {
                self.latencies_us.push(flow::microseconds_since(pair.since));
            }
            if sending && arrived > 0 {
                pair.send(arrived)?;
            }
        }
        Ok(())
    }

    fn delivered(&self) -> u64 {
        self.pairs.iter().map(|pair| pair.right.delivered).sum()
    }

    fn is_drained(&self) -> bool {
        self.pairs.iter().all(|pair| pair.right.delivered == pair.sent)
    }

    fn record(&mut self, recording: bool) {
        self.recording = recording;
    }
}

/// What has not arrived, in words.
pub(crate) fn missing(pairs: &[Pair]) -> String {
    let waiting = pairs.iter().enumerate().filter(|(_, pair)| pair.right.delivered < pair.sent);
    let words: Vec<String> =
        waiting.map(|(index, pair)| format!("pair {index} has {} of {}", pair.right.delivered, pair.sent)).collect();
    words.join(", ")
}

impl Pair {
    /// Users `2 * pair` and `2 * pair + 1`; their tokens are their numbers.
    pub(crate) fn open(target: &Target, pair: usize, bytes: usize, poll: &Poll) -> Result<Pair> {
        let (left, right) = (2 * pair, 2 * pair + 1);
        let line = Line::new(&target.jid(left), &target.jid(right), bytes, target.xmpp);
        Ok(Pair {
            left: Sender::register(target.open(left)?, poll, Token(left))?,
            right: Receiver::register(target.open(right)?, line, poll, Token(right))?,
            sent: 0,
            since: Instant::now(),
        })
    }

    /// Sends the next messages.
    pub(crate) fn send(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            self.right.line.write(self.sent, self.left.outbox());
            self.sent += 1;
        }
        self.since = Instant::now();
        self.left.flush()
    }

    /// The left side only sends; anything but white space coming back is an error, most likely a bounced message.
    pub(crate) fn left_ready(&mut self, scratch: &mut [u8]) -> Result<()> {
        self.left.ready(scratch, |_| false)
    }

    /// Reads all there is and checks it; how many messages it was.
    pub(crate) fn receive(&mut self, scratch: &mut [u8]) -> Result<u64> {
        let arrived = self.right.receive(scratch)?;
        ensure!(self.right.delivered <= self.sent, "{} messages came, {} were sent", self.right.delivered, self.sent);
        Ok(arrived)
    }
}
