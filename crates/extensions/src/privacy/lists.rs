//! The lists of an account: kept, shown, changed (XEP-0016 §2.3 to §2.8).
use super::rules::{List, Rule};
use super::wire::{Wish, changed, write_list};
use super::{OfSession, Options, Room, STORE};
use im::{Ask, Attach, Fault, Payload, Reply, Within};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use store::Ticket;
use xml::{Builder, Element};
use xmpp::{IqType, Jid, Stanza, StanzaError, ns};

/// All lists of an account that has some.
#[derive(Clone, Default)]
pub(super) struct Lists {
    default: Option<String>,
    lists: BTreeMap<String, Arc<List>>,
}

/// The same as it is stored.
#[derive(Serialize, Deserialize)]
struct Record {
    default: Option<String>,
    lists: BTreeMap<String, Vec<Rule>>,
}

impl Lists {
    pub(super) fn decode(bytes: &[u8], owner: &Jid) -> Result<Lists, Fault> {
        // Whoever is blocked stays blocked: what cannot be read is no empty list.
        let unreadable = |why: serde_json::Error| Fault::Unreadable {
            what: STORE,
            owner: owner.to_string(),
            why: why.to_string(),
        };
        let record: Record = serde_json::from_slice(bytes).map_err(unreadable)?;
        let lists = record.lists.into_iter().map(|(name, rules)| (name, Arc::new(List::new(rules)))).collect();
        Ok(Lists { default: record.default, lists })
    }

    fn encode(&self) -> Vec<u8> {
        let lists = self.lists.iter().map(|(name, list)| (name.clone(), list.rules().to_vec())).collect();
        // Strings and numbers: there is nothing in it that could fail to be written.
        serde_json::to_vec(&Record { default: self.default.clone(), lists }).unwrap_or_default()
    }

    pub(super) fn get(&self, name: &str) -> Option<&List> {
        self.lists.get(name).map(Arc::as_ref)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.lists.contains_key(name)
    }

    pub(super) fn default_name(&self) -> Option<&str> {
        self.default.as_deref()
    }

    pub(super) fn default_list(&self) -> Option<&List> {
        self.get(self.default_name()?)
    }

    pub(super) fn set_default(&mut self, name: Option<String>) {
        self.default = name;
    }

    pub(super) fn insert(&mut self, name: String, rules: Vec<Rule>) {
        self.lists.insert(name, Arc::new(List::new(rules)));
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.lists.remove(name);
        if self.default_name() == Some(name) {
            self.default = None;
        }
    }

    fn size(&self) -> (usize, usize, usize) {
        let rules = || self.lists.values().flat_map(|list| list.rules());
        let names: usize = self.lists.keys().map(String::len).sum();
        (self.lists.len(), rules().count(), names + rules().map(Rule::bytes).sum::<usize>())
    }

    /// Whether an account may go from `before` to this: inside the limits, or at least no further outside.
    fn fits(&self, before: Option<&Lists>, limits: &Options) -> bool {
        let (lists, rules, bytes) = self.size();
        let (lists_before, rules_before, bytes_before) = before.map(Lists::size).unwrap_or_default();
        lists <= limits.lists.max(lists_before)
            && rules <= limits.rules.max(rules_before)
            && bytes <= limits.bytes.max(bytes_before)
    }
}

struct Query(Wish);

impl Payload for Query {
    const NS: &'static str = ns::PRIVACY;
    const NAME: &'static str = "query";

    fn read(query: xml::Node<'_>) -> Result<Self, StanzaError> {
        Wish::read(query).map(Query)
    }
}

pub(super) fn attach(on: &mut Attach<'_, Room>) {
    on.account_get::<Query>(|room, ask, query| room.get_lists(ask, query.0))
        .account_set::<Query>(|room, ask, query| room.set_lists(ask, query.0));
}

impl Room {
    fn get_lists(&self, ask: &mut Ask<'_>, wish: Wish) -> Result<Reply, StanzaError> {
        let session = ask.session.cloned().ok_or_else(StanzaError::forbidden)?;
        if let Some(note) = ask.within.account.note_mut::<OfSession>(&session) {
            note.knows_lists = true;
        }
        let lists = self.lists(ask.within.account);
        let query = Builder::new(ns::PRIVACY, "query");
        match wish {
            Wish::Names => {
                let active = Self::present(ask.within.account, &session).and_then(|it| it.note::<OfSession>());
                let active = active.and_then(|note| note.active.as_deref());
                let named = |query: Builder, element, name: Option<&str>| match name {
                    Some(name) => query.open(ns::PRIVACY, element).attr("name", name).close(),
                    None => query,
                };
                let Some(lists) = lists else { return Ok(Reply::With(query.finish())) };
                let query = named(query, "active", active.filter(|name| lists.has(name)));
                let query = named(query, "default", lists.default_name());
                let query = lists.lists.keys().fold(query, |query, name| named(query, "list", Some(name)));
                Ok(Reply::With(query.finish()))
            }
            Wish::List(name, rules) if rules.is_empty() => {
                let list = lists.and_then(|lists| lists.get(&name)).ok_or_else(StanzaError::item_not_found)?;
                Ok(Reply::With(write_list(query, &name, list.rules()).finish()))
            }
            _ => Err(StanzaError::bad_request()),
        }
    }

    fn set_lists(&self, ask: &mut Ask<'_>, wish: Wish) -> Result<Reply, StanzaError> {
        let session = ask.session.cloned().ok_or_else(StanzaError::forbidden)?;
        let mut lists = self.lists(ask.within.account).cloned().unwrap_or_default();
        let known = |lists: &Lists, name: &str| match lists.has(name) {
            true => Ok(()),
            false => Err(StanzaError::item_not_found()),
        };
        if let Some(note) = ask.within.account.note_mut::<OfSession>(&session) {
            note.knows_lists = true;
        }
        let used_elsewhere = |ask: &Ask<'_>, lists: &Lists, name: &str| {
            let others = ask.within.account.sessions().iter().filter(|it| !Arc::ptr_eq(it.session(), &session));
            others.into_iter().any(|present| {
                let active = present.note::<OfSession>().and_then(|note| note.active.as_deref());
                active.filter(|active| lists.has(active)).or(lists.default_name()) == Some(name)
            })
        };
        match wish {
            Wish::Names => Err(StanzaError::bad_request()),
            Wish::Active(name) => {
                name.iter().try_for_each(|name| known(&lists, name))?;
                let before = ask.within.shown();
                if let Some(note) = ask.within.account.note_mut::<OfSession>(&session) {
                    note.active = name;
                }
                // It rests on whatever made the list.
                let batch = ask.within.batch();
                let ticket = ask.within.write(batch);
                ask.within.show_changes(&ticket, before);
                Ok(Reply::Empty.after(ticket))
            }
            Wish::Default(name) => {
                name.iter().try_for_each(|name| known(&lists, name))?;
                if name.as_deref() == lists.default_name() {
                    return Ok(Reply::Empty);
                }
                if lists.default_name().is_some_and(|default| used_elsewhere(ask, &lists, default)) {
                    return Err(StanzaError::conflict());
                }
                lists.set_default(name);
                Ok(Reply::Empty.after(self.replace(&mut ask.within, lists, false)?))
            }
            Wish::List(name, rules) if rules.is_empty() => {
                known(&lists, &name)?;
                if used_elsewhere(ask, &lists, &name) {
                    return Err(StanzaError::conflict());
                }
                lists.remove(&name);
                let ticket = self.replace(&mut ask.within, lists, false)?;
                push(&mut ask.within, &ticket, |_| true, &changed(&name));
                Ok(Reply::Empty.after(ticket))
            }
            Wish::List(name, rules) => {
                let groups = |group: &str| {
                    let mut items = ask.within.account.roster().iter();
                    items.any(|item| item.groups.iter().any(|known| known == group))
                };
                if !rules.iter().all(|rule| rule.group().is_none_or(groups)) {
                    return Err(StanzaError::item_not_found());
                }
                lists.insert(name.clone(), rules);
                let ticket = self.replace(&mut ask.within, lists, false)?;
                push(&mut ask.within, &ticket, |_| true, &changed(&name));
                Ok(Reply::Empty.after(ticket))
            }
        }
    }

    /// Makes these the account's lists: written, applied at once, shown to contacts when it is durable; whoever has asked for the blocked addresses is
    /// told how they changed; that nobody is blocked any more is said in one word if that was the wish (XEP-0191 §3.4).
    pub(super) fn replace(&self, within: &mut Within<'_>, lists: Lists, frees_all: bool) -> Result<Ticket, StanzaError> {
        if !lists.fits(self.lists(within.account), &self.limits) {
            return Err(StanzaError::resource_constraint());
        }
        let before = within.shown();
        let blocked = |lists: Option<&Lists>| -> Vec<String> {
            let list = lists.and_then(Lists::default_list);
            list.into_iter().flat_map(List::blocked).map(str::to_owned).collect()
        };
        let was = blocked(self.lists(within.account));
        let (keys, owner) = (within.hub().store().keys(STORE), within.account.jid().clone());
        let none = lists.lists.is_empty();
        let batch = match none {
            true => within.batch().delete(&keys, owner.as_str()),
            false => within.batch().put(&keys, owner.as_str(), lists.encode()),
        };
        let ticket = within.write(batch);
        within.account.set_rare(self.lists, (!none).then(|| Box::new(lists)));
        within.show_changes(&ticket, before);
        let now = blocked(self.lists(within.account));
        for (name, these, others) in [("block", &now, &was), ("unblock", &was, &now)] {
            let others: HashSet<&String> = others.iter().collect();
            let changed: Vec<&String> = these.iter().filter(|jid| !others.contains(jid)).collect();
            if !changed.is_empty() {
                let push_of = Builder::new(ns::BLOCKING, name);
                let items = changed.iter().filter(|_| !frees_all).fold(push_of, |push, jid| {
                    push.open(ns::BLOCKING, "item").attr("jid", jid).close()
                });
                push(within, &ticket, |note| note.knows_blocked, &items.finish());
            }
        }
        Ok(ticket)
    }
}

/// Tells the account's sessions of a change that is durable.
pub(super) fn push(within: &mut Within<'_>, ticket: &Ticket, wanted: fn(&OfSession) -> bool, payload: &Element) {
    let nothing = OfSession::default();
    let sessions: Vec<_> = within
        .account
        .sessions()
        .iter()
        .filter(|present| wanted(present.note().unwrap_or(&nothing)))
        .map(|present| present.session().clone())
        .collect();
    for session in sessions {
        let id = format!("push-{}", within.next_id());
        let push = Stanza::iq(IqType::Set, &id, None, Some(session.jid().clone()), payload);
        within.post_after(ticket, &session, push);
    }
}
