//! A file is fetched: whole or in part, and in a form in which no browser runs what a stranger has uploaded.

use super::range::{self, Wanted};
use super::record::{self, Found};
use super::{Room, path, slot};
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use http::request::Parts;
use im::web::{self, BodyError, Response};
use im::{Fault, Hub};
use std::sync::Arc;

/// What is read of a file at a time.
const PART_BYTES: usize = 128 * 1024;
/// What may be done with a file.
const METHODS: &str = "OPTIONS, HEAD, GET, PUT";
/// On every answer: nothing here is a page (XEP-0363 §8.1), and web clients of any origin may use it (§7).
const ALWAYS: [(&str, &str); 7] = [
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; sandbox"),
    ("x-content-type-options", "nosniff"),
    ("cross-origin-resource-policy", "cross-origin"),
    ("referrer-policy", "no-referrer"),
    ("access-control-allow-origin", "*"),
    ("access-control-expose-headers", "Content-Length, Content-Range, Content-Disposition, ETag"),
    ("vary", "Range"),
];

/// GET and HEAD.
pub(super) async fn download(room: &Arc<Room>, hub: &Hub, head: &Parts) -> Response {
    let found = match record::find(hub, head.uri.path()).await {
        Ok(Some(found)) => found,
        Ok(None) => return refuse(StatusCode::NOT_FOUND),
        Err(error) => return failed(error),
    };
    match room.size(hub, &found.id).await {
        Ok(Some(size)) => give(room, hub, &found, size, head),
        Ok(None) => refuse(StatusCode::NOT_FOUND),
        Err(error) => failed(error),
    }
}

/// The questions of browsers about other origins.
pub(super) fn options() -> Response {
    let mut answer = refuse(StatusCode::NO_CONTENT);
    let headers = answer.headers_mut();
    set(headers, "allow", METHODS);
    set(headers, "access-control-allow-methods", METHODS);
    set(headers, "access-control-allow-headers", "Authorization, Content-Type, Range, If-Range, If-None-Match");
    set(headers, "access-control-max-age", "7200");
    answer
}

/// An answer without a file.
pub(super) fn refuse(status: StatusCode) -> Response {
    let mut answer = Response::new(web::empty());
    *answer.status_mut() = status;
    for (name, value) in ALWAYS {
        set(answer.headers_mut(), name, value);
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        set(answer.headers_mut(), "allow", METHODS);
    }
    answer
}

/// Our own failure, logged; a full disk is said.
pub(super) fn failed(error: store::Error) -> Response {
    let full = matches!(error, store::Error::DiskFull { .. });
    Fault::from(error).tell();
    refuse(if full { StatusCode::INSUFFICIENT_STORAGE } else { StatusCode::INTERNAL_SERVER_ERROR })
}

fn give(room: &Arc<Room>, hub: &Hub, found: &Found, size: u64, head: &Parts) -> Response {
    // What stands under an id never changes.
    let etag = format!("\"{}\"", found.id);
    if matches(&head.headers, header::IF_NONE_MATCH, &etag) {
        let mut unchanged = refuse(StatusCode::NOT_MODIFIED);
        set(unchanged.headers_mut(), "etag", &etag);
        return unchanged;
    }
    let wanted = match wanted(head, &etag, size) {
        Wanted::Unsatisfiable => {
            let mut nothing = refuse(StatusCode::RANGE_NOT_SATISFIABLE);
            set(nothing.headers_mut(), "content-range", &format!("bytes */{size}"));
            return nothing;
        }
        wanted => wanted,
    };
    let (status, first, bytes) = match wanted {
        Wanted::Part(first, last) => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        _ => (StatusCode::OK, 0, size),
    };
    let mut answer = refuse(status);
    describe(answer.headers_mut(), hub, found);
    set(answer.headers_mut(), "etag", &etag);
    set(answer.headers_mut(), "content-length", &bytes.to_string());
    if status == StatusCode::PARTIAL_CONTENT {
        set(answer.headers_mut(), "content-range", &format!("bytes {first}-{}/{size}", first + bytes - 1));
    }
    if head.method != Method::HEAD {
        *answer.body_mut() = body(room, hub, &found.id, first, bytes);
    }
    answer
}

/// RFC 9110 §14.2, §13.1.5: a range of a file that is still the same; HEAD has no ranges.
fn wanted(head: &Parts, etag: &str, size: u64) -> Wanted {
    let text = |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
    let same = text(header::IF_RANGE).is_none_or(|known| known == etag);
    match text(header::RANGE) {
        Some(wish) if same && head.method == Method::GET => range::read(wish, size),
        _ => Wanted::Whole,
    }
}

/// Whether a list of entity tags names this one (RFC 9110 §13.1.2, weakly compared).
fn matches(headers: &HeaderMap, name: HeaderName, etag: &str) -> bool {
    let lists = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|tag| {
        let tag = tag.trim();
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag
    })
}

fn describe(headers: &mut HeaderMap, hub: &Hub, found: &Found) {
    let kind = found.record.kind.as_deref().or(found.owner.kind.as_deref()).unwrap_or("application/octet-stream");
    let shown = if is_harmless(kind) { "inline" } else { "attachment" };
    let name = path::encoded(&found.record.name);
    let left = (found.record.expires_ms - hub.clock().now().as_millis()).max(0) / 1_000;
    set(headers, "content-type", kind);
    set(headers, "content-disposition", &format!("{shown}; filename*=UTF-8''{name}"));
    set(headers, "accept-ranges", "bytes");
    set(headers, "cache-control", &format!("private, max-age={left}, immutable"));
}

/// Whether a browser may show it in a window of its own: pictures, sounds and films, but nothing that can hold a script.
fn is_harmless(kind: &str) -> bool {
    let essence = slot::essence(kind).to_ascii_lowercase();
    HARMLESS.contains(&essence.as_str())
}

const HARMLESS: [&str; 21] = [
    "audio/aac",
    "audio/flac",
    "audio/mp4",
    "audio/mpeg",
    "audio/ogg",
    "audio/opus",
    "audio/wav",
    "audio/webm",
    "audio/x-m4a",
    "audio/x-wav",
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "video/3gpp",
    "video/mp4",
    "video/ogg",
    "video/quicktime",
    "video/webm",
];

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    // A value that no header can hold is left out; ours are ASCII.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

fn body(room: &Arc<Room>, hub: &Hub, id: &str, first: u64, bytes: u64) -> web::Body {
    let (room, files, id) = (room.clone(), record::files(hub), id.to_owned());
    web::parts(bytes, move |offset| {
        let (room, files, id) = (room.clone(), files.clone(), id.clone());
        Box::pin(async move {
            let read = room.blocking(move || files.read(&id, first + offset, PART_BYTES)).await;
            let gone = read.map_err(|error| {
                Fault::from(error).tell();
                BodyError::Unreadable
            })?;
            gone.map(Bytes::from).ok_or(BodyError::Unreadable)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_hold_a_script_is_not_shown() {
        for kind in ["image/png", "IMAGE/JPEG", "video/mp4; codecs=x", "audio/ogg"] {
            assert!(is_harmless(kind), "{kind}");
        }
        for kind in ["image/svg+xml", "text/html", "text/plain", "application/pdf", "application/xhtml+xml", "image/png+xml"]
        {
            assert!(!is_harmless(kind), "{kind}");
        }
        assert!(HARMLESS.is_sorted());
    }

    #[test]
    fn tags() {
        let mut headers = HeaderMap::new();
        assert!(!matches(&headers, header::IF_NONE_MATCH, "\"a\""));
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("\"x\", W/\"a\""));
        assert!(matches(&headers, header::IF_NONE_MATCH, "\"a\""));
        assert!(!matches(&headers, header::IF_NONE_MATCH, "\"b\""));
    }
}
