//! Stream management of one session, the half that faces the client (XEP-0198 §4): what it was sent, and what it says that it has.
//!
//! The count of what was sent is never kept: it is what was acknowledged and what is still in `handed`. The client is asked for an acknowledgement when
//! it was sent something that somebody would miss, or [`STANZAS`] or [`BYTES`] of anything; one question at a time, so that a busy stream carries one
//! per round trip. What is not acknowledged counts towards the bound of the session's queue.
use super::asleep::Asleep;
use super::handled::Handled;
use super::queue::{Item, Outbound};
use crate::clock::Clock;
use crate::nonza::{Out, Resumable, Word};
use std::sync::Arc;
use std::time::Duration;
use xml::Builder;
use xmpp::{Jid, Kind, Stanza, StreamError, Timestamp, ns};

/// Stanzas of little worth after which the client is asked what it has.
const STANZAS: usize = 25;

/// Bytes after which it is asked.
const BYTES: usize = 16 * 1024;

/// The stream management of one session.
pub(super) struct Managed {
    /// By what it can be resumed, if it can.
    pub(super) id: Option<Box<str>>,
    /// For how long after its connection is lost.
    pub(super) stays: Duration,
    pub(super) clock: Clock,
    /// Who stamps what had to wait.
    host: Jid,
    /// `enabled` has been taken by the door: stanzas count from there on.
    counts: bool,
    /// Stanzas at the head of `handed` that do not count, being older.
    pub(super) uncounted: usize,
    /// What the client has acknowledged, modulo 2^32.
    acked: u32,
    pub(super) handed_bytes: usize,
    /// It was asked for an acknowledgement, and has sent none since.
    asked: bool,
    /// What it was sent since it was asked.
    fresh: Fresh,
    pub(super) inbound: Handled,
    /// While there is no connection.
    pub(super) asleep: Option<Asleep>,
}

#[derive(Default)]
struct Fresh {
    stanzas: usize,
    bytes: usize,
    missed: bool,
}

impl Managed {
    pub(super) fn new(resumable: Option<Resumable>, clock: Clock, host: Jid) -> Managed {
        let stays = Duration::from_secs(resumable.as_ref().map_or(0, |resumable| resumable.max_s.into()));
        Managed {
            id: resumable.map(|resumable| resumable.id),
            stays,
            clock,
            host,
            counts: false,
            uncounted: 0,
            acked: 0,
            handed_bytes: 0,
            asked: false,
            fresh: Fresh::default(),
            inbound: Handled::default(),
            asleep: None,
        }
    }

    /// Whether the client has been told by what it can come back.
    pub(super) fn is_resumable(&self) -> bool {
        self.counts && self.id.is_some()
    }

    /// The time now for what has to wait until the client comes back; 0 while it is there.
    pub(super) fn waiting_since(&self) -> i64 {
        if self.asleep.is_some() { self.now() } else { 0 }
    }

    pub(super) fn now(&self) -> i64 {
        self.clock.now().as_millis()
    }

    fn asks(&mut self) -> bool {
        let asks = !self.asked && (self.fresh.missed || self.fresh.stanzas >= STANZAS || self.fresh.bytes >= BYTES);
        if asks {
            self.asked = true;
            self.fresh = Fresh::default();
        }
        asks
    }

    fn handed(&mut self, item: &Item) {
        self.handed_bytes += item.bytes();
        self.fresh.stanzas += 1;
        self.fresh.bytes += item.bytes();
        self.fresh.missed |= matches!(item, Item::Row(_)) || item.is_missed();
    }
}

impl Outbound {
    /// As [`Outbound::take`]; every stanza is kept until the client acknowledges it.
    pub(super) fn take_managed(&mut self, into: &mut Vec<Out>, bytes: usize) -> bool {
        let Some(sm) = &mut self.sm else { return false };
        let now = sm.now();
        let mut room = bytes;
        let had = into.len();
        while room > 0 {
            let Some(item) = self.queue.pop_front() else { break };
            let size = item.bytes();
            room = room.saturating_sub(size);
            self.bytes = self.bytes.saturating_sub(size);
            let (out, kept) = match item {
                Item::Stanza(stanza, 0) => (Out::Stanza(stanza.clone()), Item::Stanza(stanza, now)),
                Item::Stanza(stanza, since) => {
                    (Out::Stanza(stamped(&stanza, since, &sm.host)), Item::Stanza(stanza, since))
                }
                Item::Row(stanza) => (Out::Stanza(stanza.clone()), Item::Row(stanza)),
                Item::Word(word) => {
                    if let Word::Enabled(_) = word {
                        sm.counts = true;
                        sm.uncounted = self.handed.len();
                    }
                    into.push(Out::Word(word));
                    continue;
                }
                Item::Nothing => continue,
            };
            into.push(out);
            if sm.counts {
                sm.handed(&kept);
                self.handed.push_back(kept);
            } else if matches!(kept, Item::Row(_)) || kept.is_missed() {
                self.handed.push_back(kept);
            }
        }
        let any = into.len() > had;
        self.unwritten |= any;
        if sm.asks() {
            into.push(Out::Word(Word::Request));
            return true;
        }
        any
    }

    /// The client says how many stanzas it has, modulo 2^32. `Err`: it was sent fewer.
    pub(super) fn acknowledged(&mut self, h: u32) -> Result<(), StreamError> {
        // What came before those that count has arrived as well.
        let before = self.sm.as_mut().map_or(0, |sm| std::mem::take(&mut sm.uncounted));
        self.confirm(before);
        let new = self.acknowledges(h)?;
        let Some(sm) = &mut self.sm else { return Ok(()) };
        sm.acked = h;
        sm.asked = false;
        let bytes: usize = self.handed.range(..new).map(Item::bytes).sum();
        sm.handed_bytes = sm.handed_bytes.saturating_sub(bytes);
        self.confirm(new);
        self.give_memory_back();
        Ok(())
    }

    /// How many more stanzas the client has when it says that it has so many, modulo 2^32. `Err`: it was sent fewer.
    pub(super) fn acknowledges(&self, h: u32) -> Result<usize, StreamError> {
        let Some(sm) = &self.sm else { return Ok(0) };
        let sent = self.handed.len() - sm.uncounted;
        let new = usize::try_from(h.wrapping_sub(sm.acked)).unwrap_or(usize::MAX);
        let too_high = || too_high(h, sm.acked.wrapping_add(u32::try_from(sent).unwrap_or(u32::MAX)));
        if new <= sent { Ok(new) } else { Err(too_high()) }
    }

    /// A new connection goes on where the old one broke off: what the client does not have stands in front again.
    pub(super) fn hand_again(&mut self) {
        let Some(sm) = &mut self.sm else { return };
        (sm.asked, sm.fresh) = (false, Fresh::default());
        self.bytes += std::mem::take(&mut sm.handed_bytes);
        while let Some(item) = self.handed.pop_back() {
            if !matches!(item, Item::Nothing) {
                self.queue.push_front(item);
            }
        }
    }

    /// What comes out of the session when it ends, as it is to be given to others: with the time at which it first came.
    pub(super) fn stamp(&self) -> impl Fn(Item) -> Option<Arc<Stanza>> + use<> {
        let host = self.sm.as_ref().map(|sm| sm.host.clone());
        move |item| match (item, &host) {
            (Item::Stanza(stanza, since), Some(host)) if since != 0 => Some(stamped(&stanza, since, host)),
            (Item::Stanza(stanza, _), _) => Some(stanza),
            _ => None,
        }
    }
}

/// A message that had to wait says since when (XEP-0203), unless it does already.
fn stamped(stanza: &Arc<Stanza>, since: i64, host: &Jid) -> Arc<Stanza> {
    if stanza.kind() != Kind::Message || stanza.child(ns::DELAY, "delay").is_some() {
        return stanza.clone();
    }
    let mut stanza = (**stanza).clone();
    stanza.append(xmpp::delay::element(host, Timestamp::from_millis(since), ""));
    Arc::new(stanza)
}

/// XEP-0198 §6.
fn too_high(h: u32, sent: u32) -> StreamError {
    let mut error = StreamError::undefined_condition()
        .with_text(format!("You acknowledged {h} stanzas, but I only sent you {sent} so far."));
    let told = Builder::new(ns::STREAM_MANAGEMENT, "handled-count-too-high");
    error.application = Some(told.attr("h", &h.to_string()).attr("send-count", &sent.to_string()).finish());
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn managed(acked: u32) -> Outbound {
        let clock = Clock::fake(Timestamp::from_millis(0));
        let mut sm = Managed::new(None, clock, Jid::parse("h").unwrap());
        (sm.acked, sm.counts) = (acked, true);
        Outbound { sm: Some(Box::new(sm)), ..Outbound::default() }
    }

    fn send(out: &mut Outbound, count: usize) -> usize {
        let message = Arc::new(Stanza::message(xmpp::MessageType::Chat, None, None));
        for _ in 0..count {
            out.post(message.clone());
        }
        let mut into = Vec::new();
        out.take(&mut into, usize::MAX);
        into.len()
    }

    #[test]
    fn counts_begin_again_after_2_to_the_32() {
        let mut out = managed(u32::MAX - 1);
        assert_eq!(send(&mut out, 5), 6, "five messages and a question");
        assert_eq!(send(&mut out, 1), 1, "the question is not answered");
        assert!(out.acknowledges(4).is_ok() && out.acknowledges(5).is_err());
        assert!(out.acknowledges(u32::MAX - 2).is_err(), "what was acknowledged is not taken back");
        out.acknowledged(0).unwrap();
        assert_eq!((out.handed.len(), out.weight() > 0), (4, true));
        let error = out.acknowledged(5).unwrap_err();
        assert!(error.application.unwrap().as_str().contains("h='5' send-count='4'"));
        out.acknowledged(4).unwrap();
        assert_eq!((out.handed.len(), out.weight()), (0, 0));
    }

    #[test]
    fn what_was_handed_stands_in_front_again() {
        let mut out = managed(0);
        send(&mut out, 3);
        let weight = out.weight();
        out.acknowledged(1).unwrap();
        out.hand_again();
        assert_eq!((out.handed.len(), out.queue.len(), out.bytes), (0, 2, weight / 3 * 2));
        assert_eq!(send(&mut out, 1), 4);
        out.acknowledged(4).unwrap();
    }
}
