//! Everything kept for an account but what proves its password, as one JSON object.

use im::roster::{Item, Roster};
use im::{Fault, Hub};
use serde_json::{Value, json};
use store::Error;
use xmpp::Jid;

use super::{Answer, accounts};

/// Waiting messages that are read at a time.
const PAGE: usize = 100;

/// Bytes of waiting messages that one export takes; what is beyond is counted.
const MESSAGES_BYTES_MAX: usize = 33_554_432;

/// Exports one account.
pub(super) async fn account(hub: &Hub, jid: &str) -> Result<Answer, String> {
    let account = accounts::account(hub, jid)?;
    // What is not durable yet was not told to anybody.
    let roster = hub.stored_roster(&account).await.map_err(|fault| fault.to_string())?;
    let roster = roster.ok_or_else(|| format!("{account}: there is no such account"))?;
    let exported = export(hub, &account, &roster).await.map_err(|fault| fault.to_string())?;
    Ok(Answer::Account { account: exported })
}

async fn export(hub: &Hub, jid: &Jid, roster: &Roster) -> Result<Value, Fault> {
    let spelling = hub.spelling(jid).await?;
    let roster: Vec<Value> = roster.iter().map(contact).collect();
    let vcard = hub.store().keys("vcard").get(jid.as_str()).await?.map(text);
    let private = hub.store().map("private").all(jid.as_str()).await?;
    let private: Vec<String> = private.into_iter().map(|(_, bytes)| text(bytes)).collect();
    // What cannot be read is told by whoever uses it; here it is left out.
    let record = |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).ok();
    let privacy = hub.store().keys("privacy").get(jid.as_str()).await?.and_then(record);
    let filter = hub.store().keys("filter").get(jid.as_str()).await?.and_then(record);
    let (messages, left_out) = waiting(hub, jid.as_str()).await?;
    Ok(json!({
        "format": "yatter-account",
        "version": 1,
        "jid": jid.as_str(),
        "spelling": spelling,
        "roster": roster,
        "vcard": vcard,
        "private": private,
        "privacy": privacy,
        "filter": filter,
        "messages": messages,
        "messages_left_out": left_out,
    }))
}

fn contact(item: &Item) -> Value {
    json!({
        "jid": item.jid.as_str(),
        "name": item.name,
        "groups": item.groups,
        "subscription": item.state.attribute(),
        "pending_out": item.state.pending_out(),
        "pending_in": item.state.pending_in(),
        "approved": item.approved,
    })
}

/// The messages that wait for the account, the oldest first, and how many did not fit.
async fn waiting(hub: &Hub, owner: &str) -> Result<(Vec<Value>, usize), Error> {
    let archive = hub.store().archive("archive");
    let (mut messages, mut left_out, mut bytes, mut after) = (Vec::new(), 0, 0, 0);
    loop {
        let page = archive.undelivered(owner, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok((messages, left_out)) };
        after = last.id;
        for row in page {
            bytes += row.bytes.len();
            if bytes > MESSAGES_BYTES_MAX {
                left_out += 1;
                continue;
            }
            messages.push(json!({ "time_ms": row.time_ms, "stanza": text(row.bytes) }));
        }
    }
}

/// What was stored as XML is UTF-8.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}
