//! What is said on a stream beside stanzas (XEP-0198, XEP-0352), as plain values that could cross a wire.
//!
//! What the client says is a [`Signal`], given to the door in the order of the stream. What it is told comes out of the queue in its place among the
//! stanzas ([`Out`]), so that a door needs no answer from its session.
use std::sync::Arc;
use xmpp::{Condition, Stanza};

/// Something a client says that is no stanza.
#[derive(Debug)]
pub enum Signal {
    /// `<enable/>`: stanzas are to be counted from here on (XEP-0198 §3).
    Enable {
        /// The session shall outlive its connection.
        resume: bool,
        /// For so many seconds at most, if the client has its say.
        max_s: Option<u32>,
    },
    /// `<r/>`: how many stanzas have been handled?
    Request,
    /// `<a/>`: so many stanzas have been handled, modulo 2^32.
    Ack(u32),
    /// `<active/>`: somebody is looking (XEP-0352 §4.2).
    Active,
    /// `<inactive/>`: nobody is.
    Inactive,
    /// A stanza that its connection has settled by itself: it counts as handled. Inside is the answer, if it may have one.
    Settled(Option<Box<Stanza>>),
}

/// Something to be written.
#[derive(Clone, Debug)]
pub enum Out {
    /// A stanza.
    Stanza(Arc<Stanza>),
    /// Something that is no stanza.
    Word(Word),
}

/// Something a client is told that is no stanza.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// `<enabled/>`: stanzas count from here on.
    Enabled(Option<Box<Resumable>>),
    /// `<resumed/>`: the old session goes on here.
    Resumed(Box<ResumedWord>),
    /// `<a/>`: so many stanzas have been handled, modulo 2^32.
    Ack(u32),
    /// `<r/>`: how many have you handled?
    Request,
    /// `<failed/>`: nothing has changed.
    Failed(Condition),
}

/// How a session can be resumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumable {
    /// What to ask for; nobody can guess it.
    pub id: Box<str>,
    /// For how many seconds after the connection is lost.
    pub max_s: u32,
}

/// A session that has been resumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumedWord {
    /// What was asked for.
    pub id: Box<str>,
    /// How many stanzas of the client have been handled, modulo 2^32.
    pub handled: u32,
}
