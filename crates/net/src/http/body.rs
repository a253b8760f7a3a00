//! A request's body that has to come fast enough.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use im::web::BodyError;
use tokio::time::{Instant, Sleep, sleep_until};

use super::HttpLimits;

/// What comes in, with an eye on the clock: only the time for which we wait for the client counts.
pub(super) struct Paced<B = Incoming> {
    body: B,
    pace: Pace,
    /// Since when we wait for the next bytes, and until when.
    wait: Option<(Instant, Pin<Box<Sleep>>)>,
}

struct Pace {
    stall: Duration,
    bytes_per_s: u64,
    received: u64,
    waited: Duration,
}

impl Pace {
    /// How long may be waited for the next bytes: a stall, but no more than what has come has earned.
    fn patience(&self) -> Duration {
        let earned = Duration::from_secs(self.received / self.bytes_per_s.max(1));
        self.stall.saturating_add(earned).saturating_sub(self.waited).min(self.stall)
    }
}

impl<B> Paced<B> {
    pub(super) fn new(body: B, limits: &HttpLimits) -> Paced<B> {
        let stall = Duration::from_secs(limits.stall_s.into());
        let pace = Pace { stall, bytes_per_s: limits.body_bytes_per_s, received: 0, waited: Duration::ZERO };
        Paced { body, pace, wait: None }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Paced<B> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                if let Some((since, _)) = this.wait.take() {
                    this.pace.waited += since.elapsed();
                }
                if let Some(Ok(frame)) = &frame {
                    this.pace.received += frame.data_ref().map_or(0, |data| data.len() as u64);
                }
                Poll::Ready(frame.map(|frame| frame.map_err(|_| BodyError::Lost)))
            }
            Poll::Pending => {
                let patience = this.pace.patience();
                let (_, sleep) = this.wait.get_or_insert_with(|| {
                    let now = Instant::now();
                    (now, Box::pin(sleep_until(now + patience)))
                });
                sleep.as_mut().poll(cx).map(|()| Some(Err(BodyError::TooSlow)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use tokio::sync::mpsc;

    /// A body that comes as it is given.
    struct Given(mpsc::Receiver<Bytes>);

    impl Body for Given {
        type Data = Bytes;
        type Error = BodyError;

        fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
            self.0.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
        }
    }

    /// How many bytes arrive of a client that sends `bytes` every `seconds`, a hundred times, and how long that took.
    async fn arrived(bytes: usize, seconds: u64) -> (usize, bool) {
        let (send, given) = mpsc::channel(1);
        let limits = HttpLimits { stall_s: 30, body_bytes_per_s: 1_000, ..HttpLimits::default() };
        tokio::spawn(async move {
            for _ in 0..100 {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                if send.send(Bytes::from(vec![0; bytes])).await.is_err() {
                    return;
                }
            }
        });
        let (mut body, mut count) = (Paced::new(Given(given), &limits), 0);
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => count += frame.into_data().unwrap().len(),
                Err(error) => {
                    assert_eq!(error, BodyError::TooSlow);
                    return (count, false);
                }
            }
        }
        (count, true)
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_too_slow_is_given_up() {
        assert_eq!(arrived(1_100, 1).await, (110_000, true), "just fast enough");
        let (count, whole) = arrived(1, 1).await;
        assert!(!whole && (28..=30).contains(&count), "a byte a second: {count}");
        assert_eq!(arrived(1_000_000, 31).await, (0, false), "a stall at the start");
        assert_eq!(arrived(1_000_000, 29).await, (100_000_000, true), "fast, with pauses");
        let (count, whole) = arrived(500, 1).await;
        assert!(!whole && (28_000..31_000).contains(&count), "half as fast as it must be: {count}");
    }
}
