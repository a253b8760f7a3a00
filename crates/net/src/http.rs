//! The HTTP door: what web clients, uploads and Prometheus come in by.
//!
//! **Source** RFC 9110, RFC 9112 (HTTP/1.1 alone). What is answered is not decided here: an address is opened with an [`Answer`], which is the
//! routes of the extensions ([`routes`]) or pages of the operator ([`pages`]). Here is what every request must respect: the bounds.

mod body;
mod connection;
mod patient;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode, header};
use im::Hub;
use im::web::{self, Answering, Request, Response};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::connections::Connections;
use crate::listen::{self, ListenError};
use crate::tls::{self, Certificates};
use crate::{Counter, Limits, events};

/// What answers requests at an address.
pub type Answer = Arc<dyn Fn(Request) -> Answering + Send + Sync>;

/// One page of an operator.
pub struct Page {
    /// The media type, as `text/plain; charset=utf-8`.
    pub content_type: &'static str,
    /// The text.
    pub body: String,
}

/// Bounds of every HTTP connection. Seconds end in `_s`, sizes in `_bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// From connecting, or from the last answer, to the end of a request's header.
    pub header_s: u32,
    /// A request's header; at least 8,192.
    pub header_bytes: usize,
    /// How long a client may send, or take, nothing in the middle of a body.
    pub stall_s: u32,
    /// How many bytes of a body a client has to send for every second that is waited for it, beyond the first `stall_s`.
    pub body_bytes_per_s: u64,
    /// From connecting to an encrypted connection.
    pub handshake_s: u32,
    /// How long the rest of a refused request is read and thrown away, so that the client hears why.
    pub linger_s: u32,
    /// Connections together.
    pub connections: usize,
    /// Connections of one address (IPv6: of one /64); loopback is exempt.
    pub connections_per_address: usize,
}

impl Default for HttpLimits {
    fn default() -> HttpLimits {
        HttpLimits {
            header_s: 15,
            header_bytes: 16_384,
            stall_s: 30,
            body_bytes_per_s: 1_024,
            handshake_s: 20,
            linger_s: 3,
            connections: 10_000,
            connections_per_address: 100,
        }
    }
}

/// What is counted at the HTTP door.
#[derive(Debug, Default)]
pub struct HttpMetrics {
    /// Connections accepted.
    pub connections_opened: Counter,
    /// Connections turned away because of a limit.
    pub connections_refused: Counter,
    /// Requests granted: status 1xx to 3xx.
    pub granted: Counter,
    /// Requests refused for what the client did: status 4xx.
    pub refused: Counter,
    /// Requests that failed for our own reasons: status 5xx.
    pub failed: Counter,
}

/// The HTTP doors of a server: their bounds, their connections, their end. Clones are the same doors.
#[derive(Clone)]
pub struct HttpDoors(Arc<Shared>);

struct Shared {
    limits: HttpLimits,
    /// The same bounds on connections as the counter of connections takes them.
    places: Limits,
    tls: Option<TlsAcceptor>,
    connections: Arc<Connections>,
    metrics: HttpMetrics,
    stop: watch::Sender<bool>,
    accepting: Mutex<Vec<JoinHandle<()>>>,
}

impl HttpDoors {
    /// Doors with these bounds. Without certificates there is no encryption to be had.
    ///
    /// # Errors
    /// When the TLS library refuses.
    pub fn new(limits: HttpLimits, certificates: Option<Arc<Certificates>>) -> Result<HttpDoors, tls::Error> {
        let config = certificates.map(tls::config_for_http).transpose()?;
        let places = Limits {
            connections: limits.connections,
            connections_per_address: limits.connections_per_address,
            ..Limits::default()
        };
        Ok(HttpDoors(Arc::new(Shared {
            limits,
            places,
            tls: config.map(TlsAcceptor::from),
            connections: Arc::default(),
            metrics: HttpMetrics::default(),
            stop: watch::Sender::new(false),
            accepting: Mutex::default(),
        })))
    }

    /// Binds an address; nobody is served yet. Within a runtime.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub fn bind(&self, address: SocketAddr, encrypted: bool) -> Result<HttpListener, ListenError> {
        let failed = |cause| ListenError { address, cause };
        let tls = match &self.0.tls {
            None if encrypted => return Err(failed(io::Error::other("there is no certificate"))),
            tls => tls.clone().filter(|_| encrypted),
        };
        let listener = listen::bind(address).map_err(failed)?;
        Ok(HttpListener { doors: self.clone(), listener, tls })
    }

    /// How many connections are open now.
    pub fn connections(&self) -> usize {
        self.0.connections.count()
    }

    /// The counters.
    pub fn metrics(&self) -> &HttpMetrics {
        &self.0.metrics
    }

    /// Takes no connection and no request any more, and waits, at most `patience`, for those that are under way; whether all have ended.
    pub async fn stop(&self, patience: Duration) -> bool {
        self.0.accepting.lock().drain(..).for_each(|task| task.abort());
        self.0.stop.send_replace(true);
        timeout(patience, self.0.connections.none()).await.is_ok()
    }
}

/// An HTTP address that is bound, with nobody served yet.
pub struct HttpListener {
    doors: HttpDoors,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl HttpListener {
    /// The address, with the port that the system chose where 0 was asked for.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Begins to accept, and to answer so.
    pub fn open(self, answer: Answer) {
        let (doors, tls) = (self.doors.clone(), self.tls);
        let take = move |socket, peer| doors.take(socket, peer, tls.clone(), answer.clone());
        self.doors.0.accepting.lock().push(tokio::spawn(listen::accept(self.listener, take)));
    }
}

impl HttpDoors {
    fn take(&self, socket: TcpStream, peer: IpAddr, tls: Option<TlsAcceptor>, answer: Answer) {
        let place = match self.0.connections.enter(Some(peer), &self.0.places) {
            Ok(place) => place,
            Err(limit) => {
                self.0.metrics.connections_refused.one();
                return events::connection_refused(Some(peer), limit);
            }
        };
        self.0.metrics.connections_opened.one();
        let doors = self.clone();
        let mut stop = self.0.stop.subscribe();
        tokio::spawn(async move {
            let limits = doors.0.limits;
            let answer: Answer = Arc::new(move |request| doors.counted(answer(request)));
            let stopped = async move { drop(stop.wait_for(|stop| *stop).await) };
            match tls {
                None => connection::serve(socket, limits, answer, stopped).await,
                Some(tls) => {
                    let handshake = timeout(Duration::from_secs(limits.handshake_s.into()), tls.accept(socket)).await;
                    match handshake.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                        Ok(socket) => connection::serve(socket, limits, answer, stopped).await,
                        Err(error) => events::handshake_failed(Some(peer), &error),
                    }
                }
            }
            drop(place);
        });
    }

    /// Counts how an answer goes.
    fn counted(&self, answering: Answering) -> Answering {
        let doors = self.clone();
        Box::pin(async move {
            let answer = answering.await;
            let metrics = doors.metrics();
            match answer.status() {
                status if status.is_server_error() => metrics.failed.one(),
                status if status.is_client_error() => metrics.refused.one(),
                _ => metrics.granted.one(),
            }
            answer
        })
    }
}

/// Answers with the routes of the extensions.
pub fn routes(hub: Hub) -> Answer {
    Arc::new(move |request| hub.answer(request).unwrap_or_else(|| ready(status(StatusCode::NOT_FOUND))))
}

/// Answers with what `pages` has for a path; only GET and HEAD, and nothing that a request carries is kept.
pub fn pages(pages: impl Fn(&str) -> Option<Page> + Send + Sync + 'static) -> Answer {
    Arc::new(move |request| {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut refusal = status(StatusCode::METHOD_NOT_ALLOWED);
            refusal.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("GET, HEAD"));
            return ready(refusal);
        }
        let Some(page) = pages(request.uri().path()) else { return ready(status(StatusCode::NOT_FOUND)) };
        let mut answer = Response::new(web::full(page.body));
        let content_type = header::HeaderValue::from_static(page.content_type);
        answer.headers_mut().insert(header::CONTENT_TYPE, content_type);
        ready(answer)
    })
}

fn status(status: StatusCode) -> Response {
    let mut answer = Response::new(web::empty());
    *answer.status_mut() = status;
    answer
}

fn ready(answer: Response) -> Answering {
    Box::pin(std::future::ready(answer))
}
