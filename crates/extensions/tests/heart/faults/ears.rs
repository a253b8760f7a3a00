//! What comes to the doors, and what follows from it: answers, pushes, messages, counts of stream management.

use super::known::Push;
use super::life::{Life, Seat};
use im::{Dialect, Drained, Goodbye, Out, Signal, Word};
use std::task::{Context, Poll, Waker};
use xmpp::{Kind, Stanza, ns};

impl Life {
    /// Takes what has come to every door; true if anything has.
    pub(super) async fn listen(&mut self) -> bool {
        let mut any = false;
        for seat in (0..self.seats.len()).rev() {
            any |= self.listen_at(seat);
        }
        for (asking, id) in std::mem::take(&mut self.strangers) {
            if asking.is_finished() {
                let answer = asking.await.ok().flatten();
                self.answered(&id, answer.is_some_and(|answer| !answer.is_error()));
                any = true;
            } else {
                self.strangers.push((asking, id));
            }
        }
        any
    }

    /// Everything that waits for this door, and once more, as a connection does.
    fn listen_at(&mut self, seat: usize) -> bool {
        let (who, dialect) = (self.seats[seat].who.clone(), self.seats[seat].dialect);
        let mut any = false;
        loop {
            let mut batch: Vec<Out> = Vec::new();
            match self.seats[seat].door.poll_drain(&mut Context::from_waker(Waker::noop()), &mut batch, 1 << 30) {
                Poll::Pending => return any,
                Poll::Ready(Drained::Stanzas) => {
                    for out in &batch {
                        match out {
                            Out::Stanza(stanza) => self.hear(&who, dialect, stanza),
                            Out::Word(word) => self.hear_word(seat, word),
                        }
                    }
                    self.acknowledge(seat, &batch);
                }
                Poll::Ready(Drained::Close(_)) => {
                    self.seats.swap_remove(seat).door.close(Goodbye::Error);
                    return true;
                }
            }
            any = true;
        }
    }

    /// Stream management: what the server has handled it has stored, if it was for somebody who was away all the time.
    fn hear_word(&mut self, seat: usize, word: &Word) {
        let Word::Ack(handled) = word else { return };
        let Some(managed) = &mut self.seats[seat].managed else { return };
        let count = managed.said.len().min(*handled as usize);
        let handled: Vec<_> = managed.said[..count].iter_mut().filter_map(Option::take).collect();
        for (id, comings) in handled {
            let Some(mail) = self.known.mail.get(&id) else { continue };
            let (to, returned) = (mail.to.clone(), mail.returned.is_some());
            if self.times_come(&to) == comings && !returned && !self.known.broken {
                let now = self.disk.now();
                self.known.mail.get_mut(&id).unwrap().stored.get_or_insert(now);
                self.acknowledged += 1;
            }
        }
    }

    /// What was heard is not to be given to anybody else.
    fn acknowledge(&mut self, seat: usize, batch: &[Out]) {
        let Seat { door, managed, .. } = &mut self.seats[seat];
        door.written();
        let Some(managed) = managed else { return };
        for out in batch {
            managed.enabled |= matches!(out, Out::Word(Word::Enabled(_)));
            managed.heard += u32::from(managed.enabled && matches!(out, Out::Stanza(_)));
        }
        if managed.enabled {
            door.signal(Signal::Ack(managed.heard));
        }
    }

    fn answered(&mut self, id: &str, done: bool) {
        let Some((thing, write)) = self.waiting.remove(id) else { return };
        if let Some(register) = self.known.things.get_mut(&thing) {
            register.answered(write, done, self.disk.now());
            self.acknowledged += usize::from(done);
        }
    }

    fn hear(&mut self, who: &str, dialect: Dialect, stanza: &Stanza) {
        let id = stanza.id().unwrap_or_default().into_owned();
        match stanza.kind() {
            // Versions are not for clients of 2000.
            Kind::Iq if stanza.iq_type() == Some(xmpp::IqType::Set) && dialect == Dialect::J => {}
            Kind::Iq if stanza.iq_type() == Some(xmpp::IqType::Set) => self.hear_push(who, stanza),
            Kind::Iq => self.answered(&id, !stanza.is_error()),
            Kind::Message => self.hear_message(who, &id, stanza),
            Kind::Presence => {}
        }
    }

    fn hear_push(&mut self, who: &str, push: &Stanza) {
        let at = self.disk.now();
        let Some(query) = push.payload() else { return };
        let (Some(item), Some(version)) = (query.child(ns::ROSTER, "item"), query.attr("ver")) else { return };
        let attr = |name| item.attr(name).map(|value| value.into_owned());
        let face =
            face(attr("name").as_deref(), attr("subscription").as_deref().unwrap_or("none"), attr("ask").is_some());
        let version = version.split('-').nth(1).and_then(|number| number.parse().ok()).unwrap_or(0);
        let (owner, contact) = (who.to_owned(), attr("jid").unwrap_or_default());
        self.known.pushes.push(Push { owner, contact, version, face, at });
        self.acknowledged += 1;
    }

    fn hear_message(&mut self, who: &str, id: &str, message: &Stanza) {
        let now = self.disk.now();
        let Some(mail) = self.known.mail.get_mut(id) else { return };
        if message.is_error() {
            mail.returned = Some(now);
        } else if message.child(ns::EVENT, "x").is_some_and(|event| event.child(ns::EVENT, "id").is_some()) {
            mail.stored.get_or_insert(now);
            self.acknowledged += 1;
        } else if who == mail.to {
            if mail.heard.is_some() && !self.known.broken {
                self.wrong.push(format!("{id} is given out twice: {mail:?}"));
            }
            mail.heard.get_or_insert(now);
        }
    }
}

/// A contact as clients see it.
pub(super) fn face(name: Option<&str>, subscription: &str, asked: bool) -> String {
    match subscription {
        "remove" => "removed".to_owned(),
        _ => format!("{name:?} {subscription}{}", if asked { ", asked" } else { "" }),
    }
}
