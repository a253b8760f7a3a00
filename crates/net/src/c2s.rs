//! The clients' door: what happens between a client's first byte and its last.
//!
//! **Source** RFC 6120 §4 to §7, XEP-0078; the draft's 3.1, 3.2, 4.1 for streams without a version.
//!
//! A connection is one future. It begins with a negotiation ([`states`]), which is boxed and goes when it is done; what
//! is left is a small [`Stream`] that does nothing but carry stanzas; at the end the last words are seen out.

mod ask;
mod early;
mod features;
mod iq_auth;
mod negotiate;
mod opening;
mod party;
mod reply;
mod sasl;
mod states;
mod talk;

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::closing::Closing;
use crate::connections::Place;
use crate::io::{Socket, Wire};
use crate::stream::Stream;
use crate::wheel::Alarm;
use crate::{ClientListener, Doors, events};
use negotiate::{Outcome, negotiate};
use party::Party;
use talk::Talk;

pub(crate) use states::Bound;

/// Serves one client connection until it ends. `peer` is its address, for limits and logs; tests may have none.
pub fn serve<S: Socket>(doors: Doors, listener: ClientListener, socket: S, peer: Option<IpAddr>) -> Serve<S> {
    let place = match doors.enter(peer) {
        Ok(place) => place,
        Err(limit) => {
            doors.metrics().connections_refused.one();
            events::connection_refused(peer, limit);
            return Serve { stage: Stage::Over, doors, peer, place: None };
        }
    };
    doors.metrics().connections_opened.one();
    let talk = Talk::new(doors.clone(), socket);
    let party = Party::new(doors.clone(), listener, peer);
    Serve { stage: Stage::Negotiating(Box::pin(negotiate(talk, party))), doors, peer, place: Some(place) }
}

/// One client connection, from its first byte to its last.
pub struct Serve<S> {
    stage: Stage<S>,
    doors: Doors,
    peer: Option<IpAddr>,
    /// Its place among the connections; none if there was no room.
    place: Option<Place>,
}

enum Stage<S> {
    Negotiating(Pin<Box<dyn Future<Output = Outcome<S>> + Send>>),
    Bound(Stream<S>),
    Closing(Closing<S>),
    Over,
}

impl<S: Socket> Future for Serve<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let next = match &mut self.stage {
                Stage::Negotiating(negotiation) => match ready!(negotiation.as_mut().poll(cx)) {
                    Outcome::Bound(parts) => {
                        let (talk, bound) = *parts;
                        Stage::Bound(self.bound(talk, bound))
                    }
                    Outcome::Close(wire, alarm) => self.closing(wire, alarm),
                    Outcome::Gone => Stage::Over,
                },
                Stage::Bound(stream) => {
                    ready!(stream.poll(cx));
                    let Stage::Bound(stream) = std::mem::replace(&mut self.stage, Stage::Over) else { continue };
                    let (wire, alarm) = stream.into_parts();
                    self.closing(wire, alarm)
                }
                Stage::Closing(closing) => {
                    ready!(Pin::new(closing).poll(cx));
                    Stage::Over
                }
                Stage::Over => return Poll::Ready(()),
            };
            self.stage = next;
        }
    }
}

impl<S: Socket> Serve<S> {
    fn bound(&self, talk: Talk<S>, bound: Bound) -> Stream<S> {
        Stream::new(self.doors.clone(), self.peer, talk.into_parts(), bound)
    }

    fn closing(&self, wire: Wire<S>, alarm: Alarm) -> Stage<S> {
        let linger = Duration::from_secs(self.doors.limits().linger_s.into());
        Stage::Closing(Closing::new(wire, alarm, linger))
    }
}

impl<S> Drop for Serve<S> {
    fn drop(&mut self) {
        if self.place.take().is_some() {
            self.doors.metrics().connections_closed.one();
        }
    }
}
