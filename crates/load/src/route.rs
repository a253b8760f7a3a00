//! Pairs that talk: how much processor time a delivered message costs the server.
//!
//! One thread, so that the load takes little of the machine: whatever a read brings is checked in whole, and all that
//! may follow goes out in one write.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use serde_json::{Value, json};

use crate::args::Args;
use crate::message::Line;
use crate::process::Tree;
use crate::scan::shown;
use crate::session::Target;

/// With nothing delivered for this long, messages are lost.
const PATIENCE: Duration = Duration::from_secs(10);

const BUFFER: usize = 256 * 1024;

/// A conversation from left to right.
struct Pair {
    left: TcpStream,
    right: TcpStream,
    line: Line,
    sent: u64,
    delivered: u64,
    /// Written by the left side, not yet taken by its socket.
    outbox: Vec<u8>,
    /// The start of a message whose end has not come yet.
    inbox: Vec<u8>,
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
    let server = Tree::of(args.number("cpu-of", std::process::id())?);
    let warmup = Duration::from_secs_f64(args.number("warmup", 1.0)?);
    let measured = Duration::from_secs_f64(args.number("seconds", 3.0)?);
    let mut poll = Poll::new()?;
    let mut load = Load::open(&target, args, &poll)?;
    load.start()?;
    load.turn_for(&mut poll, warmup)?;
    load.recording = true;
    let (before, own_before, cpu_before) = (load.delivered(), Tree::of(std::process::id()).cpu()?, server.cpu()?);
    let began = Instant::now();
    load.turn_for(&mut poll, measured)?;
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), server.cpu()? - cpu_before);
    let own = Tree::of(std::process::id()).cpu()? - own_before;
    let delivered = load.delivered() - before;
    load.recording = false;
    load.drain(&mut poll)?;
    ensure!(delivered > 0, "nothing was delivered");
    Ok(json!({
        "delivered": delivered, "seconds": seconds, "per_second": delivered as f64 / seconds,
        "cpu_us_per_message": cpu.as_secs_f64() * 1e6 / delivered as f64,
        "driver_us_per_message": own.as_secs_f64() * 1e6 / delivered as f64,
        "latency_us": load.percentiles(),
    }))
}

impl Load {
    fn open(target: &Target, args: &Args, poll: &Poll) -> Result<Load> {
        let (pairs, window, bytes) =
            (args.number("pairs", 10)?, args.number("window", 32)?, args.number("bytes", 350)?);
        ensure!(pairs > 0 && window > 0, "--pairs and --window must be at least 1");
        let pairs = (0..pairs).map(|pair| Pair::open(target, pair, bytes, poll)).collect::<Result<Vec<_>>>()?;
        Ok(Load { pairs, window, scratch: vec![0; BUFFER], latencies_us: Vec::new(), recording: false })
    }

    fn start(&mut self) -> Result<()> {
        let window = self.window;
        self.pairs.iter_mut().try_for_each(|pair| pair.send(window))
    }

    fn delivered(&self) -> u64 {
        self.pairs.iter().map(|pair| pair.delivered).sum()
    }

    fn turn_for(&mut self, poll: &mut Poll, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.turn(poll, true)?;
        }
        Ok(())
    }

    /// Sends nothing more and waits until everything under way has arrived.
    fn drain(&mut self, poll: &mut Poll) -> Result<()> {
        while self.pairs.iter().any(|pair| pair.delivered < pair.sent) {
            self.turn(poll, false)?;
        }
        Ok(())
    }

    fn turn(&mut self, poll: &mut Poll, sending: bool) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        match poll.poll(&mut events, Some(PATIENCE)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        ensure!(!events.is_empty(), "nothing was delivered for {PATIENCE:?}: {}", self.missing());
        for event in &events {
            let (index, is_left) = (event.token().0 / 2, event.token().0 % 2 == 0);
            let pair = &mut self.pairs[index];
            if is_left {
                pair.left_ready(&mut self.scratch).with_context(|| format!("sending side of pair {index}"))?;
                continue;
            }
            let arrived = pair.receive(&mut self.scratch).with_context(|| format!("pair {index}"))?;
            if self.recording && self.window == 1 && arrived == 1 {
                self.latencies_us.push(u32::try_from(pair.since.elapsed().as_micros()).unwrap_or(u32::MAX));
            }
            if sending && arrived > 0 {
                pair.send(arrived)?;
            }
        }
        Ok(())
    }

    fn missing(&self) -> String {
        let waiting = self.pairs.iter().enumerate().filter(|(_, pair)| pair.delivered < pair.sent);
        let words: Vec<String> =
            waiting.map(|(index, pair)| format!("pair {index} has {} of {}", pair.delivered, pair.sent)).collect();
        words.join(", ")
    }

    /// Median and 99th percentile in microseconds; only a window of one has a meaning here.
    fn percentiles(&mut self) -> Value {
        self.latencies_us.sort_unstable();
        let at = |part: f64| self.latencies_us.get((self.latencies_us.len() as f64 * part) as usize);
        match (at(0.5), at(0.99)) {
            (Some(median), Some(late)) => json!({ "p50": median, "p99": late }),
            _ => Value::Null,
        }
    }
}

impl Pair {
    fn open(target: &Target, pair: usize, bytes: usize, poll: &Poll) -> Result<Pair> {
        let (left, right) = (2 * pair, 2 * pair + 1);
        let line = Line::new(&target.jid(left), &target.jid(right), bytes, target.xmpp);
        let open = |user: usize, interest: Interest| -> Result<TcpStream> {
            let stream = target.open(user)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(user), interest)?;
            Ok(stream)
        };
        Ok(Pair {
            left: open(left, Interest::READABLE | Interest::WRITABLE)?,
            right: open(right, Interest::READABLE)?,
            line,
            sent: 0,
            delivered: 0,
            outbox: Vec::new(),
            inbox: Vec::new(),
            since: Instant::now(),
        })
    }

    fn send(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            self.line.write(self.sent, &mut self.outbox);
            self.sent += 1;
        }
        self.since = Instant::now();
        self.flush()
    }

    fn flush(&mut self) -> Result<()> {
        while !self.outbox.is_empty() {
            match self.left.write(&self.outbox) {
                Ok(0) => bail!("the connection takes no more bytes"),
                Ok(taken) => drop(self.outbox.drain(..taken)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The left side only sends; anything but whitespace coming back is an error, most likely a bounced message.
    fn left_ready(&mut self, scratch: &mut [u8]) -> Result<()> {
        while let Some(read) = read(&mut self.left, scratch)? {
            ensure!(read.trim_ascii().is_empty(), "unexpected answer {}", shown(read));
        }
        self.flush()
    }

    /// Reads all there is and checks it; how many messages it was.
    fn receive(&mut self, scratch: &mut [u8]) -> Result<u64> {
        let before = self.delivered;
        while let Some(read) = read(&mut self.right, scratch)? {
            if self.inbox.is_empty() {
                let rest = check(&mut self.line, &mut self.delivered, read)?;
                self.inbox.extend_from_slice(rest);
            } else {
                self.inbox.extend_from_slice(read);
                let rest = check(&mut self.line, &mut self.delivered, &self.inbox)?.len();
                let whole = self.inbox.len() - rest;
                self.inbox.drain(..whole);
            }
        }
        ensure!(self.delivered <= self.sent, "{} messages came, {} were sent", self.delivered, self.sent);
        Ok(self.delivered - before)
    }
}

/// Checks message after message; the unfinished rest.
fn check<'a>(line: &mut Line, delivered: &mut u64, mut input: &'a [u8]) -> Result<&'a [u8]> {
    loop {
        if input.first().is_some_and(u8::is_ascii_whitespace) {
            input = input.trim_ascii_start();
        }
        if input.is_empty() {
            return Ok(input);
        }
        let Some(length) = line.check(*delivered, input)? else { return Ok(input) };
        *delivered += 1;
        input = &input[length..];
    }
}

/// One read: `None` when nothing is there.
fn read<'b>(stream: &mut TcpStream, scratch: &'b mut [u8]) -> Result<Option<&'b [u8]>> {
    loop {
        match stream.read(scratch) {
            Ok(0) => bail!("the server closed the connection"),
            Ok(length) => return Ok(Some(&scratch[..length])),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}
