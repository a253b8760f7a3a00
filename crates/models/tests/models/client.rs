//! A reader at a door: takes what comes as a connection does, and may be cut off at any moment.

use im::{Door, Drained, Out, Signal, Word};
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};
use xmpp::{Kind, Stanza};

/// What a client has got.
#[derive(Clone, Default)]
pub(crate) struct Got {
    /// The messages by their ids; errors with a mark before.
    pub(crate) messages: Vec<String>,
    /// The names in roster pushes.
    pub(crate) pushed: Vec<String>,
    /// Stanzas since stream management was turned on.
    pub(crate) h: u32,
    counts: bool,
    pub(crate) resumable: Option<Box<str>>,
    /// The stream was ended by the server.
    pub(crate) closed: bool,
}

impl Got {
    fn add(&mut self, door: &Door, batch: Vec<Out>) {
        for out in batch {
            match out {
                Out::Stanza(stanza) => {
                    self.h += u32::from(self.counts);
                    self.pushed.extend(pushed(&stanza));
                    self.messages.extend(message(&stanza));
                }
                Out::Word(Word::Enabled(resumable)) => {
                    (self.counts, self.h) = (true, 0);
                    self.resumable = resumable.map(|resumable| resumable.id);
                }
                Out::Word(Word::Request) => door.signal(Signal::Ack(self.h)),
                Out::Word(_) => {}
            }
        }
    }

    /// Waits for something, and takes it.
    pub(crate) async fn take(&mut self, door: &Door) {
        poll_fn(|cx| self.poll(door, cx)).await;
    }

    /// Takes what is there. False: nothing is.
    pub(crate) fn look(&mut self, door: &Door) -> bool {
        self.poll(door, &mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// Takes what is there; pending when nothing is.
    pub(crate) fn poll(&mut self, door: &Door, cx: &mut Context<'_>) -> Poll<()> {
        let mut batch = Vec::new();
        door.poll_drain(cx, &mut batch, 1 << 20).map(|drained| self.took(door, batch, &drained))
    }

    fn took(&mut self, door: &Door, batch: Vec<Out>, drained: &Drained) {
        self.closed |= matches!(drained, Drained::Close(_));
        door.written();
        self.add(door, batch);
    }

    /// Takes until nothing comes any more.
    pub(crate) async fn take_all(&mut self, hub: &im::Hub, door: &Door) {
        let mut silent = 0;
        // Asking may have the next page of a long answer fetched: only silence after silence is the end.
        while silent < 2 && !self.closed {
            hub.idle().await;
            silent = if self.look(door) { 0 } else { silent + 1 };
        }
    }
}

/// What is there leaves for the client and is lost on the way.
pub(crate) fn lose(door: &Door) {
    let mut lost = Vec::new();
    if door.poll_drain(&mut Context::from_waker(Waker::noop()), &mut lost, 1 << 20).is_ready() {
        door.written();
    }
}

fn message(stanza: &Stanza) -> Option<String> {
    let id = stanza.id().filter(|_| stanza.kind() == Kind::Message)?;
    Some(if stanza.is_error() { format!("!{id}") } else { id.into_owned() })
}

fn pushed(stanza: &Stanza) -> Option<String> {
    let item = stanza.child("jabber:iq:roster", "query")?.children().next()?;
    item.attr("name").map(|name| name.into_owned())
}
