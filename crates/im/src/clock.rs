//! What time it is: the world's, or a scene's.
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use xmpp::Timestamp;

/// The only source of time in the heart and the doors. Clones show the same time.
#[derive(Clone)]
pub struct Clock(Arc<Hands>);

enum Hands {
    Real { started: Instant },
    Fake { base: Timestamp, passed: Mutex<Duration>, moved: Notify },
}

impl Clock {
    /// The machine's clock.
    pub fn real() -> Clock {
        Clock(Arc::new(Hands::Real { started: Instant::now() }))
    }

    /// A clock that stands still until [`Clock::advance`] moves it: for scenes.
    pub fn fake(base: Timestamp) -> Clock {
        Clock(Arc::new(Hands::Fake { base, passed: Mutex::new(Duration::ZERO), moved: Notify::new() }))
    }

    /// The time of day, in UTC.
    pub fn now(&self) -> Timestamp {
        match &*self.0 {
            Hands::Real { .. } => Timestamp::now(),
            Hands::Fake { base, passed, .. } => Timestamp::from_millis(base.as_millis() + millis(*passed.lock())),
        }
    }

    /// How long this clock has been running; never goes back.
    pub fn elapsed(&self) -> Duration {
        match &*self.0 {
            Hands::Real { started } => started.elapsed(),
            Hands::Fake { passed, .. } => *passed.lock(),
        }
    }

    /// Waits until the clock has been running for so long.
    pub async fn until(&self, elapsed: Duration) {
        match &*self.0 {
            Hands::Real { started } => tokio::time::sleep_until((*started + elapsed).into()).await,
            Hands::Fake { passed, moved, .. } => loop {
                let moving = moved.notified();
                tokio::pin!(moving);
                moving.as_mut().enable();
                if *passed.lock() >= elapsed {
                    return;
                }
                moving.await;
            },
        }
    }

    /// Moves a fake clock; a real one cannot be moved.
    pub fn advance(&self, by: Duration) {
        if let Hands::Fake { passed, moved, .. } = &*self.0 {
            *passed.lock() += by;
            moved.notify_waiters();
        }
    }
}

fn millis(of: Duration) -> i64 {
    i64::try_from(of.as_millis()).unwrap_or(i64::MAX)
}
