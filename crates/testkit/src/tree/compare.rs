//! Compares an expected element with what came: strictly, but for placeholders.

use super::{Child, Tree};
use crate::placeholders::{Bindings, Piece, match_whole, pieces};
use std::fmt;

/// Where and why two elements differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The names of the elements from the outermost to the one that differs.
    pub path: Vec<String>,
    /// What differs, in words.
    pub why: String,
}

impl Mismatch {
    fn new(why: String) -> Self {
        Mismatch { path: Vec::new(), why }
    }

    fn inside(mut self, tree: &Tree) -> Self {
        self.path.insert(0, tree.name.local.clone());
        self
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.is_empty() {
            true => f.write_str(&self.why),
            false => write!(f, "in {}: {}", self.path.join("/"), self.why),
        }
    }
}

/// Compares; on success the names that were met for the first time have their values.
pub fn compare(expected: &Tree, got: &Tree, bindings: &mut Bindings) -> Result<(), Mismatch> {
    if expected.name != got.name {
        let why = format!(
            "expected <{} xmlns=\"{}\">, got <{} xmlns=\"{}\">",
            expected.name.local, expected.name.ns, got.name.local, got.name.ns
        );
        return Err(Mismatch::new(why));
    }
    let mut tried = bindings.clone();
    attributes(expected, got, &mut tried)
        .and_then(|()| children(expected, got, &mut tried))
        .map_err(|mismatch| mismatch.inside(expected))?;
    *bindings = tried;
    Ok(())
}

fn attributes(expected: &Tree, got: &Tree, bindings: &mut Bindings) -> Result<(), Mismatch> {
    for (name, pattern) in &expected.attrs {
        let pieces = pieces(pattern);
        match got.attrs.get(name) {
            Some(value) if match_whole(&pieces, value, bindings) => {}
            Some(value) => {
                let why = format!("{name} should be \"{}\", is \"{value}\"", shown(&pieces, bindings));
                return Err(Mismatch::new(why));
            }
            None if pieces.contains(&Piece::Optional) => {}
            None => return Err(Mismatch::new(format!("the attribute {name} is missing"))),
        }
    }
    match got.attrs.keys().find(|name| !expected.attrs.contains_key(name)) {
        Some(name) => Err(Mismatch::new(format!("the attribute {name}=\"{}\" is not expected", got.attrs[name]))),
        None => Ok(()),
    }
}

/// The children that are written out, and which freedoms the braces between them give.
struct Expected<'a> {
    elements: Vec<&'a Tree>,
    text: Vec<Piece>,
    more: bool,
    any_order: bool,
}

impl<'a> Expected<'a> {
    fn of(tree: &'a Tree) -> Self {
        let mut text = pieces(&tree.text());
        let more = text.contains(&Piece::More);
        let any_order = text.contains(&Piece::AnyOrder);
        text.retain(|piece| !matches!(piece, Piece::More | Piece::AnyOrder));
        Expected { elements: tree.elements().collect(), text, more, any_order }
    }
}

fn children(expected: &Tree, got: &Tree, bindings: &mut Bindings) -> Result<(), Mismatch> {
    let wanted = Expected::of(expected);
    let (text, elements) = (got.text(), got.elements().collect::<Vec<_>>());
    let text_is_free = wanted.more && wanted.text.is_empty();
    if !text_is_free && !match_whole(&wanted.text, &text, bindings) {
        let why = format!("the text should be \"{}\", is \"{text}\"", shown(&wanted.text, bindings));
        return Err(Mismatch::new(why));
    }
    if !wanted.more && !wanted.any_order && !text_is_free {
        same_layout(expected, got)?;
    }
    match (wanted.any_order, wanted.more) {
        (false, false) => in_order(&wanted.elements, &elements, bindings),
        (false, true) => among(&wanted.elements, &elements, bindings),
        (true, more) => shuffled(&wanted.elements, &elements, more, bindings),
    }
}

/// In mixed content the texts must stand between the same elements.
fn same_layout(expected: &Tree, got: &Tree) -> Result<(), Mismatch> {
    let mixed = |tree: &Tree| tree.elements().next().is_some() && !tree.text().trim().is_empty();
    let layout = |tree: &Tree| tree.children.iter().map(|child| matches!(child, Child::Text(_))).collect::<Vec<_>>();
    if mixed(expected) && layout(expected) != layout(got) {
        return Err(Mismatch::new("text and elements alternate differently".to_owned()));
    }
    Ok(())
}

fn in_order(wanted: &[&Tree], got: &[&Tree], bindings: &mut Bindings) -> Result<(), Mismatch> {
    for (index, expected) in wanted.iter().enumerate() {
        match got.get(index) {
            Some(got) => compare(expected, got, bindings)?,
            None => return Err(Mismatch::new(format!("<{}/> is missing", expected.name.local))),
        }
    }
    match got.get(wanted.len()) {
        Some(extra) => Err(Mismatch::new(format!("{extra} is not expected"))),
        None => Ok(()),
    }
}

/// Every wanted element, in this order, with others between them.
fn among(wanted: &[&Tree], got: &[&Tree], bindings: &mut Bindings) -> Result<(), Mismatch> {
    let mut rest = got.iter();
    for expected in wanted {
        let mut nearest = None;
        let found = rest.by_ref().any(|got| match compare(expected, got, bindings) {
            Ok(()) => true,
            Err(mismatch) => {
                nearest = nearest.take().filter(|_| got.name != expected.name).or(Some(mismatch));
                false
            }
        });
        if !found {
            return Err(missing(expected, nearest));
        }
    }
    Ok(())
}

/// Every wanted element once, wherever it stands; tries all pairings, because captures may decide.
fn shuffled(wanted: &[&Tree], got: &[&Tree], more: bool, bindings: &mut Bindings) -> Result<(), Mismatch> {
    let Some((expected, others)) = wanted.split_first() else {
        return match got.first() {
            Some(extra) if !more => Err(Mismatch::new(format!("{extra} is not expected"))),
            _ => Ok(()),
        };
    };
    let mut nearest = None;
    for index in 0..got.len() {
        let mut tried = bindings.clone();
        match compare(expected, got[index], &mut tried) {
            Ok(()) => {
                let mut left = got.to_vec();
                left.remove(index);
                match shuffled(others, &left, more, &mut tried) {
                    Ok(()) => {
                        *bindings = tried;
                        return Ok(());
                    }
                    Err(mismatch) => nearest = Some(mismatch),
                }
            }
            Err(mismatch) if got[index].name == expected.name => nearest = Some(mismatch),
            Err(_) => {}
        }
    }
    Err(missing(expected, nearest))
}

fn missing(expected: &Tree, nearest: Option<Mismatch>) -> Mismatch {
    nearest.unwrap_or_else(|| Mismatch::new(format!("<{}/> is missing", expected.name.local)))
}

/// A pattern as a person reads it: known names by their values.
fn shown(pieces: &[Piece], bindings: &Bindings) -> String {
    let shown = pieces.iter().map(|piece| match piece {
        Piece::Literal(text) => text.clone(),
        Piece::Name(name) => bindings.value(name).map_or_else(|| format!("{{{name}}}"), str::to_owned),
        Piece::Any => "{any}".to_owned(),
        Piece::Optional => " (or absent)".to_owned(),
        Piece::More | Piece::AnyOrder => String::new(),
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Content, read_fragment};
    use super::*;

    fn tree(text: &str) -> Tree {
        match read_fragment(text).unwrap().remove(0) {
            Content::Element(tree) => tree,
            other => unreachable!("{other:?}"),
        }
    }

    fn difference(expected: &str, got: &str) -> Option<String> {
        let mut bindings = Bindings::default();
        bindings.bind("Juliet", "juliet@verona.example/balcony");
        compare(&tree(expected), &tree(got), &mut bindings).err().map(|mismatch| mismatch.to_string())
    }

    #[test]
    fn the_order_of_attributes_is_free_and_nothing_else() {
        assert_eq!(difference("<a x='1' y='2'/>", "<a y='2' x='1'/>"), None);
        for (expected, got, why) in [
            ("<a x='1'/>", "<a x='2'/>", "in a: x should be \"1\", is \"2\""),
            ("<a x='1'/>", "<a/>", "in a: the attribute x is missing"),
            ("<a/>", "<a x='1'/>", "in a: the attribute x=\"1\" is not expected"),
            ("<a/>", "<a xmlns='b'/>", "expected <a xmlns=\"jabber:client\">, got <a xmlns=\"b\">"),
            (
                "<a><b/><c/></a>",
                "<a><c/><b/></a>",
                "in a: expected <b xmlns=\"jabber:client\">, got <c xmlns=\"jabber:client\">",
            ),
            ("<a><b>x</b></a>", "<a><b>y</b></a>", "in a/b: the text should be \"x\", is \"y\""),
            ("<a><b/></a>", "<a/>", "in a: <b/> is missing"),
            ("<a/>", "<a><b/></a>", "in a: <b/> is not expected"),
            ("<a/>", "<a> </a>", "in a: the text should be \"\", is \" \""),
            ("<a>x<b/></a>", "<a><b/>x</a>", "in a: text and elements alternate differently"),
        ] {
            assert_eq!(difference(expected, got).as_deref(), Some(why));
        }
    }

    #[test]
    fn names_stand_for_values() {
        assert_eq!(difference("<a to='{Juliet}'/>", "<a to='juliet@verona.example/balcony'/>"), None);
        assert_eq!(
            difference("<a to='{Juliet}'/>", "<a to='romeo'/>").as_deref(),
            Some("in a: to should be \"juliet@verona.example/balcony\", is \"romeo\"")
        );
    }

    #[test]
    fn an_optional_attribute_is_right_or_absent() {
        assert_eq!(difference("<a x='1{?}'/>", "<a/>"), None);
        assert_eq!(difference("<a x='1{?}'/>", "<a x='1'/>"), None);
        assert!(difference("<a x='1{?}'/>", "<a x='2'/>").is_some());
    }

    #[test]
    fn more_children_may_stand_between() {
        assert_eq!(difference("<a>{…}</a>", "<a>text<b/></a>"), None);
        assert_eq!(difference("<a><b/>{…}<d/></a>", "<a><b/><c/><d/><e/></a>"), None);
        assert_eq!(difference("<a><d/>{…}<b/></a>", "<a><b/><d/></a>").as_deref(), Some("in a: <b/> is missing"));
    }

    #[test]
    fn children_in_any_order_are_each_wanted_once() {
        assert_eq!(difference("<a>{any order}<b x='1'/><b x='2'/></a>", "<a><b x='2'/><b x='1'/></a>"), None);
        assert!(difference("<a>{any order}<b/><b/></a>", "<a><b/></a>").is_some());
        assert!(difference("<a>{any order}<b/></a>", "<a><b/><c/></a>").is_some());
        assert_eq!(difference("<a>{any order}{…}<b/></a>", "<a><c/><b/></a>"), None);
    }

    #[test]
    fn a_capture_holds_for_the_whole_element() {
        assert_eq!(difference("<a x='{n}'><b x='{n}'/></a>", "<a x='1'><b x='1'/></a>"), None);
        assert!(difference("<a x='{n}'><b x='{n}'/></a>", "<a x='1'><b x='2'/></a>").is_some());
    }
}
