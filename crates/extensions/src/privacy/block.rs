//! The blocking command: addresses that are rules of the default list (XEP-0191 §3, §5).
use super::lists::{Lists, push};
use super::rules::{List, Rule};
use super::wire::changed;
use super::{OfSession, Room};
use std::collections::HashSet;
use im::{Ask, Attach, Payload, Reply};
use xml::{Builder, Node};
use xmpp::{Jid, StanzaError, ns};

/// The name of the default list that the command makes when there is none.
const NAME: &str = "blocked";

struct Blocklist;
struct Block(Vec<Jid>);
struct Unblock(Vec<Jid>);

impl Payload for Blocklist {
    const NS: &'static str = ns::BLOCKING;
    const NAME: &'static str = "blocklist";

    fn read(_: Node<'_>) -> Result<Self, StanzaError> {
        Ok(Blocklist)
    }
}

impl Payload for Block {
    const NS: &'static str = ns::BLOCKING;
    const NAME: &'static str = "block";

    fn read(block: Node<'_>) -> Result<Self, StanzaError> {
        let items = items(block)?;
        if items.is_empty() { Err(StanzaError::bad_request()) } else { Ok(Block(items)) }
    }
}

impl Payload for Unblock {
    const NS: &'static str = ns::BLOCKING;
    const NAME: &'static str = "unblock";

    fn read(unblock: Node<'_>) -> Result<Self, StanzaError> {
        items(unblock).map(Unblock)
    }
}

fn items(command: Node<'_>) -> Result<Vec<Jid>, StanzaError> {
    let item = |item: Node<'_>| {
        let jid = item.attr("jid").filter(|_| item.is(ns::BLOCKING, "item")).ok_or_else(StanzaError::bad_request)?;
        Jid::parse(&jid).map_err(|_| StanzaError::jid_malformed())
    };
    command.children().map(item).collect()
}

pub(super) fn attach(on: &mut Attach<'_, Room>) {
    on.account_get::<Blocklist>(|room, ask, _| room.blocklist(ask))
        .account_set::<Block>(|room, ask, block| room.block(ask, &block.0))
        .account_set::<Unblock>(|room, ask, unblock| room.unblock(ask, &unblock.0));
}

impl Room {
    fn blocklist(&self, ask: &mut Ask<'_>) -> Result<Reply, StanzaError> {
        let session = ask.session.cloned().ok_or_else(StanzaError::forbidden)?;
        if let Some(note) = ask.within.account.note_mut::<OfSession>(&session) {
            note.knows_blocked = true;
        }
        let list = self.lists(ask.within.account).and_then(Lists::default_list);
        let blocked = list.into_iter().flat_map(List::blocked);
        let list = blocked.fold(Builder::new(ns::BLOCKING, "blocklist"), |list, jid| {
            list.open(ns::BLOCKING, "item").attr("jid", jid).close()
        });
        Ok(Reply::With(list.finish()))
    }

    /// What is blocked comes first in the default list (§5), which is made if there is none.
    fn block(&self, ask: &mut Ask<'_>, jids: &[Jid]) -> Result<Reply, StanzaError> {
        ask.session.ok_or_else(StanzaError::forbidden)?;
        let mut lists = self.lists(ask.within.account).cloned().unwrap_or_default();
        let name = default_name(&lists);
        let rules = lists.get(&name).map(|list| with(list.rules(), jids)).unwrap_or_else(|| with(&[], jids));
        lists.insert(name.clone(), rules);
        lists.set_default(Some(name.clone()));
        self.commit(ask, lists, &name, false)
    }

    /// Without addresses: all of them.
    fn unblock(&self, ask: &mut Ask<'_>, jids: &[Jid]) -> Result<Reply, StanzaError> {
        ask.session.ok_or_else(StanzaError::forbidden)?;
        let Some(mut lists) = self.lists(ask.within.account).cloned() else { return Ok(Reply::Empty) };
        let name = default_name(&lists);
        let Some(list) = lists.get(&name) else { return Ok(Reply::Empty) };
        let unblocked = |jid: &str| jids.is_empty() || jids.iter().any(|unblocked| unblocked.as_str() == jid);
        let rest: Vec<Rule> =
            list.rules().iter().filter(|rule| !rule.blocked().is_some_and(unblocked)).cloned().collect();
        if rest.len() == list.rules().len() {
            return Ok(Reply::Empty);
        }
        match rest.is_empty() {
            // A list has a rule at least.
            true => lists.remove(&name),
            false => lists.insert(name.clone(), rest),
        }
        self.commit(ask, lists, &name, jids.is_empty())
    }

    /// Sessions that know privacy lists hear that the list has changed; what is blocked is told where the lists are replaced.
    fn commit(&self, ask: &mut Ask<'_>, lists: Lists, name: &str, frees_all: bool) -> Result<Reply, StanzaError> {
        let ticket = self.replace(&mut ask.within, lists, frees_all)?;
        push(&mut ask.within, &ticket, |note| note.knows_lists, &changed(name));
        Ok(Reply::Empty.after(ticket))
    }
}

/// The default list, or the name that one will have.
fn default_name(lists: &Lists) -> String {
    let free = || {
        let numbered = (2..).map(|number: u32| format!("{NAME}-{number}"));
        std::iter::once(NAME.to_owned()).chain(numbered).find(|name| !lists.has(name))
    };
    lists.default_name().map(str::to_owned).or_else(free).unwrap_or_default()
}

/// These rules behind new ones that block, numbered anew where there is no room before them. What blocked these addresses already goes to the front with
/// them: behind a rule that allows it would decide nothing.
fn with(rules: &[Rule], jids: &[Jid]) -> Vec<Rule> {
    let mut wanted: HashSet<&str> = HashSet::new();
    let new: Vec<Rule> =
        jids.iter().filter(|jid| wanted.insert(jid.as_str())).map(|jid| Rule::blocking(jid, 0)).collect();
    let rules: Vec<&Rule> =
        rules.iter().filter(|rule| !rule.blocked().is_some_and(|jid| wanted.contains(jid))).collect();
    let count = u32::try_from(new.len()).unwrap_or(u32::MAX);
    let first = rules.first().map_or(count, |rule| rule.order);
    let mut all: Vec<Rule> = new.into_iter().chain(rules.into_iter().cloned()).collect();
    if first >= count {
        (first - count..).zip(&mut all).take(count as usize).for_each(|(order, rule)| rule.order = order);
    } else {
        (1..).zip(&mut all).for_each(|(order, rule)| rule.order = order);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::rules::Whom;
    use super::*;

    #[test]
    fn what_is_blocked_comes_first() {
        let jid = |text: &str| Jid::parse(text).unwrap();
        let one = with(&[], &[jid("a@h"), jid("A@h")]);
        assert_eq!(one.len(), 1);
        let all = |order| Rule { order, whom: Whom::All, allow: true, about: 0 };
        for (order, expected) in [(0, [1, 2, 3]), (1, [1, 2, 3]), (2, [0, 1, 2]), (50, [48, 49, 50])] {
            let rules = with(&[all(order)], &[jid("a@h"), jid("b@h")]);
            assert_eq!(rules.iter().map(|rule| rule.order).collect::<Vec<_>>(), expected, "{order}");
            assert_eq!(rules[2].whom, Whom::All);
        }
        assert_eq!(with(&one, &[jid("a@h")]), one);
        let allowed = [Rule { order: 1, whom: Whom::Jid("a@h".into()), allow: true, about: 0 }, all(2), one[0].clone()];
        let rules = with(&allowed, &[jid("a@h")]);
        assert_eq!((rules.len(), rules[0].blocked()), (3, Some("a@h")), "a rule that allows does not decide before");
    }

    #[test]
    fn items_have_addresses() {
        let read = |text: &str| {
            let text = format!("<block xmlns='urn:xmpp:blocking'>{text}</block>");
            Block::read(xml::Element::parse(text.as_bytes(), &xml::Limits::default()).unwrap().root())
                .map(|block| block.0.len())
        };
        assert_eq!(read("<item jid='A@h'/><item jid='h'/>"), Ok(2));
        for bad in ["", "<item/>", "<jid jid='a@h'/>", "<item xmlns='x' jid='a@h'/>"] {
            assert_eq!(read(bad), Err(StanzaError::bad_request()), "{bad}");
        }
        assert_eq!(read("<item jid='@h'/>"), Err(StanzaError::jid_malformed()));
    }
}
