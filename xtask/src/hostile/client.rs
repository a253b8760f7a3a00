//! A connection that says any bytes, in the clear or through TLS, and hears what comes meanwhile.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mio::{Events, Interest, Poll, Token};
use rustls::ClientConnection;

use super::tls;
use super::tree::{Item, Reader};

/// How long a healthy client waits for anything.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// After so long without progress, somebody who does not listen has said all that is taken: longer than a server waits
/// before it hangs up on him, and than it lets somebody wait who sends too fast.
const STUCK: Duration = Duration::from_secs(5);

/// What is kept of what was heard, bytes.
const KEPT: usize = 1 << 20;

/// What the system takes in for somebody who does not read.
const RECEIVED: usize = 64 * 1024;

/// A piece of TLS.
const RECORD: usize = 16 * 1024;

enum Socket {
    Tcp(mio::net::TcpStream),
    Unix(mio::net::UnixStream),
}

/// One connection.
pub(super) struct Client {
    socket: Socket,
    poll: Poll,
    events: Events,
    tls: Option<Box<ClientConnection>>,
    reader: Reader,
    /// Read and not asked for yet.
    pub(super) items: VecDeque<Item>,
    /// The last words of the server, as they came.
    pub(super) raw: Vec<u8>,
    /// The server has ended the connection.
    pub(super) ended: bool,
}

/// How far saying something went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    All,
    HungUp,
    /// The server takes no more.
    Stuck,
}

impl Client {
    pub(super) fn connect(port: u16) -> Result<Client> {
        let socket = TcpStream::connect(("127.0.0.1", port)).context("cannot connect")?;
        socket.set_nodelay(true)?;
        socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVED)?;
        socket.set_nonblocking(true)?;
        let mut socket = mio::net::TcpStream::from_std(socket);
        let poll = Poll::new()?;
        poll.registry().register(&mut socket, Token(0), Interest::READABLE | Interest::WRITABLE)?;
        Ok(Client::new(Socket::Tcp(socket), poll))
    }

    pub(super) fn connect_to(path: &Path) -> Result<Client> {
        let mut socket = mio::net::UnixStream::connect(path).context("cannot connect")?;
        let poll = Poll::new()?;
        poll.registry().register(&mut socket, Token(0), Interest::READABLE | Interest::WRITABLE)?;
        Ok(Client::new(Socket::Unix(socket), poll))
    }

    fn new(socket: Socket, poll: Poll) -> Client {
        let (events, reader) = (Events::with_capacity(4), Reader::new());
        Client { socket, poll, events, tls: None, reader, items: VecDeque::new(), raw: Vec::new(), ended: false }
    }

    /// Carries a TLS handshake through.
    pub(super) fn encrypt(&mut self) -> Result<()> {
        self.tls = Some(Box::new(tls::client()?));
        self.reader = Reader::new();
        let until = Instant::now() + PATIENCE;
        while self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            self.flush()?;
            let heard = self.hear_once()?;
            // What was heard may be answered, and end the handshake, before there is more to hear.
            let wrote = self.flush()?;
            if !heard && !wrote {
                self.wait(until)?;
            }
            if self.ended || Instant::now() >= until {
                bail!("no TLS handshake");
            }
        }
        self.flush().map(|_| ()).context("no TLS handshake")
    }

    /// The next thing that is heard is a new opening tag.
    pub(super) fn restart(&mut self) {
        self.reader = Reader::new();
    }

    /// Whether no element has begun that has not ended.
    pub(super) fn is_between_elements(&self) -> bool {
        self.reader.is_between_elements()
    }

    /// Forgets what was heard so far.
    pub(super) fn forget(&mut self) {
        self.items.clear();
        self.raw.clear();
    }

    /// Says something that has to be taken.
    pub(super) fn say(&mut self, text: &str) -> Result<()> {
        match self.try_to_say(text.as_bytes(), true) {
            Said::All => Ok(()),
            other => bail!("{other:?} after {}", self.last_words()),
        }
    }

    /// Says something; `listening` or not.
    pub(super) fn try_to_say(&mut self, bytes: &[u8], listening: bool) -> Said {
        for piece in bytes.chunks(RECORD) {
            let said = match self.say_piece(piece, listening) {
                Ok(said) => said,
                Err(_) => {
                    self.ended |= listening && self.drain_rest();
                    Said::HungUp
                }
            };
            if said != Said::All {
                return said;
            }
        }
        Said::All
    }

    /// What has come before the connection broke can still be read.
    fn drain_rest(&mut self) -> bool {
        while let Ok(true) = self.hear_once() {}
        true
    }

    fn say_piece(&mut self, mut piece: &[u8], listening: bool) -> Result<Said> {
        if let Some(tls) = &mut self.tls {
            tls.writer().write_all(piece)?;
            piece = &[];
        }
        let mut until = Instant::now() + if listening { PATIENCE } else { STUCK };
        loop {
            let wrote = match self.tls {
                Some(_) => self.flush()?,
                None => match self.socket.write(piece) {
                    Ok(count) => {
                        piece = &piece[count..];
                        count > 0
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => false,
                    Err(error) => return Err(error.into()),
                },
            };
            if piece.is_empty() && !self.tls.as_ref().is_some_and(|tls| tls.wants_write()) {
                return Ok(Said::All);
            }
            let heard = listening && self.hear_once()?;
            if self.ended {
                return Ok(Said::HungUp);
            }
            if wrote || heard {
                until = Instant::now() + if listening { PATIENCE } else { STUCK };
            } else if Instant::now() >= until {
                return Ok(Said::Stuck);
            } else {
                self.wait(until)?;
            }
        }
    }

    /// Hands what TLS has to send to the socket; whether any of it went.
    fn flush(&mut self) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else { return Ok(false) };
        let mut wrote = false;
        while tls.wants_write() {
            match tls.write_tls(&mut self.socket) {
                Ok(count) => wrote |= count > 0,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(wrote)
    }

    /// Reads what is there; false when there is nothing.
    fn hear_once(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        let mut buffer = [0; RECORD];
        let read = match &mut self.tls {
            None => self.socket.read(&mut buffer),
            Some(tls) => read_tls(tls, &mut self.socket, &mut buffer),
        };
        match read {
            Ok(0) => self.ended = true,
            Ok(count) => {
                let excess = (self.raw.len() + count).saturating_sub(KEPT).min(self.raw.len());
                self.raw.drain(..excess);
                self.raw.extend_from_slice(&buffer[..count]);
                self.items.extend(self.reader.feed(&buffer[..count]));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            // A reset, or what no TLS is.
            Err(_) => self.ended = true,
        }
        Ok(true)
    }

    fn wait(&mut self, until: Instant) -> io::Result<()> {
        let patience = until.saturating_duration_since(Instant::now());
        match self.poll.poll(&mut self.events, Some(patience)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// Listens until something came, the server has hung up or the time is over; false when it is over.
    pub(super) fn hear(&mut self, until: Instant) -> bool {
        loop {
            let heard = self.hear_once();
            // What TLS itself has to answer.
            let _ = self.flush();
            match heard {
                Ok(true) => return true,
                Ok(false) if self.ended || Instant::now() >= until => return false,
                Ok(false) => {
                    if self.wait(until).is_err() {
                        return false;
                    }
                }
                Err(_) => {
                    self.ended = true;
                    return true;
                }
            }
        }
    }

    /// The next item of the stream, whatever it is.
    pub(super) fn next(&mut self) -> Result<Item> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(item) = self.items.pop_front() {
                return Ok(item);
            }
            if !self.hear(until) {
                bail!("{} after {}", if self.ended { "the end" } else { "silence" }, self.last_words());
            }
        }
    }

    /// The last of what was heard.
    pub(super) fn last_words(&self) -> String {
        let from = self.raw.len().saturating_sub(400);
        String::from_utf8_lossy(&self.raw[from..]).into_owned()
    }

    /// Whether this was heard since the last [`Client::forget`], and is among what is kept.
    pub(super) fn has_heard(&self, text: &[u8]) -> bool {
        self.raw.windows(text.len().max(1)).any(|window| window == text)
    }

    /// Ends the connection without a word.
    pub(super) fn hang_up(self) {
        // It fails when the other side was faster.
        let _ = match &self.socket {
            Socket::Tcp(socket) => socket.shutdown(Shutdown::Both),
            Socket::Unix(socket) => socket.shutdown(Shutdown::Both),
        };
    }
}

/// What TLS has decrypted, reading on only when there is none.
fn read_tls(tls: &mut ClientConnection, socket: &mut Socket, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match tls.reader().read(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            read => return read,
        }
        if tls.read_tls(socket)? == 0 {
            return Ok(0);
        }
        tls.process_new_packets().map_err(io::Error::other)?;
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => socket.read(buffer),
            Socket::Unix(socket) => socket.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => socket.write(bytes),
            Socket::Unix(socket) => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
