//! Long answers: fetched page by page as the client gets them, instead of being pushed in whole.
use super::queue::{Item, Outbound};
use super::{Session, wake};
use std::collections::VecDeque;
use std::sync::Arc;
use xmpp::Stanza;

/// A long answer that is fetched page by page.
pub trait Pull: Send + Sync {
    /// The client has all of the last page, as far as that can be known: fetch the next, and put it with [`Session::page`].
    fn more(self: Arc<Self>, session: &Arc<Session>);

    /// The answer ends before its next page is asked for, in the middle of one of which the client has so many stanzas. Called inside the home.
    fn ended(&self, within: &mut crate::Within<'_>, had: usize);
}

/// While a long answer is under way, what is posted meanwhile waits behind it, so that old comes before new.
pub(super) struct Pulling {
    /// Fetches the next page; taken while it does.
    pub(super) source: Option<Arc<dyn Pull>>,
    pub(super) held: VecDeque<Item>,
    /// Stanzas of the last page of which it is not known that the client has them.
    pub(super) rows: usize,
    /// Stanzas of the last page that the client has.
    pub(super) had: usize,
}

impl Session {
    /// Begins a long answer: what is posted from now on waits until [`Session::page`] says that it is complete.
    pub fn pull(self: &Arc<Self>, source: Arc<dyn Pull>) {
        let mut out = self.out.lock();
        if out.pulling.is_none() {
            let source = Some(source);
            out.pulling = Some(Box::new(Pulling { source, held: VecDeque::new(), rows: 0, had: 0 }));
        }
        wake(out.waker.take(), out);
    }

    /// Puts one page of a long answer; `next` fetches the one after it, `None` ends the answer and lets go what was held. A page of an answer that was
    /// given up meanwhile is nobody's.
    pub fn page(&self, stanzas: Vec<Arc<Stanza>>, next: Option<Arc<dyn Pull>>) {
        let mut out = self.out.lock();
        let Some(mut pulling) = out.pulling.take() else { return };
        (pulling.rows, pulling.had) = (stanzas.len(), 0);
        for stanza in stanzas {
            out.bytes += stanza.memory_bytes();
            out.queue.push_back(Item::Row(stanza));
        }
        match next {
            Some(next) => {
                pulling.source = Some(next);
                out.pulling = Some(pulling);
            }
            None => out.queue.extend(pulling.held),
        }
        out.settle(self.bytes_max);
        wake(out.waker.take(), out);
    }

    /// Ends a long answer that goes to somebody else now: what the client is not known to have of it is forgotten, what waited behind it goes on.
    /// Gives who fetched the answer, and how many stanzas of its last page the client has.
    pub(crate) fn give_up(&self) -> Option<(Arc<dyn Pull>, usize)> {
        let mut guard = self.out.lock();
        let out = &mut *guard;
        let pulling = *out.pulling.take()?;
        let mut bytes = 0;
        out.queue.retain(|item| {
            let row = matches!(item, Item::Row(_));
            bytes += if row { item.bytes() } else { 0 };
            !row
        });
        out.bytes = out.bytes.saturating_sub(bytes);
        for item in &mut out.handed {
            if matches!(item, Item::Row(_)) {
                if let Some(sm) = &mut out.sm {
                    sm.handed_bytes = sm.handed_bytes.saturating_sub(item.bytes() - Item::Nothing.bytes());
                }
                *item = Item::Nothing;
            }
        }
        out.queue.extend(pulling.held);
        out.settle(self.bytes_max);
        pulling.source.map(|source| (source, pulling.had))
    }
}

impl Outbound {
    /// Who shall fetch the next page: when the client has the last one.
    pub(super) fn due(&mut self) -> Option<Arc<dyn Pull>> {
        // Nobody writes a further page of a session that ends.
        if self.unwritten || self.end.is_some() {
            return None;
        }
        let pulling = self.pulling.as_mut().filter(|pulling| pulling.rows == 0)?;
        pulling.source.take()
    }

    /// One stanza of a long answer went out before the client's acknowledgements count: the socket's word is enough.
    pub(super) fn row_needs_no_word(&mut self) {
        if let Some(pulling) = &mut self.pulling {
            pulling.rows = pulling.rows.saturating_sub(1);
        }
    }

    /// The client has so many more stanzas of a long answer.
    pub(super) fn confirm_rows(&mut self, count: usize) {
        if let Some(pulling) = &mut self.pulling {
            pulling.rows = pulling.rows.saturating_sub(count);
            pulling.had += count;
        }
    }
}
