//! The photo of a vCard in presence (XEP-0153), for clients that do not tell of it themselves.
//!
//! A client that writes the update element, whatever is in it, takes part itself and is left alone. For the others it is written here: with the hash of
//! the photo, or empty once there was a photo and is none any more. Who never had one shows nothing.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use im::{AccountSlot, Fault, SentAt, Session, Verdict, Within};
use sha1::{Digest, Sha1};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use store::{Batch, KeyValue, Store, Ticket};
use xml::{Builder, Element};
use xmpp::{Jid, PresenceType, Stanza, ns};

/// What an account shows of its photo.
#[derive(Default)]
pub(super) struct Avatar {
    /// The hash; empty when there is no photo any more, nothing when there never was one.
    hash: Option<String>,
    /// The resources for which it is told here.
    told: BTreeSet<String>,
}

impl Avatar {
    pub(super) async fn load(store: Store, jid: Jid) -> Result<Avatar, Fault> {
        let hash = keys(&store).get(jid.as_str()).await?.and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(Avatar { hash, told: BTreeSet::new() })
    }
}

fn keys(store: &Store) -> KeyValue {
    store.keys("avatar")
}

/// A session says that it is available, to everybody or to somebody.
pub(super) fn stamp(slot: AccountSlot<Avatar>, at: &mut SentAt<'_>) -> Verdict {
    let Some(avatar) = at.within.account.slot(slot).filter(|avatar| avatar.hash.is_some()) else {
        return Verdict::Pass;
    };
    if at.stanza.presence_type() != PresenceType::Available {
        return Verdict::Pass;
    }
    let itself = tells(at.stanza);
    if let Some(hash) = avatar.hash.as_ref().filter(|_| !itself) {
        at.stanza.append(update(hash));
    }
    if at.stanza.to().is_none() {
        remember(slot, at, !itself);
    }
    Verdict::Pass
}

/// Whether a client tells of its owner's photo, or that it has something to say of it.
fn tells(presence: &Stanza) -> bool {
    presence.names_namespace(ns::VCARD_UPDATE) && presence.child(ns::VCARD_UPDATE, "x").is_some()
}

fn remember(slot: AccountSlot<Avatar>, at: &mut SentAt<'_>, here: bool) {
    let sessions = at.within.account.sessions().iter().map(|present| present.session().resource().to_owned());
    let there: BTreeSet<String> = sessions.collect();
    let Some(avatar) = at.within.account.slot_mut(slot) else { return };
    // Of sessions that are gone nothing is kept, whatever became of their presence.
    avatar.told.retain(|resource| there.contains(resource));
    if here {
        avatar.told.insert(at.session.resource().to_owned());
    } else {
        avatar.told.remove(at.session.resource());
    }
}

/// Another vCard is set. Gives the batch with what changes of the photo, and whether anything does.
pub(super) fn change(slot: AccountSlot<Avatar>, within: &mut Within<'_>, batch: Batch, card: &Element) -> (Batch, bool) {
    let keys = keys(within.hub().store());
    let owner = within.account.jid().clone();
    let Some(avatar) = within.account.slot_mut(slot) else { return (batch, false) };
    let hash = hash(card).or_else(|| avatar.hash.is_some().then(String::new));
    if hash == avatar.hash {
        return (batch, false);
    }
    avatar.hash.clone_from(&hash);
    (batch.put(&keys, owner.as_str(), hash.unwrap_or_default()), true)
}

/// Presence that is shown already tells of the new photo, when that is durable.
pub(super) fn show_after(slot: AccountSlot<Avatar>, within: &Within<'_>, written: Ticket) {
    let (hub, home) = (within.hub().clone(), within.home().clone());
    within.hub().spawn(async move {
        // Whoever set it is told if that failed.
        if written.await.is_ok() {
            home.with(&hub, |within| show(slot, within));
        }
    });
}

fn show(slot: AccountSlot<Avatar>, within: &mut Within<'_>) {
    let Some(avatar) = within.account.slot(slot) else { return };
    let (hash, mut told) = (avatar.hash.clone().unwrap_or_default(), avatar.told.clone());
    within.refresh_presence(|session: &Session, presence| {
        let here = told.contains(session.resource()) || !tells(presence);
        if here {
            presence.remove(|child| child.is(ns::VCARD_UPDATE, "x"));
            presence.append(update(&hash));
            told.insert(session.resource().to_owned());
        }
        here
    });
    if let Some(avatar) = within.account.slot_mut(slot) {
        avatar.told = told;
    }
}

fn update(hash: &str) -> Element {
    let update = Builder::new(ns::VCARD_UPDATE, "x").open(ns::VCARD_UPDATE, "photo");
    if hash.is_empty() { update.close().finish() } else { update.text(hash).close().finish() }
}

/// The SHA-1 of the photo itself, in hexadecimal digits; spaces and line ends in its Base64 do not count (§4.4). Nothing when there is none.
fn hash(card: &Element) -> Option<String> {
    let written = card.root().child(ns::VCARD, "PHOTO")?.child(ns::VCARD, "BINVAL")?;
    let text: String = written.text().split_ascii_whitespace().collect();
    let photo = STANDARD.decode(text).ok().filter(|photo| !photo.is_empty())?;
    let mut digits = String::with_capacity(40);
    for byte in Sha1::digest(&photo) {
        let _ = write!(digits, "{byte:02x}");
    }
    Some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_of(card: &str) -> Option<String> {
        let card = format!("<vCard xmlns='vcard-temp'>{card}</vCard>");
        hash(&Element::parse(card.as_bytes(), &xml::Limits::default()).unwrap())
    }

    #[test]
    fn the_photo_itself_is_hashed() {
        // printf abc | sha1sum
        let abc = Some("a9993e364706816aba3e25717850c26c9cd0d89d".to_owned());
        assert_eq!(hash_of("<PHOTO><TYPE>image/png</TYPE><BINVAL>YWJj</BINVAL></PHOTO>"), abc);
        assert_eq!(hash_of("<PHOTO><BINVAL>\n YW\r\n Jj\n</BINVAL></PHOTO>"), abc);
        for none in ["", "<PHOTO/>", "<PHOTO><BINVAL/></PHOTO>", "<PHOTO><BINVAL>?</BINVAL></PHOTO>", "<PHOTO><EXTVAL>http://e/x.png</EXTVAL></PHOTO>"] {
            assert_eq!(hash_of(none), None, "{none}");
        }
    }

    #[test]
    fn an_update_is_never_without_a_photo_element() {
        assert_eq!(update("").as_str(), "<x xmlns='vcard-temp:x:update'><photo/></x>");
        assert_eq!(update("ab").as_str(), "<x xmlns='vcard-temp:x:update'><photo>ab</photo></x>");
    }
}
