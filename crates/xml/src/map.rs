//! The map of an element: where its names, attributes and children lie in its bytes.
//!
//! Bytes and map share one allocation, and that allocation is one `str`: numbers are written in digits of seven bits,
//! so that they are valid UTF-8 themselves. Reading a name is then a checked slice and nothing more.

/// One element. Offsets count from the first byte of the outermost element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NodeRecord {
    /// Of the `<` of the opening tag.
    pub(crate) start: u32,
    /// Behind the `>` of the opening tag.
    pub(crate) open_end: u32,
    /// Of the `<` of the closing tag; equal to `end` when there is none.
    pub(crate) inner_end: u32,
    /// Behind the last `>`.
    pub(crate) end: u32,
    /// Of the whole name, prefix and colon included.
    pub(crate) name_len: u16,
    /// Of the prefix alone; 0 without one.
    pub(crate) prefix_len: u16,
    /// The first node in document order that is not inside this one.
    pub(crate) next: u32,
    /// See [`Space`].
    pub(crate) space: u16,
    /// Its first attribute; the next node's first attribute ends them.
    pub(crate) attr: u32,
    pub(crate) parent: u32,
    pub(crate) flags: u8,
}

/// One attribute or namespace declaration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AttrRecord {
    pub(crate) start: u32,
    pub(crate) name_len: u16,
    pub(crate) space: u16,
    pub(crate) flags: u8,
    /// Behind the opening quote.
    pub(crate) value: u32,
    pub(crate) value_len: u32,
}

/// One namespace name: where it lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SpaceRecord {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

/// Text directly inside (or the value) has references, CDATA or line ends that must be decoded.
pub(crate) const CODED: u8 = 1;
/// The element is written `<a/>`.
pub(crate) const EMPTY: u8 = 2;
/// The attribute's name has a prefix.
pub(crate) const PREFIXED: u8 = 2;
/// The attribute declares a namespace.
pub(crate) const DECLARES: u8 = 4;

/// The namespaces that need no record; a record's number follows [`space::FIRST`].
pub(crate) mod space {
    /// The content namespace of the stream, implied.
    pub(crate) const CONTENT: u16 = 0;
    pub(crate) const NONE: u16 = 1;
    pub(crate) const XML: u16 = 2;
    pub(crate) const XMLNS: u16 = 3;
    pub(crate) const FIRST: u16 = 4;
    /// How many numbers there are.
    pub(crate) const MOST: usize = 1 << 14;
}

pub(crate) const NODE: usize = 32;
pub(crate) const ATTR: usize = 16;
pub(crate) const SPACE: usize = 8;

impl NodeRecord {
    #[inline(always)]
    pub(crate) fn write(&self, bytes: &mut [u8; NODE]) {
        let names = u64::from(self.name_len)
            | u64::from(self.prefix_len) << 10
            | u64::from(self.next) << 20
            | u64::from(self.space) << 40
            | u64::from(self.flags) << 54;
        bytes[0..8].copy_from_slice(&pair(self.start, self.end));
        bytes[8..16].copy_from_slice(&pair(self.open_end, self.inner_end));
        bytes[16..24].copy_from_slice(&spread(names).to_le_bytes());
        bytes[24..32].copy_from_slice(&spread(u64::from(self.attr) | u64::from(self.parent) << 20).to_le_bytes());
    }

    /// Always inlined: most callers want one or two of the fields, and the rest is then not even computed.
    #[inline(always)]
    pub(crate) fn read(map: &[u8], at: usize) -> NodeRecord {
        let (start, end) = unpair(word(map, at));
        let (open_end, inner_end) = unpair(word(map, at + 8));
        let names = gather(word(map, at + 16));
        let links = gather(word(map, at + 24));
        NodeRecord {
            start,
            open_end,
            inner_end,
            end,
            name_len: (names & 0x3ff) as u16,
            prefix_len: (names >> 10 & 0x3ff) as u16,
            next: (names >> 20 & 0xf_ffff) as u32,
            space: (names >> 40 & 0x3fff) as u16,
            flags: (names >> 54) as u8,
            attr: (links & 0xf_ffff) as u32,
            parent: (links >> 20 & 0xf_ffff) as u32,
        }
    }
}

impl AttrRecord {
    #[inline(always)]
    pub(crate) fn write(&self, bytes: &mut [u8; ATTR]) {
        let names = u64::from(self.start)
            | u64::from(self.name_len) << 28
            | u64::from(self.space) << 38
            | u64::from(self.flags) << 52;
        bytes[0..8].copy_from_slice(&spread(names).to_le_bytes());
        bytes[8..16].copy_from_slice(&pair(self.value, self.value_len));
    }

    #[inline]
    pub(crate) fn read(map: &[u8], at: usize) -> AttrRecord {
        let names = gather(word(map, at));
        let (value, value_len) = unpair(word(map, at + 8));
        AttrRecord {
            start: (names & 0xfff_ffff) as u32,
            name_len: (names >> 28 & 0x3ff) as u16,
            space: (names >> 38 & 0x3fff) as u16,
            flags: (names >> 52) as u8,
            value,
            value_len,
        }
    }
}

impl SpaceRecord {
    #[inline(always)]
    pub(crate) fn write(&self, bytes: &mut [u8; SPACE]) {
        *bytes = pair(self.start, self.len);
    }

    #[inline]
    pub(crate) fn read(map: &[u8], at: usize) -> SpaceRecord {
        let (start, len) = unpair(word(map, at));
        SpaceRecord { start, len }
    }
}

fn pair(low: u32, high: u32) -> [u8; 8] {
    spread(u64::from(low) | u64::from(high) << 28).to_le_bytes()
}

#[inline(always)]
fn unpair(word: u64) -> (u32, u32) {
    let both = gather(word);
    ((both & 0xfff_ffff) as u32, (both >> 28) as u32)
}

#[inline(always)]
fn word(map: &[u8], at: usize) -> u64 {
    map.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Spreads 56 bits over eight bytes of seven bits.
const fn spread(bits: u64) -> u64 {
    let halves = (bits & 0x0fff_ffff) | ((bits & 0x00ff_ffff_f000_0000) << 4);
    let quarters = (halves & 0x0000_3fff_0000_3fff) | ((halves & 0x0fff_c000_0fff_c000) << 2);
    (quarters & 0x007f_007f_007f_007f) | ((quarters & 0x3f80_3f80_3f80_3f80) << 1)
}

/// Undoes [`spread`].
#[inline(always)]
const fn gather(word: u64) -> u64 {
    let quarters = (word & 0x007f_007f_007f_007f) | ((word & 0x7f00_7f00_7f00_7f00) >> 1);
    let halves = (quarters & 0x0000_3fff_0000_3fff) | ((quarters & 0x3fff_0000_3fff_0000) >> 2);
    (halves & 0x0fff_ffff) | ((halves & 0x0fff_ffff_0000_0000) >> 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_ascii_and_come_back() {
        for bits in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 0x0fff_ffff, 0x1000_0000, (1 << 56) - 1, 0x0012_3456_789a_bcde] {
            assert!(spread(bits).to_le_bytes().is_ascii());
            assert_eq!(gather(spread(bits)), bits);
        }
    }

    #[test]
    fn records_come_back() {
        let node = NodeRecord {
            start: 1,
            open_end: (1 << 28) - 1,
            inner_end: 77_777_777,
            end: 99,
            name_len: 1023,
            prefix_len: 1000,
            next: (1 << 20) - 1,
            space: (1 << 14) - 1,
            attr: 1_000_000,
            parent: 999_999,
            flags: 3,
        };
        let attr = AttrRecord { start: 5, name_len: 1023, space: 16_383, flags: 7, value: (1 << 28) - 1, value_len: 3 };
        let (mut nodes, mut attrs) = ([0; NODE], [0; ATTR]);
        node.write(&mut nodes);
        attr.write(&mut attrs);
        assert!(nodes.is_ascii() && attrs.is_ascii());
        assert_eq!(NodeRecord::read(&nodes, 0), node);
        assert_eq!(AttrRecord::read(&attrs, 0), attr);
    }
}
