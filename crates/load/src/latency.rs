//! How long a message takes when messages come at a steady rate, whether or not earlier ones have arrived.
//!
//! Times count from the moment at which a message was due, so that a server that stands still for a while is charged for
//! all that waited meanwhile. The loop never sleeps: the kernel's timers are coarser than what is measured.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use mio::{Events, Poll};
use serde_json::{Value, json};

use crate::args::Args;
use crate::flow::{self, BUFFER, PATIENCE};
use crate::route::{self, Pair};
use crate::session::Target;

struct Load {
    pairs: Vec<Pair>,
    /// For each pair, when the messages under way were due, and whether they count.
    due: Vec<VecDeque<(Instant, bool)>>,
    scratch: Vec<u8>,
    latencies_us: Vec<u32>,
}

/// Sends at the rate for a while and says how long messages took.
pub(crate) fn run(args: &Args) -> Result<Value> {
    let target = Target::read(args)?;
    let (pairs, bytes, rate) = (args.number("pairs", 10)?, args.number("bytes", 350)?, args.number("rate", 1000.0)?);
    let warmup = Duration::from_secs_f64(args.number("warmup", 0.5)?);
    let seconds = Duration::from_secs_f64(args.number("seconds", 3.0)?);
    ensure!(pairs > 0 && rate > 0.0, "--pairs and --rate must be more than 0");
    let mut poll = Poll::new()?;
    let pairs = (0..pairs).map(|pair| Pair::open(&target, pair, bytes, &poll)).collect::<Result<Vec<_>>>()?;
    target.keep_keys()?;
    let due = pairs.iter().map(|_| VecDeque::new()).collect();
    let mut load = Load { pairs, due, scratch: vec![0; BUFFER], latencies_us: Vec::new() };
    load.send_steadily(&mut poll, Duration::from_secs_f64(1.0 / rate), warmup, seconds)?;
    let count = load.latencies_us.len();
    Ok(json!({ "delivered": count, "per_second": rate, "latency_us": flow::percentiles(&mut load.latencies_us) }))
}

impl Load {
    fn send_steadily(&mut self, poll: &mut Poll, step: Duration, warmup: Duration, seconds: Duration) -> Result<()> {
        let began = Instant::now();
        let (mut next, mut number) = (began, 0_usize);
        let end = began + warmup + seconds;
        while next < end {
            if Instant::now() >= next {
                let index = number % self.pairs.len();
                self.due[index].push_back((next, next >= began + warmup));
                self.pairs[index].send(1)?;
                number += 1;
                next += step;
            }
            self.look(poll)?;
        }
        while self.due.iter().any(|due| !due.is_empty()) {
            ensure!(Instant::now() < end + PATIENCE, "nothing came: {}", route::missing(&self.pairs));
            self.look(poll)?;
        }
        Ok(())
    }

    /// Takes what has come, without waiting.
    fn look(&mut self, poll: &mut Poll) -> Result<()> {
        let mut events = Events::with_capacity(256);
        flow::wait(poll, &mut events, Duration::ZERO)?;
        for event in &events {
            let (index, is_left) = (event.token().0 / 2, event.token().0 % 2 == 0);
            let pair = &mut self.pairs[index];
            if is_left {
                pair.left_ready(&mut self.scratch).with_context(|| format!("sending side of pair {index}"))?;
                continue;
            }
            for _ in 0..pair.receive(&mut self.scratch).with_context(|| format!("pair {index}"))? {
                let (due, counts) = self.due[index].pop_front().context("more came than was sent")?;
                if counts {
                    self.latencies_us.push(flow::microseconds_since(due));
                }
            }
        }
        Ok(())
    }
}
