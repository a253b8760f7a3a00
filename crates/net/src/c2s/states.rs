//! The states of a stream before its session, each a struct that says what it expects and holds what it may know.
//!
//! `handle` consumes a state with what the client said and gives the next one; what is to be said goes to `out`. An order
//! that the protocol does not know cannot be written down here.

mod expect_bind;
mod expect_feature;
mod expect_header;
mod expect_legacy_auth;
mod expect_response;

use std::collections::VecDeque;
use std::sync::Arc;

use im::{Dialect, Door, Host};
use xml::{Element, Event};
use xmpp::StreamError;

pub(super) use expect_bind::ExpectBind;
pub(super) use expect_feature::ExpectFeature;
pub(super) use expect_header::ExpectHeader;
pub(super) use expect_legacy_auth::ExpectLegacyAuth;
pub(super) use expect_response::ExpectResponse;

use super::party::Party;
use crate::dialect;

/// Where a stream stands.
pub(super) enum State {
    Header(ExpectHeader),
    Feature(ExpectFeature),
    Response(ExpectResponse),
    Bind(ExpectBind),
    LegacyAuth(ExpectLegacyAuth),
}

/// What follows.
pub(super) enum Next {
    /// Go on in this state.
    State(State),
    /// The stream begins anew in this state.
    Restart(ExpectHeader),
    /// Say what is to be said, then TLS, then the stream begins anew in this state.
    Encrypt(ExpectHeader),
    /// There is a session.
    Bound(Bound),
}

/// A stream with a session.
pub(crate) struct Bound {
    pub(crate) door: Door,
    pub(crate) dialect: Dialect,
    pub(crate) host: Arc<Host>,
    /// The language of stanzas that do not say theirs.
    pub(crate) lang: Option<Arc<str>>,
    /// What the client sent ahead of its login.
    pub(crate) early: VecDeque<Element>,
}

/// Why a stream ends before there is a session.
#[derive(Debug)]
pub(super) enum End {
    /// The client closed it.
    Closed,
    /// This is to be said, in the dialect of the state.
    Error(StreamError),
    /// The client's opening tag will not do; ours is written, this is to follow.
    Opening(Dialect, StreamError),
}

impl From<StreamError> for End {
    fn from(error: StreamError) -> End {
        End::Error(error)
    }
}

impl State {
    /// What the client said, and what comes of it.
    pub(super) async fn handle(self, party: &Party, event: Event, out: &mut Vec<u8>) -> Result<Next, End> {
        match (self, event) {
            (State::Header(state), Event::Header(header)) => state.handle(party, &header, out),
            (_, Event::Close) => Err(End::Closed),
            (_, Event::Element(element)) if dialect::is_stream_error(element.root()) => Err(End::Closed),
            (State::Feature(state), Event::Element(element)) => state.handle(party, &element, out).await,
            (State::Response(state), Event::Element(element)) => state.handle(party, &element, out).await,
            (State::Bind(state), Event::Element(element)) => state.handle(party, &element, out).await,
            (State::LegacyAuth(state), Event::Element(element)) => state.handle(party, element, out).await,
            // The reader tells of a header first, and once.
            (State::Header(_), Event::Element(_)) | (_, Event::Header(_)) => Err(StreamError::bad_format().into()),
        }
    }

    /// The dialect, once it is known.
    pub(super) fn dialect(&self) -> Option<Dialect> {
        match self {
            State::Header(state) => state.dialect(),
            State::LegacyAuth(_) => Some(Dialect::J),
            State::Feature(_) | State::Response(_) | State::Bind(_) => Some(Dialect::X),
        }
    }

    /// Whether our own header has been sent, so that an error can follow.
    pub(super) fn has_answered(&self) -> bool {
        !matches!(self, State::Header(_))
    }
}

impl From<ExpectFeature> for Next {
    fn from(state: ExpectFeature) -> Next {
        Next::State(State::Feature(state))
    }
}

impl From<ExpectLegacyAuth> for Next {
    fn from(state: ExpectLegacyAuth) -> Next {
        Next::State(State::LegacyAuth(state))
    }
}

/// The name of an element for which there is no stanza: the error that RFC 6120 §4.9.3.24 wants.
fn unexpected(element: &Element) -> StreamError {
    let root = element.root();
    let stanza = ["message", "presence", "iq"].iter().any(|name| root.is(xmpp::ns::CLIENT, name));
    if stanza { StreamError::not_authorized() } else { StreamError::unsupported_stanza_type() }
}
