//! Private XML: what a client wants to find again wherever its owner logs in.
//!
//! Source    XEP-0049 1.2 (complete); the jabber:iq:private of 2000.
//! Hangs on  iq get and set of jabber:iq:private to accounts.
//! Keeps     store "private": per account one element per name and namespace, erased with it; at most [`Options::elements`].
//! Refuses   forbidden for another's, not-acceptable for reserved namespaces, bad-request without content, resource-constraint when full.
use im::{About, Ask, Attach, Extension, Payload, Plan, PlanError, Reply, Scope};
use store::Map;
use xml::{Builder, Element};
use xmpp::{StanzaError, ns};

/// Keeps private XML.
pub struct Room {
    elements: usize,
}

/// What the operator may say.
#[derive(Clone)]
pub struct Options {
    /// How many elements an account may keep.
    pub elements: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { elements: 200 }
    }
}

/// The children of the query, each by its name.
struct Private(Vec<Element>);

impl Payload for Private {
    const NS: &'static str = ns::PRIVATE;
    const NAME: &'static str = "query";

    fn read(node: xml::Node<'_>) -> Result<Self, StanzaError> {
        let children: Vec<Element> = node.children().map(xml::Node::to_element).collect();
        if children.is_empty() {
            return Err(StanzaError::bad_request());
        }
        let reserved = |ns: &str| ns.starts_with("jabber:") || ns == ns::VCARD || ns.is_empty();
        if children.iter().any(|child| reserved(child.root().ns())) {
            return Err(StanzaError::not_acceptable());
        }
        Ok(Private(children))
    }
}

impl Extension for Room {
    type Options = Options;
    const ABOUT: About = About::xep("private", "Private XML Storage", "XEP-0049", "1.2");

    fn configure(_: &mut Plan, options: &Options) -> Result<Self, PlanError> {
        Ok(Room { elements: options.elements })
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.feature(Scope::Account, ns::PRIVATE)
            .account_get::<Private>(|_, ask, asked| get(ask, asked))
            .account_set::<Private>(|room, ask, given| room.set(ask, given));
    }
}

fn shelf(ask: &Ask<'_>) -> Map {
    ask.within.hub().store().map("private")
}

fn key(element: &Element) -> String {
    let root = element.root();
    format!("{} {}", root.ns(), root.name())
}

fn get(ask: &Ask<'_>, asked: Private) -> Result<Reply, StanzaError> {
    if !ask.is_owner() {
        return Err(StanzaError::forbidden());
    }
    let [asked] = &asked.0[..] else { return Err(StanzaError::bad_request()) };
    let kept = shelf(ask).get(ask.within.account.jid().as_str(), &key(asked));
    let empty = Builder::new(asked.root().ns(), asked.root().name()).finish();
    Ok(Reply::later(async move {
        let found = match kept.await.map_err(|error| im::Fault::from(error).tell())? {
            Some(bytes) => im::stored_element("private", &bytes)?,
            None => empty,
        };
        Ok(Reply::With(Builder::new(ns::PRIVATE, "query").node(found.root()).finish()))
    }))
}

impl Room {
    fn set(&self, ask: &Ask<'_>, given: Private) -> Result<Reply, StanzaError> {
        if !ask.is_owner() {
            return Err(StanzaError::forbidden());
        }
        let (shelf, home, hub, room) = (shelf(ask), ask.home(), ask.within.hub().clone(), self.elements);
        Ok(Reply::later(async move {
            let owner = home.jid().clone();
            let kept = shelf.all(owner.as_str()).await.map_err(|error| im::Fault::from(error).tell())?;
            let new = given.0.iter().filter(|element| kept.iter().all(|(name, _)| *name != key(element))).count();
            if kept.len() + new > room {
                return Err(StanzaError::resource_constraint());
            }
            let ticket = home.with(&hub, |within| {
                let batch = given.0.iter().fold(within.batch(), |batch, element| {
                    batch.put_in(&shelf, owner.as_str(), &key(element), element.bytes().to_vec())
                });
                within.write(batch)
            });
            Ok(Reply::Empty.after(ticket))
        }))
    }
}
