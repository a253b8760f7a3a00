//! A file comes in (XEP-0363 §6): once, of exactly the size that was asked for, whole or not at all.

use super::download::{failed, refuse};
use super::record::{self, Found, Owner};
use super::{Room, slot};
use http::header::{self, HeaderMap};
use http::{HeaderValue, StatusCode};
use im::Hub;
use http::request::Parts;
use im::web::{self, Body, BodyError, Response};
use std::sync::Arc;
use store::{Batch, Writing};

/// What is gathered before it is written.
const PART_BYTES: usize = 256 * 1024;

/// Takes a file in.
pub(super) async fn put(room: &Arc<Room>, hub: &Hub, head: &Parts, body: Body) -> Response {
    let found = match record::find(hub, head.uri.path()).await {
        Ok(Some(found)) => found,
        Ok(None) => return refuse(StatusCode::NOT_FOUND),
        Err(error) => return failed(error),
    };
    if let Err(status) = agrees(&found, &head.headers) {
        return refuse(status);
    }
    match room.size(hub, &found.id).await {
        Ok(None) => {}
        Ok(Some(_)) => return refuse(StatusCode::CONFLICT),
        Err(error) => return failed(error),
    }
    if !found.record.is_open(hub.clock().now()) {
        return refuse(StatusCode::GONE);
    }
    match take(room, hub, &found, head, body).await {
        Ok(()) => refuse(StatusCode::CREATED),
        Err(Broken::Body(BodyError::TooSlow)) => refuse(StatusCode::REQUEST_TIMEOUT),
        Err(Broken::Body(_)) => refuse(StatusCode::BAD_REQUEST),
        Err(Broken::Gone) => refuse(StatusCode::NOT_FOUND),
        Err(Broken::Store(store::Error::Exists)) => refuse(StatusCode::CONFLICT),
        Err(Broken::Store(store::Error::WrongLength { .. })) => refuse(StatusCode::BAD_REQUEST),
        Err(Broken::Store(error)) => failed(error),
    }
}

/// Whether the request is about the file that was announced.
fn agrees(found: &Found, headers: &HeaderMap) -> Result<(), StatusCode> {
    if headers.contains_key(header::CONTENT_RANGE) {
        // RFC 9110 §14.5: not understood, so nothing may be stored.
        return Err(StatusCode::BAD_REQUEST);
    }
    let length = headers.get(header::CONTENT_LENGTH).ok_or(StatusCode::LENGTH_REQUIRED)?;
    let length: u64 = length.to_str().ok().and_then(|text| text.parse().ok()).ok_or(StatusCode::BAD_REQUEST)?;
    if length != found.record.size {
        let larger = length > found.record.size;
        return Err(if larger { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST });
    }
    match (&found.record.kind, headers.get(header::CONTENT_TYPE)) {
        (Some(announced), Some(sent)) => {
            let same = |sent: &str| slot::essence(sent).eq_ignore_ascii_case(slot::essence(announced));
            if sent.to_str().is_ok_and(same) { Ok(()) } else { Err(StatusCode::UNSUPPORTED_MEDIA_TYPE) }
        }
        _ => Ok(()),
    }
}

/// Why a file is not taken in.
enum Broken {
    Body(BodyError),
    Store(store::Error),
    /// Its account was removed meanwhile.
    Gone,
}

impl From<store::Error> for Broken {
    fn from(error: store::Error) -> Broken {
        Broken::Store(error)
    }
}

async fn take(room: &Arc<Room>, hub: &Hub, found: &Found, head: &Parts, body: Body) -> Result<(), Broken> {
    let sent = head.headers.get(header::CONTENT_TYPE).and_then(kind);
    let (files, id, size) = (record::files(hub), found.id.clone(), found.record.size);
    let writing = room.blocking(move || files.begin(&id, size)).await?;
    let writing = receive(room, writing, body).await?;
    if let (None, Some(kind)) = (&found.record.kind, sent) {
        remember(hub, found, kind).await?;
    }
    room.blocking(move || writing.finish()).await?;
    if record::slots(hub).get(&found.owner.account, &found.id).await?.is_none() {
        let (files, id) = (record::files(hub), found.id.clone());
        room.blocking(move || files.remove(&id)).await?;
        return Err(Broken::Gone);
    }
    Ok(())
}

async fn receive(room: &Room, mut writing: Writing, mut body: Body) -> Result<Writing, Broken> {
    let mut gathered = Vec::new();
    loop {
        let part = web::next(&mut body).await.transpose().map_err(Broken::Body)?;
        let ended = part.is_none();
        gathered.extend_from_slice(&part.unwrap_or_default());
        if gathered.len() >= PART_BYTES || (ended && !gathered.is_empty()) {
            let bytes = std::mem::take(&mut gathered);
            writing = room.blocking(move || writing.write(&bytes).map(|()| writing)).await?;
        }
        if ended {
            return Ok(writing);
        }
    }
}

/// The media type that an upload names, if a slot could have named it.
fn kind(value: &HeaderValue) -> Option<String> {
    value.to_str().ok().filter(|kind| slot::is_kind(kind)).map(str::to_owned)
}

/// The slot names no media type, and the upload does. Durable before the file can be seen.
async fn remember(hub: &Hub, found: &Found, kind: String) -> Result<(), store::Error> {
    let owner = Owner { kind: Some(kind), ..found.owner.clone() };
    let home = format!("upload {}", found.id);
    let epoch = hub.store().claim(&home);
    let written = hub.store().submit(Batch::new(&home, epoch).put(&record::owners(hub), &found.id, owner.bytes())).await;
    hub.store().release(&home, epoch);
    written
}
