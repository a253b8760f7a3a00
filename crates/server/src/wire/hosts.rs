//! From the configuration of hosts to what the heart and the doors take.

use extensions::{contacts, filter, offline, privacy, private, registration, welcome};
use im::HostOptions;
use net::tls::Source;

use super::limits::size;
use crate::config::{Certificate, Config, Domain, HostTable, Limits, Registration};

/// Every host with its extensions.
pub(super) fn options(config: &Config) -> Vec<HostOptions> {
    config.host_tables().map(|(name, table)| host(name, table, &config.limits)).collect()
}

fn host(name: &Domain, table: &HostTable, limits: &Limits) -> HostOptions {
    let registration = match table.registration {
        Registration::Closed => registration::Options::Closed,
        Registration::Open => registration::Options::Open,
    };
    let private = private::Options { elements: size(limits.private_elements), bytes: size(limits.private_bytes) };
    let privacy = privacy::Options {
        lists: size(limits.privacy_lists),
        rules: size(limits.privacy_rules),
        bytes: size(limits.privacy_bytes),
    };
    let filter = filter::Options {
        rules: size(limits.filter_rules),
        bytes: size(limits.filter_bytes),
        forwards_per_minute: limits.filter_forwards_per_minute,
        ..filter::Options::default()
    };
    let options = extensions::Options {
        registration,
        legacy_credentials: table.legacy_credentials.into(),
        offline: offline::Options { messages: limits.offline_messages },
        private,
        contacts: contacts::Options(table.contacts.0.clone()),
        welcome: welcome::Options { text: table.welcome.as_str().to_owned(), ..welcome::Options::default() },
        privacy,
        filter,
        ..extensions::Options::default()
    };
    let admins: Vec<_> = table.admins.iter().map(|person| person.jid().clone()).collect();
    let plan = move |plan: &mut im::Plan| {
        plan.set_administrators(admins.clone());
        extensions::plug(plan, &options)
    };
    HostOptions { name: name.jid().clone(), plan: Box::new(plan) }
}

/// Where the certificate of every host comes from, in the order of the hosts.
pub(super) fn certificate_sources(config: &Config) -> Vec<(String, Source)> {
    config.host_tables().map(|(name, table)| (name.to_string(), certificate_source(config, table))).collect()
}

/// Where a host's certificate comes from.
pub fn certificate_source(config: &Config, table: &HostTable) -> Source {
    match &table.certificate {
        Certificate::SelfSigned => Source::SelfSigned { folder: config.data.join("certificates") },
        Certificate::Files { chain, key } => Source::Files { chain: chain.clone(), key: key.clone() },
    }
}
