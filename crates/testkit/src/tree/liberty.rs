//! What the specifications leave to a server: where our scenes are stricter, another server is not held to it.

use super::{CLIENT, Child, Name, Tree};

const XML: &str = "http://www.w3.org/XML/1998/namespace";
const CONDITIONS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// What a server may add to a stanza that it delivers: the id that it gave it (XEP-0359), when it was sent (XEP-0203).
const ADDED: [&str; 2] = ["urn:xmpp:sid:0", "urn:xmpp:delay"];

/// What is not held against a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Liberties {
    /// It writes a full address into a `to` that was a bare one, against RFC 6121 §8.5.2.1; beside that hardly a scene
    /// could show anything else of it.
    pub rewrites_to: bool,
}

/// The stanza that came as it would have to be if its server had used its liberties as ours does, beside what is
/// expected of it.
pub fn eased(expected: &Tree, got: &Tree, liberties: Liberties) -> (Tree, Tree) {
    let (mut expected, mut got) = (expected.clone(), got.clone());
    if expected.name != got.name || expected.name.ns != CLIENT {
        return (expected, got);
    }
    // RFC 6120 §8.1.5: the server adds the stream's language, or its own.
    drop_language(&expected, &mut got);
    if expected.name.local == "iq" {
        default_from(&expected, &mut got);
    } else {
        default_type(&expected, &mut got);
        // What is in a message or presence stands beside each other, not one after the other.
        expected.children.push(Child::Text("{any order}".to_owned()));
    }
    if liberties.rewrites_to || expected.name.local == "presence" && is_ones_own(&got) {
        bare_to(&expected, &mut got);
    }
    if got.attr("type") == Some("error") {
        error(&mut expected, &mut got);
    } else {
        let wanted: Vec<&str> = expected.elements().map(|child| child.name.ns.as_str()).collect();
        retain(&mut got, |child| !ADDED.contains(&child.name.ns.as_str()) || wanted.contains(&child.name.ns.as_str()));
    }
    (expected, got)
}

fn drop_language(expected: &Tree, got: &mut Tree) {
    let name = Name { ns: XML.to_owned(), local: "lang".to_owned() };
    drop_attribute(expected, got, &name);
    for child in &mut got.children {
        let Child::Element(child) = child else { continue };
        if let Some(wanted) = expected.child(&child.name.ns, &child.name.local) {
            drop_attribute(wanted, child, &name);
        }
    }
}

/// RFC 6120 §8.1.2.1: what comes from nobody comes from one's own account.
fn default_from(expected: &Tree, got: &mut Tree) {
    let name = |local: &str| Name { ns: String::new(), local: local.to_owned() };
    let to = got.attr("to").map(|to| to.split('/').next().unwrap_or_default().to_owned());
    if let (Some(_), None, Some(bare)) = (expected.attr("from"), got.attr("from"), to) {
        got.attrs.insert(name("from"), bare);
    }
}

/// RFC 6121 §5.2.2: a message without a type is a normal one.
fn default_type(expected: &Tree, got: &mut Tree) {
    let name = Name { ns: String::new(), local: "type".to_owned() };
    match (expected.attr("type"), got.attr("type")) {
        (Some("normal"), None) => drop(got.attrs.insert(name, "normal".to_owned())),
        (None, Some("normal")) => drop(got.attrs.remove(&name)),
        _ => {}
    }
}

/// Presence among the sessions of one account, whose `to` RFC 6121 does not lay down.
fn is_ones_own(got: &Tree) -> bool {
    let bare = |name: &str| got.attr(name).map(|address| address.split('/').next().unwrap_or_default().to_owned());
    bare("from").is_some() && bare("from") == bare("to")
}

/// Takes the resource out of `to` where a bare address is expected.
fn bare_to(expected: &Tree, got: &mut Tree) {
    let name = Name { ns: String::new(), local: "to".to_owned() };
    let wants_bare = |to: &str| !to.contains('/') && (to.contains("bare}") || !to.contains('{'));
    if let (Some(true), Some(to)) = (expected.attr("to").map(wants_bare), got.attrs.get_mut(&name))
        && let Some((bare, _)) = to.split_once('/')
    {
        *to = bare.to_owned();
    }
}

/// RFC 6120 §8.3.1 and §8.3.2: what was sent may come back with the error or not; the error may say who made it and
/// explain itself. XEP-0086: it may have a code.
fn error(expected: &mut Tree, got: &mut Tree) {
    let wanted = expected.child(CLIENT, "error").cloned();
    for stanza in [&mut *expected, &mut *got] {
        retain(stanza, |child| wanted.is_some() && child.is(CLIENT, "error"));
        stanza.children.retain(|child| matches!(child, Child::Element(_)));
    }
    let Some(wanted) = wanted else { return };
    for child in &mut got.children {
        let Child::Element(error) = child else { continue };
        for name in ["by", "code"] {
            drop_attribute(&wanted, error, &Name { ns: String::new(), local: name.to_owned() });
        }
        if wanted.child(CONDITIONS, "text").is_none() {
            retain(error, |child| !child.is(CONDITIONS, "text"));
        }
    }
}

fn drop_attribute(expected: &Tree, got: &mut Tree, name: &Name) {
    if !expected.attrs.contains_key(name) {
        got.attrs.remove(name);
    }
}

fn retain(tree: &mut Tree, keep: impl Fn(&Tree) -> bool) {
    tree.children.retain(|child| match child {
        Child::Element(element) => keep(element),
        Child::Text(_) => true,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placeholders::Bindings;
    use crate::tree::{Content, compare, read_fragment};

    fn tree(xml: &str) -> Tree {
        match read_fragment(xml).unwrap().remove(0) {
            Content::Element(tree) => tree,
            other => panic!("{other:?}"),
        }
    }

    fn fits(expected: &str, got: &str) -> bool {
        let (expected, got) = eased(&tree(expected), &tree(got), Liberties { rewrites_to: false });
        compare(&expected, &got, &mut Bindings::default()).is_ok()
    }

    #[test]
    fn a_server_may_add_and_leave_out() {
        for (expected, got) in [
            ("<message><body>a</body></message>", "<message xml:lang='en'><body>a</body></message>"),
            ("<message type='normal'/>", "<message/>"),
            ("<message/>", "<message type='normal'><stanza-id xmlns='urn:xmpp:sid:0' id='1' by='a@b'/></message>"),
            (
                "<message><a xmlns='a'/><body>b</body></message>",
                "<message><body xml:lang='en'>b</body><a xmlns='a'/></message>",
            ),
            ("<iq from='a@b' to='a@b/c' type='result'/>", "<iq to='a@b/c' type='result'/>"),
            (
                "<iq type='error'><a xmlns='a'/><error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
                "<iq type='error'><error type='cancel' code='409' by='h'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
                 <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>why</text></error></iq>",
            ),
        ] {
            assert!(fits(expected, got), "{got}");
        }
    }

    #[test]
    fn it_may_not_change_what_counts() {
        for (expected, got) in [
            ("<message><body>a</body></message>", "<message><body>b</body></message>"),
            ("<message type='chat'/>", "<message/>"),
            ("<message/>", "<message><x xmlns='jabber:x:event'/></message>"),
            ("<message xml:lang='it'/>", "<message/>"),
            ("<iq type='error'><error type='cancel'/></iq>", "<iq type='error'><error type='modify'/></iq>"),
            ("<iq type='result'/>", "<iq type='error'><error type='cancel'/></iq>"),
        ] {
            assert!(!fits(expected, got), "{got}");
        }
    }
}
