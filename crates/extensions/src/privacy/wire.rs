//! Privacy lists as clients write them, and as they are shown (XEP-0016 §2.1).
use super::rules::{ELEMENTS, Rule, Whom};
use xml::{Builder, Element, Node};
use xmpp::{Jid, StanzaError, ns};

/// What `<query/>` holds: one thing at a time, but for a set without anything.
pub(super) enum Wish {
    /// The names of all lists.
    Names,
    /// `<list name=''/>` with its rules, if any.
    List(String, Vec<Rule>),
    /// `<active/>`; without a name no list.
    Active(Option<String>),
    /// `<default/>`; without a name no list.
    Default(Option<String>),
}

impl Wish {
    pub(super) fn read(query: Node<'_>) -> Result<Wish, StanzaError> {
        let mut children = query.children();
        let Some(child) = children.next() else { return Ok(Wish::Names) };
        if children.next().is_some() || child.ns() != ns::PRIVACY {
            return Err(StanzaError::bad_request());
        }
        let name = child.attr("name").map(std::borrow::Cow::into_owned);
        if name.as_ref().is_some_and(String::is_empty) {
            return Err(StanzaError::bad_request());
        }
        match (child.name(), name) {
            ("list", Some(name)) => Ok(Wish::List(name, rules(child)?)),
            ("active", name) if !child.has_children() => Ok(Wish::Active(name)),
            ("default", name) if !child.has_children() => Ok(Wish::Default(name)),
            _ => Err(StanzaError::bad_request()),
        }
    }
}

fn rules(list: Node<'_>) -> Result<Vec<Rule>, StanzaError> {
    let rules: Vec<Rule> = list.children().map(rule).collect::<Option<_>>().ok_or_else(StanzaError::bad_request)?;
    let mut orders: Vec<u32> = rules.iter().map(|rule| rule.order).collect();
    orders.sort_unstable();
    if orders.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(StanzaError::bad_request().with_text("two rules have the same order"));
    }
    Ok(rules)
}

/// `None`: it breaks the syntax.
fn rule(item: Node<'_>) -> Option<Rule> {
    if !item.is(ns::PRIVACY, "item") {
        return None;
    }
    let value = || item.attr("value").map(std::borrow::Cow::into_owned);
    let whom = match item.attr("type").as_deref() {
        None => Whom::All,
        Some("jid") => Whom::Jid(Jid::parse(&value()?).ok()?.as_str().to_owned()),
        Some("group") => Whom::Group(value()?),
        Some("subscription") => {
            Whom::Subscription(value().filter(|state| matches!(&state[..], "none" | "to" | "from" | "both"))?)
        }
        Some(_) => return None,
    };
    let allow = match item.attr("action").as_deref()? {
        "allow" => true,
        "deny" => false,
        _ => return None,
    };
    let order = item.attr("order")?.trim().parse().ok()?;
    let mut about = 0;
    for child in item.children() {
        let (_, bit) = ELEMENTS.iter().find(|(name, _)| child.is(ns::PRIVACY, name))?;
        about |= bit;
    }
    Some(Rule { order, whom, allow, about })
}

/// `<list/>` with its rules.
pub(super) fn write_list(query: Builder, name: &str, rules: &[Rule]) -> Builder {
    let list = query.open(ns::PRIVACY, "list").attr("name", name);
    rules.iter().fold(list, write_rule).close()
}

fn write_rule(list: Builder, rule: &Rule) -> Builder {
    let (kind, value) = match &rule.whom {
        Whom::Jid(jid) => (Some("jid"), Some(jid)),
        Whom::Group(group) => (Some("group"), Some(group)),
        Whom::Subscription(state) => (Some("subscription"), Some(state)),
        Whom::All => (None, None),
    };
    let item = list.open(ns::PRIVACY, "item").attr_opt("type", kind).attr_opt("value", value.map(String::as_str));
    let item = item.attr("action", if rule.allow { "allow" } else { "deny" }).attr("order", &rule.order.to_string());
    let elements = ELEMENTS.iter().filter(|(_, bit)| rule.about & bit != 0);
    elements.fold(item, |item, (name, _)| item.leaf(ns::PRIVACY, name)).close()
}

/// What a session is told of a list that has changed (§2.2, rule 10).
pub(super) fn changed(name: &str) -> Element {
    Builder::new(ns::PRIVACY, "query").open(ns::PRIVACY, "list").attr("name", name).close().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(children: &str) -> Result<Wish, StanzaError> {
        let text = format!("<query xmlns='jabber:iq:privacy'>{children}</query>");
        Wish::read(Element::parse(text.as_bytes(), &xml::Limits::default()).unwrap().root())
    }

    #[test]
    fn a_list_is_written_as_it_was_read() {
        let list = "<list name='public'><item type='jid' value='tybalt@example.com' action='deny' order='3'/>\
            <item type='group' value='A &amp; B' action='allow' order='4'><message/><iq/></item>\
            <item type='subscription' value='both' action='deny' order='5'><presence-in/><presence-out/></item>\
            <item action='allow' order='4294967295'/></list>";
        let Ok(Wish::List(name, rules)) = read(list) else { panic!("a list") };
        let written = write_list(Builder::new(ns::PRIVACY, "query"), &name, &rules).finish();
        assert_eq!(written.as_str(), format!("<query xmlns='jabber:iq:privacy'>{list}</query>"));
    }

    #[test]
    fn what_breaks_the_syntax_is_refused() {
        let item = "<item action='deny' order='1'/>";
        for bad in [
            "<list/>",
            "<list name=''/>",
            "<active name='a'/><default name='a'/>",
            "<list name='a'/><list name='b'/>",
            "<active name='a'><item/></active>",
            "<other name='a'/>",
            "<list xmlns='other' name='a'/>",
            "<list name='a'><rule/></list>",
            "<list name='a'><item order='1'/></list>",
            "<list name='a'><item action='block' order='1'/></list>",
            "<list name='a'><item action='deny'/></list>",
            "<list name='a'><item action='deny' order='-1'/></list>",
            "<list name='a'><item action='deny' order='4294967296'/></list>",
            "<list name='a'><item action='deny' order='one'/></list>",
            "<list name='a'><item type='jid' action='deny' order='1'/></list>",
            "<list name='a'><item type='jid' value='@h' action='deny' order='1'/></list>",
            "<list name='a'><item type='name' value='a' action='deny' order='1'/></list>",
            "<list name='a'><item type='subscription' value='remove' action='deny' order='1'/></list>",
            "<list name='a'><item action='deny' order='1'><presence/></item></list>",
            &format!("<list name='a'>{item}{item}</list>"),
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        for good in ["", "<active/>", "<default/>", "<active name='a'/>", "<list name='a'/>"] {
            assert!(read(good).is_ok(), "{good}");
        }
    }
}
