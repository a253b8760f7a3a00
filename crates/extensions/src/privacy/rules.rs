//! Lists of rules, and what they say of somebody (XEP-0016 §2.1, §2.2).
use im::Account;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use xmpp::Jid;

/// What a rule may be about. A rule without any of these is about everything, subscriptions and what is sent to others included.
pub(super) mod about {
    pub(in super::super) const MESSAGE: u8 = 1;
    pub(in super::super) const IQ: u8 = 2;
    pub(in super::super) const PRESENCE_IN: u8 = 4;
    pub(in super::super) const PRESENCE_OUT: u8 = 8;
    /// What no narrower rule is about.
    pub(in super::super) const OTHER: u8 = 0;
}

/// The names of the narrower rules' elements, with what they stand for.
pub(super) const ELEMENTS: [(&str, u8); 4] = [
    ("message", about::MESSAGE),
    ("iq", about::IQ),
    ("presence-in", about::PRESENCE_IN),
    ("presence-out", about::PRESENCE_OUT),
];

/// Whom a rule means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Whom {
    /// An address, canonical: of a resource, a person, or all of a domain.
    Jid(String),
    /// A group of the roster.
    Group(String),
    /// none, to, from or both.
    Subscription(String),
    /// Everybody.
    All,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rule {
    pub(super) order: u32,
    pub(super) whom: Whom,
    pub(super) allow: bool,
    /// Bits of [`about`]; 0 is everything.
    #[serde(default)]
    pub(super) about: u8,
}

impl Rule {
    /// A rule that the blocking command makes.
    pub(super) fn blocking(jid: &Jid, order: u32) -> Rule {
        Rule { order, whom: Whom::Jid(jid.as_str().to_owned()), allow: false, about: 0 }
    }

    /// The address that is blocked, if this rule is one that the blocking command can show.
    pub(super) fn blocked(&self) -> Option<&str> {
        match &self.whom {
            Whom::Jid(jid) if !self.allow && self.about == 0 => Some(jid),
            _ => None,
        }
    }

    /// The group of the roster that it means.
    pub(super) fn group(&self) -> Option<&str> {
        match &self.whom {
            Whom::Group(name) => Some(name),
            _ => None,
        }
    }

    fn is_about(&self, what: u8) -> bool {
        self.about == 0 || self.about & what != 0
    }

    /// What it counts, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let text = match &self.whom {
            Whom::Jid(text) | Whom::Group(text) | Whom::Subscription(text) => text.len(),
            Whom::All => 0,
        };
        text + 64
    }
}

/// A list: its rules in their order, found by address without going through all of them.
#[derive(Clone, Debug, Default)]
pub(super) struct List {
    rules: Vec<Rule>,
    /// Which rules are about an address, in their order.
    addresses: HashMap<String, Vec<usize>>,
    /// The others, in their order.
    others: Vec<usize>,
}

impl List {
    pub(super) fn new(mut rules: Vec<Rule>) -> List {
        rules.sort_by_key(|rule| rule.order);
        let mut list = List::default();
        for (at, rule) in rules.iter().enumerate() {
            match &rule.whom {
                Whom::Jid(jid) => list.addresses.entry(jid.clone()).or_default().push(at),
                _ => list.others.push(at),
            }
        }
        list.rules = rules;
        list
    }

    pub(super) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The addresses that it blocks, as the blocking command shows them.
    pub(super) fn blocked(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().filter_map(Rule::blocked)
    }

    /// The rule that refuses `other` this, if the first that means him does not allow it.
    pub(super) fn refuses(&self, account: &Account, other: &Jid, what: u8) -> Option<&Rule> {
        let item = account.roster().get(other);
        let known = Known {
            groups: item.map_or(&[], |item| &item.groups),
            subscription: item.map_or("none", |item| item.state.attribute()),
        };
        self.first(&known, other, what).filter(|rule| !rule.allow)
    }

    fn first(&self, known: &Known<'_>, other: &Jid, what: u8) -> Option<&Rule> {
        let meant = |at: &&usize| self.rules[**at].is_about(what);
        let by_address = |address: &str| self.addresses.get(address).and_then(|all| all.iter().find(meant)).copied();
        // §2.1: an address as it is, a person whatever the resource, a domain whoever is there.
        let addresses = [other.as_str(), other.bare_str(), other.domain()];
        let first = addresses.into_iter().filter_map(by_address).min();
        let mut others = self.others.iter().filter(meant).take_while(|at| first.is_none_or(|first| **at < first));
        let at = others.find(|at| known.is_meant(&self.rules[**at].whom)).copied().or(first)?;
        self.rules.get(at)
    }
}

/// What the roster says of somebody.
struct Known<'a> {
    groups: &'a [String],
    subscription: &'a str,
}

impl Known<'_> {
    fn is_meant(&self, whom: &Whom) -> bool {
        match whom {
            Whom::Jid(_) => false,
            Whom::Group(name) => self.groups.contains(name),
            Whom::Subscription(state) => self.subscription == state,
            Whom::All => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::about::{IQ, MESSAGE, OTHER, PRESENCE_IN, PRESENCE_OUT};
    use super::*;

    fn rule(order: u32, whom: Whom, allow: bool, about: u8) -> Rule {
        Rule { order, whom, allow, about }
    }

    fn jid(text: &str) -> Whom {
        Whom::Jid(text.into())
    }

    fn denies(list: &List, other: &str, known: &Known<'_>, what: u8) -> bool {
        list.first(known, &Jid::parse(other).unwrap(), what).is_some_and(|rule| !rule.allow)
    }

    const NOBODY: Known<'static> = Known { groups: &[], subscription: "none" };

    #[test]
    fn an_address_means_what_belongs_to_it() {
        let rows = [
            ("a@h/r", &[("a@h/r", true), ("a@h/s", false), ("a@h", false), ("h", false)][..]),
            ("a@h", &[("a@h/r", true), ("a@h", true), ("b@h", false), ("h", false)]),
            ("h/r", &[("h/r", true), ("h", false), ("a@h/r", false), ("h/s", false)]),
            ("h", &[("h", true), ("h/r", true), ("a@h", true), ("a@h/r", true), ("a@i", false), ("a@sub.h", false)]),
        ];
        for (value, others) in rows {
            let list = List::new(vec![rule(1, jid(value), false, 0)]);
            for (other, denied) in others {
                assert_eq!(denies(&list, other, &NOBODY, MESSAGE), *denied, "{value} {other}");
            }
        }
    }

    #[test]
    fn the_first_rule_in_order_that_is_about_it_decides() {
        let list = List::new(vec![
            rule(50, Whom::All, false, 0),
            rule(10, jid("a@h"), true, MESSAGE),
            rule(20, jid("h"), false, PRESENCE_IN),
            rule(30, Whom::Group("Friends".into()), true, 0),
            rule(40, Whom::Subscription("both".into()), true, IQ),
        ]);
        let groups = ["Friends".to_owned()];
        let friend = Known { groups: &groups, subscription: "none" };
        let both = Known { groups: &[], subscription: "both" };
        let rows = [
            ("a@h/r", &NOBODY, MESSAGE, false),
            ("a@h/r", &NOBODY, PRESENCE_IN, true),
            ("a@h/r", &friend, PRESENCE_IN, true),
            ("a@h/r", &friend, PRESENCE_OUT, false),
            ("b@h", &friend, OTHER, false),
            ("b@h", &both, IQ, false),
            ("b@h", &both, MESSAGE, true),
            ("b@h", &NOBODY, OTHER, true),
        ];
        for (other, known, what, denied) in rows {
            assert_eq!(denies(&list, other, known, what), denied, "{other} {what} {}", known.subscription);
        }
        assert!(!denies(&List::default(), "a@h", &NOBODY, OTHER), "without a rule it is allowed");
    }

    #[test]
    fn a_narrow_rule_is_not_about_the_rest() {
        let list = List::new(vec![rule(1, jid("a@h"), false, MESSAGE | PRESENCE_OUT)]);
        for (what, denied) in [(MESSAGE, true), (PRESENCE_OUT, true), (IQ, false), (PRESENCE_IN, false), (OTHER, false)] {
            assert_eq!(denies(&list, "a@h/r", &NOBODY, what), denied, "{what}");
        }
        assert_eq!(list.blocked().count(), 0);
        assert_eq!(List::new(vec![Rule::blocking(&Jid::parse("A@h").unwrap(), 1)]).blocked().collect::<Vec<_>>(), ["a@h"]);
    }
}
