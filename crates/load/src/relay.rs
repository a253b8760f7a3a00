//! The yardstick: a relay that hands bytes from one socket to another without looking at them.
//!
//! As lean as a server of the same shape could be: one task per direction that holds nothing while nothing comes,
//! and one read buffer per thread.

mod tls;

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::AsFd;
use std::sync::Arc;

use anyhow::Result;
use tokio::net::{TcpListener, TcpStream};

use crate::args::Args;

const BUFFER: usize = 64 * 1024;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER]);
}

/// Serves until it is ended. The 1st connection is joined to the 2nd, the 3rd to the 4th.
pub(crate) fn serve(args: &Args) -> Result<()> {
    let listen = args.address("listen")?;
    let encrypted = if args.text("tls-listen", "").is_empty() { None } else { Some(args.address("tls-listen")?) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(open_doors(listen, encrypted))
}

async fn open_doors(listen: SocketAddr, encrypted: Option<SocketAddr>) -> Result<()> {
    let listener = TcpListener::bind(listen).await?;
    let port = listener.local_addr()?.port();
    let Some(encrypted) = encrypted else {
        println!("ready {port}");
        return accept_pairs(listener).await;
    };
    let with_tls = TcpListener::bind(encrypted).await?;
    println!("ready {port} {}", with_tls.local_addr()?.port());
    tokio::try_join!(accept_pairs(listener), tls::accept_pairs(with_tls)).map(drop)
}

async fn accept_pairs(listener: TcpListener) -> Result<()> {
    loop {
        let (left, right) = (accept(&listener).await?, accept(&listener).await?);
        tokio::spawn(carry(left.clone(), right.clone()));
        tokio::spawn(carry(right, left));
    }
}

async fn accept(listener: &TcpListener) -> Result<Arc<TcpStream>> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok(Arc::new(stream))
}

/// Carries bytes one way until either side is closed.
async fn carry(from: Arc<TcpStream>, to: Arc<TcpStream>) {
    loop {
        if from.readable().await.is_err() {
            break;
        }
        match pass_on(&from, &to) {
            Ok(None) => {}
            Ok(Some(rest)) => {
                if write_rest(&to, &rest).await.is_err() {
                    break;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    let _ = shut_writing(&to);
}

/// Tells the other side that nothing more will come; what comes back may still flow.
fn shut_writing(stream: &TcpStream) -> io::Result<()> {
    std::net::TcpStream::from(stream.as_fd().try_clone_to_owned()?).shutdown(Shutdown::Write)
}

/// One read, one write. What the socket did not take is returned.
fn pass_on(from: &TcpStream, to: &TcpStream) -> io::Result<Option<Vec<u8>>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let length = from.try_read(scratch)?;
        if length == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let read = &scratch[..length];
        let taken = match to.try_write(read) {
            Ok(taken) => taken,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        Ok((taken < length).then(|| read[taken..].to_vec()))
    })
}

async fn write_rest(to: &TcpStream, mut rest: &[u8]) -> io::Result<()> {
    while !rest.is_empty() {
        to.writable().await?;
        match to.try_write(rest) {
            Ok(taken) => rest = &rest[taken..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
