//! What two threads do to one session at once.
use super::Session;
use crate::nonza::{Out, Word};
use crate::{Clock, Dialect, DoorOptions, Drained, HostOptions, Hub, HubOptions, Limits, NewCredentials, Signal};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use xmpp::{Jid, Timestamp};

async fn managed(hub: &Hub) -> (crate::Door, String) {
    let nothing = NewCredentials::default();
    let juliet = hub.create_account("juliet", "verona.example", &nothing).await.unwrap();
    let x = DoorOptions { dialect: Dialect::X, encrypted: true, peer: None };
    let door = hub.bind(&juliet, Some("balcony"), x).await.unwrap();
    door.signal(Signal::Enable { resume: true, max_s: None });
    let told = words(&door);
    let [Word::Enabled(Some(resumable))] = &told[..] else { panic!("{told:?}") };
    let id = resumable.id.to_string();
    (door, id)
}

async fn session(hub: &Hub, door: &crate::Door) -> Arc<Session> {
    let home = hub.wake(door.jid()).await.unwrap().unwrap();
    home.with(hub, |within| within.account.session(door.jid().resource().unwrap()).unwrap().session().clone())
}

async fn hub() -> Hub {
    let hosts = vec![HostOptions { name: Jid::parse("verona.example").unwrap(), plan: Box::new(|_| Ok(())) }];
    let clock = Clock::fake(Timestamp::from_millis(0));
    let (store, limits, cluster) = (store::Store::memory(), Limits::default(), cluster::Cluster::single());
    Hub::new(HubOptions { hosts, store, clock, limits, cluster }).await.unwrap()
}

fn words(door: &crate::Door) -> Vec<Word> {
    let mut all = Vec::new();
    match door.poll_drain(&mut Context::from_waker(Waker::noop()), &mut all, usize::MAX) {
        Poll::Ready(Drained::Close(why)) => panic!("{why:?}"),
        _ => door.written(),
    }
    all.into_iter()
        .filter_map(|out| match out {
            Out::Word(word) => Some(word),
            Out::Stanza(_) => None,
        })
        .collect()
}

/// One thread carries out what the client sent, the other hears of a commit: the client never hears a smaller count after a larger one.
#[tokio::test]
async fn counts_never_go_back() {
    let hub = hub().await;
    let (door, _) = managed(&hub).await;
    let session = session(&hub, &door).await;
    let mut told = Vec::new();
    for _ in 0..200 {
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        session.count(1);
                        session.requested(session.door());
                        session.rests_on(1, Vec::new());
                    }
                });
            }
        });
        told.extend(words(&door).into_iter().filter_map(|word| match word {
            Word::Ack(h) => Some(h),
            _ => None,
        }));
    }
    assert!(told.len() >= 40_000 && told.is_sorted(), "{:?}", told.windows(2).find(|two| two[0] > two[1]));
}

/// What a connection says is not heard when another takes over between its being read and its being carried out.
#[tokio::test]
async fn a_signal_that_is_overtaken_is_not_heard() {
    let hub = hub().await;
    let (door, id) = managed(&hub).await;
    let session = session(&hub, &door).await;
    for _ in 0..5 {
        assert!(session.post(xmpp::Stanza::message(xmpp::MessageType::Chat, None, None).into()).is_none());
    }
    words(&door);
    let old = session.door();
    let number = session.take_over(5).unwrap();
    session.wake_up(5, 0).unwrap();
    session.acked(old, 4);
    session.requested(old);
    session.enable(&hub, old, true, None);
    assert_eq!((old, number), (0, 1));
    assert!(session.is_resumed_by(&id), "it goes on");
    let mut all = Vec::new();
    let drained = session.poll_drain(number, &mut Context::from_waker(Waker::noop()), &mut all, usize::MAX);
    assert!(drained.is_ready() && matches!(&all[..], [Out::Word(Word::Resumed(_))]), "{all:?}");
}

/// When all sessions of an account end, so does the one that a client is about to resume.
#[tokio::test]
async fn a_session_that_is_being_resumed_ends_with_the_others() {
    let hub = hub().await;
    let (door, id) = managed(&hub).await;
    let home = session(&hub, &door).await.home().clone();
    door.close(crate::Goodbye::Lost);
    let (session, number) = home.with(&hub, |within| within.take_over(&id, 0)).unwrap();
    let why = xmpp::StreamError::not_authorized();
    home.with(&hub, |within| within.end_all(&why));
    let refused = home.with(&hub, |within| within.wake_up(&session, 0, 0)).unwrap_err();
    assert!(matches!(&refused, crate::ResumeError::Stream(error) if *error.as_ref() == why), "{refused}");
    home.with(&hub, |within| within.unbind(&session, number, crate::Goodbye::Lost));
    assert!(home.with(&hub, |within| within.account.sessions().is_empty()));
}

/// A session loses its connection after it was decided that it ends, and before it is told.
#[tokio::test]
async fn an_end_that_comes_to_a_sleeper_is_its_end() {
    let hub = hub().await;
    let (door, _) = managed(&hub).await;
    let session = session(&hub, &door).await;
    let home = session.home();
    home.with(&hub, |within| {
        within.end_all(&xmpp::StreamError::internal_server_error());
        within.unbind(&session, session.door(), crate::Goodbye::Lost);
        assert!(session.is_asleep());
    });
    assert!(home.with(&hub, |within| within.account.sessions().is_empty()));
}
