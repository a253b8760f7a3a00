//! Server filtering: rules of an account that say what becomes of messages and questions before they are delivered.
//!
//! Source    jabber:iq:filter as servers of 2000 to 2006 had it (mod_filter of jabberd 1.2 to 1.4), with jabber:x:envelope; edited by clients of today
//!           with an ad-hoc command (XEP-0050).
//! Hangs on  Received/Stamp (messages and iq; privacy lists come first), iq get and set of jabber:iq:filter to accounts, the account's command "filter".
//! Keeps     store "filter": the rules of an account in one record, erased with it; bounded by [`Options`]. In memory: who was replied to when.
//! Refuses   not-acceptable, in the words of 1.x, for rules that cannot be; remote-server-timeout (502) for a message that goes round in a loop;
//!           resource-constraint for more forwarding than [`Options::forwards_per_minute`].
mod acting;
mod command;
mod envelope;
mod matching;
mod rules;

use im::{
    About, Account, Ask, Attach, CommandAbout, Extension, Fault, Hub, Payload, Phase, Plan, PlanError,
    RareSlot, Received, Reply, Scope, Who,
};
use rules::{Bounds, Rule};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use store::{Store, Ticket};
use xmpp::{Jid, Kind, StanzaError, ns};

/// Keeps rules, and does what they say.
pub struct Room {
    /// Most accounts have none.
    filters: RareSlot<Filter>,
    /// What all accounts have behind their own rules.
    defaults: Arc<[Rule]>,
    bounds: Bounds,
    forwards_per_minute: u64,
}

/// What the operator may say.
#[derive(Clone)]
pub struct Options {
    /// How many rules an account may have.
    pub rules: usize,
    /// How many bytes they may have together.
    pub bytes: usize,
    /// Whether messages may be forwarded to other servers.
    pub forward_elsewhere: bool,
    /// How many messages an account may have forwarded in a minute.
    pub forwards_per_minute: u64,
    /// Rules of all accounts, asked behind their own: `<query xmlns='jabber:iq:filter'/>` with what a client may set.
    pub defaults: Option<xml::Element>,
}

impl Default for Options {
    fn default() -> Self {
        Options { rules: 100, bytes: 65_536, forward_elsewhere: false, forwards_per_minute: 60, defaults: None }
    }
}

/// To how many addresses one rule may forward.
const FORWARDS: usize = 5;

/// The rules of an account that has some.
#[derive(Default)]
struct Filter {
    rules: Arc<[Rule]>,
    /// Who was replied to, and when; the oldest first.
    replied: VecDeque<(Jid, Duration)>,
    /// Since when forwarded messages are counted, and how many there were.
    forwarded: (Duration, u64),
}

struct Query(Vec<Rule>);

impl Payload for Query {
    const NS: &'static str = ns::FILTER;
    const NAME: &'static str = "query";

    fn read(query: xml::Node<'_>) -> Result<Self, StanzaError> {
        rules::read(query).map(Query)
    }
}

const STORE: &str = "filter";

fn decode(bytes: &[u8], owner: &Jid) -> Result<Box<Filter>, Fault> {
    let unreadable =
        |why: serde_json::Error| Fault::Unreadable { what: STORE, owner: owner.to_string(), why: why.to_string() };
    let rules: Vec<Rule> = serde_json::from_slice(bytes).map_err(unreadable)?;
    Ok(Box::new(Filter { rules: rules.into(), ..Filter::default() }))
}

impl Extension for Room {
    type Options = Options;
    const ABOUT: About = About::xep("filter", "Filters of messages", "jabberd 1.x", "");

    fn configure(plan: &mut Plan, options: &Options) -> Result<Self, PlanError> {
        let load = |store: Store, jid: Jid| async move {
            let kept = store.keys(STORE).get(jid.as_str()).await?;
            kept.map(|bytes| decode(&bytes, &jid)).transpose()
        };
        let wrong = |error: StanzaError| PlanError::Options { extension: "filter", why: error.to_string() };
        let defaults = options.defaults.as_ref().map(|query| rules::read(query.root())).transpose().map_err(wrong)?;
        let (rules, bytes, elsewhere) = (options.rules, options.bytes, options.forward_elsewhere);
        Ok(Room {
            filters: plan.per_few_accounts(load),
            defaults: defaults.unwrap_or_default().into(),
            bounds: Bounds { rules, bytes, forwards: FORWARDS, elsewhere },
            forwards_per_minute: options.forwards_per_minute,
        })
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.feature(Scope::Host, ns::FILTER)
            .account_get::<Query>(|room, ask, _| room.get(ask))
            .account_set::<Query>(|room, ask, query| room.set(ask, query.0))
            .account_command(
                CommandAbout { node: "filter", name: "Message rules", who: Who::Owner },
                |room, ask, answers| command::step(room, ask, answers),
            );
        let room = on.extension();
        if room.defaults.is_empty() {
            on.only_with(room.filters);
        }
        on.on::<Received>(Phase::Stamp, Kind::Message, |room, at| room.received(at))
            .on::<Received>(Phase::Stamp, Kind::Iq, |room, at| room.received(at));
    }
}

impl Room {
    fn rules_of(&self, account: &Account) -> Option<Arc<[Rule]>> {
        Some(account.rare(self.filters)?.rules.clone())
    }

    fn get(&self, ask: &Ask<'_>) -> Result<Reply, StanzaError> {
        ask.session.ok_or_else(StanzaError::forbidden)?;
        Ok(Reply::With(rules::write(&self.rules_of(ask.within.account).unwrap_or_default())))
    }

    /// What is set replaces all that was; nothing is no rules.
    fn set(&self, ask: &mut Ask<'_>, given: Vec<Rule>) -> Result<Reply, StanzaError> {
        ask.session.ok_or_else(StanzaError::forbidden)?;
        Ok(Reply::Empty.after(self.replace(ask, given)?))
    }

    fn replace(&self, ask: &mut Ask<'_>, given: Vec<Rule>) -> Result<Ticket, StanzaError> {
        let hub: &Hub = ask.within.hub();
        rules::check(&given, self.bounds, |jid| rules::is_local(hub, jid))?;
        let (keys, owner) = (hub.store().keys(STORE), ask.within.account.jid().clone());
        let batch = match given.is_empty() {
            true => ask.within.batch().delete(&keys, owner.as_str()),
            // Strings and numbers: there is nothing in it that could fail to be written.
            false => ask.within.batch().put(&keys, owner.as_str(), serde_json::to_vec(&given).unwrap_or_default()),
        };
        let ticket = ask.within.write(batch);
        let account = &mut ask.within.account;
        match account.rare_mut(self.filters) {
            // Who was replied to is remembered.
            Some(filter) if !given.is_empty() => filter.rules = given.into(),
            _ => {
                let filter = Filter { rules: given.into(), ..Filter::default() };
                account.set_rare(self.filters, (!filter.rules.is_empty()).then(|| Box::new(filter)));
            }
        }
        Ok(ticket)
    }
}
