//! The relay on loopback: two that ask for the same are joined when their account says so, and nobody else is.

use std::net::SocketAddr;
use std::time::Duration;

use im::{Relay as _, RelayError};
use net::relay::{Relay, RelayLimits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use xmpp::Jid;

const HASH: &str = "972b7bf47291ca609517f67f86b5081086052dad";

fn open(limits: RelayLimits) -> (Relay, SocketAddr) {
    let relay = Relay::new(limits);
    assert_eq!(relay.address(), None);
    let listener = relay.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.address().unwrap();
    assert_eq!(relay.address(), Some(address));
    listener.open();
    (relay, address)
}

fn amy() -> Jid {
    Jid::parse("amy@example.org").unwrap()
}

/// Asks for a destination; what was answered to the wish.
async fn ask(address: SocketAddr, hash: &str) -> (TcpStream, Vec<u8>) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(&[5, 1, 0]).await.unwrap();
    let mut method = [0; 2];
    socket.read_exact(&mut method).await.unwrap();
    assert_eq!(method, [5, 0]);
    socket.write_all(&[&[5, 1, 0, 3, 40], hash.as_bytes(), &[0, 0]].concat()).await.unwrap();
    let mut reply = vec![0; 10];
    socket.read_exact(&mut reply).await.unwrap();
    if reply[1] == 0 {
        reply.resize(47, 0);
        socket.read_exact(&mut reply[10..]).await.unwrap();
    }
    (socket, reply)
}

async fn granted(address: SocketAddr) -> TcpStream {
    let (socket, reply) = ask(address, HASH).await;
    assert_eq!(reply, [&[5, 0, 0, 3, 40], HASH.as_bytes(), &[0, 0]].concat());
    socket
}

/// Whether the server hangs up, soon and without a word.
async fn is_hung_up(socket: &mut TcpStream) -> bool {
    let mut heard = Vec::new();
    let read = timeout(Duration::from_secs(10), socket.read_to_end(&mut heard)).await;
    read.is_ok() && heard.is_empty()
}

async fn none_left(relay: &Relay) {
    let none = async {
        while relay.connections() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), none).await.unwrap();
}

#[tokio::test]
async fn two_are_joined_and_hear_each_other() {
    let (relay, address) = open(RelayLimits::default());
    assert_eq!(relay.activate(HASH, &amy()), Err(RelayError::Nobody));
    let mut target = granted(address).await;
    assert_eq!(relay.activate(HASH, &amy()), Err(RelayError::Alone));
    target.write_all(b"too early").await.unwrap();
    let mut requester = granted(address).await;
    let (mut third, reply) = ask(address, HASH).await;
    assert_eq!(reply[..2], [5, 2]);
    assert!(is_hung_up(&mut third).await);
    let thrown_away = async {
        while relay.metrics().early_bytes.value() < 9 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), thrown_away).await.unwrap();
    assert_eq!(relay.activate("no hash", &amy()), Err(RelayError::Nobody));
    assert_eq!(relay.activate(&HASH.to_uppercase(), &amy()), Ok(()));
    assert_eq!(relay.activate(HASH, &amy()), Err(RelayError::Nobody), "it is joined already");
    let light = vec![b'x'; 300_000];
    let (mut heard, sent) = (vec![0; light.len()], light.clone());
    let sending = tokio::spawn(async move {
        requester.write_all(&sent).await.unwrap();
        requester
    });
    target.read_exact(&mut heard).await.unwrap();
    assert!(heard == light);
    let mut requester = sending.await.unwrap();
    target.write_all(b"thanks").await.unwrap();
    drop(target);
    let mut thanks = String::new();
    requester.read_to_string(&mut thanks).await.unwrap();
    assert_eq!(thanks, "thanks");
    drop(requester);
    none_left(&relay).await;
    assert_eq!((relay.metrics().joined.value(), relay.metrics().bytes.value()), (1, 300_006));
}

#[tokio::test]
async fn who_leaves_or_waits_too_long_frees_the_place() {
    let (relay, address) = open(RelayLimits { wait_s: 1, handshake_s: 1, ..RelayLimits::default() });
    drop(granted(address).await);
    none_left(&relay).await;
    assert_eq!(relay.activate(HASH, &amy()), Err(RelayError::Nobody));
    let mut waiting = granted(address).await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    assert!(is_hung_up(&mut waiting).await && is_hung_up(&mut silent).await);
    none_left(&relay).await;
    let mut talker = granted(address).await;
    let _ = talker.write_all(&vec![0; 1 << 20]).await;
    none_left(&relay).await;
    assert_eq!(relay.activate(HASH, &amy()), Err(RelayError::Nobody));
}

#[tokio::test]
async fn an_account_has_its_bounds() {
    let limits = RelayLimits { streams_per_account: 1, account_bytes_per_day: 10, idle_s: 1, ..RelayLimits::default() };
    let (relay, address) = open(limits);
    let (mut one, mut other) = (granted(address).await, granted(address).await);
    relay.activate(HASH, &amy()).unwrap();
    let (_third, _fourth) = (granted(address).await, granted(address).await);
    assert_eq!(relay.activate(HASH, &amy()), Err(RelayError::UsedUp));
    one.write_all(b"ten bytes!").await.unwrap();
    let mut heard = [0; 10];
    other.read_exact(&mut heard).await.unwrap();
    other.write_all(b"+").await.unwrap();
    assert!(is_hung_up(&mut one).await, "the day's bytes are used up");
    assert_eq!(relay.activate(HASH, &amy()), Err(RelayError::UsedUp));
    let bob = Jid::parse("bob@example.org").unwrap();
    relay.activate(HASH, &bob).unwrap();
    none_left(&relay).await;
}

#[tokio::test]
async fn connections_are_bounded() {
    let (relay, address) = open(RelayLimits { connections: 1, ..RelayLimits::default() });
    let _first = granted(address).await;
    assert!(is_hung_up(&mut TcpStream::connect(address).await.unwrap()).await);
    assert_eq!(relay.metrics().connections_refused.value(), 1);
    relay.stop_accepting();
}
