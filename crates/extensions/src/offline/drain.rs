//! Waiting messages on their way to a session: page by page, each when the client has the one before.
use super::{Room, old};
use im::{Home, Hub, Pull, Session, Within};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::{History, Row, Ticket};
use xmpp::delay::Stamps;
use xmpp::{Jid, Stanza, Timestamp};

/// How many messages are fetched at once; a page ends earlier when they are large.
const PAGE: usize = 50;

/// How long a session that has become unavailable may take to acknowledge its last page, before another is given the same.
const PATIENCE: Duration = Duration::from_secs(10);

struct Drain {
    room: Arc<Room>,
    hub: Hub,
    home: Arc<Home>,
    /// The ends of what other sessions still have under way.
    others: Vec<Ticket>,
    /// The rows of the last page: the client has them by the time the next page is fetched.
    delivered: Vec<Given>,
    /// They wait no longer, or as many of them as the client had.
    struck: AtomicBool,
}

/// A row of the last page.
struct Given {
    id: u64,
    /// There was anything left of it to be given out.
    shown: bool,
}

/// What waits for this account, from the beginning; but only when these have ended.
pub(super) fn new(room: &Arc<Room>, within: &Within<'_>, others: Vec<Ticket>) -> Arc<dyn Pull> {
    let (hub, home) = (within.hub().clone(), within.home().clone());
    Arc::new(Drain { room: room.clone(), hub, home, others, delivered: Vec::new(), struck: AtomicBool::new(false) })
}

impl Pull for Drain {
    fn more(self: Arc<Self>, session: &Arc<Session>) {
        // At once, before the door can be gone: whoever comes next must not be given the same again.
        let goes_on = self.home.with(&self.hub, |within| {
            self.strike_out(within, self.delivered.len());
            self.goes_on(within, session) && !self.is_complete(within, session)
        });
        if goes_on {
            let session = session.clone();
            if self.others.is_empty() {
                self.fetch(session);
            } else {
                // Not as work that is under way: it depends on a client.
                tokio::spawn(async move {
                    self.wait_for_others(&session).await;
                    self.fetch(session);
                });
            }
        }
    }

    fn ended(&self, within: &mut Within<'_>, had: usize) {
        let mut shown = 0;
        let had = self.delivered.iter().take_while(|row| {
            shown += usize::from(row.shown);
            shown <= had
        });
        self.strike_out(within, had.count());
        self.room.start(within);
    }
}

impl Drain {
    fn fetch(self: Arc<Self>, session: Arc<Session>) {
        self.hub.clone().spawn(async move { while !self.next_page(&session).await {} });
    }

    /// A session that has become unavailable has the rest of its page first. One that does not say so in time is not waited for.
    async fn wait_for_others(&self, session: &Arc<Session>) {
        let clock = self.hub.clock();
        let all = async {
            for other in &self.others {
                drop(other.clone().await);
            }
        };
        tokio::select! {
            () = all => {}
            () = clock.until(clock.elapsed() + PATIENCE) => self.home.with(&self.hub, |within| {
                let late = |other: &&im::Present| other.session().pulling().is_some() && !other.takes_messages();
                let late: Vec<_> = within.account.sessions().iter().filter(late).map(|other| other.session().clone()).collect();
                late.iter().filter(|other| !Arc::ptr_eq(other, session)).for_each(|other| within.give_up(other));
            }),
        }
    }

    /// Puts the next page, or ends the answer. False: more has been stored meanwhile, for a session that has lost its connection; look again.
    async fn next_page(&self, session: &Arc<Session>) -> bool {
        let known = self.home.with(&self.hub, |within| {
            let goes_on = self.goes_on(within, session);
            let waiting = within.account.slot(self.room.waiting).filter(|_| goes_on)?;
            Some((waiting.stored, waiting.kept.clone(), waiting.struck.clone()))
        });
        let Some((stored, kept, struck)) = known else { return true };
        let after = self.delivered.last().map_or(0, |row| row.id);
        // What is being stored is settled before it is read, and so is what was struck out for another session: it may come after this one's last row
        // only when this one has none.
        for settled in kept.into_iter().chain(struck.filter(|_| after == 0)) {
            drop(settled.await);
        }
        let owner = self.home.jid().as_str();
        let rows = self.hub.shapes().archive.undelivered(owner, after, PAGE).await.unwrap_or_else(|error| {
            im::Fault::from(error).tell();
            Vec::new()
        });
        let (now, mut stamps) = (self.hub.clock().now(), Stamps::new("Offline Storage"));
        let (mut page, mut delivered) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        let mut last: Option<Jid> = None;
        // A client that reads well must have room for what else comes.
        let mut room = self.hub.limits().session_queue_bytes / 4;
        for row in &rows {
            let stanza = replayed(row, self.home.jid(), last.as_ref(), now, &mut stamps);
            // Who wrote one has often written the next.
            last = stanza.as_ref().and_then(Stanza::from).cloned();
            let bytes = stanza.as_ref().map_or(0, Stanza::memory_bytes);
            if bytes > room && !page.is_empty() {
                break;
            }
            room = room.saturating_sub(bytes);
            delivered.push(Given { id: row.id, shown: stanza.is_some() });
            page.extend(stanza.map(Arc::new));
        }
        let next = (!rows.is_empty()).then(|| self.next(delivered));
        // Under the lock, or it would meet a session that has just given up, or a drain that begins right now.
        self.home.with(&self.hub, |within| {
            let stored_now = within.account.slot(self.room.waiting).map(|waiting| waiting.stored);
            if next.is_none() && stored_now != Some(stored) {
                return false;
            }
            session.page(self, page, next);
            true
        })
    }

    fn next(&self, delivered: Vec<Given>) -> Arc<dyn Pull> {
        let (room, hub, home) = (self.room.clone(), self.hub.clone(), self.home.clone());
        Arc::new(Drain { room, hub, home, others: Vec::new(), delivered, struck: AtomicBool::new(false) })
    }

    /// Whether the session shall get more. One that may have no messages any more leaves the rest to another.
    fn goes_on(&self, within: &mut Within<'_>, session: &Arc<Session>) -> bool {
        if !session.pulls_from(self) {
            return false;
        }
        let takes = |other: &im::Present| Arc::ptr_eq(other.session(), session) && other.takes_messages();
        let goes_on = within.account.sessions().iter().any(takes);
        if !goes_on {
            session.page(self, Vec::new(), None);
            self.room.start(within);
        }
        goes_on
    }

    /// Ends the answer when its last page was all that waited.
    fn is_complete(&self, within: &Within<'_>, session: &Arc<Session>) -> bool {
        let waiting = within.account.slot(self.room.waiting);
        let complete = !self.delivered.is_empty() && waiting.is_some_and(|waiting| waiting.count == 0);
        if complete {
            session.page(self, Vec::new(), None);
        }
        complete
    }

    /// The first so many rows of the last page are delivered: once, be it that the client is known to have all, or that the answer ends before.
    fn strike_out(&self, within: &mut Within<'_>, rows: usize) {
        if rows == 0 || self.struck.swap(true, Ordering::AcqRel) {
            return;
        }
        let (Some(first), Some(last)) = (self.delivered.first(), self.delivered.get(rows - 1)) else { return };
        let (archive, owner) = (&self.hub.shapes().archive, self.home.jid().as_str());
        let batch = within.batch().delivered(archive, owner, first.id..=last.id, History::Remove);
        // If that is lost, they are delivered again.
        let ticket = within.write_aside(batch);
        if let Some(waiting) = within.account.slot_mut(self.room.waiting) {
            waiting.count = waiting.count.saturating_sub(rows as u64);
            waiting.struck = Some(ticket);
        }
    }
}

/// A kept message as it is given out, with the stamp of when it came (XEP-0160 §2). `None`: it has expired, or cannot be read any more.
fn replayed(row: &Row, account: &Jid, sender: Option<&Jid>, now: Timestamp, stamps: &mut Stamps) -> Option<Stanza> {
    let mut stanza = im::stored_stanza_among("archive", &row.bytes, &[account, sender.unwrap_or(account)])?;
    let stored = Timestamp::from_millis(row.time_ms);
    old::expire(&mut stanza, stored, now)?;
    old::forget_offline(&mut stanza);
    if !crate::delay::is_stamped_by(&stanza, &account.domain_jid()) {
        // As in 2000: kept by the address to which it was sent.
        let stamp = stamps.element(stanza.to().unwrap_or(account), stored);
        stanza.append(stamp);
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
        let stanza = replayed(&row, &Jid::parse("juliet@h").unwrap(), None, now, &mut Stamps::new("Offline Storage"))?;
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
