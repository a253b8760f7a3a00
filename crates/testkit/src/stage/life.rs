//! One life of the server: the members that it consists of, and what ends when it stops.

use super::settings::Settings;
use super::{Form, StageError};
use cluster::Member;
use cluster::faulty::Faulty;
use im::{Clock, Cluster, HostOptions, Hub, HubOptions, Inbox};
use net::Doors;
use net::tls::Certificates;
use std::cell::{Cell, RefCell};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use store::Store;
use tokio::task::JoinHandle;
use xmpp::Jid;

/// A running server.
pub(super) struct Life {
    /// The members; clients connect to the first.
    hubs: Vec<Hub>,
    pub(super) doors: Doors,
    pub(super) connections: RefCell<Vec<JoinHandle<()>>>,
    /// What carries between the members, when there are several.
    between: Option<(Faulty, JoinHandle<()>)>,
    /// Only the first lives.
    fallen: Cell<bool>,
}

impl Life {
    pub(super) async fn start(
        form: Form,
        settings: &Settings,
        store: &Store,
        clock: &Clock,
        certificates: Option<&Arc<Certificates>>,
    ) -> Result<Life, StageError> {
        let (faulty, views) = members(form, settings.seed);
        let between = faulty.map(|faulty| (faulty.clone(), tokio::spawn(faulty.run())));
        let mut hubs = Vec::new();
        for cluster in views {
            let hosts: Result<Vec<HostOptions>, StageError> =
                settings.hosts.iter().map(|host| host_options(settings, host)).collect();
            let options = HubOptions {
                hosts: hosts?,
                store: store.clone(),
                clock: clock.clone(),
                limits: settings.heart.clone(),
                cluster,
            };
            hubs.push(Hub::new(options).await.map_err(failed)?);
        }
        let first = hubs.first().ok_or_else(|| StageError::Failed("a server without members".into()))?;
        let doors = Doors::new(first.clone(), settings.doors, certificates.cloned()).map_err(failed)?;
        Ok(Life { hubs, doors, connections: RefCell::default(), between, fallen: Cell::new(false) })
    }

    /// The member to which clients connect.
    pub(super) fn hub(&self) -> &Hub {
        self.doors.hub()
    }

    /// Resolves when no member has work under way and nothing goes between them.
    pub(super) async fn idle(&self) {
        // Whoever is cut off may wait for answers that will never come.
        let living = if self.fallen.get() { 1 } else { self.hubs.len() };
        loop {
            for hub in self.hubs.iter().take(living) {
                hub.idle().await;
            }
            if self.between.as_ref().is_none_or(|(faulty, _)| faulty.is_quiet()) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Every member says goodbye.
    pub(super) async fn shutdown(&self) {
        self.doors.stop_logins();
        for hub in &self.hubs {
            hub.shutdown().await;
        }
    }

    /// Everything that a dying process takes with it and that can be taken from here.
    pub(super) fn abandon(&self) {
        self.connections.borrow().iter().for_each(JoinHandle::abort);
        self.lose_homes();
    }

    /// Every member dies but the one to which clients connect.
    pub(super) fn lose_homes(&self) {
        self.fallen.set(self.hubs.len() > 1);
        for number in 1..self.hubs.len() {
            self.between.iter().for_each(|(faulty, _)| faulty.kill(Member(number as u64)));
        }
    }
}

impl Life {
    /// The member that is left, and one that has died.
    pub(super) fn survivor_and_dead(&self) -> Option<(&Hub, &Hub)> {
        match &self.hubs[..] {
            [survivor, dead] if self.fallen.get() => Some((survivor, dead)),
            _ => None,
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.between.iter().for_each(|(_, carrier)| carrier.abort());
    }
}

/// The members of a form, and what carries between them.
fn members(form: Form, seed: u64) -> (Option<Faulty>, Vec<(Cluster, Inbox)>) {
    let (faulty, views) = match form {
        Form::Alone => return (None, vec![Cluster::single()]),
        Form::TwoMembers | Form::Fallen => Faulty::new(2, seed, |_| 1),
        Form::HomesApart => Faulty::new(2, seed, |home| {
            let mut hasher = DefaultHasher::new();
            home.hash(&mut hasher);
            usize::from(hasher.finish().is_multiple_of(2))
        }),
    };
    (Some(faulty), views)
}

fn host_options(settings: &Settings, host: &str) -> Result<HostOptions, StageError> {
    let (name, options, admins) =
        (Jid::parse(host).map_err(failed)?, settings.extensions.clone(), settings.admins.clone());
    let plan = move |plan: &mut im::Plan| {
        plan.set_administrators(admins.clone());
        extensions::plug(plan, &options)
    };
    Ok(HostOptions { name, plan: Box::new(plan) })
}

pub(super) fn failed(error: impl std::fmt::Display) -> StageError {
    StageError::Failed(error.to_string())
}
