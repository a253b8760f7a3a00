//! One virtual host: its name and what its extensions do there.
use crate::plan::{FeaturesAt, Plan, PlanError, Plug};
use xmpp::Jid;

/// What a host is made of.
pub struct HostOptions {
    /// The host's name.
    pub name: Jid,
    /// Plugs the extensions in.
    pub plan: Plug,
}

/// A host that this server serves.
pub struct Host {
    name: Jid,
    plan: Plan,
}

impl Host {
    pub(crate) fn new(options: &HostOptions) -> Result<Host, PlanError> {
        let mut plan = Plan::default();
        // What the heart itself does with rosters (RFC 6121 §2.6.1, §3.4.1).
        plan.after_login.push(xml::Builder::new(xmpp::ns::ROSTER_VERSIONS, "ver").finish());
        plan.after_login.push(xml::Builder::new(xmpp::ns::PRE_APPROVAL, "sub").finish());
        (options.plan)(&mut plan)?;
        for service in &plan.local_services {
            plan.services.push(service.listed(service.address(&options.name)?));
        }
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

    /// Whether this is the address of an administrator of this host; what counts is the bare address, of whoever is logged in.
    pub fn is_administrator(&self, who: &Jid) -> bool {
        self.plan.is_administrator(who)
    }

    /// The stream features that extensions offer.
    pub fn stream_features(&self, at: FeaturesAt) -> &[xml::Element] {
        match at {
            FeaturesAt::BeforeLogin => &self.plan.before_login,
            FeaturesAt::AfterLogin => &self.plan.after_login,
        }
    }
}
