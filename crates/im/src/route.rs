//! Stop 4: where does a stanza go? To an account here, to a host of ours, or elsewhere.
use crate::account::Account;
use crate::atomic::Ordering;
use crate::directory::Found;
use crate::fault::Fault;
use crate::home::{Home, Rests, Turn};
use crate::host::Host;
use crate::iq::{HostAsk, Reply};
use crate::local_service::ServiceAsk;
use crate::moments::{Kinds, Moment, ToHost, ToHostAt, Verdict};
use crate::plan::guarded;
use cluster::Placement;
use std::sync::Arc;
use store::Ticket;
use xmpp::{IqType, Jid, Kind, MessageType, PresenceType, Stanza, StanzaError};

/// What came of waking an account.
#[derive(Clone)]
pub(crate) enum Known {
    Home(Arc<Home>),
    Nobody,
    Fault(Fault),
}

impl Known {
    pub(crate) fn of(woken: Result<Option<Arc<Home>>, Fault>) -> Known {
        match woken {
            Ok(Some(home)) => Known::Home(home),
            Ok(None) => Known::Nobody,
            Err(fault) => Known::Fault(fault),
        }
    }
}

/// Whether a stanza has been routed.
pub(crate) enum Routed {
    Done,
    /// The receiver must be woken first.
    Asleep(Arc<Stanza>, Jid),
    /// It was for a host, which sends these in its place: they are routed next.
    Instead(Vec<Stanza>),
}

impl Turn<'_> {
    /// Routes one stanza that has a `to`; one without has nowhere to go.
    pub(crate) fn route(&mut self, stanza: Arc<Stanza>, known: Option<Known>) -> Routed {
        let Some(to) = stanza.to() else { return Routed::Done };
        self.routed += 1;
        self.rests_on = Rests::Nothing;
        if let Some(home) = self.last.take_if(|last| last.jid().as_str() == to.bare_str()) {
            self.arrive(home, stanza);
            return Routed::Done;
        }
        let Some(host) = self.host(to.domain()) else {
            match self.hub.service(to.domain()) {
                Some((host, number)) => self.service(&host, number, &stanza),
                None => self.elsewhere(&stanza),
            }
            return Routed::Done;
        };
        if to.local().is_none() {
            return self.host_itself(&host, &stanza);
        }
        match known {
            Some(known) => self.resolved(known, &host, stanza),
            None => match self.hub.directory().find(to.bare_str()) {
                Found::Awake(home) => self.arrive(home, stanza),
                Found::Asleep => match self.hub.cluster().place(to.bare_str()) {
                    Placement::There(member) => return self.carry(member, stanza),
                    Placement::Here if wakes(&stanza) => {
                        let whom = to.bare();
                        return Routed::Asleep(stanza, whom);
                    }
                    Placement::Here => self.sleeping(stanza),
                },
            },
        }
        Routed::Done
    }

    /// Routes one presence to several addresses. Nobody is woken for it.
    pub(crate) fn broadcast(&mut self, stanza: &Stanza, to: Vec<Jid>) {
        for to in to {
            let mut one = stanza.clone();
            one.set_to(Some(to));
            // A broadcast is presence or a probe, which never asks for waking.
            self.route(Arc::new(one), None);
        }
    }

    /// Routes an answer or a reaction, from wherever it comes.
    pub(crate) fn reply(&mut self, stanza: Stanza) {
        let hub = self.hub.clone();
        match self.route(Arc::new(stanza), None) {
            Routed::Done => {}
            Routed::Asleep(stanza, whom) => hub.clone().spawn(async move {
                let known = Known::of(hub.wake(&whom).await);
                let mut turn = Turn::new(&hub);
                turn.route(stanza, Some(known));
                turn.run();
            }),
            Routed::Instead(stanzas) => stanzas.into_iter().for_each(|stanza| self.reply(stanza)),
        }
    }

    fn resolved(&mut self, known: Known, host: &Arc<Host>, stanza: Arc<Stanza>) {
        match known {
            Known::Home(home) => self.arrive(home, stanza),
            Known::Nobody => self.nobody(host, &stanza),
            Known::Fault(fault) => {
                self.bounce(&stanza, &fault.tell());
                self.rests_on = Rests::Nowhere;
            }
        }
    }

    fn arrive(&mut self, home: Arc<Home>, stanza: Arc<Stanza>) {
        let (mut written, mut arrived, counted) = (None, false, self.counted);
        let refused = home.enter(self, |within| {
            if within.account.removed {
                return Some((stanza, StanzaError::service_unavailable()));
            }
            let subscription = is_subscription(&stanza);
            if within.outbox.is_full(subscription) {
                return Some((stanza, StanzaError::resource_constraint()));
            }
            let writes = within.outbox.writes;
            within.outbox.counted = counted;
            within.arrive(stanza);
            within.outbox.counted = false;
            written = match within.outbox.later.take() {
                None if subscription || writes != within.outbox.writes => within.outbox.standing.clone(),
                later => later,
            };
            arrived = true;
            None
        });
        self.rests_on = match written {
            Some(written) => Rests::On(written),
            None if arrived => Rests::Nothing,
            None => Rests::Nowhere,
        };
        match refused {
            Some((stanza, error)) if stanza.kind() != Kind::Presence => self.bounce(&stanza, &error),
            Some(_) => {}
            None => self.last = Some(home),
        }
    }

    /// An account that does not exist (RFC 6121 §8.5.1). A question is asked of an empty stand-in, so that it is answered as an existing account
    /// answers a stranger.
    fn nobody(&mut self, host: &Arc<Host>, stanza: &Stanza) {
        match stanza.kind() {
            Kind::Message => self.bounce(stanza, &StanzaError::service_unavailable()),
            Kind::Presence => {
                if matches!(stanza.presence_type(), PresenceType::Subscribe | PresenceType::Probe) {
                    self.answer_unsubscribed(stanza);
                }
            }
            Kind::Iq if stanza.to().is_some_and(Jid::is_bare) && stanza.may_be_answered() => {
                let Some(to) = stanza.to() else { return };
                let stand_in = Home::new(Account::phantom(to.clone(), host.clone()), self.hub.limits());
                stand_in.enter(self, |within| within.iq_to_account(None, stanza));
            }
            Kind::Iq => self.bounce(stanza, &StanzaError::service_unavailable()),
        }
    }

    /// What is not worth waking an account for. It has no session, so there is nobody to tell. A probe is answered from the stored roster item.
    fn sleeping(&mut self, stanza: Arc<Stanza>) {
        if stanza.kind() != Kind::Presence && stanza.to().is_some_and(Jid::is_full) {
            // Whether or not the account exists, that session does not (RFC 6121 §8.5.3.2).
            return self.bounce(&stanza, &StanzaError::service_unavailable());
        }
        if stanza.kind() == Kind::Presence && stanza.presence_type() == PresenceType::Probe {
            self.probes.push(stanza);
        }
    }

    fn answer_unsubscribed(&mut self, stanza: &Stanza) {
        if let (Some(from), Some(to)) = (stanza.from(), stanza.to()) {
            let mut answer = Stanza::presence(PresenceType::Unsubscribed, Some(to.bare()), Some(from.bare()));
            answer.append(xml::Builder::new(xmpp::ns::CLIENT, "status").text("Not Found").finish());
            self.reply(answer);
        }
    }

    /// RFC 6121 §8.3 and RFC 6120 §10.5.1: the host itself is addressed.
    fn host_itself(&mut self, host: &Arc<Host>, stanza: &Stanza) -> Routed {
        match (stanza.kind(), stanza.from(), stanza.payload()) {
            (Kind::Iq, Some(from), Some(payload)) if stanza.may_be_answered() => {
                let set = stanza.iq_type() == Some(IqType::Set);
                let whole = stanza.to().is_some_and(Jid::is_bare);
                let reply = match host.plan().host_iqs.find(set, payload) {
                    Some(handler) if whole => {
                        let mut ask = HostAsk { hub: self.hub, host, stanza, from };
                        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| handler(&mut ask)))
                            .unwrap_or_else(|panic| Err(crate::plan::panicked("iq", &panic).tell()))
                    }
                    _ => Err(StanzaError::service_unavailable()),
                };
                self.answer(stanza, reply);
            }
            (Kind::Message, ..) => return self.message_to_host(host, stanza),
            (Kind::Iq, ..) => self.bounce(stanza, &StanzaError::service_unavailable()),
            (Kind::Presence, ..) => {}
        }
        Routed::Done
    }

    /// What becomes of it is for the host's extensions to say; without one it is returned.
    fn message_to_host(&mut self, host: &Arc<Host>, stanza: &Stanza) -> Routed {
        let mut at = ToHostAt { hub: self.hub, host, stanza, instead: Vec::new(), rests_on: None };
        let chain = ToHost::chain(host.plan());
        let verdict = guarded(ToHost::NAME, || chain.run(Kinds::of(Kind::Message), &mut at));
        let ToHostAt { instead, rests_on, .. } = at;
        match verdict {
            Verdict::Pass => self.bounce(stanza, &StanzaError::service_unavailable()),
            Verdict::Bounce(error) => self.bounce(stanza, &error),
            Verdict::Done => {
                self.rests_on = rests_on.map_or(Rests::Nothing, Rests::On);
                return Routed::Instead(instead);
            }
        }
        Routed::Done
    }

    /// A service of ours is addressed. It answers questions and knows nobody behind itself.
    fn service(&mut self, host: &Arc<Host>, number: usize, stanza: &Stanza) {
        let (plan, whole) = (host.plan(), stanza.to().is_some_and(|to| to.local().is_none() && to.is_bare()));
        let asked =
            (stanza.kind() == Kind::Iq && stanza.may_be_answered() && whole).then(|| stanza.payload()).flatten();
        let service = plan.local_services.get(number);
        let (Some(payload), Some(from), Some(service), Some(address)) = (asked, stanza.from(), service, stanza.to())
        else {
            return if stanza.kind() != Kind::Presence {
                self.bounce(stanza, &StanzaError::service_unavailable())
            };
        };
        let set = stanza.iq_type() == Some(IqType::Set);
        let handler = service.iqs.find(set, payload).or_else(|| plan.service_iqs.find(set, payload));
        let reply = handler.map_or(Err(StanzaError::service_unavailable()), |handler| {
            let mut ask = ServiceAsk { hub: self.hub, host, service, address, stanza, from };
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| handler(&mut ask)))
                .unwrap_or_else(|panic| Err(crate::plan::panicked("iq", &panic).tell()))
        });
        self.answer(stanza, reply);
    }

    /// Sends the answer to an iq now, or when it is there.
    pub(crate) fn answer(&mut self, iq: &Stanza, reply: Result<Reply, StanzaError>) {
        match reply {
            Ok(Reply::Empty) => self.reply(iq.result()),
            Ok(Reply::With(payload)) => self.reply(iq.result_with(payload)),
            Ok(Reply::Sent) => {}
            Err(error) => self.reply(iq.error(&error)),
            Ok(slow) => {
                let (hub, iq) = (self.hub.clone(), iq.clone());
                let answering = hub.answering(&iq);
                let promise = self.counted.then(|| {
                    let (promise, ticket) = Ticket::pair();
                    self.rests_on = Rests::On(ticket);
                    promise
                });
                hub.clone().spawn(async move {
                    if let Some(answer) = slow.settle(&iq).await {
                        let mut turn = Turn::new(&hub);
                        turn.reply(answer);
                        turn.run();
                    }
                    drop((answering, promise));
                });
            }
        }
    }

    /// A domain that is not ours. There is no federation: it cannot be reached (RFC 6120 §8.3.3.16).
    fn elsewhere(&mut self, stanza: &Stanza) {
        let subscribes = stanza.kind() == Kind::Presence && stanza.presence_type() == PresenceType::Subscribe;
        if stanza.kind() != Kind::Presence || subscribes {
            self.bounce(stanza, &StanzaError::remote_server_not_found());
        }
    }

    /// Returns a stanza to its sender with an error, unless it is one that may not be answered (RFC 6120 §8.3.1).
    pub(crate) fn bounce(&mut self, stanza: &Stanza, error: &StanzaError) {
        if stanza.may_be_answered() {
            self.hub.counters().bounced.fetch_add(1, Ordering::Relaxed);
            self.reply(stanza.error(error));
        }
    }
}

/// Whether a stanza is worth waking an account for: mail, questions to the account, and subscriptions are; presence, probes, headlines, errors and
/// whatever is addressed to a session that cannot be there are not.
fn wakes(stanza: &Stanza) -> bool {
    match stanza.kind() {
        Kind::Message => !matches!(stanza.message_type(), MessageType::Error | MessageType::Headline),
        Kind::Presence => is_subscription(stanza),
        Kind::Iq => stanza.may_be_answered() && stanza.to().is_some_and(Jid::is_bare),
    }
}

/// Whether a stanza changes a subscription: these are few, and must not get lost.
pub(crate) fn is_subscription(stanza: &Stanza) -> bool {
    stanza.kind() == Kind::Presence && crate::subscription::Verb::of(stanza.presence_type()).is_some()
}
