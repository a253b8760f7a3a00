//! Long answers: fetched page by page as the client gets them, instead of being pushed in whole.
use super::queue::{Item, Outbound};
use super::{Session, wake};
use std::collections::VecDeque;
use std::sync::Arc;
use store::{Promise, Ticket};
use xmpp::Stanza;

/// A long answer that is fetched page by page.
pub trait Pull: Send + Sync {
    /// The client has all of the last page, as far as that can be known: fetch the next, and put it with [`Session::page`].
    fn more(self: Arc<Self>, session: &Arc<Session>);

    /// The answer ends early, when the client has so many stanzas of the last page; [`Pull::more`] may be at work. Called inside the home.
    fn ended(&self, within: &mut crate::Within<'_>, had: usize);
}

/// While a long answer is under way, what is posted meanwhile waits behind it, so that old comes before new.
pub(super) struct Pulling {
    /// Who fetches the next page.
    pub(super) source: Arc<dyn Pull>,
    /// It has been asked for that.
    pub(super) fetching: bool,
    pub(super) held: VecDeque<Item>,
    /// What these weigh.
    pub(super) held_bytes: usize,
    /// Stanzas of the last page of which it is not known that the client has them.
    pub(super) rows: usize,
    /// Stanzas of the last page that the client has.
    pub(super) had: usize,
    /// Settled when this is dropped.
    ends: Ticket,
    _end: Promise,
}

impl Pulling {
    pub(super) fn hold(&mut self, item: Item) {
        self.held_bytes += item.bytes();
        self.held.push_back(item);
    }

    fn is_from(&self, source: &dyn Pull) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(&self.source), source)
    }
}

impl Session {
    /// Begins a long answer, unless one is under way: what is posted from now on waits until [`Session::page`] says that it is complete.
    pub fn pull(&self, source: Arc<dyn Pull>) {
        let mut out = self.out.lock();
        if out.pulling.is_none() {
            let (end, ends) = Ticket::pair();
            let (held, held_bytes) = (VecDeque::new(), 0);
            let (fetching, rows, had) = (false, 0, 0);
            out.pulling = Some(Box::new(Pulling { source, fetching, held, held_bytes, rows, had, ends, _end: end }));
        }
        wake(out.waker.take(), out);
    }

    /// While it is being given a long answer: done when that has ended.
    pub fn pulling(&self) -> Option<Ticket> {
        Some(self.out.lock().pulling.as_ref()?.ends.clone())
    }

    /// Whether `source` fetches the next page for it.
    pub fn pulls_from(&self, source: &dyn Pull) -> bool {
        self.out.lock().pulling.as_ref().is_some_and(|pulling| pulling.is_from(source))
    }

    /// Puts one page that `from` has fetched; `next` fetches the one after it, `None` ends the answer and lets go what was held. A page of an answer that
    /// was given up meanwhile is nobody's.
    pub fn page(&self, from: &dyn Pull, stanzas: Vec<Arc<Stanza>>, next: Option<Arc<dyn Pull>>) {
        let mut out = self.out.lock();
        let Some(mut pulling) = out.pulling.take_if(|pulling| pulling.is_from(from)) else { return };
        (pulling.fetching, pulling.rows, pulling.had) = (false, stanzas.len(), 0);
        for stanza in stanzas {
            out.bytes += stanza.memory_bytes();
            out.queue.push_back(Item::Row(stanza));
        }
        match next {
            Some(next) => {
                pulling.source = next;
                out.pulling = Some(pulling);
            }
            None => out.queue.append(&mut pulling.held),
        }
        out.settle(self.bytes_max);
        wake(out.waker.take(), out);
    }

    /// Ends a long answer that goes to somebody else now: what the client is not known to have of it is forgotten, what waited behind it goes on.
    /// Gives who fetched the answer, and how many stanzas of its last page the client has.
    pub(crate) fn give_up(&self) -> Option<(Arc<dyn Pull>, usize)> {
        let mut guard = self.out.lock();
        let out = &mut *guard;
        let mut pulling = out.pulling.take()?;
        let mut bytes = 0;
        out.queue.retain(|item| {
            let row = matches!(item, Item::Row(_));
            bytes += if row { item.bytes() } else { 0 };
            !row
        });
        out.bytes = out.bytes.saturating_sub(bytes);
        for (place, item) in out.handed.iter_mut().enumerate() {
            if matches!(item, Item::Row(_)) {
                if let Some(sm) = out.sm.as_mut().filter(|sm| place >= sm.uncounted) {
                    sm.handed_bytes = sm.handed_bytes.saturating_sub(item.bytes() - Item::Nothing.bytes());
                }
                *item = Item::Nothing;
            }
        }
        out.queue.append(&mut pulling.held);
        out.settle(self.bytes_max);
        wake(guard.waker.take(), guard);
        Some((pulling.source.clone(), pulling.had))
    }
}

impl Outbound {
    /// Who shall fetch the next page: when the client has the last one.
    pub(super) fn due(&mut self) -> Option<Arc<dyn Pull>> {
        // Nobody writes a further page of a session that ends.
        if self.unwritten || self.end.is_some() {
            return None;
        }
        let pulling = self.pulling.as_mut().filter(|pulling| pulling.rows == 0 && !pulling.fetching)?;
        pulling.fetching = true;
        Some(pulling.source.clone())
    }

    /// The client has the first so many of what was handed: also of a long answer.
    pub(super) fn confirm(&mut self, count: usize) {
        let count = self.handed.drain(..count).filter(|item| matches!(item, Item::Row(_))).count();
        if let Some(pulling) = &mut self.pulling {
            pulling.rows = pulling.rows.saturating_sub(count);
            pulling.had += count;
        }
    }
}
