//! Ad-hoc commands: what extensions let people do by filling in forms.
//!
//! Source    XEP-0050 1.3.0 (complete), with the forms of XEP-0004. The commands themselves are declared by whoever does the work; `disco` lists them.
//! Hangs on  iq set to the host and to accounts.
//! Keeps     nothing in the store; in memory what was filled in, for [`Options::lifetime_s`] after the last step, bound to the full JID that began.
//! Refuses   the conditions of §4.4; service-unavailable for those who may not see an account's presence, as where there is no such account;
//!           resource-constraint when too many are under way.
mod steps;

use im::{About, AccountSlot, Ask, Attach, Extension, HostAsk, Payload, Plan, PlanError, Reply, Scope};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use steps::{Asked, Steps, refusal};
use xmpp::{ErrorType, StanzaError, ns};

/// Carries out commands.
pub struct Room {
    /// Those of an account that are under way.
    of_account: AccountSlot<Steps>,
    of_host: Mutex<Steps>,
    bounds: Bounds,
}

/// What the operator may say.
#[derive(Clone)]
pub struct Options {
    /// How many commands may be under way in one account; on the host it is sixteen times as many.
    pub under_way: usize,
    /// How long a command waits for the next form, in seconds.
    pub lifetime_s: u32,
}

impl Default for Options {
    fn default() -> Self {
        Options { under_way: 16, lifetime_s: 600 }
    }
}

#[derive(Clone, Copy)]
struct Bounds {
    under_way: usize,
    lifetime: Duration,
}

impl Payload for Asked {
    const NS: &'static str = ns::COMMANDS;
    const NAME: &'static str = "command";

    fn read(command: xml::Node<'_>) -> Result<Self, StanzaError> {
        Asked::read(command)
    }
}

impl Extension for Room {
    type Options = Options;
    const ABOUT: About = About::xep("commands", "Ad-Hoc Commands", "XEP-0050", "1.3.0");

    fn configure(plan: &mut Plan, options: &Options) -> Result<Self, PlanError> {
        Ok(Room {
            of_account: plan.per_account(|_, _| async { Ok(Steps::default()) }, Steps::default),
            of_host: Mutex::default(),
            bounds: Bounds {
                under_way: options.under_way,
                lifetime: Duration::from_secs(options.lifetime_s.into()),
            },
        })
    }

    fn attach(on: &mut Attach<'_, Self>) {
        on.feature(Scope::Host, ns::COMMANDS)
            .feature(Scope::Account, ns::COMMANDS)
            .account_set::<Asked>(|room, ask, asked| room.account(ask, &asked))
            .host_set::<Asked>(|room, ask, asked| room.host(ask, &asked));
    }
}

/// Where the numbers of sessions begin: after every restart they are greater than those before.
fn number(now: xmpp::Timestamp) -> u64 {
    u64::try_from(now.as_millis()).unwrap_or(0).saturating_mul(1000)
}

impl Room {
    fn account(&self, ask: &mut Ask<'_>, asked: &Asked) -> Result<Reply, StanzaError> {
        if !ask.sees_presence() {
            return Err(StanzaError::service_unavailable());
        }
        let host = ask.within.host();
        let command = host.plan().command(Scope::Account, &asked.node).ok_or_else(StanzaError::item_not_found)?;
        if !command.may_be_run(host.plan(), ask.within.hub(), Some(&*ask.within.account), ask.from) {
            return Err(StanzaError::forbidden().with_type(ErrorType::Cancel));
        }
        let (now, started) = (ask.within.hub().clock().elapsed(), number(ask.within.now()));
        let steps = ask.within.account.slot_mut(self.of_account).ok_or_else(StanzaError::service_unavailable)?;
        steps.forget(now, self.bounds.lifetime);
        let step = steps.find(asked, ask.from)?;
        if step.cancels() {
            steps.end(step.id());
            return Ok(Reply::With(asked.canceled(step.id())));
        }
        let stage = command.of_account(ask, step.answers())?;
        let steps = ask.within.account.slot_mut(self.of_account).ok_or_else(StanzaError::service_unavailable)?;
        steps.go_on(asked, ask.from, step, stage, (now, started, self.bounds.under_way))
    }

    fn host(&self, ask: &mut HostAsk<'_>, asked: &Asked) -> Result<Reply, StanzaError> {
        let host = ask.host.clone();
        let command = host.plan().command(Scope::Host, &asked.node).ok_or_else(StanzaError::item_not_found)?;
        if !command.may_be_run(host.plan(), ask.hub, None, ask.from) {
            return Err(StanzaError::forbidden().with_type(ErrorType::Cancel));
        }
        let (now, started) = (ask.hub.clock().elapsed(), number(ask.hub.clock().now()));
        let step = {
            let mut steps = self.of_host.lock().unwrap_or_else(PoisonError::into_inner);
            steps.forget(now, self.bounds.lifetime);
            let step = steps.find(asked, ask.from)?;
            if step.cancels() {
                steps.end(step.id());
                return Ok(Reply::With(asked.canceled(step.id())));
            }
            step
        };
        let stage = command.of_host(ask, step.answers())?;
        let mut steps = self.of_host.lock().unwrap_or_else(PoisonError::into_inner);
        steps.go_on(asked, ask.from, step, stage, (now, started, self.bounds.under_way * 16))
    }
}

/// The refusals of §4.4 that name a condition of the XEP's own.
#[derive(Clone, Copy)]
enum Refused {
    MalformedAction,
    BadAction,
    BadLocale,
    BadPayload,
    BadSession,
    Expired,
}

impl From<Refused> for StanzaError {
    fn from(why: Refused) -> StanzaError {
        refusal(why)
    }
}
