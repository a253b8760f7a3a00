//! An account wakes: it is read once, whoever waits for it is told, and it is read again when a write of it was lost.
use super::Hub;
use crate::account::{Account, Lapsed};
use crate::atomic::Ordering;
use crate::directory::{Found, Waiter};
use crate::fault::Fault;
use crate::home::Home;
use crate::host::Host;
use crate::roster::Roster;
use crate::route::Known;
use crate::slots::Slots;
use std::sync::Arc;
use tokio::sync::oneshot;
use xmpp::{Jid, Stanza, StreamError, Timestamp};

/// How often a failing disk is written about in the log.
const COMPLAINT_S: i64 = 10;

/// When a lost write was last put in the log, and how many have been lost since.
#[derive(Default)]
pub(super) struct Complained {
    at: Option<Timestamp>,
    silent: u64,
}

/// What the store has of an account.
struct Kept {
    roster: Roster,
    slots: Slots,
    /// The highest number that a row has.
    last_id: u64,
    /// Something was committed that may not have been sent.
    logged: bool,
}

impl Hub {
    /// Wakes an account for a parked home, which goes on when it is known what came of it.
    pub(crate) fn wake_for(&self, whom: &Jid, parked: Arc<Home>) {
        self.wake_with(whom, Waiter::Parked(parked));
    }

    /// Wakes an account that is at home on this member. `None`: there is no such account.
    pub async fn wake(&self, whom: &Jid) -> Result<Option<Arc<Home>>, Fault> {
        if let Found::Awake(home) = self.directory().find(whom.bare_str()) {
            return Ok(Some(home));
        }
        let (tell, told) = oneshot::channel();
        self.wake_with(whom, Waiter::Task(tell));
        match told.await {
            Ok(Known::Home(home)) => Ok(Some(home)),
            Ok(Known::Nobody) => Ok(None),
            Ok(Known::Fault(fault)) => Err(fault),
            Err(_) => Err(Fault::Stopping),
        }
    }

    fn wake_with(&self, whom: &Jid, waiter: Waiter) {
        let bare = whom.bare();
        match self.directory().await_waking(bare.as_str(), waiter) {
            Err((waiter, home)) => self.tell(waiter, &Known::Home(home)),
            Ok(false) => {}
            Ok(true) => {
                let hub = self.clone();
                self.spawn(async move {
                    // On a task of its own, so that whoever waits hears of a panic too.
                    let loading = {
                        let (hub, bare) = (hub.clone(), bare.clone());
                        tokio::spawn(async move { hub.load(&bare).await })
                    };
                    let known = Known::of(
                        loading.await.unwrap_or_else(|panic| Err(Fault::Panic { at: "load", why: panic.to_string() })),
                    );
                    let home = match &known {
                        Known::Home(home) => Some(home.clone()),
                        _ => None,
                    };
                    let waiters = hub.directory().settle(bare.as_str(), home);
                    for waiter in waiters {
                        hub.tell(waiter, &known);
                    }
                    hub.thin_out();
                });
            }
        }
    }

    fn thin_out(&self) {
        self.directory().thin_out(|home| {
            let epoch = home.state().account.epoch;
            self.store().release(home.jid().as_str(), epoch);
        });
    }

    fn tell(&self, waiter: Waiter, known: &Known) {
        match waiter {
            Waiter::Parked(home) => {
                home.resolve(known.clone());
                self.proceed(home);
            }
            // Whoever asked may have gone away meanwhile.
            Waiter::Task(tell) => drop(tell.send(known.clone())),
        }
    }

    /// Makes this member the home of an account, unless it has moved meanwhile: whoever has it there must not be disturbed.
    pub(crate) fn claim(&self, account: &Jid) -> Result<store::Epoch, Fault> {
        match self.cluster().may_claim(account.bare_str()) {
            true => Ok(self.store().claim(account.bare_str())),
            false => Err(Fault::moving()),
        }
    }

    /// Loads an account: roster and slots, once, at its waking.
    async fn load(&self, jid: &Jid) -> Result<Option<Arc<Home>>, Fault> {
        let Some(host) = self.host(jid.domain()) else { return Ok(None) };
        if self.record(jid).await?.is_none_or(|record| record.is_removed()) {
            return Ok(None);
        }
        let epoch = self.claim(jid)?;
        let Kept { roster, slots, last_id, logged } = self.read_account(jid, &host).await?;
        let mut account = Account::new(jid.clone(), host, epoch, roster, slots, last_id);
        account.lapsed = self.lapsed(jid).await?;
        let home = Home::new(account, self.limits());
        if logged {
            // Everything is in it by now: what an older home still writes is refused.
            Box::pin(self.replay_for(&home)).await?;
        }
        Ok(Some(home))
    }

    /// Answers a probe of a sleeping account that has rules about whom it is shown to: it is read for this one answer, and sleeps on. False: it has none.
    pub(super) async fn probe_behind_screen(&self, account: &Jid, probe: &Arc<Stanza>) -> Result<bool, Fault> {
        let Some(host) = self.host(account.domain()) else { return Ok(false) };
        let Some((_, screen)) = host.plan().screen.clone() else { return Ok(false) };
        let account = account.bare();
        if !screen.stands_asleep(self.store(), &account).await? {
            return Ok(false);
        }
        let Kept { roster, slots, last_id, .. } = self.read_account(&account, &host).await?;
        // It has no sessions, and nothing of what may come of a probe is written.
        let stand_in = Account::new(account, host, store::Epoch::new(0), roster, slots, last_id);
        let stand_in = Home::new(stand_in, self.limits());
        stand_in.with(self, |within| within.arrive(probe.clone()));
        Ok(true)
    }

    async fn read_account(&self, jid: &Jid, host: &Arc<Host>) -> Result<Kept, Fault> {
        if self.store().backlog().batches > 0 {
            // What this account wrote before it slept, or before a write failed, is settled before it is read.
            drop(self.store().barrier().await);
        }
        let shapes = self.shapes();
        let roster = roster_of(shapes.roster.all(jid.as_str()).await?, jid)?;
        let slots = host.plan().load_slots(self.store(), jid).await?;
        let last_row = shapes.archive.last(jid.as_str()).await?.unwrap_or(0);
        let last_sent = shapes.outgoing.last(jid.as_str()).await?;
        Ok(Kept { roster, slots, last_id: last_row.max(last_sent.unwrap_or(0)), logged: last_sent.is_some() })
    }

    async fn lapsed(&self, jid: &Jid) -> Result<Vec<Lapsed>, Fault> {
        let kept = self.shapes().lapsed.get(jid.as_str()).await?;
        // Whoever cannot be told how much arrived is told nothing: that is always allowed.
        Ok(kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
    }

    /// Another member has this home by now: here it is over, and its clients are to come back, to where it is.
    fn leave_to_others(&self, home: &Arc<Home>, epoch: store::Epoch) {
        let known = home.with(self, |within| {
            let known = within.account.epoch == epoch;
            if known {
                within.end_all(&StreamError::system_shutdown());
            }
            known
        });
        if known {
            tracing::warn!(account = %home.jid(), "the account is at home on another member by now");
            self.directory().forget(home.jid().as_str());
        }
    }

    /// A write of this home failed: what it knows may never have been stored, so it is read again. Its sessions stay.
    pub(super) fn reload(&self, home: &Arc<Home>, epoch: store::Epoch, why: &store::Error) {
        if *why == store::Error::StaleEpoch && !self.cluster().is_alone() {
            return self.leave_to_others(home, epoch);
        }
        let host = {
            let mut state = home.state();
            // Of several that were lost together, the first has it read again.
            if state.account.epoch != epoch || std::mem::replace(&mut state.account.reloading, true) {
                return;
            }
            state.account.host.clone()
        };
        self.counters().writes_failed.fetch_add(1, Ordering::Relaxed);
        self.complain(home, why);
        let (hub, home) = (self.clone(), home.clone());
        self.spawn(async move {
            let read = match hub.claim(home.jid()) {
                Ok(epoch) => {
                    drop(hub.store().barrier().await);
                    hub.read_account(home.jid(), &host).await.map(|kept| (epoch, kept))
                }
                Err(fault) => Err(fault),
            };
            home.with(&hub, |within| match read {
                Ok((epoch, kept)) => within.reloaded(epoch, kept.roster, kept.slots, kept.last_id),
                // Nothing can be said of this account now: its sessions come back when the store does, and find it read anew.
                Err(fault) => {
                    fault.tell();
                    hub.directory().forget(home.jid().as_str());
                    within.end_all(&StreamError::internal_server_error());
                }
            });
        });
    }

    /// One line of the log for many writes that were lost.
    fn complain(&self, home: &Home, why: &store::Error) {
        let now = self.clock().now();
        let mut complained = self.0.complained.lock();
        if complained.at.is_some_and(|at| now.as_seconds() - at.as_seconds() < COMPLAINT_S) {
            complained.silent += 1;
            return;
        }
        let silent = std::mem::take(&mut complained.silent);
        complained.at = Some(now);
        tracing::error!(account = %home.jid(), error = %why, since_last = silent, "a write failed; the account is read again");
    }
}

fn roster_of(rows: Vec<(String, Vec<u8>)>, jid: &Jid) -> Result<Roster, Fault> {
    let unreadable = |why: String| Fault::Unreadable { what: "roster", owner: jid.to_string(), why };
    Roster::decode(rows).map_err(|error| unreadable(error.to_string()))
}
