//! Private XML: what a client wants to find again wherever its owner logs in.
//!
//! Source    XEP-0049 1.2 (complete); the jabber:iq:private of 2000.
//! Hangs on  iq get and set of jabber:iq:private to accounts.
//! Keeps     store "private": per account one element per name and namespace, erased with it; at most [`Options::elements`] of [`Options::bytes`].
//! Refuses   forbidden for another's, not-acceptable for reserved namespaces, nothing to store, or a question for several elements;
//!           resource-constraint when it is full.
use im::{About, AccountSlot, Ask, Attach, Extension, Payload, Plan, PlanError, Reply, Scope};
use std::collections::BTreeMap;
use store::{Map, Ticket};
use xml::{Builder, Element, Node};
use xmpp::{Jid, StanzaError, ns};

/// Keeps private XML.
pub struct Room {
    shelf: AccountSlot<Shelf>,
    limits: Options,
}

/// What the operator may say.
#[derive(Clone, Copy)]
pub struct Options {
    /// How many elements an account may keep.
    pub elements: usize,
    /// How many bytes they may have together.
    pub bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { elements: 200, bytes: 1024 * 1024 }
    }
}

/// What is known of an account's elements: how large each is. They themselves stay in the store.
#[derive(Default)]
struct Shelf {
    sizes: BTreeMap<String, usize>,
    /// The last write: who asks right after it gets what was written.
    written: Option<Ticket>,
}

/// The children of the query.
struct Private(Vec<Element>);

impl Payload for Private {
    const NS: &'static str = ns::PRIVATE;
    const NAME: &'static str = "query";

    fn read(query: Node<'_>) -> Result<Self, StanzaError> {
        let children: Vec<Element> = query.children().map(Node::to_element).collect();
        if children.is_empty() || children.iter().any(|child| is_reserved(child.root().ns())) {
            return Err(StanzaError::not_acceptable());
        }
        Ok(Private(children))
    }
}

impl Extension for Room {
    type Options = Options;
    const ABOUT: About = About::xep("private", "Private XML Storage", "XEP-0049", "1.2");

    fn configure(plan: &mut Plan, options: &Options) -> Result<Self, PlanError> {
        let load = |store: store::Store, jid: Jid| async move {
            let kept = store.map(STORE).all(jid.as_str()).await?;
            Ok(Shelf { sizes: kept.into_iter().map(|(key, bytes)| (key, bytes.len())).collect(), written: None })
        };
        Ok(Room { shelf: plan.per_account(load, Shelf::default), limits: *options })
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.feature(Scope::Account, ns::PRIVATE)
            .account_get::<Private>(|room, ask, asked| room.get(ask, &asked))
            .account_set::<Private>(|room, ask, given| room.set(ask, &given));
    }
}

impl Room {
    /// §2.3: one element is asked for; when there is none, the question is the answer.
    fn get(&self, ask: &Ask<'_>, asked: &Private) -> Result<Reply, StanzaError> {
        let shelf = ask.is_owner().then(|| ask.within.account.slot(self.shelf)).flatten();
        let shelf = shelf.ok_or_else(StanzaError::forbidden)?;
        let [asked] = &asked.0[..] else { return Err(StanzaError::not_acceptable()) };
        let key = key(asked);
        if !shelf.sizes.contains_key(&key) {
            return Ok(Reply::With(answer(&Builder::new(asked.root().ns(), asked.root().name()).finish())));
        }
        let (map, owner, written) = (map(ask), ask.within.account.jid().clone(), shelf.written.clone());
        Ok(Reply::later(async move {
            if let Some(written) = written {
                // Whoever wrote it is told if that failed; here what was there before is the answer then.
                drop(written.await);
            }
            let kept = map.get(owner.as_str(), &key).await.map_err(|error| im::Fault::from(error).tell())?;
            let kept = kept.ok_or_else(StanzaError::internal_server_error)?;
            Ok(Reply::With(answer(&im::stored_element(STORE, &kept)?)))
        }))
    }

    fn set(&self, ask: &mut Ask<'_>, given: &Private) -> Result<Reply, StanzaError> {
        let (map, owner) = (map(ask), ask.within.account.jid().clone());
        let mut batch = ask.within.batch();
        let shelf = if ask.is_owner() { ask.within.account.slot_mut(self.shelf) } else { None };
        let shelf = shelf.ok_or_else(StanzaError::forbidden)?;
        let sizes = after(&shelf.sizes, &given.0);
        if !fits(&shelf.sizes, &sizes, &self.limits) {
            return Err(StanzaError::resource_constraint());
        }
        for element in &given.0 {
            let (owner, key) = (owner.as_str(), key(element));
            batch = if is_empty(element) {
                batch.delete_in(&map, owner, &key)
            } else {
                batch.put_in(&map, owner, &key, element.bytes().to_vec())
            };
        }
        let ticket = ask.within.write(batch);
        if let Some(shelf) = ask.within.account.slot_mut(self.shelf) {
            *shelf = Shelf { sizes, written: Some(ticket.clone()) };
        }
        Ok(Reply::Empty.after(ticket))
    }
}

const STORE: &str = "private";

fn map(ask: &Ask<'_>) -> Map {
    ask.within.hub().store().map(STORE)
}

fn key(element: &Element) -> String {
    let root = element.root();
    format!("{} {}", root.ns(), root.name())
}

fn answer(element: &Element) -> Element {
    Builder::new(ns::PRIVATE, "query").node(element.root()).finish()
}

/// Namespaces that mean something to servers; an element without one has that of the query.
fn is_reserved(namespace: &str) -> bool {
    namespace.is_empty() || namespace.starts_with("jabber:") || namespace == ns::VCARD
}

/// An empty element is what one gets when there is none: to store it is to remove what was there.
fn is_empty(element: &Element) -> bool {
    let root = element.root();
    let plain = root.attrs().all(|attr| attr.is_declaration());
    plain && root.items().next().is_none()
}

/// The sizes after `given` is stored.
fn after(sizes: &BTreeMap<String, usize>, given: &[Element]) -> BTreeMap<String, usize> {
    let mut sizes = sizes.clone();
    for element in given {
        match is_empty(element) {
            true => sizes.remove(&key(element)),
            false => sizes.insert(key(element), element.bytes().len()),
        };
    }
    sizes
}

/// Whether an account may go from `before` to `now`: inside the limits, or at least no further outside.
fn fits(before: &BTreeMap<String, usize>, now: &BTreeMap<String, usize>, limits: &Options) -> bool {
    let bytes = |sizes: &BTreeMap<String, usize>| sizes.values().sum::<usize>();
    now.len() <= limits.elements.max(before.len()) && bytes(now) <= limits.bytes.max(bytes(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(text: &str) -> Element {
        Element::parse(text.as_bytes(), &xml::Limits::default()).unwrap()
    }

    fn read(children: &str) -> Result<Vec<String>, StanzaError> {
        let query = element(&format!("<query xmlns='jabber:iq:private'>{children}</query>"));
        Private::read(query.root()).map(|private| private.0.iter().map(key).collect())
    }

    #[test]
    fn some_namespaces_are_not_for_clients() {
        let rows = [
            ("exodus:prefs", false),
            ("storage:bookmarks", false),
            ("roster:delimiter", false),
            ("http://jabber.org/protocol/anything", false),
            ("jabberish", false),
            ("jabber:client", true),
            ("jabber:iq:private", true),
            ("jabber:x:anything", true),
            ("vcard-temp", true),
            ("", true),
        ];
        for (namespace, reserved) in rows {
            assert_eq!(is_reserved(namespace), reserved, "{namespace}");
        }
    }

    #[test]
    fn every_child_needs_a_namespace_of_its_own() {
        let prefs = "<a xmlns='exodus:prefs'/>";
        assert_eq!(read(&format!("{prefs}<b xmlns='b:b'/>")).unwrap(), ["exodus:prefs a", "b:b b"]);
        for bad in ["", "text", "<a/>", "<a xmlns=''/>", "<a xmlns='exodus:prefs'/><vCard xmlns='vcard-temp'/>"] {
            assert_eq!(read(bad).unwrap_err(), StanzaError::not_acceptable(), "{bad}");
        }
    }

    #[test]
    fn nothing_is_stored_as_nothing() {
        let rows = [
            ("<a xmlns='a:a'/>", true),
            ("<a xmlns='a:a'></a>", true),
            ("<p:a xmlns:p='a:a'/>", true),
            ("<a xmlns='a:a' b='c'/>", false),
            ("<a xmlns='a:a'> </a>", false),
            ("<a xmlns='a:a'><b/></a>", false),
        ];
        for (text, empty) in rows {
            assert_eq!(is_empty(&element(text)), empty, "{text}");
        }
    }

    #[test]
    fn both_limits_hold_and_shrinking_is_always_possible() {
        let limits = Options { elements: 2, bytes: 60 };
        let none = BTreeMap::new();
        let two = after(&none, &[element("<a xmlns='a:a'>1</a>"), element("<b xmlns='a:a'>2</b>")]);
        assert!(fits(&none, &two, &limits));
        let then = |given: &[&str]| after(&two, &given.iter().map(|text| element(text)).collect::<Vec<_>>());
        let long = format!("<a xmlns='a:a'>{}</a>", "x".repeat(60));
        let rows: [(&[&str], bool); 5] = [
            (&["<c xmlns='a:a'>3</c>"], false),
            (&["<a xmlns='a:a'>3</a>"], true),
            (&[&long], false),
            (&["<a xmlns='a:a'/>", "<c xmlns='a:a'>3</c>"], true),
            (&["<a xmlns='a:a'/>", "<b xmlns='a:a'/>"], true),
        ];
        for (given, fit) in rows {
            assert_eq!(fits(&two, &then(given), &limits), fit, "{given:?}");
        }
        let smaller = Options { elements: 1, bytes: 10 };
        assert!(fits(&two, &then(&["<a xmlns='a:a'/>"]), &smaller));
        assert!(!fits(&two, &then(&["<c xmlns='a:a'>3</c>"]), &smaller));
    }
}
