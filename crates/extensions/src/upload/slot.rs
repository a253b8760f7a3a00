//! A slot is asked for (XEP-0363 §4): may this file come, and where to?

use super::record::{self, DAY_MS, Owner, Record};
use super::{Room, fault, path, quota, sweep};
use im::{Hub, Payload, Reply, ServiceAsk};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use xml::{Builder, Element};
use xmpp::{Jid, StanzaError, Timestamp, ns};

/// What a client wants to upload.
pub(super) struct Wish {
    name: String,
    size: u64,
    kind: Option<String>,
    /// §5.3: not to be had after this.
    expire_before: Option<Timestamp>,
}

/// The longest media type.
const KIND_BYTES: usize = 255;

impl Payload for Wish {
    const NS: &'static str = ns::HTTP_UPLOAD;
    const NAME: &'static str = "request";

    fn read(request: xml::Node<'_>) -> Result<Self, StanzaError> {
        let bad = |text: &'static str| StanzaError::bad_request().with_text(text);
        let name = request.attr("filename").ok_or_else(|| bad("The filename is missing"))?.into_owned();
        let size = request.attr("size").and_then(|size| positive(&size));
        let size = size.ok_or_else(|| bad("The size is missing, or is no number of bytes"))?;
        let kind = request.attr("content-type").map(|kind| kind.into_owned()).filter(|kind| !kind.is_empty());
        if kind.as_deref().is_some_and(|kind| !is_kind(kind)) {
            return Err(bad("The content-type is none"));
        }
        let ephemeral = request.child(ns::HTTP_UPLOAD_PURPOSE, "ephemeral").map(|ephemeral| {
            let stamp = ephemeral.attr("expire-before").and_then(|stamp| Timestamp::parse(&stamp));
            stamp.ok_or_else(|| bad("An ephemeral file needs a time before which it expires"))
        });
        Ok(Wish { name, size, kind, expire_before: ephemeral.transpose()? })
    }
}

/// xs:positiveInteger, as far as files can be counted.
fn positive(text: &str) -> Option<u64> {
    let digits = text.trim();
    let plain = digits.strip_prefix('+').unwrap_or(digits).bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|size| plain && *size > 0)
}

/// Whether a text is a media type (RFC 9110 §8.3.1) that a header can hold.
pub(super) fn is_kind(text: &str) -> bool {
    let token = |text: &str| {
        let sign = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        !text.is_empty() && text.bytes().all(sign)
    };
    let two = |essence: &str| essence.split_once('/').is_some_and(|(kind, sub)| token(kind) && token(sub));
    text.len() <= KIND_BYTES && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && two(essence(text))
}

/// A media type without its parameters.
pub(super) fn essence(kind: &str) -> &str {
    kind.split(';').next().unwrap_or_default().trim()
}

/// Answers when the slot is durable: whoever was told of it can upload.
pub(super) fn ask(room: &Arc<Room>, ask: &mut ServiceAsk<'_>, wish: Wish) -> Result<Reply, StanzaError> {
    if !ask.is_ours() {
        return Err(StanzaError::forbidden().with_text("Only the accounts of this host can upload files here"));
    }
    if !path::is_name(&wish.name) {
        return Err(StanzaError::not_acceptable().with_text("No address can end with this filename"));
    }
    let largest = room.options.largest();
    if wish.size > largest {
        return Err(too_large(largest));
    }
    let (room, hub, account) = (room.clone(), ask.hub.clone(), ask.from.bare());
    Ok(Reply::later(async move { room.give(&hub, &account, wish).await.map(Reply::With) }))
}

fn too_large(largest: u64) -> StanzaError {
    let condition = Builder::new(ns::HTTP_UPLOAD, "file-too-large");
    let condition = condition.text_child(ns::HTTP_UPLOAD, "max-file-size", &largest.to_string()).finish();
    let text = format!("File too large. The maximum file size is {largest} bytes");
    StanzaError::not_acceptable().with_text(text).with_application(condition)
}

impl Room {
    async fn give(&self, hub: &Hub, account: &Jid, wish: Wish) -> Result<Element, StanzaError> {
        let home = hub.wake(account).await.map_err(|fault| fault.tell())?.ok_or_else(StanzaError::forbidden)?;
        let giving = home.with(hub, |within| {
            within.account.slot_mut(self.giving).map(|giving| giving.get_or_insert_with(Arc::default).clone())
        });
        let giving = giving.unwrap_or_default();
        let _one = giving.lock().await;
        self.fits(hub, account, wish.size).await?;

        let now = hub.clock().now();
        let (id, record) = (path::new_id()?, self.record(now, wish));
        let owner = Owner { account: account.to_string(), kind: None };
        let written = home.with(hub, |within| {
            let batch = within.batch().put_in(&record::slots(hub), &owner.account, &id, record.bytes());
            let batch = batch.put(&record::owners(hub), &id, owner.bytes());
            // Nothing may be written of an account after its erasing.
            (!within.account.is_removed()).then(|| within.write(batch))
        });
        written.ok_or_else(StanzaError::forbidden)?.await.map_err(fault)?;
        self.used.fetch_add(record.size, Ordering::Relaxed);
        let url = format!("{}{}", self.options.url.as_deref().unwrap_or_default(), path::of(&id, &record.name));
        let slot = Builder::new(ns::HTTP_UPLOAD, "slot");
        let slot = slot.open(ns::HTTP_UPLOAD, "put").attr("url", &url).close();
        Ok(slot.open(ns::HTTP_UPLOAD, "get").attr("url", &url).close().finish())
    }

    fn record(&self, now: Timestamp, wish: Wish) -> Record {
        let now = now.as_millis();
        let days = i64::try_from(self.options.keep_days).unwrap_or(i64::MAX);
        let kept = now.saturating_add(days.saturating_mul(DAY_MS));
        let expires_ms = wish.expire_before.map_or(kept, |before| before.as_millis().min(kept));
        let slot_ms = i64::try_from(self.options.slot_s).unwrap_or(i64::MAX).saturating_mul(1_000);
        let put_until_ms = now.saturating_add(slot_ms);
        Record { name: wish.name, kind: wish.kind, size: wish.size, given_ms: now, put_until_ms, expires_ms }
    }

    /// Looks at the account's bounds; slots that were never used are given up before it is refused.
    async fn fits(&self, hub: &Hub, account: &Jid, size: u64) -> Result<(), StanzaError> {
        let total = self.options.total_bytes;
        if total > 0 && self.used.load(Ordering::Relaxed).saturating_add(size) > total {
            return Err(StanzaError::resource_constraint().with_text("There is no room for more files on this server"));
        }
        let check = |slots: Vec<(String, Record)>| {
            let slots: Vec<Record> = slots.into_iter().map(|(_, slot)| slot).collect();
            quota::check(hub.clock().now(), size, &slots, &self.options)
        };
        if check(record::of_account(hub, account.as_str()).await.map_err(fault)?).is_ok() {
            return Ok(());
        }
        sweep::account(self, hub, account.as_str()).await.map_err(fault)?;
        let refused = check(record::of_account(hub, account.as_str()).await.map_err(fault)?);
        refused.map_err(|refusal| {
            let retry = Builder::new(ns::HTTP_UPLOAD, "retry").attr("stamp", &refusal.retry.to_string()).finish();
            StanzaError::resource_constraint().with_text(refusal.text).with_application(retry)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, size) in [
            ("1", Some(1)),
            (" 23456 ", Some(23_456)),
            ("+7", Some(7)),
            ("0", None),
            ("-1", None),
            ("", None),
            ("1e3", None),
            ("1.5", None),
            ("18446744073709551616", None),
            ("18446744073709551615", Some(u64::MAX)),
        ] {
            assert_eq!(positive(text), size, "{text}");
        }
    }

    #[test]
    fn media_types() {
        for kind in ["image/jpeg", "text/plain; charset=utf-8", "application/vnd.oasis.opendocument.text"] {
            assert!(is_kind(kind), "{kind}");
        }
        for kind in ["image", "image/", "/jpeg", "a b/c", "text/plain\r\nSet-Cookie: x", "text/plain; x=é", "a/b/c"] {
            assert!(!is_kind(kind), "{kind}");
        }
        assert!(!is_kind(&format!("a/{}", "b".repeat(254))));
    }
}
