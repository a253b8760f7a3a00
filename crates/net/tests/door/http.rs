//! The door for HTTP on loopback: what it bounds, how it is encrypted, how it stops.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use im::web;
use net::http::{Answer, HttpDoors, HttpLimits, Page, pages};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::house::House;

fn quick() -> HttpLimits {
    HttpLimits { header_s: 1, stall_s: 1, linger_s: 1, handshake_s: 1, ..HttpLimits::default() }
}

/// Answers with how many bytes came, or with 408.
fn counting() -> Answer {
    Arc::new(|request| {
        Box::pin(async move {
            let (mut body, mut count) = (request.into_body(), 0);
            while let Some(part) = web::next(&mut body).await {
                match part {
                    Ok(part) => count += part.len(),
                    Err(_) => {
                        let mut slow = web::Response::new(web::empty());
                        *slow.status_mut() = StatusCode::REQUEST_TIMEOUT;
                        return slow;
                    }
                }
            }
            web::Response::new(web::full(count.to_string()))
        })
    })
}

fn open(limits: HttpLimits, answer: Answer) -> (HttpDoors, SocketAddr) {
    let doors = HttpDoors::new(limits, None).unwrap();
    let listener = doors.bind("127.0.0.1:0".parse().unwrap(), false).unwrap();
    let address = listener.address().unwrap();
    listener.open(answer);
    (doors, address)
}

async fn say(address: SocketAddr, text: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(text.as_bytes()).await.unwrap();
    socket
}

/// Everything until the server closes.
async fn hear_out(socket: &mut (impl AsyncRead + Unpin)) -> String {
    let mut heard = Vec::new();
    let read = timeout(Duration::from_secs(10), socket.read_to_end(&mut heard)).await;
    assert!(read.is_ok(), "not closed after {}", String::from_utf8_lossy(&heard));
    String::from_utf8(heard).unwrap()
}

async fn ask(address: SocketAddr, request: &str) -> String {
    let request = format!("{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    hear_out(&mut say(address, &request).await).await
}

#[tokio::test]
async fn pages_are_served_and_nothing_else() {
    let page = |path: &str| {
        (path == "/metrics").then(|| Page { content_type: "text/plain; version=0.0.4", body: "up 1\n".into() })
    };
    let (_doors, address) = open(HttpLimits::default(), pages(page));
    let found = ask(address, "GET /metrics?x").await;
    assert!(found.starts_with("HTTP/1.1 200") && found.ends_with("\r\n\r\nup 1\n"), "{found}");
    assert!(found.contains("content-type: text/plain; version=0.0.4"), "{found}");
    let head = ask(address, "HEAD /metrics").await;
    assert!(
        head.starts_with("HTTP/1.1 200") && head.contains("content-length: 5") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    assert!(ask(address, "GET /").await.starts_with("HTTP/1.1 404"));
    assert!(ask(address, "POST /metrics").await.starts_with("HTTP/1.1 405"));
}

#[tokio::test]
async fn several_requests_on_one_connection() {
    let (doors, address) = open(HttpLimits::default(), counting());
    let mut socket =
        say(address, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: a\r\n").await;
    socket.write_all(b"Connection: close\r\n\r\n").await.unwrap();
    let heard = hear_out(&mut socket).await;
    assert_eq!((heard.matches("HTTP/1.1 200").count(), heard.ends_with('0')), (2, true), "{heard}");
    assert_eq!((doors.metrics().granted.value(), doors.metrics().connections_opened.value()), (2, 1));
}

#[tokio::test]
async fn who_does_not_finish_a_header_is_hung_up_on() {
    let (doors, address) = open(quick(), counting());
    let mut silent = say(address, "").await;
    let mut half = say(address, "GET / HTTP/1.1\r\nHost: a\r\n").await;
    assert_eq!(hear_out(&mut silent).await, "");
    let heard = hear_out(&mut half).await;
    assert!(heard.is_empty() || heard.starts_with("HTTP/1.1 408"), "{heard}");
    let mut large = say(address, &format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(17_000))).await;
    assert!(hear_out(&mut large).await.starts_with("HTTP/1.1 431"));
    let mut many = say(address, &format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(65))).await;
    assert!(hear_out(&mut many).await.starts_with("HTTP/1.1 431"));
    for nonsense in
        ["\x16\x03\x01\r\n\r\n", "<stream:stream to='localhost'>\r\n\r\n", "GET / HTTP/3\r\n\r\n", "\r\n\r\n\0\r\n"]
    {
        let heard = hear_out(&mut say(address, nonsense).await).await;
        assert!(heard.is_empty() || heard.starts_with("HTTP/1.1 400") || heard.starts_with("HTTP/1.0 400"), "{heard}");
    }
    assert!(doors.stop(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn who_stops_in_the_middle_of_a_body_is_told_and_hung_up_on() {
    let (_doors, address) = open(quick(), counting());
    let mut socket = say(address, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").await;
    assert!(hear_out(&mut socket).await.starts_with("HTTP/1.1 408"));
    // One who leaves in the middle is no reason to wait.
    let socket = say(address, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").await;
    drop(socket);
    assert!(ask(address, "GET /").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn who_takes_nothing_is_hung_up_on() {
    let endless: Answer = Arc::new(|_| {
        let part = |_| -> web::Reading { Box::pin(async { Ok(vec![0; 65_536].into()) }) };
        Box::pin(std::future::ready(web::Response::new(web::parts(1 << 40, part))))
    });
    let (doors, address) = open(quick(), endless);
    let _socket = say(address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let gone = async {
        while doors.metrics().connections_opened.value() == 0 || doors.connections() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(10), gone).await.unwrap();
}

#[tokio::test]
async fn connections_are_bounded() {
    let (doors, address) = open(HttpLimits { connections: 2, ..HttpLimits::default() }, counting());
    let first = say(address, "GET / HTTP/1.1\r\nHost: a\r\n").await;
    let _second = say(address, "GET / HTTP/1.1\r\nHost: a\r\n").await;
    assert_eq!(hear_out(&mut say(address, "").await).await, "");
    assert_eq!(doors.metrics().connections_refused.value(), 1);
    drop(first);
    let free = async {
        while doors.connections() > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), free).await.unwrap();
    assert!(ask(address, "GET /").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn what_is_under_way_is_finished_before_the_end() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (begun.clone(), go_on.clone());
    let slow: Answer = Arc::new(move |_| {
        let (tell, wait) = (tell.clone(), wait.clone());
        Box::pin(async move {
            tell.notify_one();
            wait.notified().await;
            web::Response::new(web::full("done"))
        })
    });
    let (doors, address) = open(HttpLimits::default(), slow);
    let mut idle = say(address, "").await;
    let mut busy = say(address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    begun.notified().await;
    assert!(!doors.stop(Duration::from_millis(20)).await);
    assert!(TcpStream::connect(address).await.is_err());
    assert_eq!(hear_out(&mut idle).await, "");
    go_on.notify_one();
    let heard = hear_out(&mut busy).await;
    assert!(heard.starts_with("HTTP/1.1 200") && heard.ends_with("done"), "{heard}");
    drop((idle, busy));
    assert!(doors.stop(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn over_tls_with_the_certificates_of_the_hosts() {
    let house = House::encrypted().await;
    let doors = HttpDoors::new(quick(), house.doors.certificates().cloned()).unwrap();
    let listener = doors.bind("127.0.0.1:0".parse().unwrap(), true).unwrap();
    let address = listener.address().unwrap();
    listener.open(counting());
    let mut tls = encrypted(address, "example.net").await;
    tls.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(hear_out(&mut tls).await.starts_with("HTTP/1.1 200"));
    // Whoever speaks no TLS is hung up on, and whoever says nothing, too.
    let plain = hear_out(&mut say(address, "GET / HTTP/1.1\r\n\r\n").await).await;
    assert!(!plain.contains("HTTP"), "{plain}");
    assert_eq!(hear_out(&mut say(address, "").await).await, "");
    assert!(HttpDoors::new(quick(), None).unwrap().bind(address, true).is_err());
}

async fn encrypted(address: SocketAddr, host: &str) -> impl AsyncRead + AsyncWrite + Unpin {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let config = config.unwrap().dangerous().with_custom_certificate_verifier(trusting::anybody(provider));
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let socket = TcpStream::connect(address).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from(host.to_owned()).unwrap();
    let tls = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap();
    assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    tls
}
