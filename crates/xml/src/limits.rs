//! How much a peer may send at once, and what a stream may contain besides elements.

/// Bounds of one stream, all enforced before memory is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one element directly below the stream's root, as it arrives.
    pub stanza_bytes: usize,
    /// Elements and attributes of one stanza together.
    pub nodes: usize,
    /// Levels of nesting; the stanza itself is the first.
    pub depth: usize,
    /// Attributes of one element, namespace declarations included.
    pub attributes: usize,
    /// Bytes of one name with its prefix.
    pub name_bytes: usize,
    /// Bytes of the stream's opening tag.
    pub header_bytes: usize,
}

impl Limits {
    /// For what this server wrote itself: only what the map can count.
    pub const OWN: Limits = Limits {
        stanza_bytes: MOST_BYTES,
        nodes: MOST_NODES,
        depth: 4096,
        attributes: MOST_NODES,
        name_bytes: MOST_NAME,
        header_bytes: MOST_BYTES,
    };

    /// The same limits, lowered to what the map of an element can count.
    pub(crate) fn countable(self) -> Limits {
        Limits {
            stanza_bytes: self.stanza_bytes.min(MOST_BYTES),
            nodes: self.nodes.min(MOST_NODES),
            name_bytes: self.name_bytes.min(MOST_NAME),
            header_bytes: self.header_bytes.min(MOST_BYTES),
            ..self
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { stanza_bytes: 262_144, nodes: 8_192, depth: 64, attributes: 64, name_bytes: 256, header_bytes: 8_192 }
    }
}

/// What a stream may contain besides elements and text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Strictness {
    /// Comments, processing instructions and document types are errors (RFC 6120 §11.1).
    #[default]
    Strict,
    /// Comments and processing instructions are skipped, as servers did in 2000; document types stay errors.
    Lenient,
}

/// Half of what 28 bits count: what is added when an element is made self-contained must fit too.
const MOST_BYTES: usize = (1 << 27) - 1;
const MOST_NODES: usize = (1 << 19) - 1;
const MOST_NAME: usize = (1 << 10) - 1;
