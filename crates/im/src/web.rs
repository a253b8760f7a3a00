//! What extensions answer over HTTP. The heart opens no socket: `net` has the server, and asks here who owns a path.
use crate::hub::Hub;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A request whose body comes in as it is read.
pub type Request = http::Request<Body>;
/// An answer whose body is made as it is written.
pub type Response = http::Response<Body>;
/// The bytes of either.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;
/// An answer on its way.
pub type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;
/// A part of a body on its way.
pub type Reading = Pin<Box<dyn Future<Output = Result<Bytes, BodyError>> + Send>>;

pub(crate) type RouteHandler = dyn Fn(&Hub, Request) -> Answering + Send + Sync;

/// Why a body ends before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The client sends more slowly than is allowed.
    #[error("the client sends too slowly")]
    TooSlow,
    /// The connection is gone, or what came over it is no HTTP.
    #[error("the connection is gone")]
    Lost,
    /// What was to be sent cannot be read any more.
    #[error("the file cannot be read")]
    Unreadable,
}

/// A body without bytes.
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body of these bytes.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body of `bytes` bytes, of which `read` gives the next part from an offset on, when it is wanted. No part may be empty.
pub fn parts(bytes: u64, read: impl Fn(u64) -> Reading + Send + 'static) -> Body {
    Parts { read: Box::new(read), offset: 0, bytes, reading: None }.boxed_unsync()
}

/// The next bytes of a body; `None` at its end.
pub async fn next(body: &mut Body) -> Option<Result<Bytes, BodyError>> {
    loop {
        match body.frame().await? {
            Ok(frame) => {
                if let Ok(bytes) = frame.into_data() {
                    return Some(Ok(bytes));
                }
            }
            Err(error) => return Some(Err(error)),
        }
    }
}

struct Parts {
    read: Box<dyn Fn(u64) -> Reading + Send>,
    offset: u64,
    bytes: u64,
    reading: Option<Reading>,
}

impl http_body::Body for Parts {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if this.offset == this.bytes {
            return Poll::Ready(None);
        }
        let reading = this.reading.get_or_insert_with(|| (this.read)(this.offset));
        let part = ready!(reading.as_mut().poll(cx));
        this.reading = None;
        let left = this.bytes - this.offset;
        let part = part.and_then(|mut part| {
            part.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            if part.is_empty() { Err(BodyError::Unreadable) } else { Ok(part) }
        });
        match &part {
            Ok(part) => this.offset += part.len() as u64,
            Err(_) => this.bytes = this.offset,
        }
        Poll::Ready(Some(part.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.offset == self.bytes
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes - self.offset)
    }
}

impl Hub {
    /// Has the extension answer whose route this path is. `None`: it is nobody's.
    pub fn answer(&self, request: Request) -> Option<Answering> {
        let path = request.uri().path();
        for host in self.hosts() {
            let mut routes = host.plan().routes.iter();
            if let Some((_, handler)) = routes.find(|(prefix, _)| path.starts_with(prefix)) {
                return Some(handler(self, request));
            }
        }
        None
    }
}
