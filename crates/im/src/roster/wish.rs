//! What a client asks to be changed in its roster: reading the roster set (RFC 6121 2.1.5 and 2.3.3).

use super::item::text_bytes;
use super::limits::Limits;
use crate::Dialect;
use xml::{Element, Node};
use xmpp::{Jid, StanzaError, ns};

/// One `<item/>` of a roster set.
#[derive(Clone, Debug)]
pub struct RosterSet {
    /// The address, as the client gave it.
    pub jid: Jid,
    /// Whether the item is to go; the rest says nothing then.
    pub remove: bool,
    /// The new name; `None` takes it away.
    pub name: Option<String>,
    /// All groups from now on.
    pub groups: Vec<String>,
    /// All other content from now on; `None` from X-clients, who are not shown it and leave it as it is.
    pub extras: Option<Vec<Element>>,
    /// Who asks: addresses with a resource are for J-clients.
    pub dialect: Dialect,
}

impl RosterSet {
    /// What the item will count against the roster's limit of bytes.
    pub(super) fn bytes(&self) -> usize {
        let extras = self.extras.as_deref().unwrap_or_default();
        self.jid.as_str().len() + text_bytes(self.name.as_deref(), &self.groups, extras)
    }
}

/// Reads the `<query/>` of a roster set by `owner`'s client. `subscription` (but for "remove"), `ask` and `approved` are the
/// server's to say and are ignored.
///
/// X-clients send exactly one item, with an address that is not their own. J-clients send any number; items without a usable
/// address, or with their own, are skipped, as are empty and repeated groups.
///
/// Errors: `bad-request` for no item, several items, no address or repeated groups; `jid-malformed`; `not-allowed` for one's
/// own address; `not-acceptable` for an empty group and for what is too long or too many.
pub fn parse_set(
    query: Node<'_>,
    owner: &Jid,
    dialect: Dialect,
    limits: &Limits,
) -> Result<Vec<RosterSet>, StanzaError> {
    let mut items = query.children().filter(|child| child.is(ns::ROSTER, "item"));
    match dialect {
        Dialect::X => match (items.next(), items.next()) {
            (Some(item), None) => Ok(vec![read_strictly(item, owner, limits)?]),
            _ => Err(StanzaError::bad_request().with_text("A roster set has exactly one item.")),
        },
        Dialect::J => {
            let wishes: Vec<RosterSet> =
                items.filter_map(|item| read_leniently(item, owner, limits).transpose()).collect::<Result<_, _>>()?;
            if wishes.len() > limits.set_items { Err(too_much("items")) } else { Ok(wishes) }
        }
    }
}

fn read_strictly(item: Node<'_>, owner: &Jid, limits: &Limits) -> Result<RosterSet, StanzaError> {
    let address = item.attr("jid").ok_or_else(StanzaError::bad_request)?;
    let jid = Jid::parse(&address).map_err(|_| StanzaError::jid_malformed())?;
    let wish = RosterSet::of(item, jid, Dialect::X);
    if wish.remove {
        return Ok(wish);
    }
    if wish.jid.same_bare(owner) {
        return Err(StanzaError::not_allowed().with_text("One's own address is not a contact."));
    }
    let groups: Vec<String> = groups_of(item).collect();
    if has_duplicates(&groups) {
        return Err(StanzaError::bad_request().with_text("A group is named twice."));
    }
    if groups.iter().any(String::is_empty) {
        return Err(StanzaError::not_acceptable().with_text("A group has no name."));
    }
    wish.with_content(item, groups, limits)
}

/// `None` for an item that old servers skipped.
fn read_leniently(item: Node<'_>, owner: &Jid, limits: &Limits) -> Result<Option<RosterSet>, StanzaError> {
    let Some(jid) = item.attr("jid").and_then(|address| Jid::parse_legacy(&address).ok()) else { return Ok(None) };
    if jid.same_bare(owner) {
        return Ok(None);
    }
    let wish = RosterSet::of(item, jid, Dialect::J);
    if wish.remove {
        return Ok(Some(wish));
    }
    let mut groups: Vec<String> = Vec::new();
    for group in groups_of(item).filter(|group| !group.is_empty()) {
        if !groups.contains(&group) {
            groups.push(group);
        }
        if groups.len() > limits.groups {
            break;
        }
    }
    let extras = extras_of(item, limits);
    Ok(Some(RosterSet { extras: Some(extras), ..wish.with_content(item, groups, limits)? }))
}

impl RosterSet {
    fn of(item: Node<'_>, jid: Jid, dialect: Dialect) -> RosterSet {
        let remove = item.attr("subscription").is_some_and(|value| value == "remove");
        RosterSet { jid, remove, name: None, groups: Vec::new(), extras: None, dialect }
    }

    fn with_content(self, item: Node<'_>, groups: Vec<String>, limits: &Limits) -> Result<RosterSet, StanzaError> {
        let name = item.attr("name").filter(|name| !name.is_empty());
        if name.as_ref().is_some_and(|name| name.len() > limits.name_bytes) {
            return Err(too_much("name"));
        }
        if groups.len() > limits.groups || groups.iter().any(|group| group.len() > limits.group_bytes) {
            return Err(too_much("groups"));
        }
        Ok(RosterSet { name: name.map(|name| name.into_owned()), groups, ..self })
    }
}

fn groups_of(item: Node<'_>) -> impl Iterator<Item = String> {
    item.children().filter(|child| child.is(ns::ROSTER, "group")).map(|group| group.text().into_owned())
}

/// Sorted, because an item may name thousands of groups before the limit is looked at.
fn has_duplicates(groups: &[String]) -> bool {
    let mut sorted: Vec<&String> = groups.iter().collect();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[0] == pair[1])
}

/// The children that are in a namespace of their own, as long as they are small.
fn extras_of(item: Node<'_>, limits: &Limits) -> Vec<Element> {
    let foreign = item.children().filter(|child| child.ns() != ns::ROSTER && child.ns() != xml::names::CLIENT);
    let mut room = limits.extras_bytes;
    let mut extras = Vec::new();
    for child in foreign.filter(|child| child.raw().len() <= limits.extras_bytes) {
        let extra = child.to_element();
        let bytes = extra.memory_bytes();
        if bytes <= room {
            room -= bytes;
            extras.push(extra);
        }
    }
    extras
}

fn too_much(what: &str) -> StanzaError {
    StanzaError::not_acceptable().with_text(format!("Too long or too many: {what}."))
}
