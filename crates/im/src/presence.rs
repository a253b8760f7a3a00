//! Presence of this account's own sessions (RFC 6121 §4).
//!
//! A session that becomes available is shown to the contacts that may see it, learns of those it may see, and is told of the account's other sessions.
use crate::account::Present;
use crate::arrive;
use crate::door::Dialect;
use crate::home::Within;
use crate::moments::{Available, Kinds, Moment, PresenceAt, Unavailable};
use crate::outbox::Effect;
use crate::plan::guarded;
use crate::roster::Roster;
use crate::session::Session;
use crate::slots::Slots;
use std::sync::Arc;
use store::Epoch;
use xmpp::{Jid, PresenceType, Stanza, StanzaError};

impl Within<'_> {
    /// Shows every session of this account as gone, without ending any.
    pub(crate) fn hide_all(&mut self) {
        for session in self.sessions_that(|_| true) {
            let farewell = unavailable(session.jid(), None);
            self.leave_contacts(&session, &farewell, false);
        }
    }

    pub(crate) fn reloaded(&mut self, epoch: Epoch, roster: Roster, slots: Slots, last_id: u64) {
        let account = &mut self.account;
        account.epoch = epoch;
        account.roster = roster;
        account.slots = slots;
        account.last_id = account.last_id.max(last_id);
        account.reloading = false;
        account.removed = false;
        self.outbox.standing = None;
        // What was to be shown may have waited for the write that was lost.
        let sessions = self.account.sessions.iter();
        let shown: Vec<_> = sessions.filter_map(|it| Some((it.session.clone(), it.presence.clone()?))).collect();
        for (session, presence) in shown {
            self.show_to_contacts(&session, &presence);
        }
    }

    /// Takes a session out of the account, telling those who saw it.
    pub(crate) fn part(&mut self, session: &Arc<Session>, status: Option<&str>) {
        let farewell = unavailable(session.jid(), status);
        self.leave_contacts(session, &farewell, false);
        self.account.sessions.retain(|present| !Arc::ptr_eq(&present.session, session));
    }

    /// RFC 6121 §4.2 and §4.4: `<presence/>` without `to`.
    pub(crate) fn become_available(&mut self, session: &Arc<Session>, mut stanza: Stanza) {
        let priority = match priority(&stanza, session.dialect()) {
            Ok(priority) => priority,
            Err(error) => return self.refuse(session, &stanza, &error),
        };
        stanza.set_to(None);
        let Some(present) = self.account.present(session) else { return };
        if let Some(probes) = present.veil {
            return self.stay_invisible(session, &stanza, priority, probes);
        }
        let new = !present.is_available();
        let first = !present.is_visible();
        if first {
            // Who was shown an absence, or sent an error, before: this is a new appearance.
            present.stopped.clear();
        }
        present.priority = priority;
        present.invisible = false;
        present.presence = Some(Arc::new(stanza.clone()));
        if new {
            self.probe_contacts(session);
        }
        self.show_to_contacts(session, &stanza);
        self.show_to_own(session, &stanza, first);
        if new {
            self.tell_pending_requests(session);
        }
        self.tell_available(session, Some(&stanza), new);
    }

    /// Changes what sessions of this account show, and shows that to whoever sees them. `change` says whether there was anything to change.
    pub fn refresh_presence(&mut self, mut change: impl FnMut(&Session, &mut Stanza) -> bool) {
        for session in self.sessions_that(Present::is_visible) {
            let Some(present) = self.account.present(&session) else { continue };
            let Some(mut fresh) = present.presence.as_deref().cloned() else { continue };
            if change(&session, &mut fresh) {
                present.presence = Some(Arc::new(fresh.clone()));
                self.show_to_contacts(&session, &fresh);
                self.show_to_own(&session, &fresh, false);
            }
        }
    }

    /// §4.2.2: to the contacts that may see it, but for those that want no more.
    fn show_to_contacts(&mut self, session: &Arc<Session>, stanza: &Stanza) {
        let stopped = self.account.present(session).map(|present| present.stopped.clone()).unwrap_or_default();
        let mut to: Vec<Jid> =
            self.account.roster.seen_by().map(|item| item.jid.clone()).filter(|jid| !stopped.contains(jid)).collect();
        self.screen_out(session, &mut to);
        if !to.is_empty() {
            self.tell(Effect::Broadcast(Arc::new(stanza.clone()), to), None);
        }
    }

    /// Leaves out who is not to be shown this session's presence.
    fn screen_out(&self, session: &Arc<Session>, to: &mut Vec<Jid>) {
        if let Some(screen) = self.account.screen() {
            to.retain(|contact| !screen.hides(self.account, session, contact));
        }
    }

    /// §4.2.2 and §4.4.2: to the account's own available sessions. A J-session does not hear itself, as in 2000.
    fn show_to_own(&mut self, session: &Arc<Session>, stanza: &Stanza, first: bool) {
        let mut own = stanza.clone();
        own.set_to(Some(self.account.jid().clone()));
        let own = Arc::new(own);
        for other in self.sessions_that(Present::is_available) {
            if session.dialect() == Dialect::X || !Arc::ptr_eq(&other, session) {
                self.post(&other, own.clone());
            }
        }
        if first {
            self.see_own(session);
        }
    }

    /// Shows a new session the account's other sessions.
    pub(crate) fn see_own(&mut self, session: &Arc<Session>) {
        let others = self.account.sessions.iter().filter(|other| !Arc::ptr_eq(&other.session, session));
        let shown: Vec<Stanza> = others.filter_map(|other| other.presence.as_deref().cloned()).collect();
        for mut presence in shown {
            presence.set_to(Some(session.jid().clone()));
            self.post(session, Arc::new(presence));
        }
    }

    /// §4.3.1: asks after every contact whose presence this account may see, in the account's name.
    pub(crate) fn probe_contacts(&mut self, session: &Arc<Session>) {
        let mut contacts: Vec<Jid> = self.account.roster.sees().map(|item| item.jid.clone()).collect();
        // Who is not to know that this session is there is not asked either.
        self.screen_out(session, &mut contacts);
        if !contacts.is_empty() {
            let probe = Stanza::presence(PresenceType::Probe, Some(self.account.jid().clone()), None);
            self.outbox.push(Effect::Broadcast(Arc::new(probe), contacts), None);
        }
    }

    /// §4.5: unavailable without `to`.
    pub(crate) fn become_unavailable(&mut self, session: &Arc<Session>, stanza: Option<Stanza>) {
        let stanza = stanza.unwrap_or_else(|| unavailable(session.jid(), None));
        self.leave_contacts(session, &stanza, true);
    }

    /// Shows `farewell` to everybody who believes this session to be available, once. `said`: the session itself said it.
    pub(crate) fn leave_contacts(&mut self, session: &Arc<Session>, farewell: &Stanza, said: bool) {
        let Some(present) = self.account.present(session) else { return };
        let (was, invisible) = (present.presence.take(), std::mem::take(&mut present.invisible));
        present.told_requests = false;
        let directed = std::mem::take(&mut present.directed);
        let stopped = std::mem::take(&mut present.stopped);
        let mut to: Vec<Jid> = Vec::new();
        if was.is_some() {
            to.extend(self.account.roster.seen_by().map(|item| item.jid.clone()).filter(|jid| !stopped.contains(jid)));
        }
        // A contact that was also sent presence directly hears of the end once.
        to.extend(
            directed.into_iter().filter(|jid| was.is_none() || !self.account.roster.state(jid).seen_by_contact()),
        );
        self.screen_out(session, &mut to);
        if !to.is_empty() {
            self.outbox.push(Effect::Broadcast(Arc::new(farewell.clone()), to), None);
        }
        if was.is_some() {
            self.show_to_own(session, farewell, false);
            if said && session.dialect() == Dialect::X {
                // RFC 6121 §4.5.2: it hears itself, too.
                let mut own = farewell.clone();
                own.set_to(Some(self.account.jid().clone()));
                self.post(session, Arc::new(own));
            }
        }
        if was.is_some() || invisible {
            self.tell_unavailable(session, said.then_some(farewell));
        }
    }

    /// A session has lost its connection and waits, or has one again; nobody else is told.
    pub(crate) fn tell_of_sleep<M>(&mut self, session: &Arc<Session>)
    where
        M: for<'a> Moment<At<'a> = PresenceAt<'a>>,
    {
        let host = self.account.host.clone();
        let mut at = PresenceAt { within: self.again(), session, presence: None, first: false };
        guarded(M::NAME, || M::chain(host.plan()).run(Kinds::ALL, &mut at));
    }

    pub(crate) fn tell_available(&mut self, session: &Arc<Session>, stanza: Option<&Stanza>, first: bool) {
        let host = self.account.host.clone();
        let mut at = PresenceAt { within: self.again(), session, presence: stanza, first };
        guarded(Available::NAME, || Available::chain(host.plan()).run(Kinds::ALL, &mut at));
    }

    pub(crate) fn tell_unavailable(&mut self, session: &Arc<Session>, stanza: Option<&Stanza>) {
        let host = self.account.host.clone();
        let mut at = PresenceAt { within: self.again(), session, presence: stanza, first: false };
        guarded(Unavailable::NAME, || Unavailable::chain(host.plan()).run(Kinds::ALL, &mut at));
    }

    /// §4.6: presence to somebody in particular. It is remembered, so that they hear of the end too.
    pub(crate) fn directed(&mut self, session: &Arc<Session>, stanza: Stanza, available: bool) {
        let Some(to) = stanza.to().cloned() else { return };
        let limit = self.hub.limits().directed_presences;
        let contact = self.account.roster.state(&to).seen_by_contact();
        let Some(present) = self.account.present(session) else { return };
        if available {
            if present.directed.len() >= limit && !present.directed.contains(&to) {
                return self.refuse(session, &stanza, &StanzaError::resource_constraint());
            }
            present.stopped.remove(&to.bare());
            present.stopped.remove(&to);
            present.directed.insert(to);
        } else {
            present.directed.remove(&to);
            // Others get no broadcasts anyway.
            if contact && present.stopped.len() < limit {
                present.stopped.insert(to);
            }
        }
        self.send(stanza);
    }

    /// An error came back for presence: whoever sent it gets no more until this session becomes available anew (§4.4.2).
    pub(crate) fn presence_refused(&mut self, stanza: &Stanza) {
        let (Some(from), Some(to)) = (stanza.from(), stanza.to()) else { return };
        let limit = self.hub.limits().directed_presences;
        for present in &mut self.account.sessions {
            let concerned = to.is_bare() || present.session.jid() == to;
            if concerned && present.stopped.len() < limit {
                present.directed.remove(from);
                present.stopped.insert(from.bare());
            }
        }
    }

    /// §4.3.2: somebody asks whether this account is available.
    pub(crate) fn probe(&mut self, probe: &Stanza) {
        let Some(from) = probe.from().cloned() else { return };
        let may_see = self.account.shows_presence_to(&from);
        let (screen, mut answers) = (self.account.screen(), Vec::new());
        for present in self.account.sessions.iter().filter(|_| may_see) {
            let answer = match &present.presence {
                Some(presence) => (**presence).clone(),
                // 1.x: whom it has shown itself to learns that it is there, and no more.
                None if present.invisible
                    && present.session.dialect() == Dialect::J
                    && present.shows_itself_to(&from) =>
                {
                    Stanza::presence(PresenceType::Available, Some(present.session.jid().clone()), None)
                }
                None => continue,
            };
            if !self.account.hides(screen.as_ref(), &present.session, &from) {
                answers.push(answer);
            }
        }
        // From whom all is kept hears what he hears when nobody is there: silence would tell him.
        if answers.is_empty() {
            self.send(arrive::probe_answer(probe, may_see));
        }
        for mut answer in answers {
            answer.set_to(Some(from.clone()));
            self.send(answer);
        }
    }

    /// Shows this account's presence to a contact that has just been allowed to see it, or its absence to one that no longer is (§3.1.5, §3.2.2).
    pub(crate) fn show_all_to(&mut self, contact: &Jid, shown: bool) -> Vec<Stanza> {
        let mut all = Vec::new();
        let screen = self.account.screen();
        for present in &self.account.sessions {
            if let Some(presence) = &present.presence
                && !self.account.hides(screen.as_ref(), &present.session, contact)
            {
                let mut one = if shown { (**presence).clone() } else { unavailable(present.session.jid(), None) };
                one.set_to(Some(contact.clone()));
                all.push(one);
            }
        }
        all
    }
}

pub(crate) fn unavailable(from: &Jid, status: Option<&str>) -> Stanza {
    let mut stanza = Stanza::presence(PresenceType::Unavailable, Some(from.clone()), None);
    if let Some(status) = status {
        stanza.append(xml::Builder::new(xmpp::ns::CLIENT, "status").text(status).finish());
    }
    stanza
}

/// RFC 6121 §4.7.2.3: an integer from -128 to 127, 0 when absent. A J-client's odd value counts as 0 or as the nearest bound, as in 2000.
pub(crate) fn priority(stanza: &Stanza, dialect: Dialect) -> Result<i8, StanzaError> {
    let Some(node) = stanza.child(xmpp::ns::CLIENT, "priority") else { return Ok(0) };
    let text = node.text();
    match text.trim().parse::<i64>() {
        Ok(value) => match i8::try_from(value) {
            Ok(priority) => Ok(priority),
            Err(_) if dialect == Dialect::J => Ok(if value < 0 { i8::MIN } else { i8::MAX }),
            Err(_) => Err(StanzaError::bad_request().with_text("priority is a number from -128 to 127")),
        },
        Err(_) if dialect == Dialect::J || text.trim().is_empty() => Ok(0),
        Err(_) => Err(StanzaError::bad_request().with_text("priority is a number from -128 to 127")),
    }
}
