//! One connection: requests one after the other, each bounded, until the client goes, breaks a bound, or the server stops.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::body::Paced;
use super::patient::Patient;
use super::{Answer, HttpLimits};

/// Lines of a header.
const HEADERS: usize = 64;

/// Serves a connection to its end. When `stopped` resolves, the request that is under way is the last.
pub(super) async fn serve<S>(socket: S, limits: HttpLimits, answer: Answer, stopped: impl Future<Output = ()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(Patient::new(socket, Duration::from_secs(limits.stall_s.into())));
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let answering = answer(request.map(|body| Paced::new(body, &limits).boxed_unsync()));
        Box::pin(async move { Ok::<_, Infallible>(answering.await) })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(limits.header_s.into()))
        .max_buf_size(limits.header_bytes.max(8_192))
        .max_headers(HEADERS)
        .serve_connection(io, service);
    let mut stopped = pin!(stopped);
    let mut stopping = false;
    // One that broke a bound is heard out, too: it has been told why.
    let _ = poll_fn(|cx| {
        if !stopping && stopped.as_mut().poll(cx).is_ready() {
            stopping = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        connection.poll_without_shutdown(cx)
    })
    .await;
    linger(connection.into_parts().io.into_inner(), Duration::from_secs(limits.linger_s.into())).await;
}

/// Ends our side and throws away what still comes: closing a socket with unread bytes would take the last answer from the client.
async fn linger<S: AsyncRead + AsyncWrite + Unpin>(mut socket: S, patience: Duration) {
    let goodbye = async {
        socket.shutdown().await?;
        let mut waste = [0; 4_096];
        while socket.read(&mut waste).await? > 0 {}
        std::io::Result::Ok(())
    };
    // Whether the client hears us out is its own affair.
    let _ = timeout(patience, goodbye).await;
}
