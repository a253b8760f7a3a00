//! Whether a rule means a stanza: all kinds of its conditions have to hold, of several of one kind one has to (jabber-2000 8.1).
use super::rules::{Rule, Tag};
use im::{Account, Present};
use std::borrow::Cow;
use xmpp::{Jid, Kind, Stanza, ns};

/// What a rule looks at, where it stands.
pub(super) struct Facts<'a> {
    pub(super) available: bool,
    pub(super) from: Option<&'a Jid>,
    pub(super) resource: Option<&'a str>,
    pub(super) subject: Option<Cow<'a, str>>,
    pub(super) body: Option<Cow<'a, str>>,
    /// Of the session that is addressed, or of the one that would get it.
    pub(super) show: Option<Cow<'a, str>>,
    /// Of a message.
    pub(super) kind: Option<&'static str>,
    pub(super) known: bool,
    pub(super) groups: &'a [String],
    /// Of an iq.
    pub(super) ns: Option<&'a str>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(account: &'a Account, stanza: &'a Stanza) -> Facts<'a> {
        let text = |name| stanza.child(ns::CLIENT, name).map(|child| child.text());
        let resource = stanza.to().and_then(Jid::resource);
        let session = resource.map_or_else(|| account.best(), |resource| account.session(resource));
        let show = session.and_then(Present::presence).and_then(|presence| presence.child(ns::CLIENT, "show"));
        let is_message = stanza.kind() == Kind::Message;
        let item = stanza.from().and_then(|from| account.roster().get(from)).filter(|item| item.listed);
        Facts {
            available: account.sessions().iter().any(Present::is_available),
            from: stanza.from(),
            resource,
            subject: text("subject").filter(|_| is_message),
            body: text("body").filter(|_| is_message),
            show: show.map(|show| show.text()),
            kind: is_message.then(|| stanza.message_type().name()),
            known: item.is_some(),
            groups: item.map_or(&[], |item| &item.groups),
            ns: stanza.payload().filter(|_| !is_message).map(|payload| payload.ns()),
        }
    }

    pub(super) fn are_meant_by(&self, rule: &Rule) -> bool {
        let holds = |tag: &Tag| !rule.has(*tag) || rule.all(*tag).any(|part| self.fits(*tag, &part.text));
        Tag::CONDITIONS.iter().all(holds)
    }

    fn fits(&self, tag: Tag, wanted: &str) -> bool {
        let is = |found: Option<&str>| found.is_some_and(|found| same(found, wanted));
        match tag {
            Tag::Unavailable => !self.available,
            Tag::From => {
                let wanted = Jid::parse(wanted.trim());
                wanted.is_ok_and(|wanted| self.from.is_some_and(|from| from.same_bare(&wanted)))
            }
            Tag::Resource => is(self.resource),
            Tag::Subject => is(self.subject.as_deref()),
            Tag::Body => is(self.body.as_deref()),
            Tag::Show => is(self.show.as_deref()),
            Tag::Type => is(self.kind),
            Tag::Roster => self.known,
            Tag::Group => self.groups.iter().any(|group| group == wanted),
            Tag::Ns => self.ns == Some(wanted),
            Tag::Reply | Tag::Error | Tag::SetType | Tag::Forward | Tag::Offline | Tag::Continue => false,
        }
    }
}

/// Equal, whatever the case of the letters.
fn same(one: &str, other: &str) -> bool {
    // Letter by letter, so that a long text costs no more than what it has in common with the other.
    one.chars().flat_map(char::to_lowercase).eq(other.chars().flat_map(char::to_lowercase))
}

#[cfg(test)]
mod tests {
    use super::super::rules::Part;
    use super::*;

    fn facts<'a>(from: &'a Jid, groups: &'a [String]) -> Facts<'a> {
        Facts {
            available: true,
            from: Some(from),
            resource: Some("Desk"),
            subject: Some("Offer".into()),
            body: Some("Äpfel".into()),
            show: Some("away".into()),
            kind: Some("chat"),
            known: true,
            groups,
            ns: None,
        }
    }

    /// T-8.1.1: every condition alone.
    #[test]
    fn each_condition_holds_or_does_not() {
        let (from, groups) = (Jid::parse("Amy@h/r").unwrap(), ["Friends".to_owned()]);
        let facts = facts(&from, &groups);
        for (tag, text, holds) in [
            (Tag::Unavailable, "", false),
            (Tag::From, "AMY@h", true),
            (Tag::From, "amy@h/other", true),
            (Tag::From, "bob@h", false),
            (Tag::From, "@h", false),
            (Tag::Resource, "desk", true),
            (Tag::Resource, "des", false),
            (Tag::Subject, "OFFER", true),
            (Tag::Subject, "offers", false),
            (Tag::Body, "äPFEL", true),
            (Tag::Body, "", false),
            (Tag::Show, "Away", true),
            (Tag::Show, "xa", false),
            (Tag::Type, "chat", true),
            (Tag::Type, "normal", false),
            (Tag::Roster, "", true),
            (Tag::Group, "Friends", true),
            (Tag::Group, "Enemies", false),
            (Tag::Ns, "jabber:iq:version", false),
        ] {
            let rule = Rule { name: None, parts: vec![Part::new(tag, text)] };
            assert_eq!(facts.are_meant_by(&rule), holds, "{tag:?} {text}");
        }
        let offline = Facts { available: false, show: None, known: false, groups: &[], ..facts };
        for (tag, text, holds) in
            [(Tag::Unavailable, "", true), (Tag::Show, "", false), (Tag::Roster, "", false), (Tag::Group, "Friends", false)]
        {
            let rule = Rule { name: None, parts: vec![Part::new(tag, text)] };
            assert_eq!(offline.are_meant_by(&rule), holds, "{tag:?} {text}");
        }
    }

    /// T-8.1.1: AND of different kinds, OR of several of one kind; a rule without conditions means everything.
    #[test]
    fn kinds_are_all_needed_and_one_of_each_is_enough() {
        let from = Jid::parse("amy@h/r").unwrap();
        let facts = facts(&from, &[]);
        for (parts, holds) in [
            (&[][..], true),
            (&[(Tag::From, "amy@h"), (Tag::From, "bob@h")], true),
            (&[(Tag::From, "bob@h"), (Tag::From, "eve@h")], false),
            (&[(Tag::From, "amy@h"), (Tag::Subject, "offer")], true),
            (&[(Tag::From, "amy@h"), (Tag::Subject, "other")], false),
            (&[(Tag::From, "amy@h"), (Tag::Roster, ""), (Tag::Group, "Friends")], false),
            (&[(Tag::From, "amy@h"), (Tag::Ns, "jabber:iq:version")], false),
            (&[(Tag::Offline, ""), (Tag::From, "amy@h")], true),
        ] {
            let parts = parts.iter().map(|(tag, text)| Part::new(*tag, *text)).collect();
            let rule = Rule { name: None, parts };
            assert_eq!(facts.are_meant_by(&rule), holds, "{rule:?}");
        }
    }
}
