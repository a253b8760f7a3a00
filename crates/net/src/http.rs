//! A small HTTP listener for the operator's own machine, for what programs ask: metrics now.
//!
//! What is served is the server crate's: it gives a function from path to page. Only GET, and nothing that a request
//! carries is kept.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

/// One answer.
pub struct Page {
    /// The media type, as `text/plain; charset=utf-8`.
    pub content_type: &'static str,
    /// The text.
    pub body: String,
}

/// An address that is bound, with nobody served yet.
pub struct HttpListener {
    listener: TcpListener,
}

impl HttpListener {
    /// Binds an address.
    pub async fn bind(address: SocketAddr) -> io::Result<HttpListener> {
        Ok(HttpListener { listener: TcpListener::bind(address).await? })
    }

    /// The address, with the port that the system chose where 0 was asked for.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers with what `pages` has for a path, until `stop` resolves.
    pub async fn serve<P, F>(self, pages: P, stop: F) -> io::Result<()>
    where
        P: Fn(&str) -> Option<Page> + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let pages = Arc::new(pages);
        let router = Router::new().fallback(move |method: Method, uri: Uri| {
            let pages = pages.clone();
            async move { answer(&method, uri.path(), pages.as_ref()) }
        });
        axum::serve(self.listener, router).with_graceful_shutdown(stop).await
    }
}

fn answer(method: &Method, path: &str, pages: &(impl Fn(&str) -> Option<Page> + ?Sized)) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    match pages(path) {
        Some(page) => ([(header::CONTENT_TYPE, page.content_type)], page.body).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;

    use super::*;

    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let request = format!("{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn pages_are_served_and_nothing_else() {
        let listener = HttpListener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.address().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let page = |path: &str| {
            (path == "/metrics").then(|| Page { content_type: "text/plain; version=0.0.4", body: "up 1\n".into() })
        };
        let server = tokio::spawn(listener.serve(page, async { drop(stopped.await) }));
        let found = ask(address, "GET /metrics?x").await;
        assert!(found.starts_with("HTTP/1.1 200") && found.ends_with("\r\n\r\nup 1\n"), "{found}");
        assert!(found.contains("content-type: text/plain; version=0.0.4"), "{found}");
        assert!(ask(address, "GET /").await.starts_with("HTTP/1.1 404"));
        assert!(ask(address, "POST /metrics").await.starts_with("HTTP/1.1 405"));
        stop.send(()).unwrap();
        server.await.unwrap().unwrap();
    }
}
