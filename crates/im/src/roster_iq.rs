//! A client asks for its roster, or changes it (RFC 6121 §2).
use crate::home::Within;
use crate::iq::Reply;
use crate::outbox::Effect;
use crate::roster::{Change, Since, parse_set};
use crate::session::Session;
use crate::subscriptions::roster_push;
use std::sync::Arc;
use store::Ticket;
use xmpp::{IqType, Stanza, StanzaError};

impl Within<'_> {
    /// Only the owner's own sessions see or change a roster; everybody else is refused (§2.3.3, §2.1.5).
    pub(crate) fn roster_iq(
        &mut self,
        session: Option<&Arc<Session>>,
        iq: &Stanza,
        query: xml::Node<'_>,
    ) -> Result<Reply, StanzaError> {
        let session = session.ok_or_else(StanzaError::forbidden)?;
        match iq.iq_type() {
            Some(IqType::Get) => self.roster_get(session, iq, query),
            _ => self.roster_set(session, query),
        }
    }

    /// §2.1.4, and §2.6.3 when the client names the version that it knows.
    fn roster_get(&mut self, session: &Arc<Session>, iq: &Stanza, query: xml::Node<'_>) -> Result<Reply, StanzaError> {
        let dialect = session.dialect();
        let known = query.attr("ver");
        let since = self.account.roster.result_since(known.as_deref(), dialect);
        if let Some(present) = self.account.present(session) {
            present.interested = true;
        }
        match since {
            Since::Whole(all) => self.tell_session(session, iq.result_with(all), Some(iq)),
            Since::Nothing => self.tell_session(session, iq.result(), Some(iq)),
            Since::Deltas(queries) => {
                self.tell_session(session, iq.result(), Some(iq));
                for query in queries {
                    let push = roster_push(session, &query, self.next_id());
                    self.tell_session(session, push, None);
                }
            }
        }
        self.tell_pending_requests(session);
        Ok(Reply::Sent)
    }

    fn tell_session(&mut self, session: &Arc<Session>, stanza: Stanza, asked: Option<&Stanza>) {
        let post = |stanza| Effect::Post(session.clone(), Arc::new(stanza));
        self.tell(post(stanza), asked.map(|iq| post(iq.error(&StanzaError::internal_server_error()))));
    }

    /// §2.3 to §2.5: the pushes come first, then the result, and both only when the change is durable.
    fn roster_set(&mut self, session: &Arc<Session>, query: xml::Node<'_>) -> Result<Reply, StanzaError> {
        let limits = self.hub.limits().roster;
        let wishes = parse_set(query, self.account.jid(), session.dialect(), &limits)?;
        let mut last = Ticket::committed();
        for wish in wishes {
            let change = self.account.roster.set(wish, &limits)?;
            last = self.commit_set(&change);
        }
        Ok(Reply::Empty.after(last))
    }

    /// Writes one changed item. Removing one ends the subscriptions both ways (§2.5.2), in the same commit.
    fn commit_set(&mut self, change: &Change) -> Ticket {
        let mut batch = self.roster_batch(change);
        let mut farewells = Vec::new();
        if change.removed {
            for verb in change.was.parting() {
                let own = self.account.jid().clone();
                let farewell = Stanza::presence(verb.presence(), Some(own), Some(change.jid.clone()));
                farewells.push(self.log(&mut batch, farewell));
            }
        }
        let ticket = self.write_logged(batch);
        self.push_after(&ticket, change);
        if change.hides() {
            self.show_after(&ticket, &change.jid, false);
        }
        for farewell in farewells {
            self.after(&ticket, farewell, None);
        }
        ticket
    }
}
