//! Stringprep as for queries: what Unicode 3.2 had not assigned passes (RFC 3454 §7).
//!
//! The strict form, for what is stored, would refuse every emoji of this century, and with it nicknames that people
//! have and passwords that they use.

use stringprep::tables;
use unicode_normalization::UnicodeNormalization;

/// Nodeprep, for localparts (RFC 6122 appendix A), but for the characters that only JIDs forbid.
pub(crate) fn nodeprep(text: &str) -> Option<String> {
    prepared(kept(text).flat_map(tables::case_fold_for_nfkc))
}

/// Resourceprep, for resourceparts (RFC 6122 appendix B).
pub(crate) fn resourceprep(text: &str) -> Option<String> {
    prepared(kept(text))
}

/// SASLprep, for passwords (RFC 4013).
pub(crate) fn saslprep(text: &str) -> Option<String> {
    let space = |c| if tables::non_ascii_space_character(c) { ' ' } else { c };
    // Spaces first: one of them is also on the list of what is mapped to nothing.
    let spaced: String = text.chars().map(space).collect();
    prepared(kept(&spaced))
}

fn kept(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter(|&c| !tables::commonly_mapped_to_nothing(c))
}

fn prepared(mapped: impl Iterator<Item = char>) -> Option<String> {
    let text: String = mapped.nfkc().collect();
    (!text.contains(prohibited) && bidi_allows(&text)).then_some(text)
}

/// The tables that all profiles prohibit: C.1.2 and C.2.1 to C.9 of RFC 3454.
fn prohibited(c: char) -> bool {
    tables::non_ascii_space_character(c)
        || tables::ascii_control_character(c)
        || tables::non_ascii_control_character(c)
        || tables::private_use(c)
        || tables::non_character_code_point(c)
        || tables::inappropriate_for_plain_text(c)
        || tables::inappropriate_for_canonical_representation(c)
        || tables::change_display_properties_or_deprecated(c)
        || tables::tagging_character(c)
}

/// RFC 3454 §6: right-to-left text is not mixed with left-to-right, and starts and ends as such.
fn bidi_allows(text: &str) -> bool {
    let rtl = tables::bidi_r_or_al;
    if !text.contains(rtl) {
        return true;
    }
    !text.contains(tables::bidi_l) && text.starts_with(rtl) && text.ends_with(rtl)
}
