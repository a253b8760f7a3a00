//! What of SOCKS5 (RFC 1928) a relay speaks: no authentication, CONNECT to a name, and that name is a hash (XEP-0065 §9.2).

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// What two connections have in common: 40 hexadecimal digits, lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Destination([u8; 40]);

impl Destination {
    /// Reads a hash, in whatever case.
    pub(super) fn read(hash: &[u8]) -> Option<Destination> {
        let mut digits: [u8; 40] = hash.try_into().ok()?;
        digits.make_ascii_lowercase();
        digits.iter().all(u8::is_ascii_hexdigit).then_some(Destination(digits))
    }
}

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const NO_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const NAME: u8 = 3;

/// Replies of RFC 1928 §6.
const GRANTED: u8 = 0;
const NOT_ALLOWED: u8 = 2;
const NO_SUCH_COMMAND: u8 = 7;
const NO_SUCH_ADDRESS: u8 = 8;

/// Carries the negotiation as far as the client's wish; it is not granted yet. What is wrong is told in the words of RFC 1928.
pub(super) async fn ask<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut S) -> io::Result<Destination> {
    if socket.read_u8().await? != VERSION {
        return Err(broken("another version"));
    }
    let mut methods = vec![0; socket.read_u8().await?.into()];
    socket.read_exact(&mut methods).await?;
    if !methods.contains(&NO_AUTHENTICATION) {
        socket.write_all(&[VERSION, NO_METHOD]).await?;
        return Err(broken("no method in common"));
    }
    socket.write_all(&[VERSION, NO_AUTHENTICATION]).await?;
    let mut head = [0; 4];
    socket.read_exact(&mut head).await?;
    let [version, command, _, kind] = head;
    if version != VERSION {
        return Err(broken("another version"));
    }
    let bytes = match kind {
        1 => 4,
        NAME => socket.read_u8().await?.into(),
        4 => 16,
        _ => return refused(socket, NO_SUCH_ADDRESS).await,
    };
    let mut name = vec![0; bytes];
    socket.read_exact(&mut name).await?;
    // The port says nothing here: XEP-0065 has it 0, and lets a relay ignore it.
    socket.read_u16().await?;
    match Destination::read(&name) {
        _ if command != CONNECT => refused(socket, NO_SUCH_COMMAND).await,
        _ if kind != NAME => refused(socket, NO_SUCH_ADDRESS).await,
        None => refused(socket, NOT_ALLOWED).await,
        Some(destination) => Ok(destination),
    }
}

/// Grants a wish: address and port are those that were asked for (XEP-0065 §6.3.2).
pub(super) async fn agree<S: AsyncWrite + Unpin>(socket: &mut S, destination: &Destination) -> io::Result<()> {
    let mut reply = vec![VERSION, GRANTED, 0, NAME, 40];
    reply.extend_from_slice(&destination.0);
    reply.extend_from_slice(&[0, 0]);
    socket.write_all(&reply).await
}

/// Refuses a wish: two are there already.
pub(super) async fn refuse<S: AsyncWrite + Unpin>(socket: &mut S) -> io::Result<()> {
    socket.write_all(&reply(NOT_ALLOWED)).await
}

async fn refused<S: AsyncWrite + Unpin>(socket: &mut S, why: u8) -> io::Result<Destination> {
    socket.write_all(&reply(why)).await?;
    Err(broken("not granted"))
}

/// A refusal; its address means nothing.
fn reply(why: u8) -> [u8; 10] {
    [VERSION, why, 0, 1, 0, 0, 0, 0, 0, 0]
}

fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &[u8; 40] = b"972b7bf47291ca609517f67f86b5081086052dad";

    /// What is answered to these bytes, and whether a destination came of it.
    async fn said(bytes: &[u8]) -> (Vec<u8>, Option<Destination>) {
        let (mut ours, mut theirs) = tokio::io::duplex(4_096);
        ours.write_all(bytes).await.unwrap();
        ours.shutdown().await.unwrap();
        let asked = ask(&mut theirs).await.ok();
        drop(theirs);
        let mut heard = Vec::new();
        ours.read_to_end(&mut heard).await.unwrap();
        (heard, asked)
    }

    fn wish(command: u8, kind: u8, address: &[u8]) -> Vec<u8> {
        [&[5, 1, 0, 5, command, 0, kind][..], address, &[0, 0]].concat()
    }

    fn name(name: &[u8]) -> Vec<u8> {
        [&[name.len() as u8][..], name].concat()
    }

    #[tokio::test]
    async fn what_is_asked_and_answered() {
        let upper = HASH.to_ascii_uppercase();
        for (bytes, heard) in [
            (wish(1, 3, &name(HASH)), vec![5, 0]),
            (wish(1, 3, &name(&upper)), vec![5, 0]),
            (wish(1, 3, &name(b"example.org")), [&[5, 0][..], &reply(2)].concat()),
            (wish(1, 3, &name(&[b'g'; 40])), [&[5, 0][..], &reply(2)].concat()),
            (wish(1, 3, &name(b"")), [&[5, 0][..], &reply(2)].concat()),
            (wish(2, 3, &name(HASH)), [&[5, 0][..], &reply(7)].concat()),
            (wish(3, 3, &name(HASH)), [&[5, 0][..], &reply(7)].concat()),
            (wish(1, 1, &[127, 0, 0, 1]), [&[5, 0][..], &reply(8)].concat()),
            (wish(1, 4, &[0; 16]), [&[5, 0][..], &reply(8)].concat()),
            (wish(1, 9, &[]), [&[5, 0][..], &reply(8)].concat()),
            (vec![5, 2, 1, 2], vec![5, 0xff]),
            (vec![5, 0], vec![5, 0xff]),
            (vec![4, 1, 0, 80], vec![]),
            (b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![]),
            (b"<stream:stream>".to_vec(), vec![]),
        ] {
            let (got, destination) = said(&bytes).await;
            assert_eq!(got, heard, "{bytes:?}");
            assert_eq!(destination, (heard == [5, 0]).then(|| Destination::read(HASH).unwrap()), "{bytes:?}");
        }
    }

    /// Whatever is cut off or changed, the answer is one of the above, and nobody panics.
    #[tokio::test]
    async fn damaged_wishes() {
        let whole = wish(1, 3, &name(HASH));
        for end in 0..whole.len() {
            assert_eq!(said(&whole[..end]).await.1, None, "{end}");
        }
        for at in 0..whole.len() {
            for byte in [0, 1, 2, 4, 5, 6, 39, 41, 127, 255] {
                let mut damaged = whole.clone();
                damaged[at] = byte;
                let (heard, _) = said(&damaged).await;
                assert!(heard.len() <= 12 && heard.first().is_none_or(|version| *version == 5), "{damaged:?}");
            }
        }
    }
}
