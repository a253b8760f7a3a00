//! The rules of a filter: what clients write, and what is kept (jabber-2000 8.1).
use im::Hub;
use serde::{Deserialize, Serialize};
use xml::{Builder, Element, Node};
use xmpp::{Jid, StanzaError, ns};

/// What may stand in a rule: conditions first, then actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Tag {
    Unavailable,
    From,
    Resource,
    Subject,
    Body,
    Show,
    Type,
    Roster,
    Group,
    Ns,
    Reply,
    Error,
    SetType,
    Forward,
    Offline,
    Continue,
}

impl Tag {
    const ALL: [Tag; 16] = [
        Tag::Unavailable,
        Tag::From,
        Tag::Resource,
        Tag::Subject,
        Tag::Body,
        Tag::Show,
        Tag::Type,
        Tag::Roster,
        Tag::Group,
        Tag::Ns,
        Tag::Reply,
        Tag::Error,
        Tag::SetType,
        Tag::Forward,
        Tag::Offline,
        Tag::Continue,
    ];

    pub(super) const CONDITIONS: &[Tag] = Tag::ALL.as_slice().split_at(10).0;

    pub(super) const fn name(self) -> &'static str {
        match self {
            Tag::Unavailable => "unavailable",
            Tag::From => "from",
            Tag::Resource => "resource",
            Tag::Subject => "subject",
            Tag::Body => "body",
            Tag::Show => "show",
            Tag::Type => "type",
            Tag::Roster => "roster",
            Tag::Group => "group",
            Tag::Ns => "ns",
            Tag::Reply => "reply",
            Tag::Error => "error",
            Tag::SetType => "settype",
            Tag::Forward => "forward",
            Tag::Offline => "offline",
            Tag::Continue => "continue",
        }
    }

    /// Whether it is something that can only be done with a message.
    const fn is_of_messages(self) -> bool {
        matches!(self, Tag::Reply | Tag::SetType | Tag::Forward | Tag::Offline)
    }
}

/// One element of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) tag: Tag,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) text: String,
    /// Of an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<u16>,
}

impl Part {
    pub(super) fn new(tag: Tag, text: impl Into<String>) -> Part {
        Part { tag, text: text.into(), code: None }
    }
}

/// One rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rule {
    pub(super) name: Option<String>,
    pub(super) parts: Vec<Part>,
}

impl Rule {
    pub(super) fn all(&self, tag: Tag) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(move |part| part.tag == tag)
    }

    pub(super) fn has(&self, tag: Tag) -> bool {
        self.all(tag).next().is_some()
    }

    /// Whether it does anything, apart from letting the next rules be asked.
    pub(super) fn acts(&self) -> bool {
        [Tag::Reply, Tag::Error, Tag::SetType, Tag::Forward, Tag::Offline].into_iter().any(|tag| self.has(tag))
    }

    /// Whether it does something that can only be done with messages.
    pub(super) fn is_of_messages(&self) -> bool {
        self.parts.iter().any(|part| part.tag.is_of_messages())
    }

    fn bytes(&self) -> usize {
        let parts: usize = self.parts.iter().map(|part| part.text.len() + 32).sum();
        self.name.as_ref().map_or(0, String::len) + parts + 32
    }

    fn read(rule: Node<'_>) -> Result<Rule, StanzaError> {
        let name = rule.attr("name").map(std::borrow::Cow::into_owned);
        Ok(Rule { name, parts: rule.children().map(part).collect::<Result<_, _>>()? })
    }

    fn write(&self, query: Builder) -> Builder {
        let rule = query.open(ns::FILTER, "rule").attr_opt("name", self.name.as_deref());
        let parts = self.parts.iter().fold(rule, |rule, part| {
            let code = part.code.map(|code| code.to_string());
            rule.open(ns::FILTER, part.tag.name()).attr_opt("code", code.as_deref()).text(&part.text).close()
        });
        parts.close()
    }
}

fn part(child: Node<'_>) -> Result<Part, StanzaError> {
    let tag = Tag::ALL.into_iter().find(|tag| child.is(ns::FILTER, tag.name()));
    let unknown = || refused(format!("tag type '{}' can not be used on this server", child.name()));
    let tag = tag.ok_or_else(unknown)?;
    let code = child.attr("code").filter(|_| tag == Tag::Error).and_then(|code| code.trim().parse().ok());
    Ok(Part { tag, text: child.text().into_owned(), code })
}

/// 406 with the words of mod_filter.
pub(super) fn refused(why: impl Into<std::borrow::Cow<'static, str>>) -> StanzaError {
    StanzaError::not_acceptable().with_text(why)
}

fn invalid() -> StanzaError {
    refused("Invalid rule, check rule size and tags")
}

/// Reads all rules of `<query xmlns='jabber:iq:filter'/>`.
pub(super) fn read(query: Node<'_>) -> Result<Vec<Rule>, StanzaError> {
    let rule = |child: Node<'_>| if child.is(ns::FILTER, "rule") { Rule::read(child) } else { Err(invalid()) };
    query.children().map(rule).collect()
}

/// All rules as clients are shown them.
pub(super) fn write(rules: &[Rule]) -> Element {
    rules.iter().fold(Builder::new(ns::FILTER, "query"), |query, rule| rule.write(query)).finish()
}

/// What bounds the rules of an account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) rules: usize,
    pub(super) bytes: usize,
    pub(super) forwards: usize,
    pub(super) elsewhere: bool,
}

/// Whether an account may have these rules.
pub(super) fn check(rules: &[Rule], bounds: Bounds, is_local: impl Fn(&Jid) -> bool) -> Result<(), StanzaError> {
    if rules.len() > bounds.rules || rules.iter().map(Rule::bytes).sum::<usize>() > bounds.bytes {
        return Err(invalid());
    }
    for rule in rules {
        if rule.has(Tag::Ns) && rule.is_of_messages() {
            return Err(refused("ns tag cannot be used this way"));
        }
        if rule.all(Tag::Forward).count() > bounds.forwards {
            return Err(invalid());
        }
        for forward in rule.all(Tag::Forward) {
            let to = Jid::parse(forward.text.trim()).map_err(|_| refused("forward needs a valid address"))?;
            if !bounds.elsewhere && !is_local(&to) {
                return Err(refused("forward needs an address on this server"));
            }
        }
    }
    Ok(())
}

/// Whether an address is served here.
pub(super) fn is_local(hub: &Hub, jid: &Jid) -> bool {
    hub.host(jid.domain()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { rules: 3, bytes: 600, forwards: 2, elsewhere: false };

    fn set(rules: &str) -> Result<Vec<Rule>, String> {
        let text = format!("<query xmlns='jabber:iq:filter'>{rules}</query>");
        let element = Element::parse(text.as_bytes(), &xml::Limits::default()).unwrap();
        let told = |error: StanzaError| error.text.map(std::borrow::Cow::into_owned).unwrap_or_default();
        let rules = read(element.root()).map_err(told)?;
        check(&rules, BOUNDS, |jid| jid.domain() == "h").map_err(told)?;
        Ok(rules)
    }

    #[test]
    fn rules_are_shown_as_they_were_set() {
        let rules = "<rule name='away'><unavailable/><offline/><reply>I am &lt;not&gt; here</reply><forward>amy@h</forward></rule>\
            <rule name='spam'><from>spam@x</from><error code='403'>No</error></rule><rule><ns>jabber:iq:version</ns><continue/></rule>";
        let shown = write(&set(rules).unwrap());
        assert_eq!(shown.as_str(), format!("<query xmlns='jabber:iq:filter'>{rules}</query>"));
    }

    #[test]
    fn limits_have_the_words_of_1x() {
        let invalid = "Invalid rule, check rule size and tags";
        let long = format!("<rule><body>{}</body></rule>", "x".repeat(600));
        for (rules, why) in [
            ("<other/>", invalid),
            ("<rule xmlns='other'/>", invalid),
            ("<rule/><rule/><rule/><rule/>", invalid),
            (&long, invalid),
            ("<rule><forward>a@h</forward><forward>b@h</forward><forward>c@h</forward></rule>", invalid),
            ("<rule><drop/></rule>", "tag type 'drop' can not be used on this server"),
            ("<rule><edit/></rule>", "tag type 'edit' can not be used on this server"),
            ("<rule><ns>jabber:iq:last</ns><reply>no</reply></rule>", "ns tag cannot be used this way"),
            ("<rule><ns>jabber:iq:last</ns><offline/></rule>", "ns tag cannot be used this way"),
            ("<rule><forward>@h</forward></rule>", "forward needs a valid address"),
            ("<rule><forward>a@elsewhere</forward></rule>", "forward needs an address on this server"),
        ] {
            assert_eq!(set(rules).unwrap_err(), why, "{rules}");
        }
        assert_eq!(set("<rule/><rule/><rule/>").unwrap().len(), 3);
        assert!(set("").unwrap().is_empty());
    }

    #[test]
    fn conditions_come_before_actions() {
        assert_eq!(Tag::CONDITIONS.len(), 10);
        assert!(Tag::CONDITIONS.iter().all(|tag| *tag <= Tag::Ns));
    }
}
