//! What an inactive client does not have to hear at once (XEP-0352): it waits here until something important comes, until the client is active again, or
//! until there is too much of it.
//!
//! Of each contact's presence only the last is kept. A session whose connection is lost holds in the same way.
use super::weight::{Weight, weigh};
use hashbrown::HashMap;
use std::sync::Arc;
use xmpp::{Jid, Stanza};

/// What is held back for one session.
pub(super) struct Hold {
    /// Each with the time since when it waits for a client that is away, in milliseconds since 1970, or 0.
    held: Vec<Option<(Arc<Stanza>, i64)>>,
    /// Where the last presence of each sender stands.
    latest: HashMap<Jid, usize>,
    bytes: usize,
    bytes_max: usize,
}

/// What became of a stanza.
pub(super) enum Held {
    /// It waits, or nobody will miss it.
    Back,
    /// It is important: what was held goes out before it.
    Important(Arc<Stanza>),
}

/// What is held at most, whatever the session's own bound: a burst that a radio takes in its stride.
const BYTES: usize = 64 * 1024;
const COUNT: usize = 512;

impl Hold {
    /// Holds nothing yet; at most a quarter of what the session may have waiting.
    pub(super) fn new(session_bytes_max: usize) -> Hold {
        Hold { held: Vec::new(), latest: HashMap::new(), bytes: 0, bytes_max: BYTES.min(session_bytes_max / 4) }
    }

    /// The memory of what is held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether it should be let go for its size.
    pub(super) fn is_full(&self) -> bool {
        self.bytes > self.bytes_max || self.latest.len() > COUNT || self.held.len() > 4 * COUNT
    }

    /// Holds a stanza back if it can wait.
    pub(super) fn take(&mut self, stanza: Arc<Stanza>, since: i64) -> Held {
        match weigh(&stanza) {
            Weight::Important => return Held::Important(stanza),
            Weight::Nothing => return Held::Back,
            Weight::Latest => {
                if let Some(from) = stanza.from()
                    && let Some(older) = self.latest.insert(from.clone(), self.held.len())
                    && let Some((older, _)) = self.held.get_mut(older).and_then(Option::take)
                {
                    self.bytes -= older.memory_bytes();
                }
            }
            Weight::Later => {}
        }
        self.bytes += stanza.memory_bytes();
        self.held.push(Some((stanza, since)));
        Held::Back
    }

    /// The client is away from now on.
    pub(super) fn wait_since(&mut self, now: i64) {
        for (_, since) in self.held.iter_mut().flatten().filter(|(_, since)| *since == 0) {
            *since = now;
        }
    }

    /// Lets go what is held, in its order.
    pub(super) fn release(&mut self) -> impl Iterator<Item = (Arc<Stanza>, i64)> + use<> {
        self.latest = HashMap::new();
        self.bytes = 0;
        std::mem::take(&mut self.held).into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(hold: &mut Hold, text: &str) -> bool {
        let element = xml::Element::parse(text.as_bytes(), &xml::Limits::default()).unwrap();
        matches!(hold.take(Arc::new(Stanza::read(element).unwrap()), 0), Held::Back)
    }

    fn text(stanza: &Stanza) -> String {
        stanza.to_element().as_str().to_owned()
    }

    #[test]
    fn of_each_sender_the_last_presence_is_held_where_it_came() {
        let mut hold = Hold::new(1 << 20);
        for presence in [
            "<presence from='romeo@h/desk'/>",
            "<presence from='nurse@h/desk'/>",
            "<presence from='romeo@h/phone'/>",
            "<presence from='romeo@h/desk' type='unavailable'/>",
        ] {
            assert!(take(&mut hold, presence));
        }
        let released: Vec<_> = hold.release().map(|(stanza, _)| text(&stanza)).collect();
        assert_eq!(
            released,
            [
                "<presence from='nurse@h/desk'/>",
                "<presence from='romeo@h/phone'/>",
                "<presence from='romeo@h/desk' type='unavailable'/>"
            ]
        );
        assert_eq!((hold.bytes(), hold.release().count()), (0, 0));
    }

    #[test]
    fn what_is_held_is_bounded_in_bytes_and_number() {
        let mut hold = Hold::new(1 << 20);
        for _ in 0..4 * COUNT {
            assert!(take(&mut hold, "<presence from='romeo@h/desk'/>"));
            assert!(!hold.is_full());
        }
        assert!(take(&mut hold, "<presence from='romeo@h/desk'/>"));
        assert!(hold.is_full(), "the places of older ones count");
        drop(hold.release());
        assert!(!hold.is_full());
        let mut number = 0;
        while !hold.is_full() {
            assert!(take(&mut hold, &format!("<presence from='r{number}@h/desk'/>")));
            number += 1;
        }
        assert!(hold.bytes() <= BYTES + 4096 && number <= COUNT + 1);
    }
}
