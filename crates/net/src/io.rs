//! A connection's bytes: a socket, perhaps TLS over it, and what the socket has not taken yet.
//!
//! **Keeps** nothing while idle but the socket and the TLS library's own state; reads and writes go through the
//! worker's scratch space.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::tls;

/// Whatever can carry a stream: a TCP socket, or a pipe in tests. Writes must not need a flush.
pub trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Socket for S {}

/// A socket with its encryption.
pub(crate) struct Wire<S> {
    socket: S,
    tls: Option<Box<tls::Connection>>,
    /// Bytes for the socket, as they go out (ciphertext under TLS); unallocated while there are none.
    rest: Vec<u8>,
    /// How much of `rest` has gone out.
    sent: usize,
}

/// Space that a read or write works in; lent for the call.
pub(crate) struct Space {
    /// What the socket gave.
    received: Box<[u8]>,
    /// What TLS made of it.
    plain: Vec<u8>,
    /// What TLS made of what we say.
    cipher: Vec<u8>,
}

/// What a read brought; the bytes are in the [`Space`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// So many bytes as they came; at least one.
    Plain(usize),
    /// What TLS made of what came; at least one byte.
    Decrypted,
    /// The peer will say no more.
    End,
}

impl Space {
    /// Room for reads of `bytes`.
    pub(crate) fn new(bytes: usize) -> Space {
        // TLS may keep an unfinished record in front of what is read.
        Space { received: vec![0; bytes + tls::HELD_MAX].into_boxed_slice(), plain: Vec::new(), cipher: Vec::new() }
    }

    /// What a read brought.
    pub(crate) fn bytes(&self, heard: Heard) -> &[u8] {
        match heard {
            Heard::Plain(count) => self.received.get(..count).unwrap_or_default(),
            Heard::Decrypted => &self.plain,
            Heard::End => &[],
        }
    }

    /// Gives memory back that only an unusual call needed.
    pub(crate) fn trim(&mut self, bytes: usize) {
        self.plain.clear();
        self.plain.shrink_to(bytes);
        self.cipher.clear();
        self.cipher.shrink_to(bytes);
    }
}

impl<S: Socket> Wire<S> {
    /// An unencrypted connection.
    pub(crate) fn new(socket: S) -> Wire<S> {
        Wire { socket, tls: None, rest: Vec::new(), sent: 0 }
    }

    /// Everything from here on is TLS.
    pub(crate) fn encrypt_with(&mut self, tls: Box<tls::Connection>) {
        self.tls = Some(tls);
    }

    /// What the TLS handshake established.
    pub(crate) fn handshake(&self) -> Option<&tls::Handshake> {
        self.tls.as_deref().map(tls::Connection::handshake)
    }

    /// True while bytes wait for the socket.
    pub(crate) fn is_stuck(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Carries the TLS handshake through. What the peer says right behind it is appended to `early`.
    pub(crate) fn poll_handshake(
        &mut self,
        cx: &mut Context<'_>,
        space: &mut Space,
        early: &mut Vec<u8>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_flush(cx))?;
            let Some(tls) = self.tls.as_mut().filter(|tls| tls.is_handshaking()) else { return Poll::Ready(Ok(())) };
            match ready!(receive(&mut self.socket, tls, cx, space, &mut self.rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                _ => early.extend_from_slice(&space.plain),
            }
        }
    }

    /// Reads once. Under TLS, what has to be answered (a key update) goes out before the next write.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, space: &mut Space) -> Poll<io::Result<Heard>> {
        let Some(tls) = &mut self.tls else {
            let mut buffer = ReadBuf::new(&mut space.received);
            ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buffer))?;
            let count = buffer.filled().len();
            return Poll::Ready(Ok(if count == 0 { Heard::End } else { Heard::Plain(count) }));
        };
        while !tls.peer_closed() {
            if ready!(receive(&mut self.socket, tls, cx, space, &mut self.rest))? == 0 {
                break;
            }
            if !space.plain.is_empty() {
                return Poll::Ready(Ok(Heard::Decrypted));
            }
        }
        Poll::Ready(Ok(Heard::End))
    }

    /// Says `plain`: what the socket does not take at once is kept, and the answer is Pending until it is flushed.
    /// Only when nothing is kept from before.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, plain: &[u8], space: &mut Space) -> Poll<io::Result<()>> {
        let Some(tls) = &mut self.tls else {
            return self.poll_send(cx, plain);
        };
        space.cipher.clear();
        tls.encrypt(plain, &mut space.cipher).map_err(invalid)?;
        self.poll_send(cx, &space.cipher)
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<()>> {
        let mut sent = 0;
        while sent < bytes.len() {
            match Pin::new(&mut self.socket).poll_write(cx, &bytes[sent..])? {
                Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(count) => sent += count,
                Poll::Pending => {
                    self.rest = bytes[sent..].to_vec();
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Sends what is kept.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.rest.len() {
            let sent = ready!(Pin::new(&mut self.socket).poll_write(cx, &self.rest[self.sent..]))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += sent;
        }
        self.rest = Vec::new();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }

    /// Says `plain` after what is kept, without asking the socket; for last words.
    pub(crate) fn append(&mut self, plain: &[u8]) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) if tls.is_handshaking() => Ok(()),
            Some(tls) => tls.encrypt(plain, &mut self.rest).map_err(invalid),
            None => {
                self.rest.extend_from_slice(plain);
                Ok(())
            }
        }
    }

    /// Under TLS: says, after what is kept, that we will say no more.
    pub(crate) fn append_close_notify(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.close_notify(&mut self.rest);
        }
    }

    /// Ends our direction of the socket.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    /// Reads raw bytes and forgets them; how many there were, 0 at the end.
    pub(crate) fn poll_discard(&mut self, cx: &mut Context<'_>, space: &mut Space) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(&mut space.received);
        ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }
}

/// Reads ciphertext once and leaves what it says in `space.plain`; how many bytes came, 0 at the end.
fn receive<S: Socket>(
    socket: &mut S,
    tls: &mut tls::Connection,
    cx: &mut Context<'_>,
    space: &mut Space,
    answer: &mut Vec<u8>,
) -> Poll<io::Result<usize>> {
    let held = tls.held();
    let mut buffer = ReadBuf::new(&mut space.received[held..]);
    ready!(Pin::new(socket).poll_read(cx, &mut buffer))?;
    let count = buffer.filled().len();
    space.plain.clear();
    if count > 0 {
        tls.feed(&mut space.received[..held + count], &mut space.plain, answer).map_err(invalid)?;
    }
    Poll::Ready(Ok(count))
}

fn invalid(error: tls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
