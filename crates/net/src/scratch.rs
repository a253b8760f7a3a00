//! The working space of one worker thread, lent to whichever stream is polled, so that an idle stream owns none.

use std::cell::Cell;
use std::collections::VecDeque;

use im::Out;
use xmpp::Stanza;

use crate::io::Space;

/// Bytes asked of a socket at once.
const READ_BYTES: usize = 64 * 1024;

/// What a vector may keep for the next stream; one that grew beyond it is given back.
const KEPT_BYTES: usize = 512 * 1024;

/// Everything a stream needs while it is polled, and only then.
pub(crate) struct Scratch {
    /// For sockets and TLS.
    pub(crate) space: Space,
    /// For the parser.
    pub(crate) xml: xml::Scratch,
    /// What is about to be said.
    pub(crate) out: Vec<u8>,
    /// What was drained from the session's queue.
    pub(crate) drained: Vec<Out>,
    /// What is about to be admitted.
    pub(crate) admitted: VecDeque<Stanza>,
}

thread_local! {
    static SPARE: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// Lends the worker's scratch for one call. It is empty at the start, whatever the call before left in it.
pub(crate) fn with<R>(work: impl FnOnce(&mut Scratch) -> R) -> R {
    let mut scratch = SPARE.take().unwrap_or_else(Scratch::new);
    let result = work(&mut scratch);
    scratch.clear();
    SPARE.set(Some(scratch));
    result
}

impl Scratch {
    fn new() -> Box<Scratch> {
        Box::new(Scratch {
            space: Space::new(READ_BYTES),
            xml: xml::Scratch::new(),
            out: Vec::new(),
            drained: Vec::new(),
            admitted: VecDeque::new(),
        })
    }

    fn clear(&mut self) {
        self.space.trim(KEPT_BYTES);
        self.out.clear();
        self.out.shrink_to(KEPT_BYTES);
        self.drained.clear();
        self.drained.shrink_to(KEPT_BYTES / size_of::<Out>());
        self.admitted.clear();
        self.admitted.shrink_to(KEPT_BYTES / size_of::<Stanza>());
    }
}
