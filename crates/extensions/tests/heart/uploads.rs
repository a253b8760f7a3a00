//! Files: slots asked for by stanza, filled and emptied by HTTP, without a socket and on a clock in our hand.

use crate::{account, bind, heard, say};
use bytes::Bytes;
use extensions::upload;
use http::{HeaderMap, Method, StatusCode};
use im::web::{self, BodyError};
use im::{Clock, Door, HostOptions, Hub, HubOptions, Limits};
use std::time::Duration;
use store::{Faults, Store};
use xmpp::{Jid, Timestamp};

const URL: &str = "https://files.verona.example";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

struct House {
    hub: Hub,
    clock: Clock,
    faults: Faults,
    romeo: Jid,
    desk: Door,
}

/// What came back.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Result<Vec<u8>, BodyError>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn body(&self) -> &[u8] {
        self.body.as_ref().unwrap()
    }
}

fn options() -> upload::Options {
    upload::Options { url: Some(URL.into()), ..upload::Options::default() }
}

async fn hub_on(store: Store, clock: &Clock, options: upload::Options) -> Hub {
    let options = extensions::Options { upload: options, ..extensions::Options::default() };
    let plan = Box::new(move |plan: &mut im::Plan| extensions::plug(plan, &options));
    let hosts = vec![HostOptions { name: Jid::parse("verona.example").unwrap(), plan }];
    let (clock, limits) = (clock.clone(), Limits::default());
    Hub::new(HubOptions { hosts, store, clock, limits, cluster: im::Cluster::single() }).await.unwrap()
}

impl House {
    async fn new() -> House {
        House::with(options()).await
    }

    async fn with(options: upload::Options) -> House {
        let (faults, clock) = (Faults::new(), Clock::fake(Timestamp::from_millis(1_000_000_000_000)));
        let hub = hub_on(Store::memory_with(&faults), &clock, options).await;
        hub.start_chores();
        let romeo = account(&hub, "romeo").await;
        let desk = bind(&hub, &romeo, "desk").await;
        House { hub, clock, faults, romeo, desk }
    }

    async fn ask(&self, attributes: &str, children: &str) -> String {
        let request = format!("<request xmlns='urn:xmpp:http:upload:0' {attributes}>{children}</request>");
        say(&self.desk, &format!("<iq type='get' id='u' to='upload.verona.example'>{request}</iq>"));
        heard(&self.hub, &self.desk).await.concat()
    }

    /// The path of a new slot.
    async fn slot(&self, size: usize) -> String {
        let answer = self.ask(&format!("filename='a.jpg' size='{size}'"), "").await;
        path(&answer).unwrap_or_else(|| panic!("{answer}"))
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: web::Body) -> Answer {
        let mut request = http::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answering = self.hub.answer(request.body(body).unwrap()).unwrap_or_else(|| panic!("{path} is nobody's"));
        let (head, mut body) = answering.await.into_parts();
        let mut bytes = Ok(Vec::new());
        while let Some(part) = web::next(&mut body).await {
            match (&mut bytes, part) {
                (Ok(bytes), Ok(part)) => bytes.extend_from_slice(&part),
                (_, Err(error)) => bytes = Err(error),
                (Err(_), Ok(_)) => {}
            }
        }
        Answer { status: head.status, headers: head.headers, body: bytes }
    }

    async fn put(&self, path: &str, bytes: &[u8]) -> StatusCode {
        self.put_with(path, bytes, &[]).await
    }

    async fn put_with(&self, path: &str, bytes: &[u8], more: &[(&str, &str)]) -> StatusCode {
        let length = bytes.len().to_string();
        let headers: Vec<(&str, &str)> =
            [("content-length", length.as_str())].into_iter().chain(more.iter().copied()).collect();
        self.send(Method::PUT, path, &headers, web::full(bytes.to_vec())).await.status
    }

    async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(Method::GET, path, headers, web::empty()).await
    }

    async fn pass(&self, time: Duration) {
        self.clock.advance(time);
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        self.hub.idle().await;
    }

    fn files(&self) -> Vec<String> {
        self.hub.store().blobs("uploads").keys("", 99).unwrap()
    }
}

/// The path of the slot in an answer.
fn path(answer: &str) -> Option<String> {
    let (_, rest) = answer.split_once(&format!("<put url='{URL}"))?;
    let (path, rest) = rest.split_once("'/>")?;
    assert!(rest.starts_with(&format!("<get url='{URL}{path}'/></slot>")), "{answer}");
    Some(path.to_owned())
}

#[tokio::test]
async fn a_file_is_put_once_and_fetched_by_everybody() {
    let house = House::new().await;
    let answer = house.ask("filename='très cool &amp; &lt;b>.jpg' size='9' content-type='image/jpeg'", "").await;
    let path = path(&answer).unwrap();
    let (id, name) = path.strip_prefix("/upload/").unwrap().split_once('/').unwrap();
    assert!(id.len() == 32 && name == "tr%C3%A8s%20cool%20%26%20%3Cb%3E.jpg", "{path}");
    assert_eq!(house.get(&path).await.status, StatusCode::NOT_FOUND, "nothing has come yet");
    assert_eq!(house.put_with(&path, b"What light", &[]).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(house.put_with(&path, b"What ligh", &[("content-type", "text/html")]).await, 415);
    assert_eq!(house.put_with(&path, b"What ligh", &[("content-range", "bytes 0-8/9")]).await, 400);
    assert_eq!(house.put_with(&path, b"What ligh", &[("content-type", "Image/JPEG")]).await, StatusCode::CREATED);
    assert_eq!(house.put(&path, b"something").await, StatusCode::CONFLICT);
    let got = house.get(&path).await;
    assert_eq!((got.status, got.body()), (StatusCode::OK, &b"What ligh"[..]));
    for (name, value) in [
        ("content-type", "image/jpeg"),
        ("content-length", "9"),
        ("content-disposition", "inline; filename*=UTF-8''tr%C3%A8s%20cool%20%26%20%3Cb%3E.jpg"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; sandbox"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("access-control-allow-origin", "*"),
        ("accept-ranges", "bytes"),
        ("cache-control", "private, max-age=2592000, immutable"),
    ] {
        assert_eq!(got.header(name), value, "{name}");
    }
    let head = house.send(Method::HEAD, &path, &[("range", "bytes=0-1")], web::empty()).await;
    assert_eq!((head.status, head.header("content-length"), head.body()), (StatusCode::OK, "9", &b""[..]));
    assert_eq!(head.header("etag"), got.header("etag"));
}

#[tokio::test]
async fn a_part_of_a_file() {
    let house = House::new().await;
    let path = house.slot(10).await;
    assert_eq!(house.put(&path, b"What light").await, StatusCode::CREATED);
    let etag = house.get(&path).await.header("etag").to_owned();
    for (headers, status, body, range) in [
        (vec![("range", "bytes=5-7")], 206, "lig", "bytes 5-7/10"),
        (vec![("range", "bytes=5-")], 206, "light", "bytes 5-9/10"),
        (vec![("range", "bytes=-2")], 206, "ht", "bytes 8-9/10"),
        (vec![("range", "bytes=10-")], 416, "", "bytes */10"),
        (vec![("range", "bytes=0-0,2-2")], 200, "What light", ""),
        (vec![("range", "bytes=5-7"), ("if-range", etag.as_str())], 206, "lig", "bytes 5-7/10"),
        (vec![("range", "bytes=5-7"), ("if-range", "\"other\"")], 200, "What light", ""),
        (vec![("if-none-match", etag.as_str())], 304, "", ""),
        (vec![("if-none-match", "\"other\"")], 200, "What light", ""),
    ] {
        let got = house.get_with(&path, &headers).await;
        let seen = (got.status.as_u16(), std::str::from_utf8(got.body()).unwrap(), got.header("content-range"));
        assert_eq!(seen, (status, body, range), "{headers:?}");
    }
}

#[tokio::test]
async fn what_is_no_file_is_not_found_and_says_nothing() {
    let house = House::new().await;
    let path = house.slot(1).await;
    assert_eq!(house.put(&path, b"1").await, StatusCode::CREATED);
    let id = path.split('/').nth(2).unwrap();
    for path in [
        format!("/upload/{id}"),
        format!("/upload/{id}/b.jpg"),
        format!("/upload/{id}/a.jpg/"),
        format!("/upload/{id}/../{id}/a.jpg"),
        format!("/upload/{}/a.jpg", id.to_uppercase()),
        format!("/upload/{}/a.jpg", "a".repeat(32)),
        "/upload/".into(),
        "/upload/../../etc/passwd".into(),
        "/upload/%2e%2e/%2e%2e/etc/passwd".into(),
    ] {
        assert_eq!(house.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(house.put(&path, b"1").await, StatusCode::NOT_FOUND, "{path}");
    }
    for method in [Method::POST, Method::DELETE, Method::PATCH] {
        let answer = house.send(method, &path, &[], web::empty()).await;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (StatusCode::METHOD_NOT_ALLOWED, "OPTIONS, HEAD, GET, PUT")
        );
    }
    let asked = house.send(Method::OPTIONS, &path, &[("origin", "https://web.example")], web::empty()).await;
    assert_eq!(
        (asked.status, asked.header("access-control-allow-methods")),
        (StatusCode::NO_CONTENT, "OPTIONS, HEAD, GET, PUT")
    );
    let elsewhere = http::Request::builder().uri("/elsewhere").body(web::empty()).unwrap();
    assert!(house.hub.answer(elsewhere).is_none());
}

#[tokio::test]
async fn the_media_type_is_that_of_the_slot_else_of_the_upload() {
    let house = House::new().await;
    for (slot, put, expected, shown) in [
        ("content-type='text/html'", Some("text/html"), "text/html", "attachment"),
        ("content-type='image/png'", None, "image/png", "inline"),
        ("", Some("audio/ogg"), "audio/ogg", "inline"),
        ("", Some("image/svg+xml"), "image/svg+xml", "attachment"),
        ("", Some("nonsense"), "application/octet-stream", "attachment"),
        ("", None, "application/octet-stream", "attachment"),
    ] {
        let path = path(&house.ask(&format!("filename='a.jpg' size='1' {slot}"), "").await).unwrap();
        let headers: Vec<_> = put.map(|kind| ("content-type", kind)).into_iter().collect();
        assert_eq!(house.put_with(&path, b"1", &headers).await, StatusCode::CREATED);
        let got = house.get(&path).await;
        assert_eq!(got.header("content-type"), expected);
        assert!(got.header("content-disposition").starts_with(shown), "{slot} {put:?}");
    }
}

#[tokio::test]
async fn half_an_upload_is_none() {
    let house = House::new().await;
    let path = house.slot(10).await;
    for error in [BodyError::TooSlow, BodyError::Lost] {
        let body = web::parts(10, move |offset| {
            Box::pin(async move { if offset == 0 { Ok(Bytes::from_static(b"What")) } else { Err(error) } })
        });
        let answer = house.send(Method::PUT, &path, &[("content-length", "10")], body).await;
        let expected = if error == BodyError::TooSlow { 408 } else { 400 };
        assert_eq!((answer.status.as_u16(), house.files().len()), (expected, 0));
    }
    let short = house.send(Method::PUT, &path, &[("content-length", "10")], web::full("What")).await;
    assert_eq!((short.status, house.files().len()), (StatusCode::BAD_REQUEST, 0));
    let chunked = house.send(Method::PUT, &path, &[], web::full("What light")).await;
    assert_eq!(chunked.status, StatusCode::LENGTH_REQUIRED);
    house.faults.refuse_blobs(Some(store::Error::DiskFull { folder: "data".into() }));
    assert_eq!(house.put(&path, b"What light").await, StatusCode::INSUFFICIENT_STORAGE);
    house.faults.refuse_blobs(None);
    assert_eq!(house.put(&path, b"What light").await, StatusCode::CREATED, "the slot is still there");
}

#[tokio::test]
async fn a_slot_waits_five_minutes_and_a_file_thirty_days() {
    let house = House::new().await;
    let (used, unused, late) = (house.slot(1).await, house.slot(1).await, house.slot(1).await);
    house.pass(Duration::from_secs(299)).await;
    assert_eq!(house.put(&used, b"1").await, StatusCode::CREATED);
    house.pass(Duration::from_secs(2)).await;
    assert_eq!(house.put(&late, b"1").await, StatusCode::GONE);
    house.pass(Duration::from_secs(3_600)).await;
    assert_eq!(house.put(&unused, b"1").await, StatusCode::NOT_FOUND, "it was swept");
    assert_eq!(house.hub.store().map("uploads").all(house.romeo.as_str()).await.unwrap().len(), 1);
    house.pass(DAY * 29).await;
    assert_eq!((house.get(&used).await.status, house.files().len()), (StatusCode::OK, 1));
    house.pass(DAY).await;
    assert_eq!((house.get(&used).await.status, house.files().len()), (StatusCode::NOT_FOUND, 0));
    assert!(house.hub.store().map("uploads").owners("", 9).await.unwrap().is_empty());
    assert!(house.hub.store().keys("upload_owners").owners("", 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_ephemeral_file_is_gone_when_its_uploader_says() {
    let house = House::new().await;
    let ephemeral = "<ephemeral xmlns='urn:xmpp:http:upload:purpose:0' expire-before='2001-09-09T02:46:40Z'/>";
    let path = path(&house.ask("filename='a.jpg' size='1'", ephemeral).await).unwrap();
    assert_eq!(house.put(&path, b"1").await, StatusCode::CREATED);
    assert_eq!(house.get(&path).await.header("cache-control"), "private, max-age=3600, immutable");
    house.pass(Duration::from_secs(3_599)).await;
    assert_eq!(house.get(&path).await.status, StatusCode::OK);
    house.pass(Duration::from_secs(1)).await;
    assert_eq!(house.get(&path).await.status, StatusCode::NOT_FOUND);
    house.pass(Duration::from_secs(3_600)).await;
    assert_eq!(house.files().len(), 0);
    let bad = house.ask("filename='a.jpg' size='1'", "<ephemeral xmlns='urn:xmpp:http:upload:purpose:0'/>").await;
    assert!(bad.contains("<bad-request"), "{bad}");
}

#[tokio::test]
async fn the_bounds_of_an_account() {
    let bounds = upload::Options { account_bytes_per_day: 100, account_bytes: 150, account_files: 5, ..options() };
    let house = House::with(bounds).await;
    let refused = house.ask("filename='a' size='101'", "").await;
    assert!(refused.contains("<not-acceptable") && refused.contains("<max-file-size>100</max-file-size>"), "{refused}");
    let first = house.slot(60).await;
    assert_eq!(house.put(&first, &[b'x'; 60]).await, StatusCode::CREATED);
    let refused = house.ask("filename='a' size='41'", "").await;
    assert!(refused.contains("<resource-constraint") && refused.contains("type='wait'"), "{refused}");
    assert!(refused.contains("<retry xmlns='urn:xmpp:http:upload:0' stamp='2001-09-10T01:46:40Z'/>"), "{refused}");
    house.slot(40).await;
    let refused = house.ask("filename='a' size='1'", "").await;
    assert!(refused.contains("<resource-constraint"), "what was granted counts: {refused}");
    house.pass(Duration::from_secs(301)).await;
    house.slot(40).await;
    house.pass(DAY).await;
    house.slot(90).await;
    house.pass(DAY).await;
    assert!(house.ask("filename='a' size='90'", "").await.contains("<slot"), "slots that were not used are free again");
}

#[tokio::test]
async fn two_that_ask_at_once_share_the_bounds() {
    let house = House::with(upload::Options { account_bytes_per_day: 100, ..options() }).await;
    let phone = bind(&house.hub, &house.romeo, "phone").await;
    let ask = "<iq type='get' id='u' to='upload.verona.example'>\
               <request xmlns='urn:xmpp:http:upload:0' filename='a' size='60'/></iq>";
    say(&house.desk, ask);
    say(&phone, ask);
    let heard = heard(&house.hub, &house.desk).await.concat() + &heard(&house.hub, &phone).await.concat();
    assert_eq!((heard.matches("<slot").count(), heard.matches("<retry").count()), (1, 1), "{heard}");
}

#[tokio::test]
async fn with_an_account_go_its_files() {
    let house = House::new().await;
    let (put, open) = (house.slot(1).await, house.slot(1).await);
    assert_eq!(house.put(&put, b"1").await, StatusCode::CREATED);
    house.hub.remove_account(&house.romeo, None).await.unwrap();
    assert_eq!(house.get(&put).await.status, StatusCode::NOT_FOUND);
    assert_eq!(house.put(&open, b"1").await, StatusCode::NOT_FOUND);
    house.hub.idle().await;
    assert_eq!(house.files().len(), 0);
    assert!(house.hub.store().keys("upload_owners").owners("", 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_crash_left_goes_at_the_next_start() {
    let house = House::new().await;
    let (kept, lost) = (house.slot(1).await, house.slot(1).await);
    for path in [&kept, &lost] {
        assert_eq!(house.put(path, b"1").await, StatusCode::CREATED);
    }
    let store = house.hub.store().clone();
    // As after a crash between the removal of an account and that of its files; and a file of which nothing was ever written.
    let (epoch, slots) = (store.claim("test"), store.map("uploads"));
    let id = lost.split('/').nth(2).unwrap();
    store.submit(store::Batch::new("test", epoch).delete_in(&slots, house.romeo.as_str(), id)).await.unwrap();
    let mut stray = store.blobs("uploads").begin("stray", 1).unwrap();
    stray.write(b"1").unwrap();
    stray.finish().unwrap();
    let hub = hub_on(store, &house.clock, options()).await;
    hub.start_chores();
    house.pass(Duration::ZERO).await;
    hub.idle().await;
    assert_eq!(house.files(), [kept.split('/').nth(2).unwrap()]);
    assert_eq!(house.hub.store().keys("upload_owners").owners("", 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_host_may_be_full() {
    let house = House::with(upload::Options { total_bytes: 10, ..options() }).await;
    house.slot(6).await;
    let refused = house.ask("filename='a' size='5'", "").await;
    assert!(refused.contains("<resource-constraint") && !refused.contains("<retry"), "{refused}");
    house.pass(Duration::from_secs(7_200)).await;
    house.slot(5).await;
}
