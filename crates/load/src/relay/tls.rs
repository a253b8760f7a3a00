//! The same relay with TLS on both sides: it decrypts, looks at nothing, and encrypts again.
//!
//! One task per pair owns both streams. What several reads bring goes out in one write.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use anyhow::Result;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::SCRATCH;

type Stream = TlsStream<TcpStream>;

/// One way through the relay.
#[derive(Default)]
struct Way {
    /// Read, but not yet taken by the other side.
    rest: Vec<u8>,
    unflushed: bool,
    ended: bool,
}

/// Serves until it is ended, with a certificate of its own making.
pub(super) async fn accept_pairs(listener: TcpListener) -> Result<()> {
    let acceptor = acceptor()?;
    loop {
        let (left, right) = (accept(&listener, &acceptor).await, accept(&listener, &acceptor).await);
        let (Ok(left), Ok(right)) = (left, right) else { continue };
        tokio::spawn(carry(left, right));
    }
}

fn acceptor() -> Result<TlsAcceptor> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn accept(listener: &TcpListener, acceptor: &TlsAcceptor) -> Result<Stream> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok(acceptor.accept(stream).await?)
}

/// Carries bytes both ways until both have ended.
async fn carry(mut left: Stream, mut right: Stream) {
    let (mut there, mut back) = (Way::default(), Way::default());
    poll_fn(|cx| {
        let there = there.pass_on(&mut left, &mut right, cx);
        let back = back.pass_on(&mut right, &mut left, cx);
        if there.is_ready() && back.is_ready() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

impl Way {
    /// Ready when nothing more will come this way, for whatever reason.
    fn pass_on(&mut self, from: &mut Stream, to: &mut Stream, cx: &mut Context<'_>) -> Poll<()> {
        if self.ended {
            return Poll::Ready(());
        }
        let outcome = ready!(self.run(from, to, cx));
        self.ended = true;
        if outcome.is_err() {
            self.rest = Vec::new();
        }
        // The other side learns that nothing more comes; how it takes that is its own affair.
        let _ = Pin::new(to).poll_shutdown(cx);
        Poll::Ready(())
    }

    fn run(&mut self, from: &mut Stream, to: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.write_rest(to, cx))?;
            let more = SCRATCH.with_borrow_mut(|scratch| self.fill_and_write(scratch, from, to, cx))?;
            match more {
                More::Yes => {}
                More::End if !self.rest.is_empty() => {}
                More::End => return Pin::new(to).poll_flush(cx),
                More::NotNow => {
                    if self.rest.is_empty() && self.unflushed {
                        ready!(Pin::new(&mut *to).poll_flush(cx))?;
                        self.unflushed = false;
                    }
                    if self.rest.is_empty() {
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    fn write_rest(&mut self, to: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() {
            let taken = ready!(Pin::new(&mut *to).poll_write(cx, &self.rest))?;
            self.rest.drain(..taken);
            self.unflushed = true;
        }
        self.rest = Vec::new();
        Poll::Ready(Ok(()))
    }

    /// Reads until nothing is there or the scratch is full, then writes once.
    fn fill_and_write(
        &mut self,
        scratch: &mut [u8],
        from: &mut Stream,
        to: &mut Stream,
        cx: &mut Context<'_>,
    ) -> io::Result<More> {
        let mut buffer = ReadBuf::new(scratch);
        let mut more = More::Yes;
        while buffer.remaining() > 0 {
            let before = buffer.filled().len();
            match Pin::new(&mut *from).poll_read(cx, &mut buffer) {
                Poll::Pending => {
                    more = More::NotNow;
                    break;
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Ready(Ok(())) if buffer.filled().len() == before => {
                    more = More::End;
                    break;
                }
                Poll::Ready(Ok(())) => {}
            }
        }
        let mut read = buffer.filled();
        while !read.is_empty() {
            match Pin::new(&mut *to).poll_write(cx, read)? {
                Poll::Ready(taken) => {
                    read = &read[taken..];
                    self.unflushed = true;
                }
                Poll::Pending => {
                    self.rest = read.to_vec();
                    break;
                }
            }
        }
        Ok(more)
    }
}

/// Whether there is more to read.
enum More {
    Yes,
    NotNow,
    End,
}
