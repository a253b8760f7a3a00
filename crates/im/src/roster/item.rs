//! One contact in a roster, and how it is shown to the user's clients.

use crate::Dialect;
use crate::subscription::State;
use xml::{Builder, Element};
use xmpp::{Jid, ns};

/// One contact.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its address; with a resource only for services, and where a J-client wished so.
    pub jid: Jid,
    /// What the user calls it.
    pub name: Option<String>,
    /// The groups that the user put it into, in the user's order.
    pub groups: Vec<String>,
    /// Where the subscriptions stand.
    pub state: State,
    /// Whether the user has approved a request before it came (RFC 6121 3.4); stays until taken back.
    pub approved: bool,
    /// The request that waits for an answer, as it arrived. `None` also when it was too large to keep.
    pub request: Option<Element>,
    /// Whether the user's clients see it. Not so when all there is is a request (RFC 6121 A.1, "None + Pending In").
    pub listed: bool,
    /// What J-clients stored in it: elements in namespaces of their own.
    pub extras: Vec<Element>,
    /// The roster's version in which clients saw it change last; 0 if they never saw it.
    pub version: u64,
}

/// What subscription stanzas can change in the eyes of a client: listed, `subscription`, `ask` and `approved`.
pub(super) type Face = (bool, &'static str, bool, bool);

impl Item {
    /// An item that nobody sees and that holds nothing.
    pub(super) fn unlisted(jid: Jid) -> Item {
        Item {
            jid,
            name: None,
            groups: Vec::new(),
            state: State::None,
            approved: false,
            request: None,
            listed: false,
            extras: Vec::new(),
            version: 0,
        }
    }

    /// Whether an item in this state is listed even if the user never named it.
    pub(super) fn shows(state: State, approved: bool) -> bool {
        approved || !matches!(state, State::None | State::NonePendingIn)
    }

    pub(super) fn face(&self) -> Face {
        (self.listed, self.state.attribute(), self.state.pending_out(), self.approved)
    }

    /// Whether there is more to it than a removal.
    pub(super) fn is_known(&self) -> bool {
        self.listed || self.state != State::None
    }

    /// Whether clients once saw it, and see it no more.
    pub(super) fn is_removal(&self) -> bool {
        !self.listed && self.version > 0
    }

    /// Whether nothing is left of it that must be remembered.
    pub(super) fn is_nothing(&self) -> bool {
        !self.is_known() && !self.is_removal()
    }

    /// What it counts against the roster's limit of bytes.
    pub(super) fn bytes(&self) -> usize {
        self.jid.as_str().len() + text_bytes(self.name.as_deref(), &self.groups, &self.extras)
    }

    /// Writes the `<item/>`; one that clients do not see (any more) is written as a removal.
    pub(super) fn write(&self, query: Builder, dialect: Dialect) -> Builder {
        let item = query.open(ns::ROSTER, "item").attr("jid", self.jid.as_str());
        if !self.listed {
            return item.attr("subscription", "remove").close();
        }
        let mut item = item
            .attr_opt("name", self.name.as_deref())
            .attr("subscription", self.state.attribute())
            .attr_opt("ask", self.state.pending_out().then_some("subscribe"))
            .attr_opt("approved", self.approved.then_some("true"));
        for group in &self.groups {
            item = item.text_child(ns::ROSTER, "group", group);
        }
        if dialect == Dialect::J {
            item = self.extras.iter().fold(item, |item, extra| item.raw_child(extra));
        }
        item.close()
    }
}

/// The text of an item apart from its address, in bytes.
pub(super) fn text_bytes(name: Option<&str>, groups: &[String], extras: &[Element]) -> usize {
    let groups: usize = groups.iter().map(String::len).sum();
    let extras: usize = extras.iter().map(Element::memory_bytes).sum();
    name.map_or(0, str::len) + groups + extras
}
