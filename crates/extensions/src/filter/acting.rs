//! What becomes of a stanza that a rule means (jabber-2000 8.1): the actions of a rule in their fixed order, then the next rule if this one says so.
use super::matching::Facts;
use super::rules::{Rule, Tag};
use super::{Filter, Room, envelope};
use im::{ReceivedAt, Verdict, Within};
use std::sync::Arc;
use std::time::Duration;
use xml::Builder;
use xmpp::{IqType, Jid, Kind, MessageType, Stanza, StanzaError, ns};

/// Nobody is replied to more often than this; and of how many that is remembered.
const REPLY_EVERY: Duration = Duration::from_secs(60 * 60);
const REPLIED: usize = 256;

const MINUTE: Duration = Duration::from_secs(60);

/// What a rule has done with a stanza.
enum Done {
    /// It is left to the next rules, or to be delivered.
    GoesOn,
    /// It goes no further.
    Consumed,
    /// It goes back.
    Returned(StanzaError),
}

impl Room {
    pub(super) fn received(&self, at: &mut ReceivedAt<'_>) -> Verdict {
        let rules = match self.rules_of(at.within.account) {
            Some(rules) => rules,
            None if self.defaults.is_empty() => return Verdict::Pass,
            None => Arc::default(),
        };
        // Answers are waited for by whoever asked, and have to come.
        let is_answer = matches!(at.stanza.iq_type(), Some(IqType::Result | IqType::Error));
        if is_answer || at.stanza.from().is_none() {
            return Verdict::Pass;
        }
        for rule in rules.iter().chain(self.defaults.iter()) {
            if !can_be_done(rule, at.stanza) || !Facts::of(at.within.account, at.stanza).are_meant_by(rule) {
                continue;
            }
            match self.act(at, rule) {
                Done::GoesOn => {}
                Done::Consumed => return Verdict::Done,
                Done::Returned(error) => return Verdict::Bounce(error),
            }
        }
        Verdict::Pass
    }

    fn act(&self, at: &mut ReceivedAt<'_>, rule: &Rule) -> Done {
        let goes_on = rule.has(Tag::Continue);
        if !rule.acts() && !goes_on {
            // Dropped; but whoever asks something has to be answered.
            return match at.stanza.kind() {
                Kind::Iq => Done::Returned(StanzaError::service_unavailable()),
                _ => Done::Consumed,
            };
        }
        if envelope::goes_round(at.stanza, at.within.account.jid()) {
            for (tag, why) in [(Tag::Reply, "Replying"), (Tag::Forward, "Forwarding")] {
                if rule.has(tag) {
                    let text = format!("{why} would result in infinite loop");
                    return Done::Returned(StanzaError::from_legacy(Some(502), &text));
                }
            }
        }
        if rule.has(Tag::Forward) && !self.may_forward(&mut at.within) {
            return Done::Returned(StanzaError::resource_constraint().with_text("too much is forwarded"));
        }
        if let Some(reply) = rule.all(Tag::Reply).next() {
            self.reply(at, &reply.text);
        }
        if let Some(error) = rule.all(Tag::Error).next() {
            let error = StanzaError::from_legacy(error.code, &error.text);
            if !goes_on && !rule.has(Tag::Forward) && !rule.has(Tag::Offline) {
                return Done::Returned(error);
            }
            if at.stanza.may_be_answered() {
                let returned = at.stanza.error(&error);
                at.within.send(returned);
            }
        }
        if let Some(kind) = rule.all(Tag::SetType).next() {
            at.stanza.set_message_type(message_type(kind.text.trim()));
        }
        let to: Vec<Jid> = rule.all(Tag::Forward).filter_map(|part| Jid::parse(part.text.trim()).ok()).collect();
        forward(at, &to);
        if rule.has(Tag::Offline) {
            let kept = at.stanza.clone();
            at.within.keep_for_later(kept);
        }
        if goes_on { Done::GoesOn } else { Done::Consumed }
    }

    /// Once per sender and hour, and never to what no person has written to this account: or two accounts that are away would write to each other.
    fn reply(&self, at: &mut ReceivedAt<'_>, text: &str) {
        let personal = matches!(at.stanza.message_type(), MessageType::Normal | MessageType::Chat);
        let account = at.within.account.jid().clone();
        let Some(from) = at.stanza.from().filter(|from| personal && !from.same_bare(&account)).cloned() else { return };
        let now = at.within.hub().clock().elapsed();
        if envelope::is_from_a_filter(at.stanza) || !self.notes_reply(&mut at.within, &from.bare(), now) {
            return;
        }
        let mut reply = at.stanza.clone();
        reply.set_from(at.stanza.to().cloned().unwrap_or_else(|| account.clone()));
        reply.set_to(Some(from.clone()));
        reply.remove(|child| child.is(ns::CLIENT, "body"));
        reply.append(Builder::new(ns::CLIENT, "body").text(text).finish());
        envelope::write(&mut reply, &account, &account, "to", &[from]);
        at.within.send(reply);
    }

    /// Whether this sender may be replied to now; if so, it is remembered.
    fn notes_reply(&self, within: &mut Within<'_>, to: &Jid, now: Duration) -> bool {
        let Some(filter) = self.filter(within) else { return false };
        filter.replied.retain(|(_, at)| now.saturating_sub(*at) < REPLY_EVERY);
        if filter.replied.iter().any(|(known, _)| known == to) || filter.replied.len() >= REPLIED {
            return false;
        }
        filter.replied.push_back((to.clone(), now));
        true
    }

    fn may_forward(&self, within: &mut Within<'_>) -> bool {
        let now = within.hub().clock().elapsed();
        let Some(filter) = self.filter(within) else { return false };
        if now.saturating_sub(filter.forwarded.0) >= MINUTE {
            filter.forwarded = (now, 0);
        }
        filter.forwarded.1 += 1;
        filter.forwarded.1 <= self.forwards_per_minute
    }

    /// Made for an account without rules of its own when a default one needs to remember something.
    fn filter<'a>(&self, within: &'a mut Within<'_>) -> Option<&'a mut Filter> {
        if within.account.rare(self.filters).is_none() {
            within.account.set_rare(self.filters, Some(Box::default()));
        }
        within.account.rare_mut(self.filters)
    }
}

/// Whether what a rule does can be done with a stanza: nothing is sent because of an error, and an iq cannot be kept or sent on.
fn can_be_done(rule: &Rule, stanza: &Stanza) -> bool {
    match stanza.kind() {
        Kind::Message if stanza.is_error() => {
            ![Tag::Reply, Tag::Error, Tag::Forward].into_iter().any(|tag| rule.has(tag))
        }
        Kind::Message => true,
        Kind::Iq => !rule.is_of_messages(),
        Kind::Presence => false,
    }
}

/// The type of this name; without one, or with one that nobody knows, a message is a normal one. An error would need to say of what.
fn message_type(name: &str) -> MessageType {
    MessageType::from_name(name).filter(|kind| *kind != MessageType::Error).unwrap_or(MessageType::Normal)
}

/// A copy to each address, in this account's name.
fn forward(at: &mut ReceivedAt<'_>, to: &[Jid]) {
    let (account, from) = (at.within.account.jid().clone(), at.stanza.from().cloned());
    let Some(from) = from.filter(|_| !to.is_empty()) else { return };
    let mut copy = at.stanza.clone();
    copy.set_from(account.clone());
    envelope::write(&mut copy, &account, &from, "cc", to);
    for to in to {
        let mut copy = copy.clone();
        copy.set_to(Some(to.clone()));
        at.within.send(copy);
    }
}
