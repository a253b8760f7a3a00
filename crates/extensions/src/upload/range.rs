//! Which part of a file is wanted (RFC 9110 §14): one range; several are answered with the whole, as the RFC allows.

/// What is wanted of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Whole,
    /// First and last byte.
    Part(u64, u64),
    /// None of it is there.
    Unsatisfiable,
}

/// Reads the header `Range` for a file of `size` bytes. What cannot be read is ignored (RFC 9110 §14.2).
pub(super) fn read(header: &str, size: u64) -> Wanted {
    let unit = header.split_once('=').filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes"));
    let range = unit.map(|(_, ranges)| ranges.trim()).filter(|ranges| !ranges.contains(','));
    let Some((first, last)) = range.and_then(|range| range.split_once('-')) else { return Wanted::Whole };
    match (number(first), number(last)) {
        (Some(first), _) if last.is_empty() => part(first, u64::MAX, size),
        (Some(first), Some(last)) if first <= last => part(first, last, size),
        (_, Some(suffix)) if first.is_empty() => match size.min(suffix) {
            0 => Wanted::Unsatisfiable,
            bytes => Wanted::Part(size - bytes, size - 1),
        },
        _ => Wanted::Whole,
    }
}

fn part(first: u64, last: u64, size: u64) -> Wanted {
    if first >= size { Wanted::Unsatisfiable } else { Wanted::Part(first, last.min(size - 1)) }
}

fn number(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // More than can be counted is more than there is.
    plain.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::Wanted::{Part, Unsatisfiable, Whole};
    use super::*;

    #[test]
    fn ranges_of_ten_bytes() {
        for (header, wanted) in [
            ("bytes=0-3", Part(0, 3)),
            ("bytes=3-", Part(3, 9)),
            ("bytes=-4", Part(6, 9)),
            ("bytes=-99", Part(0, 9)),
            ("bytes=0-99999999999999999999999", Part(0, 9)),
            ("BYTES=9-9", Part(9, 9)),
            ("bytes=10-", Unsatisfiable),
            ("bytes=99999999999999999999999-", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=3-2", Whole),
            ("bytes=0-1,3-4", Whole),
            ("bytes=a-b", Whole),
            ("bytes=--1", Whole),
            ("bytes=-", Whole),
            ("lines=0-1", Whole),
            ("", Whole),
        ] {
            assert_eq!(read(header, 10), wanted, "{header}");
        }
        assert_eq!(read("bytes=0-", 0), Unsatisfiable);
    }
}
