//! Addresses of files: `/upload/ID/NAME`. The id alone finds the file; the name is for people, and never a name on our disk.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use xmpp::StanzaError;

/// What the path of every file begins with.
pub(super) const PREFIX: &str = "/upload/";
/// Signs of an id, five bits each: 160 bits that nobody guesses.
const ID: usize = 32;
/// The alphabet of ids.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// RFC 3986 §2.3: what may stand for itself.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The longest name.
const NAME_BYTES: usize = 255;

/// A new id.
pub(super) fn new_id() -> Result<String, StanzaError> {
    let mut random = [0; ID];
    let filled = getrandom::fill(&mut random);
    filled.map_err(|_| StanzaError::internal_server_error().with_text("The system gives no random numbers"))?;
    Ok(random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())
}

/// The path of a file.
pub(super) fn of(id: &str, name: &str) -> String {
    format!("{PREFIX}{id}/{}", encoded(name))
}

/// A name as it stands in addresses and headers.
pub(super) fn encoded(name: &str) -> impl std::fmt::Display {
    utf8_percent_encode(name, RESERVED)
}

/// The id and the name in a path; `None` for what cannot be the path of a file.
pub(super) fn read(path: &str) -> Option<(&str, String)> {
    let (id, name) = path.strip_prefix(PREFIX)?.split_once('/')?;
    let known = id.len() == ID && id.bytes().all(|byte| ALPHABET.contains(&byte));
    let name = percent_decode_str(name).decode_utf8().ok()?.into_owned();
    known.then_some((id, name))
}

/// Whether an address can end with this name: clients take `.` and `..` for something else.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_BYTES && name != "." && name != ".."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_from_their_paths() {
        let id = new_id().unwrap();
        assert_ne!(id, new_id().unwrap());
        for name in ["très cool.jpg", "a/b?c#d%e f.txt", "..%2f", "ümlaut~_-.tar.gz", "\u{202e}exe.jpg", "🎭"] {
            let path = of(&id, name);
            assert!(path.is_ascii() && path[PREFIX.len() + ID + 1..].find('/').is_none(), "{path}");
            assert_eq!(read(&path), Some((id.as_str(), name.to_owned())));
        }
        assert_eq!(of(&id, "très cool.jpg"), format!("/upload/{id}/tr%C3%A8s%20cool.jpg"));
    }

    #[test]
    fn what_is_no_path_is_none() {
        let id = "a".repeat(32);
        for path in [
            "/upload/".to_owned(),
            format!("/upload/{id}"),
            format!("/uploads/{id}/x"),
            format!("/upload/{}/x", "A".repeat(32)),
            format!("/upload/{}/x", "a".repeat(31)),
            format!("/upload/../{id}/x"),
            format!("/upload/%2e%2e/{id}/x"),
            format!("/upload/{id}/%ff"),
        ] {
            assert_eq!(read(&path), None, "{path}");
        }
    }
}
