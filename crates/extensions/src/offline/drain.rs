//! Waiting messages on their way to a session: page by page, each as the one before has reached the socket.
use super::{Room, old};
use im::{Home, Hub, Pull, Session, Within};
use std::sync::Arc;
use store::{History, Row};
use xmpp::{Jid, Stanza, Timestamp};

/// How many messages are fetched at once; a page ends earlier when they are large.
const PAGE: usize = 50;

struct Drain {
    room: Arc<Room>,
    hub: Hub,
    home: Arc<Home>,
    /// [`super::Waiting::taken`] at its beginning.
    taken: u64,
    /// The rows of the last page: the client has them by the time the next page is fetched.
    delivered: Vec<Given>,
}

/// A row of the last page.
struct Given {
    id: u64,
    /// There was anything left of it to be given out.
    shown: bool,
}

/// What waits for this account, from the beginning.
pub(super) fn new(room: &Arc<Room>, within: &Within<'_>, taken: u64) -> Arc<dyn Pull> {
    let (hub, home) = (within.hub().clone(), within.home().clone());
    Arc::new(Drain { room: room.clone(), hub, home, taken, delivered: Vec::new() })
}

impl Pull for Drain {
    fn more(self: Arc<Self>, session: &Arc<Session>) {
        // At once, before the door can be gone: whoever comes next must not be given the same again.
        if self.strike_out(session) {
            let session = session.clone();
            self.hub.clone().spawn(async move { while !self.next_page(&session).await {} });
        }
    }

    fn ended(&self, within: &mut Within<'_>, had: usize) {
        let mut shown = 0;
        let had = self.delivered.iter().take_while(|row| {
            shown += usize::from(row.shown);
            shown <= had
        });
        self.strike(within, had.map(|row| row.id).collect());
    }
}

impl Drain {
    /// Puts the next page, or ends the answer. False: more has been stored meanwhile, for a session that has lost its connection; look again.
    async fn next_page(&self, session: &Arc<Session>) -> bool {
        let known = self.home.with(&self.hub, |within| {
            self.waiting(within).map(|waiting| (waiting.stored, waiting.written.clone()))
        });
        let Some((stored, written)) = known else { return true };
        if let Some(written) = written {
            // What was struck out for another session, or is being stored, is settled before it is read.
            drop(written.await);
        }
        let after = self.delivered.last().map_or(0, |row| row.id);
        let owner = self.home.jid().as_str();
        let rows = self.hub.shapes().archive.undelivered(owner, after, PAGE).await.unwrap_or_else(|error| {
            im::Fault::from(error).tell();
            Vec::new()
        });
        let now = self.hub.clock().now();
        let (mut page, mut delivered) = (Vec::new(), Vec::new());
        // A client that reads well must have room for what else comes.
        let mut room = self.hub.limits().session_queue_bytes / 4;
        for row in &rows {
            let stanza = replayed(row, self.home.jid(), now);
            let bytes = stanza.as_ref().map_or(0, Stanza::memory_bytes);
            if bytes > room && !page.is_empty() {
                break;
            }
            room = room.saturating_sub(bytes);
            delivered.push(Given { id: row.id, shown: stanza.is_some() });
            page.extend(stanza.map(Arc::new));
        }
        let (room, hub, home, taken) = (self.room.clone(), self.hub.clone(), self.home.clone(), self.taken);
        let next: Option<Arc<dyn Pull>> =
            if rows.is_empty() { None } else { Some(Arc::new(Drain { room, hub, home, taken, delivered })) };
        // Under the lock, or it would meet a session that has just given up, or a drain that begins right now.
        self.home.with(&self.hub, |within| {
            let Some(waiting) = self.waiting(within) else { return true };
            if next.is_none() && waiting.stored != stored {
                return false;
            }
            if next.is_none() {
                waiting.receiver.take_if(|receiver| Arc::ptr_eq(receiver, session));
            }
            session.page(page, next);
            true
        })
    }

    /// What waits, unless somebody else is given it by now.
    fn waiting<'w>(&self, within: &'w mut Within<'_>) -> Option<&'w mut super::Waiting> {
        within.account.slot_mut(self.room.waiting).filter(|waiting| waiting.taken == self.taken)
    }

    /// What the session has got waits no longer. Whether it shall get the rest too; meanwhile that may be another's.
    fn strike_out(&self, session: &Arc<Session>) -> bool {
        self.home.with(&self.hub, |within| {
            self.strike(within, self.delivered.iter().map(|row| row.id).collect());
            let Some(waiting) = self.waiting(within) else { return false };
            let receives = waiting.receiver.as_ref().is_some_and(|receiver| Arc::ptr_eq(receiver, session));
            if !receives {
                // Under the lock, or a drain that begins right now would meet one that is about to end.
                session.page(Vec::new(), None);
            }
            receives
        })
    }

    /// These rows are delivered.
    fn strike(&self, within: &mut Within<'_>, delivered: Vec<u64>) {
        if delivered.is_empty() {
            return;
        }
        let (archive, owner) = (&self.hub.shapes().archive, self.home.jid().as_str());
        let rows = delivered.len() as u64;
        let batch = within.batch().delivered(archive, owner, delivered, History::Remove);
        let ticket = within.write(batch);
        if let Some(waiting) = within.account.slot_mut(self.room.waiting) {
            waiting.count = waiting.count.saturating_sub(rows);
            waiting.written = Some(ticket);
        }
    }
}

/// A kept message as it is given out, with the stamp of when it came (XEP-0160 §2). `None`: it has expired, or cannot be read any more.
fn replayed(row: &Row, account: &Jid, now: Timestamp) -> Option<Stanza> {
    let mut stanza = im::stored_stanza("archive", &row.bytes)?;
    let stored = Timestamp::from_millis(row.time_ms);
    old::expire(&mut stanza, stored, now)?;
    old::forget_offline(&mut stanza);
    if !crate::delay::is_stamped_by(&stanza, &account.domain_jid()) {
        // As in 2000: kept by the address to which it was sent.
        let kept_by = stanza.to().unwrap_or(account).clone();
        crate::delay::stamp(&mut stanza, &kept_by, stored, "Offline Storage");
    }
    Some(stanza)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given_out(children: &str, after_s: i64) -> Option<String> {
        let bytes = format!("<message from='romeo@h/desk' to='juliet@h' id='m1'>{children}</message>").into_bytes();
        let row = Row { id: 1, time_ms: 1_000_000_000_000, with: "romeo@h".into(), undelivered: true, bytes };
        let now = Timestamp::from_millis(row.time_ms + after_s * 1000);
        let stanza = replayed(&row, &Jid::parse("juliet@h").unwrap(), now)?;
        let inside = stanza.to_element().as_str().split_once('>')?.1.to_owned();
        Some(inside.replace("</message>", ""))
    }

    const STAMP: &str =
        "<delay xmlns='urn:xmpp:delay' from='juliet@h' stamp='2001-09-09T01:46:40Z'>Offline Storage</delay>";

    #[test]
    fn waiting_leaves_its_marks() {
        let rows = [
            ("<body>hi</body>", 5, Some("<body>hi</body>")),
            (
                "<body>hi</body><x xmlns='jabber:x:expire' seconds='60' stored='1'/>",
                20,
                Some("<body>hi</body><x xmlns='jabber:x:expire' seconds='40'/>"),
            ),
            ("<body>hi</body><x xmlns='jabber:x:expire' seconds='60'/>", 60, None),
            (
                "<x xmlns='jabber:x:event'><offline/><displayed/></x><body>hi</body>",
                5,
                Some("<body>hi</body><x xmlns='jabber:x:event'><displayed/></x>"),
            ),
            ("<x xmlns='jabber:x:event'><offline/></x><body>hi</body>", 5, Some("<body>hi</body>")),
            ("not even XML <", 5, None),
        ];
        for (kept, after, given) in rows {
            assert_eq!(given_out(kept, after), given.map(|given| format!("{given}{STAMP}")), "{kept}");
        }
    }
}
