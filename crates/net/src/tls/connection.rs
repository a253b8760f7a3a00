//! One encrypted connection as a machine that turns bytes into bytes; the socket is somebody else's.
//!
//! Built on rustls' unbuffered API, because it keeps no receive buffer: an idle connection owns the library's state and
//! nothing else. That API ends with rustls 0.23; its successor takes an outside buffer too, so only this file changes.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, InsufficientSizeError};
use rustls::unbuffered::{UnbufferedStatus, WriteTraffic};

use super::capture::{self, Capture};
use super::{Error, exporter};

/// Most bytes of an unfinished record or handshake message that a connection keeps. The longest record is 18,437.
pub const HELD_MAX: usize = 20 * 1024;

/// The server's end of one TLS connection.
pub struct Connection {
    rustls: UnbufferedServerConnection,
    /// Ciphertext of an unfinished record, as the library left it. Empty (and unallocated) between records.
    held: Vec<u8>,
    /// What the callbacks saw, until the handshake is done.
    capture: Option<Box<Capture>>,
    handshake: Handshake,
    peer_closed: bool,
    /// The library has given up, and is asked nothing more.
    failed: bool,
}

/// What a finished handshake established.
#[derive(Clone, Debug, Default)]
pub struct Handshake {
    /// The name the peer asked for, lower case.
    pub server_name: Option<String>,
    /// Channel binding `tls-exporter`; TLS 1.3 only.
    pub exporter: Option<[u8; 32]>,
    /// Channel binding `tls-server-end-point`.
    pub end_point: Option<Arc<[u8]>>,
}

impl Connection {
    pub(super) fn new(config: Arc<ServerConfig>) -> Result<Box<Connection>, Error> {
        let rustls = UnbufferedServerConnection::new(config)?;
        let capture = Some(Box::default());
        let handshake = Handshake::default();
        Ok(Box::new(Connection { rustls, held: Vec::new(), capture, handshake, peer_closed: false, failed: false }))
    }

    /// How many bytes at the front of the next input the connection wants for itself: what it kept from last time.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Works through ciphertext: `input[held()..]` is what was received, the front is room for what was kept.
    /// Appends what the peer said to `plain`, and what it must be sent (handshake, alerts) to `out`, also on an error.
    pub fn feed(&mut self, input: &mut [u8], plain: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<(), Error> {
        let held = std::mem::take(&mut self.held);
        input[..held.len()].copy_from_slice(&held);
        let mut used = 0;
        match self.work(input, &mut used, plain, out) {
            Ok(()) => {
                let kept = self.hold(&input[used..]);
                self.failed |= kept.is_err();
                kept
            }
            Err(error) => {
                self.failed = true;
                self.emit_alert(out);
                Err(error)
            }
        }
    }

    /// Encrypts `plain` and appends it to `out`. Only after the handshake.
    pub fn encrypt(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        self.emit(out, plain.len() + plain.len() / 256 + 64, |traffic, room| traffic.encrypt(plain, room))
    }

    /// Appends the alert that says we send no more.
    pub fn close_notify(&mut self, out: &mut Vec<u8>) {
        // Without a finished handshake there is nothing to close politely.
        let _ = self.emit(out, 64, |traffic, room| traffic.queue_close_notify(room));
    }

    /// True until application data may be sent and received.
    pub fn is_handshaking(&self) -> bool {
        self.capture.is_some()
    }

    /// True once the peer has said that it will send no more (close_notify).
    pub fn peer_closed(&self) -> bool {
        self.peer_closed
    }

    /// What the handshake established; empty until it is done.
    pub fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    /// Counts in `used` how many bytes of `input` were used up.
    fn work(
        &mut self,
        input: &mut [u8],
        used: &mut usize,
        plain: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        loop {
            let rest = &mut input[*used..];
            let UnbufferedStatus { mut discard, state } = match &mut self.capture {
                Some(capture) => capture::with(capture, || self.rustls.process_tls_records(rest)),
                None => self.rustls.process_tls_records(rest),
            };
            let state = state.inspect_err(|_| *used += discard)?;
            let more = match state {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        plain.extend_from_slice(record.payload);
                        discard += record.discard;
                    }
                    true
                }
                ConnectionState::EncodeTlsData(mut data) => {
                    append(out, 1024, |room| data.encode(room))?;
                    true
                }
                ConnectionState::TransmitTlsData(data) => {
                    data.done();
                    true
                }
                ConnectionState::PeerClosed => {
                    self.peer_closed = true;
                    true
                }
                _ => false,
            };
            *used += discard;
            if !more {
                self.finish_handshake();
                return Ok(());
            }
        }
    }

    fn finish_handshake(&mut self) {
        if self.rustls.is_handshaking() {
            return;
        }
        let Some(capture) = self.capture.take() else { return };
        let suite = self.rustls.negotiated_cipher_suite();
        let secret = capture.exporter_secret.as_deref();
        self.handshake = Handshake {
            server_name: capture.server_name,
            exporter: suite.zip(secret).and_then(|(suite, secret)| exporter::channel_binding(suite, secret)),
            end_point: capture.end_point,
        };
    }

    fn hold(&mut self, rest: &[u8]) -> Result<(), Error> {
        if rest.len() > HELD_MAX {
            return Err(Error::TooBig);
        }
        if !rest.is_empty() {
            self.held = rest.to_vec();
        }
        Ok(())
    }

    /// Runs `write` when the library is ready to send, appending what it says on the way (tickets, key updates).
    fn emit<W>(&mut self, out: &mut Vec<u8>, room: usize, write: W) -> Result<(), Error>
    where
        W: Fn(&mut WriteTraffic<'_, ServerConnectionData>, &mut [u8]) -> Result<usize, EncryptError>,
    {
        if self.failed {
            return Err(Error::Protocol(rustls::Error::HandshakeNotComplete));
        }
        // The library remembers how far it has looked at what is kept, and wants to see that each time.
        let mut held = std::mem::take(&mut self.held);
        let emitted = self.emit_beside(&mut held, out, room, write);
        self.failed |= emitted.is_err();
        self.held = held;
        emitted
    }

    fn emit_beside<W>(&mut self, held: &mut Vec<u8>, out: &mut Vec<u8>, room: usize, write: W) -> Result<(), Error>
    where
        W: Fn(&mut WriteTraffic<'_, ServerConnectionData>, &mut [u8]) -> Result<usize, EncryptError>,
    {
        loop {
            let UnbufferedStatus { discard, state } = self.rustls.process_tls_records(held);
            let written = match state? {
                ConnectionState::EncodeTlsData(mut data) => {
                    append(out, 1024, |room| data.encode(room))?;
                    false
                }
                ConnectionState::TransmitTlsData(data) => {
                    data.done();
                    false
                }
                ConnectionState::PeerClosed => {
                    self.peer_closed = true;
                    false
                }
                ConnectionState::WriteTraffic(mut traffic) => {
                    append(out, room, |room| write(&mut traffic, room))?;
                    true
                }
                _ => return Err(Error::Protocol(rustls::Error::HandshakeNotComplete)),
            };
            held.drain(..discard);
            if written {
                return Ok(());
            }
        }
    }

    /// After an error: the alert that the library wants sent before it gives up. It is only asked while it has
    /// something to send, for then it does not look at its input again, which is gone.
    fn emit_alert(&mut self, out: &mut Vec<u8>) {
        while self.rustls.wants_write() {
            let Ok(ConnectionState::EncodeTlsData(mut data)) = self.rustls.process_tls_records(&mut []).state else {
                return;
            };
            if append(out, 64, |room| data.encode(room)).is_err() {
                return;
            }
        }
    }
}

/// Gives `write` room at the end of `out`; more if it asks for more.
fn append<E: AsksForRoom>(
    out: &mut Vec<u8>,
    mut room: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, E>,
) -> Result<(), E> {
    let start = out.len();
    loop {
        out.resize(start + room, 0);
        match write(&mut out[start..]) {
            Ok(written) => {
                out.truncate(start + written);
                return Ok(());
            }
            Err(error) => match error.asked() {
                Some(required) if required > room => room = required,
                _ => {
                    out.truncate(start);
                    return Err(error);
                }
            },
        }
    }
}

/// The two error types of the library that may say how much room is missing.
trait AsksForRoom {
    fn asked(&self) -> Option<usize>;
}

impl AsksForRoom for EncodeError {
    fn asked(&self) -> Option<usize> {
        match self {
            EncodeError::InsufficientSize(InsufficientSizeError { required_size }) => Some(*required_size),
            EncodeError::AlreadyEncoded => None,
        }
    }
}

impl AsksForRoom for EncryptError {
    fn asked(&self) -> Option<usize> {
        match self {
            EncryptError::InsufficientSize(InsufficientSizeError { required_size }) => Some(*required_size),
            EncryptError::EncryptExhausted => None,
        }
    }
}
