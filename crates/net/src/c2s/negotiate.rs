//! From a fresh connection to a session: carries the client's words to the states, and their answers back.

use im::Dialect;
use xml::Strictness;
use xmpp::StreamError;

use super::opening;
use super::party::Party;
use super::states::{Bound, End, ExpectHeader, Next, State};
use super::talk::{Broken, Talk};
use crate::io::{Socket, Wire};
use crate::wheel::Alarm;
use crate::{Legacy, TlsMode, dialect, events};

/// How a negotiation ended.
pub(super) enum Outcome<S> {
    /// There is a session.
    Bound(Box<(Talk<S>, Bound)>),
    /// The last words are said, hang up.
    Close(Wire<S>, Alarm),
    /// There is nothing to say, or nobody to say it to.
    Gone,
}

/// Sets a stream up.
pub(super) async fn negotiate<S: Socket>(mut talk: Talk<S>, mut party: Party) -> Outcome<S> {
    let mut state = State::Header(ExpectHeader::First);
    if party.listener.tls == TlsMode::Direct && encrypt(&mut talk, &mut party).await.is_none() {
        return hang_up(talk);
    }
    loop {
        let spoken = Spoken { dialect: state.dialect(), header: state.has_answered() };
        if spoken.dialect == Some(Dialect::J) || party.listener.legacy == Legacy::Always {
            talk.reader.set_strictness(Strictness::Lenient);
        }
        let event = match talk.next().await {
            Ok(event) => event,
            Err(broken) => return break_off(talk, &party, spoken, broken),
        };
        let next = match state.handle(&party, event, &mut talk.out).await {
            Ok(next) => next,
            Err(end) => return say_goodbye(talk, &party, spoken, end),
        };
        state = match next {
            Next::State(state) => state,
            Next::Restart(expected) => {
                talk.restart();
                State::Header(expected)
            }
            Next::Encrypt(expected) => {
                if encrypt(&mut talk, &mut party).await.is_none() {
                    return hang_up(talk);
                }
                State::Header(expected)
            }
            Next::Bound(bound) => {
                party.logged_in(&bound);
                return Outcome::Bound(Box::new((talk, bound)));
            }
        };
    }
}

/// What the client has heard from us on this stream.
#[derive(Clone, Copy)]
struct Spoken {
    dialect: Option<Dialect>,
    header: bool,
}

/// Says what is left to say and carries the handshake through. None: it failed, which is logged.
async fn encrypt<S: Socket>(talk: &mut Talk<S>, party: &mut Party) -> Option<()> {
    let metrics = party.doors.metrics();
    let result = match party.doors.acceptor()?.accept() {
        Ok(tls) => talk.encrypt(tls).await,
        Err(error) => Err(Broken::Lost(std::io::Error::other(error))),
    };
    match result {
        Ok(()) => metrics.handshakes.one(),
        Err(broken) => {
            metrics.handshakes_failed.one();
            events::handshake_failed(party.peer, &broken.into());
            return None;
        }
    }
    party.has_encrypted(talk.wire.handshake()?);
    Some(())
}

/// Ends a talk that cannot go on; where there is somebody to listen, with the reason.
fn break_off<S: Socket>(talk: Talk<S>, party: &Party, spoken: Spoken, broken: Broken) -> Outcome<S> {
    let error = match broken {
        Broken::Lost(_) => return hang_up(talk),
        Broken::TimedOut => StreamError::connection_timeout(),
        Broken::Stopping => StreamError::system_shutdown(),
        Broken::Xml(error) => StreamError::from(error),
    };
    say_goodbye(talk, party, spoken, End::Error(error))
}

/// Says the last words: our header if the client has not heard it (RFC 6120 §4.9.1.2), the error, the end.
fn say_goodbye<S: Socket>(mut talk: Talk<S>, party: &Party, spoken: Spoken, end: End) -> Outcome<S> {
    let assumed = spoken.dialect.unwrap_or_else(|| party.assumed_dialect());
    match end {
        End::Closed => talk.out.extend_from_slice(dialect::CLOSE),
        End::Opening(dialect, error) => party.write_end(dialect, &error, &mut talk.out),
        End::Error(error) => {
            if !spoken.header {
                let host = party.doors.hub().default_host();
                let from = host.as_deref().filter(|_| assumed == Dialect::X).map(im::Host::name);
                let id = opening::random_id().unwrap_or_default();
                opening::write(&mut talk.out, assumed, &id, from);
            }
            party.write_end(assumed, &error, &mut talk.out);
        }
    }
    hang_up(talk)
}

/// Whatever is to be said goes out, then the connection ends.
fn hang_up<S: Socket>(mut talk: Talk<S>) -> Outcome<S> {
    let out = std::mem::take(&mut talk.out);
    if talk.wire.append(&out).is_err() {
        return Outcome::Gone;
    }
    Outcome::Close(talk.wire, talk.alarm)
}
