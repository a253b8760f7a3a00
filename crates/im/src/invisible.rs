//! Sessions that take part without being seen: the invisible presence of 1.x, and the command of today (XEP-0186). Both are one state: the session is
//! available, and shows no presence. They differ in what ends it: in 2000 the next available presence, today the command `visible`.
use crate::account::Present;
use crate::door::Dialect;
use crate::home::Within;
use crate::presence::{priority, unavailable};
use crate::session::Session;
use std::sync::Arc;
use xmpp::{Stanza, StanzaError};

impl Present {
    /// Whether it hides from others, whatever it says of its presence.
    pub(crate) fn is_hiding(&self) -> bool {
        self.invisible || self.veil.is_some()
    }
}

impl Within<'_> {
    /// The invisible presence of 1.x: nobody is shown anything, but the session takes part. One that was visible becomes unavailable first.
    pub(crate) fn become_invisible(&mut self, session: &Arc<Session>, stanza: Stanza) {
        if session.dialect() == Dialect::X {
            return self.refuse(session, &stanza, &StanzaError::bad_request());
        }
        let priority = priority(&stanza, Dialect::J).unwrap_or(0);
        let Some(present) = self.account.present(session) else { return };
        let new = !present.is_available();
        if present.is_visible() {
            let farewell = unavailable(session.jid(), None);
            self.leave_contacts(session, &farewell, true);
        }
        self.take_part_unseen(session, priority, new, true);
        self.tell_available(session, Some(&stanza), new);
    }

    /// XEP-0186 §3.1: from now on nothing that this session says of its presence is shown to anybody but those to whom it says so directly. Whoever
    /// saw it sees it go. `probes`: the session's contacts are asked after.
    pub fn hide(&mut self, session: &Arc<Session>, probes: bool) {
        let Some(present) = self.account.present(session) else { return };
        let (was, new, priority) = (present.veil.replace(probes), !present.is_available(), present.priority);
        if was.is_some() {
            return;
        }
        if present.is_visible() || !present.directed.is_empty() {
            // It does not say so itself, and is not told.
            let farewell = unavailable(session.jid(), None);
            self.leave_contacts(session, &farewell, false);
        }
        if probes && !new {
            self.probe_contacts(session);
        }
        self.take_part_unseen(session, priority, new, probes);
        self.tell_available(session, None, new);
    }

    /// XEP-0186 §3.2: as before a session's first presence, but that whom it sent presence directly hear of its end.
    pub fn unhide(&mut self, session: &Arc<Session>) {
        let Some(present) = self.account.present(session) else { return };
        if present.veil.take().is_some() && std::mem::take(&mut present.invisible) {
            present.told_requests = false;
            self.tell_unavailable(session, None);
        }
    }

    /// Presence of a session that hides: it takes part, and nobody hears of it.
    pub(crate) fn stay_invisible(&mut self, session: &Arc<Session>, stanza: &Stanza, priority: i8, probes: bool) {
        let Some(present) = self.account.present(session) else { return };
        let new = !present.is_available();
        self.take_part_unseen(session, priority, new, probes);
        self.tell_available(session, Some(stanza), new);
    }

    fn take_part_unseen(&mut self, session: &Arc<Session>, priority: i8, new: bool, probes: bool) {
        let Some(present) = self.account.present(session) else { return };
        present.invisible = true;
        present.priority = priority;
        if new {
            if probes {
                self.probe_contacts(session);
            }
            self.see_own(session);
            self.tell_pending_requests(session);
        }
    }
}
