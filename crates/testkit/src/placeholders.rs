//! What may stand in braces in a scene: `{Juliet}`, `{any}`, `{stream id}`, `{…}`.
//!
//! A name that the cast or an earlier step gave stands for its value. Any other name takes what it meets and must meet
//! the same again. Braces around anything else, and `\{`, are just braces.

use std::collections::BTreeMap;

/// One piece of a text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These characters.
    Literal(String),
    /// `{any}`: whatever stands there.
    Any,
    /// `{name}`: the value of that name; the first time, whatever stands there.
    Name(String),
    /// `{?}`, at the end of an attribute: the attribute may be absent.
    Optional,
    /// `{…}`, between children: more children are allowed.
    More,
    /// `{any order}`, between children: the children may come in any order.
    AnyOrder,
}

/// The values of names: addresses of the cast, and what was captured so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bindings(BTreeMap<String, String>);

/// A name that has no value was to be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nothing is known as {{{0}}} yet")]
pub struct Unbound(pub String);

impl Bindings {
    /// Gives a name its value, replacing an older one.
    pub fn bind(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), value.into());
    }

    /// The value of a name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The text with every name replaced by its value, each value passed through `escape`.
    pub fn fill(&self, text: &str, escape: impl Fn(&str) -> String) -> Result<String, Unbound> {
        let mut filled = String::with_capacity(text.len());
        for piece in pieces(text) {
            match piece {
                Piece::Literal(text) => filled.push_str(&text),
                Piece::Name(name) => match self.value(&name).map(str::to_owned).or_else(|| self.proof(&name)) {
                    Some(value) => filled.push_str(&escape(&value)),
                    None => return Err(Unbound(name)),
                },
                Piece::Any => return Err(Unbound("any".to_owned())),
                Piece::Optional | Piece::More | Piece::AnyOrder => return Err(Unbound("…".to_owned())),
            }
        }
        Ok(filled)
    }

    /// `{Amy digest}` and `{Amy hash}`: what Amy's client sends to prove her password as in 2000; the latter for the `{token}` and `{sequence}` it was
    /// told.
    fn proof(&self, name: &str) -> Option<String> {
        let password = |who: &str| self.value(&format!("{who} password"));
        if let Some(who) = name.strip_suffix(" digest") {
            let id = self.value(&format!("{who} stream id"))?;
            return Some(xmpp::sasl::digest::digest(id, password(who)?));
        }
        let (who, token) = (name.strip_suffix(" hash")?, self.value("token")?);
        Some(xmpp::sasl::zero_k::answer(password(who)?, token, self.value("sequence")?.parse().ok()?))
    }

    /// The text with every name that has a value replaced by it: for people to read.
    pub fn fill_known(&self, text: &str) -> String {
        let known = self.0.iter().filter(|(name, _)| text.contains(&format!("{{{name}}}")));
        known.fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }
}

/// Cuts a text at its placeholders.
pub fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("\\{") {
            literal.push('{');
            rest = after;
        } else if let Some((piece, after)) = placeholder(rest) {
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(piece);
            rest = after;
        } else {
            literal.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    pieces
}

/// The placeholder that `text` begins with, and what follows it.
fn placeholder(text: &str) -> Option<(Piece, &str)> {
    let (inside, after) = text.strip_prefix('{')?.split_once('}')?;
    let piece = match inside {
        "any" => Piece::Any,
        "any order" => Piece::AnyOrder,
        "…" | "..." => Piece::More,
        "?" => Piece::Optional,
        name if is_name(name) => Piece::Name(name.to_owned()),
        _ => return None,
    };
    Some((piece, after))
}

/// Letters first, then letters, digits, spaces, hyphens, underscores and apostrophes ("Romeo's phone", "stream id").
fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(char::is_alphabetic) && chars.all(|c| c.is_alphanumeric() || " -_'’".contains(c))
}

/// Matches `pieces` against the beginning of `input`; returns how many bytes they took.
///
/// A placeholder takes as little as possible: up to the first place where the literal after it stands. `stops` are
/// bytes that a placeholder never takes.
pub fn match_start(pieces: &[Piece], input: &[u8], stops: &[u8], bindings: &mut Bindings) -> Option<usize> {
    let pieces = with_values(pieces, bindings);
    let mut at = 0;
    for (index, piece) in pieces.iter().enumerate() {
        let rest = &input[at..];
        at += match piece {
            Piece::Literal(literal) => rest.starts_with(literal.as_bytes()).then_some(literal.len())?,
            Piece::Optional | Piece::More | Piece::AnyOrder => 0,
            Piece::Any => span(rest, pieces.get(index + 1), stops)?,
            Piece::Name(name) => match bindings.value(name) {
                Some(value) => rest.starts_with(value.as_bytes()).then_some(value.len())?,
                None => {
                    let taken = span(rest, pieces.get(index + 1), stops)?;
                    bindings.bind(name.clone(), String::from_utf8_lossy(&rest[..taken]));
                    taken
                }
            },
        };
    }
    Some(at)
}

/// Matches `pieces` against the whole of `text`.
pub fn match_whole(pieces: &[Piece], text: &str, bindings: &mut Bindings) -> bool {
    let mut tried = bindings.clone();
    let matched = match_start(pieces, text.as_bytes(), &[], &mut tried) == Some(text.len());
    if matched {
        *bindings = tried;
    }
    matched
}

/// Names that have values become literals, and neighbouring literals one.
fn with_values(pieces: &[Piece], bindings: &Bindings) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let text = match piece {
            Piece::Literal(text) => Some(text.as_str()),
            Piece::Name(name) => bindings.value(name),
            _ => None,
        };
        match (text, joined.last_mut()) {
            (Some(text), Some(Piece::Literal(before))) => before.push_str(text),
            (Some(text), _) => joined.push(Piece::Literal(text.to_owned())),
            (None, _) => joined.push(piece.clone()),
        }
    }
    joined
}

/// How much of `rest` a free placeholder takes, given the piece after it.
fn span(rest: &[u8], next: Option<&Piece>, stops: &[u8]) -> Option<usize> {
    let taken = match next {
        Some(Piece::Literal(literal)) => find(rest, literal.as_bytes())?,
        _ => rest.iter().position(|byte| stops.contains(byte)).unwrap_or(rest.len()),
    };
    rest[..taken].iter().all(|byte| !stops.contains(byte)).then_some(taken)
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len().max(1)).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(pattern: &str, text: &str, bindings: &mut Bindings) -> bool {
        match_whole(&pieces(pattern), text, bindings)
    }

    #[test]
    fn braces_that_name_nothing_are_braces() {
        assert_eq!(pieces("a {1} \\{any} b"), [Piece::Literal("a {1} {any} b".into())]);
        assert_eq!(pieces("{\"json\": 1}"), [Piece::Literal("{\"json\": 1}".into())]);
        assert_eq!(pieces("{…}{any}"), [Piece::More, Piece::Any]);
    }

    #[test]
    fn a_name_captures_and_must_repeat() {
        let mut bindings = Bindings::default();
        assert!(whole("{id}", "k3Zq9", &mut bindings));
        assert!(whole("x-{id}", "x-k3Zq9", &mut bindings));
        assert!(!whole("{id}", "other", &mut bindings));
    }

    #[test]
    fn nothing_is_captured_by_a_failed_match() {
        let mut bindings = Bindings::default();
        assert!(!whole("{id}-end", "k3Zq9", &mut bindings));
        assert_eq!(bindings, Bindings::default());
    }

    #[test]
    fn a_placeholder_takes_as_little_as_it_can() {
        let mut bindings = Bindings::default();
        assert!(whole("{first}/{rest}", "a/b/c", &mut bindings));
        assert_eq!((bindings.value("first"), bindings.value("rest")), (Some("a"), Some("b/c")));
    }

    #[test]
    fn stops_are_never_taken() {
        let (mut bindings, pattern) = (Bindings::default(), pieces("<a id='{any}' to='b'/>"));
        let mut start = |input: &[u8]| match_start(&pattern, input, b"'\"<>", &mut bindings);
        assert_eq!(start(b"<a id='1' to='b'/><rest/>"), Some(18));
        assert_eq!(start(b"<a id='1' x='2' to='b'/>"), None);
    }

    #[test]
    fn what_is_sent_has_values_only() {
        let mut bindings = Bindings::default();
        bindings.bind("Juliet", "juliet@verona/<balcony>");
        let escaped = bindings.fill("to='{Juliet}'", |value| value.replace('<', "&lt;"));
        assert_eq!(escaped.as_deref(), Ok("to='juliet@verona/&lt;balcony>'"));
        assert_eq!(bindings.fill("{id}", str::to_owned), Err(Unbound("id".into())));
        for (name, value) in [
            ("Juliet password", "Calli0pe"),
            ("Juliet stream id", "3EE948B0"),
            ("token", "3A1B2C3D"),
            ("sequence", "7"),
        ] {
            assert_eq!(bindings.fill("{Juliet hash}", str::to_owned), Err(Unbound("Juliet hash".into())));
            bindings.bind(name, value);
        }
        let proofs = bindings.fill("{Juliet digest} {Juliet hash}", str::to_owned).unwrap();
        let expected = "48fc78be9ec8f86d8ce1c39c320c97c21d62334d b2f77d724514ce9c1b0b90f680f18a692bf0f21b";
        assert_eq!(proofs, expected);
    }
}
