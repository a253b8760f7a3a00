//! The two ends of a conversation in a loop that waits for many, and the measuring of such a loop.
//!
//! One thread, so that the load takes little of the machine: whatever a read brings is checked in whole, and all that
//! may follow goes out in one write.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use serde_json::{Value, json};

use crate::args::Args;
use crate::link::Link;
use crate::message::Line;
use crate::process::Tree;
use crate::scan::{self, shown};
use crate::session::Session;

/// With nothing delivered for this long, something is lost.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The space for one read.
pub(crate) const BUFFER: usize = 256 * 1024;

/// The end that sends.
pub(crate) struct Sender {
    link: Link<TcpStream>,
    /// Written, but not yet taken by the socket.
    outbox: Vec<u8>,
    /// What had come before the loop began.
    greeting: Vec<u8>,
}

/// The end that receives: every byte is compared with what must come.
pub(crate) struct Receiver {
    link: Link<TcpStream>,
    pub(crate) line: Line,
    pub(crate) delivered: u64,
    /// The start of a stanza whose end has not come yet.
    inbox: Vec<u8>,
    /// Acknowledgements (XEP-0198) that the socket has not taken yet.
    outbox: Vec<u8>,
    /// Presence without a number, which a contact meets before what is measured begins, is passed over.
    pub(crate) skips_greetings: bool,
}

/// A load that can be turned: it waits for what comes and sends what may follow.
pub(crate) trait Flow {
    /// Waits once. `sending`: what may follow is sent.
    fn turn(&mut self, poll: &mut Poll, sending: bool) -> Result<()>;
    /// Deliveries so far.
    fn delivered(&self) -> u64;
    /// True when nothing is under way.
    fn is_drained(&self) -> bool;
    /// Begins or ends keeping the times of single deliveries.
    fn record(&mut self, recording: bool);
}

impl Sender {
    pub(crate) fn register(session: Session, poll: &Poll, token: Token) -> Result<Sender> {
        let (link, greeting) = session.into_parts();
        let mut link = link.into_nonblocking()?;
        poll.registry().register(link.socket(), token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Sender { link, outbox: Vec::new(), greeting })
    }

    /// Where the next bytes go; `flush` sends them.
    pub(crate) fn outbox(&mut self) -> &mut Vec<u8> {
        &mut self.outbox
    }

    pub(crate) fn flush(&mut self) -> Result<()> {
        write(&mut self.link, &mut self.outbox)
    }

    /// What may be written may be written now; what comes must be white space, or what `expected` says.
    pub(crate) fn ready(&mut self, scratch: &mut [u8], expected: impl Fn(&[u8]) -> bool) -> Result<()> {
        let greeting = std::mem::take(&mut self.greeting);
        let is_fine = |bytes: &[u8]| bytes.trim_ascii().is_empty() || expected(bytes);
        ensure!(is_fine(&greeting), "unexpected answer {}", shown(&greeting));
        while let Some(read) = read(&mut self.link, scratch)? {
            ensure!(is_fine(read), "unexpected answer {}", shown(read));
        }
        self.flush()
    }
}

impl Receiver {
    pub(crate) fn register(session: Session, line: Line, poll: &Poll, token: Token) -> Result<Receiver> {
        let (link, inbox) = session.into_parts();
        let mut link = link.into_nonblocking()?;
        poll.registry().register(link.socket(), token, Interest::READABLE)?;
        Ok(Receiver { link, line, delivered: 0, inbox, outbox: Vec::new(), skips_greetings: false })
    }

    /// Reads all there is and checks it; how many stanzas it was.
    pub(crate) fn receive(&mut self, scratch: &mut [u8]) -> Result<u64> {
        let before = self.delivered;
        let mut asked = false;
        while let Some(read) = read(&mut self.link, scratch)? {
            if self.inbox.is_empty() {
                let mut input = read;
                while self.take(&mut input, &mut asked)? {}
                self.inbox.extend_from_slice(input);
            } else {
                let mut inbox = std::mem::take(&mut self.inbox);
                inbox.extend_from_slice(read);
                let mut input = inbox.as_slice();
                while self.take(&mut input, &mut asked)? {}
                let whole = inbox.len() - input.len();
                inbox.drain(..whole);
                self.inbox = inbox;
            }
        }
        if asked {
            self.outbox.extend_from_slice(format!("<a xmlns='urn:xmpp:sm:3' h='{}'/>", self.delivered).as_bytes());
        }
        write(&mut self.link, &mut self.outbox)?;
        Ok(self.delivered - before)
    }

    /// Acknowledges all that has come and ends the stream, so that a server which keeps what is not acknowledged keeps
    /// nothing of it for the next who logs in.
    pub(crate) fn close(mut self) -> Result<()> {
        let last = format!("<a xmlns='urn:xmpp:sm:3' h='{}'/></stream:stream>", self.delivered);
        self.outbox.extend_from_slice(last.as_bytes());
        let mut scratch = [0; 1024];
        let end = Instant::now() + PATIENCE;
        loop {
            write(&mut self.link, &mut self.outbox)?;
            match self.link.read(&mut scratch) {
                Ok(0) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(()),
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error.into()),
                Ok(_) => {}
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
            ensure!(Instant::now() < end, "the server does not end the stream");
        }
    }

    /// Takes one stanza, or what may stand between two, off the input; false when nothing is there in whole.
    fn take(&mut self, input: &mut &[u8], asked: &mut bool) -> Result<bool> {
        *input = input.trim_ascii_start();
        if input.is_empty() {
            return Ok(false);
        }
        let is_greeting = |element: &[u8]| !element.windows(4).any(|window| window == b" id=");
        let is_question = input.starts_with(b"<r ") || input.starts_with(b"<r/");
        if is_question || (self.skips_greetings && self.delivered == 0) {
            let Some(length) = scan::element(input)? else { return Ok(false) };
            if is_question || is_greeting(&input[..length]) {
                *asked |= is_question;
                *input = &input[length..];
                return Ok(true);
            }
        }
        let Some(length) = self.line.check(self.delivered, input)? else { return Ok(false) };
        self.delivered += 1;
        *input = &input[length..];
        Ok(true)
    }
}

/// Writes what the socket takes now; the rest stays.
fn write(link: &mut Link<TcpStream>, outbox: &mut Vec<u8>) -> Result<()> {
    link.flush()?;
    while !outbox.is_empty() {
        match link.write(outbox) {
            Ok(0) => bail!("the connection takes no more bytes"),
            Ok(taken) => drop(outbox.drain(..taken)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// One read: `None` when nothing is there.
fn read<'b>(link: &mut Link<TcpStream>, scratch: &'b mut [u8]) -> Result<Option<&'b [u8]>> {
    loop {
        match link.read(scratch) {
            Ok(0) => bail!("the server closed the connection"),
            Ok(length) => return Ok(Some(&scratch[..length])),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits for events; an error when nothing comes for too long.
pub(crate) fn wait(poll: &mut Poll, events: &mut Events, limit: Duration) -> Result<()> {
    match poll.poll(events, Some(limit)) {
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
        other => Ok(other?),
    }
}

/// Turns a flow for a while to warm up and for a while that is measured, and then until nothing is under way.
pub(crate) fn measure(flow: &mut impl Flow, poll: &mut Poll, args: &Args) -> Result<Value> {
    let server = Tree::of(args.number("cpu-of", std::process::id())?);
    let own = Tree::of(std::process::id());
    let warmup = Duration::from_secs_f64(args.number("warmup", 1.0)?);
    let measured = Duration::from_secs_f64(args.number("seconds", 3.0)?);
    turn_for(flow, poll, warmup)?;
    flow.record(true);
    let (before, own_before, cpu_before) = (flow.delivered(), own.cpu()?, server.cpu()?);
    let began = Instant::now();
    turn_for(flow, poll, measured)?;
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), server.cpu()?.saturating_sub(cpu_before));
    let own_cpu = own.cpu()?.saturating_sub(own_before);
    let delivered = flow.delivered() - before;
    flow.record(false);
    while !flow.is_drained() {
        flow.turn(poll, false)?;
    }
    ensure!(delivered > 0, "nothing was delivered");
    Ok(json!({
        "delivered": delivered, "seconds": seconds, "per_second": delivered as f64 / seconds,
        "cpu_us_per_message": cpu.as_secs_f64() * 1e6 / delivered as f64,
        "driver_us_per_message": own_cpu.as_secs_f64() * 1e6 / delivered as f64,
    }))
}

fn turn_for(flow: &mut impl Flow, poll: &mut Poll, time: Duration) -> Result<()> {
    let end = Instant::now() + time;
    while Instant::now() < end {
        flow.turn(poll, true)?;
    }
    Ok(())
}

/// Median, 99th percentile and greatest of latencies in microseconds.
pub(crate) fn percentiles(latencies_us: &mut [u32]) -> Value {
    latencies_us.sort_unstable();
    let at = |part: f64| latencies_us.get((latencies_us.len() as f64 * part) as usize);
    match (at(0.5), at(0.99), latencies_us.last()) {
        (Some(median), Some(late), Some(last)) => json!({ "p50": median, "p99": late, "greatest": last }),
        _ => Value::Null,
    }
}

/// Microseconds since a moment, as many as a latency may have.
pub(crate) fn microseconds_since(moment: Instant) -> u32 {
    u32::try_from(moment.elapsed().as_micros()).unwrap_or(u32::MAX)
}
