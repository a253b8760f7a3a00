//! What members say to each other.
//!
//! A frame is written by one release of the server and read by another only while members are being replaced by newer ones: what is written here is
//! changed by adding at the end.
use super::text::{End, Said, Thing};
use crate::door::{DoorOptions, Goodbye};
use serde::{Deserialize, Serialize};

/// One frame. `link` is the number that the member with the door gave.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Frame<'a> {
    /// From the door: make a session of this full JID.
    Bind { link: u64, jid: &'a str, options: DoorOptions },
    /// From the door: give a session of this account a new connection. `id` is what it is resumed by, `h` how many stanzas the client has.
    Resume { link: u64, account: &'a str, id: &'a str, h: u32, options: DoorOptions },
    /// From the door: stanzas that the client sent.
    In {
        link: u64,
        #[serde(borrow)]
        stanzas: Vec<&'a str>,
    },
    /// From the door: what the client says of its stream.
    Signal {
        link: u64,
        #[serde(borrow)]
        said: Said<'a>,
    },
    /// From the door: everything that the home has sent is with the socket.
    Written { link: u64 },
    /// From the door: the connection is gone.
    Close { link: u64, why: Goodbye },
    /// From the home: the answer to `Bind` and `Resume`, with the full JID.
    Bound {
        link: u64,
        #[serde(borrow)]
        answer: Result<&'a str, Refusal<'a>>,
    },
    /// From the home: for the client.
    Out {
        link: u64,
        #[serde(borrow)]
        things: Vec<Thing<'a>>,
    },
    /// From the home: so many frames are taken in, what could be answered at once has been sent, and more may come.
    Taken { link: u64, frames: u32 },
    /// From the home: the session is over. `cut`: what was sent is not to be written any more.
    End {
        link: u64,
        #[serde(borrow)]
        end: End<'a>,
        cut: bool,
    },
    /// From home to home: a stanza whose receiver is yours.
    Stanza { number: u64, stanza: &'a str },
    /// From home to home: what has become of stanzas.
    Settled { fates: Vec<(u64, Fate)> },
    /// Something that only an account's home can do.
    Errand { number: u64, account: &'a str, errand: Errand },
    /// What came of it.
    Done { number: u64, outcome: Result<(), Failure> },
    /// From extensions of a host to their like.
    Told { host: &'a str, what: &'a str },
}

/// Why no session was bound.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Refusal<'a> {
    /// The home is not there.
    Moved,
    NoAccount,
    TooManySessions,
    /// Sessions are not resumed there.
    NotOffered,
    /// There is no such session to resume; so many stanzas of the client were handled, if that is known.
    NotFound(Option<u32>),
    /// The stream has to end.
    Stream(#[serde(borrow)] End<'a>),
    Fault(&'a str),
}

/// What has become of a stanza that was carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fate {
    /// It has been routed, and what it changed is durable.
    Durable,
    /// It did not arrive, or what it changed is lost.
    Lost,
}

/// Something that only an account's home can do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Errand {
    /// Makes the account; its name as its owner writes it.
    Create { spelling: String, keys: Keys },
    /// Gives it new credentials.
    Renew(Keys),
    /// Removes it; the answer is for the session that asked.
    Remove { answer: Option<String> },
    /// Gives back its name, which is reserved.
    Free,
    /// Spends the next hash of its chain.
    Spend { hash: String },
    /// Adds what old logins need, if these are still its SCRAM keys.
    Complete(Keys),
}

/// What proves a password: SCRAM keys and a chain as they write themselves, and the password where it is kept.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Keys {
    pub(crate) scram: Vec<String>,
    pub(crate) digest: Option<String>,
    pub(crate) zero_k: Option<String>,
}

impl std::fmt::Debug for Keys {
    /// Nothing that a log should have.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", self.scram.len())
    }
}

/// Why an errand failed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Failure {
    /// The home is not there.
    Moved,
    Exists,
    Reserved,
    Missing,
    UnknownHost(String),
    BadPassword,
    Fault(String),
    NotProved,
    NotReserved,
    Unheard,
}

impl<'a> Frame<'a> {
    /// The frame as it goes out.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        // Into memory, of numbers and strings: there is nothing in it that could fail to be written.
        postcard::to_allocvec(self).unwrap_or_default()
    }

    /// Reads a frame; the error is for the log.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Frame<'a>, postcard::Error> {
        postcard::from_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::door::Dialect;

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let options = DoorOptions { dialect: Dialect::J, encrypted: true, peer: Some([127, 0, 0, 1].into()) };
        let frames = [
            Frame::Bind { link: 7, jid: "romeo@verona.example/desk", options },
            Frame::In { link: 7, stanzas: vec!["<presence/>", "<message/>"] },
            Frame::Bound { link: 7, answer: Err(Refusal::Fault("why")) },
            Frame::Bound { link: 7, answer: Ok("romeo@verona.example/desk") },
            Frame::Signal { link: 7, said: Said::Ack(4_294_967_295) },
            Frame::Settled { fates: vec![(1, Fate::Durable), (300, Fate::Lost)] },
            Frame::Errand {
                number: 1,
                account: "é@d",
                errand: Errand::Create {
                    spelling: "É".into(),
                    keys: Keys { scram: vec!["k".into()], digest: Some("secret".into()), zero_k: None },
                },
            },
            Frame::Told { host: "d", what: "<a/>" },
            Frame::Done { number: 1, outcome: Err(Failure::UnknownHost("d".into())) },
        ];
        for frame in frames {
            let read = format!("{:?}", Frame::read(&frame.bytes()).unwrap());
            assert_eq!(read, format!("{frame:?}"));
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for bytes in [&b""[..], b"\xff", b"\x01\x07\x05<a/>"] {
            assert!(Frame::read(bytes).is_err(), "{bytes:?}");
        }
    }
}
