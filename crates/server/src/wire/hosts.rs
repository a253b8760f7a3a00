//! From the configuration of hosts to what the heart and the doors take.

use std::sync::Arc;

use extensions::{bytestreams, contacts, filter, offline, privacy, private, registration, upload, welcome};
use im::HostOptions;
use net::relay::Relay;
use net::tls::Source;

use super::limits::size;
use crate::config::{Certificate, Config, Domain, HostTable, Listen, Registration, Serves, Tls};

/// Every host with its extensions.
pub(super) fn options(config: &Config, relay: Option<&Relay>) -> Vec<HostOptions> {
    config.host_tables().map(|(name, table)| host(name, table, config, relay)).collect()
}

fn host(name: &Domain, table: &HostTable, config: &Config, relay: Option<&Relay>) -> HostOptions {
    let limits = &config.limits;
    let registration = registration::Options {
        policy: match table.registration {
            Registration::Closed => registration::Policy::Closed,
            Registration::Invitation => registration::Policy::Invitation,
            Registration::Open => registration::Policy::Open,
        },
        per_hour: size(limits.registrations_per_hour),
        per_hour_per_address: size(limits.registrations_per_hour_per_address),
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
        upload: for_upload(name, config),
        bytestreams: for_bytestreams(name, config, relay),
        ..extensions::Options::default()
    };
    let admins: Vec<_> = table.admins.iter().map(|person| person.jid().clone()).collect();
    let plan = move |plan: &mut im::Plan| {
        plan.set_administrators(admins.clone());
        extensions::plug(plan, &options)
    };
    HostOptions { name: name.jid().clone(), plan: Box::new(plan) }
}

fn for_bytestreams(name: &Domain, config: &Config, relay: Option<&Relay>) -> bytestreams::Options {
    let host = config.bytestreams.host.0.clone().unwrap_or_else(|| ascii(name));
    bytestreams::Options { relay: relay.map(|relay| Arc::new(relay.clone()) as Arc<dyn im::Relay>), host }
}

/// A host's name as it stands in addresses.
fn ascii(name: &Domain) -> String {
    match name.as_str() {
        literal if literal.starts_with('[') => literal.to_owned(),
        name => idna::domain_to_ascii(name).unwrap_or_else(|_| name.to_owned()),
    }
}

fn for_upload(name: &Domain, config: &Config) -> upload::Options {
    let upload = &config.upload;
    upload::Options {
        url: upload.url.0.clone().or_else(|| usual_url(name, config)),
        file_bytes: upload.file_bytes,
        account_bytes: upload.account_bytes,
        account_bytes_per_day: upload.account_bytes_per_day,
        account_files: upload.account_files,
        total_bytes: upload.total_bytes,
        keep_days: upload.keep_days,
        slot_s: upload.slot_s,
    }
}

/// The address of a host's files where none is named: the host's own name, for which there is a certificate, and the port of the first encrypted
/// door for HTTP.
fn usual_url(name: &Domain, config: &Config) -> Option<String> {
    let serves = |door: &&Listen| door.serves == Serves::Http && door.tls == Tls::Direct;
    let port = config.listen.iter().find(serves)?.address.port();
    let name = ascii(name);
    Some(if port == 443 { format!("https://{name}") } else { format!("https://{name}:{port}") })
}

/// Whether there are doors for HTTP, and yet no address to give to files: a proxy is in front of them, and nobody has said where.
pub(super) fn lacks_url(config: &Config) -> bool {
    let http = config.listen.iter().any(|door| door.serves == Serves::Http);
    http && config.hosts.iter().any(|name| for_upload(name, config).url.is_none())
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
