//! Last activity: since when somebody has been away, and how long the server has been up.
//!
//! Source    XEP-0012 2.0 (complete); jabber:iq:last of 2000.
//! Hangs on  iq get to the host and to accounts, Unavailable/Tell, AccountCreated/Tell.
//! Keeps     store "last_activity": one record per account, erased with it.
//! Refuses   forbidden for those who may not see the presence (XEP-0012 §4), item-not-found when nothing is known.
use im::{
    About, AccountCreated, AccountCreatedAt, AccountSlot, Ask, Attach, Extension, Payload, Phase, Plan, PlanError, PresenceAt, Reply, Scope, Unavailable,
    Verdict,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::KeyValue;
use xml::Builder;
use xmpp::{StanzaError, ns};

/// Remembers when an account was last there.
pub struct Room {
    last: AccountSlot<Option<Last>>,
}

#[derive(Serialize, Deserialize, Clone)]
struct Last {
    at_ms: i64,
    #[serde(default)]
    status: String,
}

struct Query;

impl Payload for Query {
    const NS: &'static str = ns::LAST_ACTIVITY;
    const NAME: &'static str = "query";

    fn read(_: xml::Node<'_>) -> Result<Self, StanzaError> {
        Ok(Query)
    }
}

fn keys(store: &store::Store) -> KeyValue {
    store.keys("last_activity")
}

impl Extension for Room {
    type Options = ();
    const ABOUT: About = About::xep("last_activity", "Last Activity", "XEP-0012", "2.0");

    fn configure(plan: &mut Plan, (): &()) -> Result<Self, PlanError> {
        let load = |store: store::Store, jid: xmpp::Jid| async move {
            let kept = keys(&store).get(jid.as_str()).await?;
            Ok(kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
        };
        Ok(Room { last: plan.per_account(load, || None) })
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.feature(Scope::Host, ns::LAST_ACTIVITY)
            .host_get::<Query>(|_, ask, _| Ok(Reply::With(answer(ask.hub.clock().elapsed(), ""))))
            .account_get::<Query>(|room, ask, _| room.ask(ask))
            .on_all::<Unavailable>(Phase::Tell, |room, at| room.remember(at))
            .on_all::<AccountCreated>(Phase::Tell, |_, at| registered(at));
    }
}

impl Room {
    fn ask(&self, ask: &Ask<'_>) -> Result<Reply, StanzaError> {
        if !ask.sees_presence() {
            return Err(StanzaError::forbidden());
        }
        let account = &ask.within.account;
        if account.is_visible() {
            return Ok(Reply::With(answer(Duration::ZERO, "")));
        }
        let last = account.slot(self.last).and_then(Option::as_ref).ok_or_else(StanzaError::item_not_found)?;
        let away = ask.within.now().as_millis().saturating_sub(last.at_ms);
        Ok(Reply::With(answer(Duration::from_millis(u64::try_from(away).unwrap_or(0)), &last.status)))
    }

    /// The last of the account's sessions has gone: nobody is told, so nobody waits for the write.
    fn remember(&self, at: &mut PresenceAt<'_>) -> Verdict {
        if !at.within.account.is_visible() {
            let status = at.presence.and_then(|presence| presence.child(ns::CLIENT, "status")).map(|node| node.text().into_owned());
            let last = Last { at_ms: at.within.now().as_millis(), status: status.unwrap_or_default() };
            let batch = at.within.batch().put(&keys(at.within.hub().store()), at.within.account.jid().as_str(), bytes(&last));
            at.within.write(batch);
            if let Some(slot) = at.within.account.slot_mut(self.last) {
                *slot = Some(last);
            }
        }
        Verdict::Pass
    }
}

fn registered(at: &mut AccountCreatedAt<'_>) -> Verdict {
    let last = Last { at_ms: at.now.as_millis(), status: "Registered".into() };
    at.put(&keys(at.store), bytes(&last));
    Verdict::Pass
}

fn bytes(last: &Last) -> Vec<u8> {
    serde_json::to_vec(last).unwrap_or_default()
}

fn answer(away: Duration, status: &str) -> xml::Element {
    Builder::new(ns::LAST_ACTIVITY, "query").attr("seconds", &away.as_secs().to_string()).text(status).finish()
}
