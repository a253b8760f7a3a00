//! Stream management of one session, the half that faces the server: how many of the client's stanzas are handled (XEP-0198 §4).
//!
//! A stanza is handled when everything that came of it is durable, or has failed and been answered. Stanzas are counted when their account takes them;
//! behind what a batch of them puts into the account's outbox stands a marker, and when that is carried out, it is known which commits they rest on.
use std::collections::VecDeque;
use store::Ticket;

/// How far one session's stanzas have got. All numbers are modulo 2^32.
#[derive(Default)]
pub(super) struct Handled {
    /// Taken from the stream.
    received: u32,
    /// The same, when everything that came of them was durable.
    handled: u32,
    /// Carried out, in the order of the stream: how many stanzas, and what they rest on.
    pending: VecDeque<(u32, Vec<Ticket>)>,
    /// Somebody will look again when the first pending commit is done.
    watched: bool,
    /// The client has been told less than this when it asked.
    owed: Option<u32>,
    /// Somebody waits until everything is handled.
    awaited: bool,
}

/// What there is to do after a look.
#[derive(Default)]
pub(super) struct Progress {
    /// The client asked for this count.
    pub(super) tell: Option<u32>,
    /// To be watched: the next look is when it is done.
    pub(super) watch: Option<Ticket>,
    /// Everything is handled, and somebody waits for that.
    pub(super) wake: bool,
}

impl Handled {
    /// So many stanzas have been taken.
    pub(super) fn received(&mut self, count: u32) {
        self.received = self.received.wrapping_add(count);
    }

    /// The next so many have been carried out, and rest on these commits.
    pub(super) fn rest_on(&mut self, count: u32, mut tickets: Vec<Ticket>) -> Progress {
        tickets.retain(|ticket| !ticket.is_done());
        match self.pending.back_mut() {
            // They are handled when those before them are. There are never more entries than commits under way.
            Some(last) if tickets.is_empty() => last.0 = last.0.wrapping_add(count),
            _ => self.pending.push_back((count, tickets)),
        }
        self.look()
    }

    /// A watched commit is done.
    pub(super) fn look_again(&mut self) -> Progress {
        self.watched = false;
        self.look()
    }

    fn look(&mut self) -> Progress {
        let mut progress = Progress::default();
        while let Some((count, tickets)) = self.pending.front() {
            if let Some(ticket) = tickets.iter().find(|ticket| !ticket.is_done()) {
                if !std::mem::replace(&mut self.watched, true) {
                    progress.watch = Some(ticket.clone());
                }
                break;
            }
            self.handled = self.handled.wrapping_add(*count);
            self.pending.pop_front();
        }
        progress.tell =
            self.owed.take_if(|owed| owed.wrapping_sub(self.handled).cast_signed() <= 0).map(|_| self.handled);
        if self.is_done() {
            progress.wake = std::mem::take(&mut self.awaited);
            self.pending.shrink_to(4);
        }
        progress
    }

    /// The client asks; when more is under way, it is told again when that is done.
    pub(super) fn asked(&mut self) -> u32 {
        self.owed = (!self.is_done()).then_some(self.received);
        self.handled
    }

    /// The client is gone: nobody waits for an answer.
    pub(super) fn forget_asked(&mut self) {
        self.owed = None;
    }

    /// Whether everything that was taken is handled; else a later [`Progress`] says so.
    pub(super) fn poll(&mut self) -> Option<u32> {
        self.awaited = !self.is_done();
        self.is_done().then_some(self.handled)
    }

    /// What will be handled when everything that was taken is.
    pub(super) fn finally(&self) -> u32 {
        self.received
    }

    fn is_done(&self) -> bool {
        self.received == self.handled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::{Batch, Faults, Store};

    fn write(store: &Store, value: u8) -> Ticket {
        store.submit(Batch::new("h", store.claim("h")).put(&store.keys("k"), "h", vec![value]))
    }

    #[test]
    fn stanzas_count_in_their_order_when_all_they_rest_on_is_done() {
        let faults = Faults::new();
        let store = Store::memory_with(&faults);
        let mut handled = Handled::default();
        handled.received(3);
        assert!(handled.rest_on(3, Vec::new()).tell.is_none());
        assert_eq!(handled.asked(), 3);
        faults.hold();
        let (one, other) = (write(&store, 1), write(&store, 2));
        handled.received(2);
        handled.received(4);
        let watch = handled.rest_on(2, vec![one, other]).watch;
        assert!(watch.is_some(), "the first of them");
        for _ in 0..4 {
            let second = handled.rest_on(1, Vec::new());
            assert!(second.watch.is_none() && second.tell.is_none(), "it is behind the first, which is watched");
        }
        assert_eq!(handled.pending.len(), 1, "what rests on nothing more needs no place of its own");
        assert_eq!(handled.asked(), 3);
        assert_eq!(handled.poll(), None);
        faults.release_all();
        let done = handled.look_again();
        assert_eq!((done.tell, done.wake, done.watch.is_none()), (Some(9), true, true));
        assert_eq!(handled.poll(), Some(9));
    }

    #[test]
    fn counts_begin_again_after_2_to_the_32() {
        let mut handled = Handled { received: u32::MAX - 1, handled: u32::MAX - 1, ..Handled::default() };
        handled.received(3);
        assert_eq!(handled.asked(), u32::MAX - 1);
        let progress = handled.rest_on(2, Vec::new());
        assert_eq!((progress.tell, handled.handled), (None, 0), "one is missing");
        assert_eq!(handled.rest_on(1, Vec::new()).tell, Some(1));
    }
}
