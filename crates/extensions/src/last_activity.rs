//! Last activity: since when somebody has been away, and how long the server has been up.
//!
//! Source    XEP-0012 2.0 (complete); jabber:iq:last of 2000.
//! Hangs on  iq get to the host and to accounts, Available/Tell, Unavailable/Tell, AccountCreated/Tell. Sessions answer for themselves (§4); the heart
//!           keeps strangers from asking them, with service-unavailable as to sessions that are not there.
//! Keeps     store "last_activity": one record per account, erased with it.
//! Refuses   forbidden for those who may not see the presence (§3), item-not-found when nothing is known.
use im::{
    About, AccountCreated, AccountCreatedAt, AccountSlot, Ask, Attach, Available, Extension, Payload, Phase, Plan,
    PlanError, PresenceAt, Reply, Scope, Unavailable, Verdict,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::KeyValue;
use xml::Builder;
use xmpp::{Jid, StanzaError, Timestamp, ns};

/// Remembers when an account was last there.
pub struct Room {
    seen: AccountSlot<Seen>,
}

/// What is known of one account.
#[derive(Default)]
struct Seen {
    last: Option<Last>,
    /// A session shows itself: when the last of them goes, that is the last activity. Who was there invisibly was not there.
    shown: bool,
}

/// The last time that an account was there, as it is stored.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
struct Last {
    at_ms: i64,
    /// The status with which it left.
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
        let load = |store: store::Store, jid: Jid| async move {
            let kept = keys(&store).get(jid.as_str()).await?;
            Ok(Seen { last: kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()), shown: false })
        };
        Ok(Room { seen: plan.per_account(load, Seen::default) })
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.feature(Scope::Host, ns::LAST_ACTIVITY)
            .feature(Scope::Account, ns::LAST_ACTIVITY)
            .host_get::<Query>(|_, ask, _| Ok(Reply::With(answer(ask.hub.clock().elapsed(), ""))))
            .account_get::<Query>(|room, ask, _| room.ask(ask))
            .on_all::<Available>(Phase::Tell, |room, at| room.arrived(at))
            .on_all::<Unavailable>(Phase::Tell, |room, at| room.left(at))
            .on_all::<AccountCreated>(Phase::Tell, |_, at| registered(at));
    }
}

impl Room {
    fn ask(&self, ask: &Ask<'_>) -> Result<Reply, StanzaError> {
        if !ask.sees_presence() {
            return Err(StanzaError::forbidden());
        }
        let account = &*ask.within.account;
        if account.sessions().iter().any(|present| account.shows(present, ask.from)) {
            return Ok(Reply::With(answer(Duration::ZERO, "")));
        }
        let last = account.slot(self.seen).and_then(|seen| seen.last.as_ref()).ok_or_else(StanzaError::item_not_found)?;
        Ok(Reply::With(answer(since(last, ask.within.now()), &last.status)))
    }

    fn arrived(&self, at: &mut PresenceAt<'_>) -> Verdict {
        let shown = at.within.account.is_visible();
        if let Some(seen) = at.within.account.slot_mut(self.seen) {
            seen.shown |= shown;
        }
        Verdict::Pass
    }

    /// When the last session that showed itself has gone, that is written down. Nobody is told, so nobody waits for the write.
    fn left(&self, at: &mut PresenceAt<'_>) -> Verdict {
        let gone = !at.within.account.is_visible();
        let now = at.within.now();
        let Some(seen) = at.within.account.slot_mut(self.seen).filter(|seen| gone && seen.shown) else {
            return Verdict::Pass;
        };
        let status = at.presence.and_then(|presence| presence.child(ns::CLIENT, "status"));
        let last = Last { at_ms: now.as_millis(), status: status.map(|node| node.text().into_owned()).unwrap_or_default() };
        let bytes = bytes(&last);
        *seen = Seen { last: Some(last), shown: false };
        let store = at.within.hub().store();
        let batch = at.within.batch().put(&keys(store), at.within.account.jid().as_str(), bytes);
        at.within.write(batch);
        Verdict::Pass
    }
}

fn registered(at: &mut AccountCreatedAt<'_>) -> Verdict {
    let last = Last { at_ms: at.now.as_millis(), status: "Registered".into() };
    at.put(&keys(at.store), bytes(&last));
    Verdict::Pass
}

fn bytes(last: &Last) -> Vec<u8> {
    // A number and a text: there is nothing in it that could fail to be written.
    serde_json::to_vec(last).unwrap_or_default()
}

/// How long ago; nothing when the clock was set back meanwhile.
fn since(last: &Last, now: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(now.as_millis().saturating_sub(last.at_ms)).unwrap_or(0))
}

fn answer(away: Duration, status: &str) -> xml::Element {
    Builder::new(ns::LAST_ACTIVITY, "query").attr("seconds", &away.as_secs().to_string()).text(status).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_whole_and_never_negative() {
        let last = Last { at_ms: 10_000, status: String::new() };
        for (now, seconds) in [(10_000, 0), (10_999, 0), (11_000, 1), (903_000 + 10_000, 903), (9_000, 0), (-1, 0)] {
            assert_eq!(since(&last, Timestamp::from_millis(now)).as_secs(), seconds, "{now}");
        }
    }

    #[test]
    fn records_of_before_are_read() {
        let last = Last { at_ms: 5, status: "Heading home".into() };
        assert_eq!(serde_json::from_slice::<Last>(&bytes(&last)).unwrap(), last);
        let plain: Last = serde_json::from_str(r#"{"at_ms":5}"#).unwrap();
        assert_eq!((plain.at_ms, plain.status.as_str()), (5, ""));
    }

    #[test]
    fn the_answer_is_seconds_and_a_status() {
        let element = answer(Duration::from_secs(903), "Heading <home>");
        assert_eq!(element.as_str(), "<query xmlns='jabber:iq:last' seconds='903'>Heading &lt;home&gt;</query>");
    }
}
