//! What is done from time to time, on a clock in our hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use im::{About, Attach, Clock, Extension, HostOptions, Hub, HubOptions, Limits, Plan, PlanError};
use store::Store;
use tokio::sync::Semaphore;
use xmpp::{Jid, Timestamp};

const HOUR: Duration = Duration::from_secs(3_600);

#[derive(Clone)]
struct Book {
    begun: Arc<AtomicUsize>,
    /// A permit ends one work.
    ends: Arc<Semaphore>,
}

impl Default for Book {
    fn default() -> Book {
        Book { begun: Arc::default(), ends: Arc::new(Semaphore::new(0)) }
    }
}

/// Does work that goes on until the test says so.
struct Sweeper(Book);

impl Extension for Sweeper {
    type Options = Book;
    const ABOUT: About = About::xep("sweeper", "A chore for a test", "none", "");

    fn configure(_: &mut Plan, book: &Book) -> Result<Self, PlanError> {
        Ok(Sweeper(book.clone()))
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.chore(HOUR, |sweeper, _, _| {
            let book = sweeper.0.clone();
            Box::pin(async move {
                book.begun.fetch_add(1, Ordering::SeqCst);
                book.ends.acquire().await.unwrap().forget();
            })
        });
    }
}

#[tokio::test]
async fn a_chore_that_takes_long_is_not_begun_twice() {
    let (book, clock) = (Book::default(), Clock::fake(Timestamp::from_millis(1_000_000_000_000)));
    let options = book.clone();
    let plan = Box::new(move |plan: &mut Plan| plan.add::<Sweeper>(&options));
    let hosts = vec![HostOptions { name: Jid::parse("verona.example").unwrap(), plan }];
    let (store, limits, cluster) = (Store::memory(), Limits::default(), im::Cluster::single());
    let hub = Hub::new(HubOptions { hosts, store, clock: clock.clone(), limits, cluster }).await.unwrap();
    hub.start_chores();
    let begun = async |passed: Duration| {
        clock.advance(passed);
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        book.begun.load(Ordering::SeqCst)
    };
    assert_eq!(begun(Duration::ZERO).await, 1, "at once");
    assert_eq!(begun(HOUR).await, 1, "still under way");
    assert_eq!(begun(HOUR).await, 1, "still under way");
    book.ends.add_permits(1);
    assert_eq!(begun(HOUR).await, 2, "and then again");
    book.ends.add_permits(1);
    assert_eq!(begun(HOUR / 2).await, 2, "in its time");
    assert_eq!(begun(HOUR / 2).await, 3);
}
