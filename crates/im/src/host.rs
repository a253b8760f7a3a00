//! One virtual host: its name and what its extensions do there.
use crate::plan::{FeaturesAt, Plan, PlanError};
use xmpp::Jid;

/// What a host is made of.
pub struct HostOptions {
    /// The host's name.
    pub name: Jid,
    /// Plugs the extensions in.
    pub plan: Box<dyn Fn(&mut Plan) -> Result<(), PlanError> + Send + Sync>,
}

/// A host that this server serves.
pub struct Host {
    name: Jid,
    plan: Plan,
}

impl Host {
    pub(crate) fn new(options: &HostOptions) -> Result<Host, PlanError> {
        let mut plan = Plan::default();
        (options.plan)(&mut plan)?;
        Ok(Host { name: options.name.clone(), plan })
    }

    /// The host's canonical name.
    pub fn name(&self) -> &Jid {
        &self.name
    }

    /// Everything that its extensions declared.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The stream features that extensions offer.
    pub fn stream_features(&self, at: FeaturesAt) -> &[xml::Element] {
        match at {
            FeaturesAt::BeforeLogin => &self.plan.before_login,
            FeaturesAt::AfterLogin => &self.plan.after_login,
        }
    }
}
