//! The arrays that a parse fills: a worker's own while a stanza arrives whole, a stream's when one is cut off.

use std::cell::Cell;

use crate::map::{AttrRecord, NodeRecord, SpaceRecord, space};

/// A worker's reusable arrays. One per thread is enough for any number of streams.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    pub(crate) work: Work,
    pub(crate) rewrite: Work,
    /// The bytes of an element that had to be written anew.
    pub(crate) canonical: Vec<u8>,
    /// An element's bytes and map before they are shared.
    pub(crate) packed: Vec<u8>,
}

/// What a thread keeps of its arrays for the next element that stands alone; arrays that grew beyond it are given back.
const KEPT_BYTES: usize = 256 * 1024;

thread_local! {
    static SPARE: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

impl Scratch {
    /// Empty arrays; they grow to what the stanzas need and stay.
    pub fn new() -> Scratch {
        Scratch::default()
    }

    /// Lends the thread's arrays for one element that nobody reads from a stream.
    pub(crate) fn with<R>(work: impl FnOnce(&mut Scratch) -> R) -> R {
        let mut scratch = Scratch::take();
        let result = work(&mut scratch);
        scratch.give_back();
        result
    }

    /// The thread's arrays, with whatever was in them.
    pub(crate) fn take() -> Box<Scratch> {
        SPARE.take().unwrap_or_default()
    }

    /// For the next.
    pub(crate) fn give_back(self: Box<Scratch>) {
        if self.held_bytes() <= KEPT_BYTES {
            SPARE.set(Some(self));
        }
    }

    fn held_bytes(&self) -> usize {
        self.work.held_bytes() + self.rewrite.held_bytes() + self.canonical.capacity() + self.packed.capacity()
    }
}

/// What is known so far of the element that is being read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Work {
    pub(crate) nodes: Vec<NodeRecord>,
    pub(crate) attrs: Vec<AttrRecord>,
    pub(crate) spaces: Vec<SpaceRecord>,
    /// Namespace names that are not in the element's bytes as they stand: decoded ones, those of the stream's header.
    pub(crate) extra: Vec<u8>,
    pub(crate) bindings: Vec<Binding>,
    pub(crate) open: Vec<Open>,
    /// Comments and instructions to leave out: from, to.
    pub(crate) cuts: Vec<(u32, u32)>,
    /// Prefixes of the stream's header that are used.
    pub(crate) borrowed: Vec<Borrowed>,
    /// The element must be written anew to mean the same on another stream.
    pub(crate) rewrite: bool,
    pub(crate) state: State,
    /// The next byte to look at.
    pub(crate) position: usize,
    /// Where the name, value or comment at hand began.
    pub(crate) mark: usize,
    pub(crate) quote: u8,
    /// The default namespace inside the tag at hand.
    pub(crate) default: u16,
    /// How many prefixes were bound in front of the tag at hand.
    pub(crate) bound: u32,
    /// Its first attribute.
    pub(crate) first_attr: usize,
    /// Which attribute names it may have already, by a hash of one bit each.
    pub(crate) seen: u64,
    /// The tag at hand has an attribute whose name has a prefix.
    pub(crate) prefixed: bool,
}

/// A prefix and what it stands for, while the element that declares it is open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding {
    pub(crate) start: u32,
    pub(crate) len: u16,
    pub(crate) space: u16,
}

/// A prefix of the stream's header that the element uses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Borrowed {
    pub(crate) place: u16,
    pub(crate) space: u16,
}

/// An element whose closing tag has not come yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open {
    pub(crate) node: u32,
    /// How many prefixes were bound before its own.
    pub(crate) bindings: u32,
    /// The default namespace of its children.
    pub(crate) default: u16,
}

/// Where in the grammar the reader stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    #[default]
    Content,
    OpenName,
    Tag,
    AttrName,
    Equals,
    Quote,
    Value,
    CloseTail,
    CData,
    Comment,
    Instruction,
}

impl Work {
    fn held_bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<NodeRecord>()
            + self.attrs.capacity() * size_of::<AttrRecord>()
            + self.spaces.capacity() * size_of::<SpaceRecord>()
            + self.bindings.capacity() * size_of::<Binding>()
            + self.open.capacity() * size_of::<Open>()
            + self.cuts.capacity() * size_of::<(u32, u32)>()
            + self.borrowed.capacity() * size_of::<Borrowed>()
            + self.extra.capacity()
    }

    pub(crate) fn clear(&mut self) {
        self.nodes.clear();
        self.attrs.clear();
        self.spaces.clear();
        self.extra.clear();
        self.bindings.clear();
        self.open.clear();
        self.cuts.clear();
        self.borrowed.clear();
        self.rewrite = false;
        self.state = State::Content;
        self.position = 0;
        self.mark = 0;
        self.default = space::CONTENT;
    }
}
